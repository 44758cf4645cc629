/**
 * Items that the mailbox's own data answers, so that nothing is read for them. Some are told unasked too, when flags
 * change; these are functions of their own.
 */
import { formatDateTime } from '../codec/dates.ts';
import { flagList } from '../codec/write.ts';
import type { FetchItemSpec, MessageFacts } from './item.ts';

export function uidItem(message: Pick<MessageFacts, 'uid'>): string {
  return `UID ${message.uid}`;
}

export function flagsItem(message: Pick<MessageFacts, 'flags'>): string {
  return `FLAGS ${flagList(message.flags)}`;
}

/** RFC 7162 section 3.1.5. */
export function modseqItem(message: Pick<MessageFacts, 'modseq'>): string {
  return `MODSEQ (${message.modseq})`;
}

export const uid = row('UID', uidItem);
export const flags = row('FLAGS', flagsItem);
export const modseq = { ...row('MODSEQ', modseqItem), enablesCondstore: true };
export const internaldate = row(
  'INTERNALDATE',
  ({ internalDateMs }) => `INTERNALDATE ${formatDateTime(internalDateMs)}`,
);
export const size = row('RFC822.SIZE', (message) => `RFC822.SIZE ${message.size}`);
/** RFC 8474 section 5.1. */
export const emailid = row('EMAILID', ({ emailId }) => `EMAILID (${emailId})`);
/** RFC 8474 section 5.2: NIL where the server knows no threads. */
export const threadid = row('THREADID', () => 'THREADID NIL');

function row<const K extends string>(
  kind: K,
  item: (message: MessageFacts) => string,
): FetchItemSpec<{ readonly kind: K }> {
  return { kind, write: (_, { facts }) => [item(facts)] };
}
