/**
 * One message's FETCH response (RFC 9051 section 7.5.2). What an item needs decides what is read: nothing for flags, ids,
 * dates and sizes, the header for ENVELOPE and header sections, all for structures. The \Seen that BODY[] implies is the
 * command's to set, before it asks here, so that FLAGS in the same response are right (RFC 9051 section 6.4.5).
 */
import type { MessageContent } from '../../message/content.ts';
import type { LaterOctets } from '../../message/section.ts';
import type { Message } from '../../store/account/types.ts';
import { append, type WriteContext } from '../codec/write.ts';
import type { FetchPiece, MessageFacts } from './item.ts';
import { type FetchItem, fetchItemSpec } from './table.ts';

export function factsOf({ uid, modseq, flags, internalDateMs, size, emailId }: Message): MessageFacts {
  return { uid, modseq, flags, internalDateMs, size, emailId };
}

/** True when fetching this item sets \Seen. */
export function setsSeen(item: FetchItem): boolean {
  return fetchItemSpec(item).setsSeen?.(item) ?? false;
}

export function isLater(piece: FetchPiece): piece is LaterOctets {
  return typeof piece === 'object' && 'from' in piece && !Buffer.isBuffer(piece);
}

/** `* <seq> FETCH (…)` CRLF as pieces; bodies are pieces of their own. */
export async function fetchResponse(
  seq: number,
  facts: MessageFacts,
  content: MessageContent,
  items: readonly FetchItem[],
  context: WriteContext,
): Promise<readonly FetchPiece[]> {
  const pieces: FetchPiece[] = [`* ${seq} FETCH (`];
  const message = { facts, content, context };
  for (const [index, item] of items.entries()) {
    if (index > 0) pieces.push(' ');
    append(pieces, await fetchItemSpec(item).write(item, message));
  }
  pieces.push(')\r\n');
  return pieces;
}
