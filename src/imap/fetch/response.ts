/**
 * One message's FETCH response (RFC 9051 section 7.5.2). What an item needs decides what is read: nothing for flags, ids,
 * dates and sizes, the header for ENVELOPE and header sections, all for structures. The \Seen that BODY[] implies is the
 * command's to set, before it asks here, so that FLAGS in the same response are right (RFC 9051 section 6.4.5).
 */
import type { LaterOctets } from '../../message/section.ts';
import type { Message } from '../../store/account/types.ts';
import { append } from '../codec/write.ts';
import type { Fetched, FetchPiece, MessageFacts } from './item.ts';
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

/** `* <seq> FETCH (…)` CRLF as pieces; bodies are pieces of their own. A promise only where something must be read. */
export function fetchResponse(
  seq: number,
  message: Fetched,
  items: readonly FetchItem[],
): readonly FetchPiece[] | Promise<readonly FetchPiece[]> {
  const pieces: FetchPiece[] = [`* ${seq} FETCH (`];
  for (const [index, item] of items.entries()) {
    const written = fetchItemSpec(item).write(item, message);
    if (written instanceof Promise) return restOf(pieces, written, message, items.slice(index + 1));
    append(pieces, written);
    pieces.push(index + 1 < items.length ? ' ' : ')\r\n');
  }
  return pieces;
}

async function restOf(
  pieces: FetchPiece[],
  first: Promise<readonly FetchPiece[]>,
  message: Fetched,
  items: readonly FetchItem[],
): Promise<readonly FetchPiece[]> {
  append(pieces, await first);
  for (const item of items) {
    pieces.push(' ');
    append(pieces, await fetchItemSpec(item).write(item, message));
  }
  pieces.push(')\r\n');
  return pieces;
}
