/**
 * The items of STATUS (RFC 9051 section 6.3.11), which LIST's RETURN (STATUS …) has too (RFC 5819): one row each, from
 * which the grammar, the answer and the capability line come.
 */
import type { Mailbox } from '../../store/account/types.ts';
import type { Capabilities } from '../capability.ts';
import { type Reader, SyntaxProblem } from '../codec/reader.ts';
import type { Session } from '../session/session.ts';
import { mailboxName } from './names.ts';

export interface StatusItemSpec {
  readonly capabilities?: Capabilities;
  /** RFC 7162 section 3.1: asking for it is a CONDSTORE enabling command. */
  readonly enablesCondstore?: boolean;
  value(mailbox: Mailbox, session: Session): number | string;
}

export const STATUS_ITEMS = {
  MESSAGES: { value: (mailbox) => mailbox.exists },
  UIDNEXT: { value: (mailbox) => mailbox.uidNext },
  UIDVALIDITY: { value: (mailbox) => mailbox.uidValidity },
  UNSEEN: { value: (mailbox) => mailbox.unseen },
  DELETED: { value: (mailbox) => mailbox.deleted },
  SIZE: { capabilities: { afterLogin: ['STATUS=SIZE'] }, value: (mailbox) => mailbox.octets }, // RFC 8438
  RECENT: { value: recentOf }, // RFC 3501 section 6.3.10
  HIGHESTMODSEQ: { enablesCondstore: true, value: (mailbox) => mailbox.highestModseq }, // RFC 7162
  MAILBOXID: { value: (mailbox) => `(F${mailbox.id})` }, // RFC 8474
  APPENDLIMIT: { value: (_, session) => session.appendOctetsMax }, // RFC 7889
} as const satisfies Record<string, StatusItemSpec>;

export type StatusItem = keyof typeof STATUS_ITEMS;

function specOf(item: StatusItem): StatusItemSpec {
  return STATUS_ITEMS[item];
}

/** "(" status-att *(SP status-att) ")": at least one, without duplicates. */
export function statusItems(reader: Reader): readonly StatusItem[] {
  const items = new Set<StatusItem>();
  reader.list(() => {
    const word = reader.keyword('expected a status item');
    if (!Object.hasOwn(STATUS_ITEMS, word)) throw new SyntaxProblem('unknown status item');
    items.add(word as StatusItem);
  });
  if (items.size === 0) throw new SyntaxProblem('expected a status item');
  return [...items];
}

export function statusLine(session: Session, mailbox: Mailbox, items: readonly StatusItem[]): void {
  if (items.some((item) => specOf(item).enablesCondstore)) session.enableCondstore();
  const values = items.map((item) => `${item} ${specOf(item).value(mailbox, session)}`);
  session.output.line(`* STATUS ${mailboxName(session, mailbox.name)} (${values.join(' ')})`);
}

/** Of the selected mailbox what this session has; of another one what a session that selects it now would have. */
function recentOf(mailbox: Mailbox, { selected, recent }: Session): number {
  if (selected?.mailboxId === mailbox.id) return selected.recent.countIn(selected.view);
  return mailbox.exists - mailbox.lowerBound(recent.first(mailbox.id));
}
