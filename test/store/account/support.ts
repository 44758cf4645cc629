/** What the tests of accounts share: opening on a disk in memory, a plain picture of a state, and the invariants. */

import { Failure } from '../../../src/lib/failure.ts';
import { type OpenAccount, openAccount } from '../../../src/store/account/account.ts';
import { newUids } from '../../../src/store/account/copied.ts';
import { newAccount } from '../../../src/store/account/initial.ts';
import type { AccountLimits } from '../../../src/store/account/limits.ts';
import type { MailboxState } from '../../../src/store/account/mailbox-state.ts';
import { superiors } from '../../../src/store/account/names.ts';
import { rangesOf, type UidRanges, uidsOf } from '../../../src/store/account/ranges.ts';
import { replay } from '../../../src/store/account/replay.ts';
import { type AccountState, emptyState, INBOX_ID } from '../../../src/store/account/state.ts';
import type { Account, Appended, Copied, MailboxId, Message, Uid } from '../../../src/store/account/types.ts';
import type { DomainId, Incarnation, ObjectId, TransactionId } from '../../../src/store/ids.ts';
import type { LogRecord } from '../../../src/store/log/types.ts';
import { MemoryDisk, MemoryLog, type MemoryLogOptions } from './memory-log.ts';

export const WALL_MS = 1_700_000_000_000;
export const ID: ObjectId = { domainId: 7 as DomainId, name: 'jsmith', serial: '100000001-3' };
export const INBOX = INBOX_ID as MailboxId;

/** One account on one disk, opened as often as a test likes. */
export class Bed {
  readonly disk = new MemoryDisk();
  readonly clock = {
    nowMs: WALL_MS,
    wallMs: () => this.clock.nowMs,
    sleep: () => new Promise<void>((resolve) => void setImmediate(resolve)),
  };
  readonly initial: ReadonlyMap<string, Buffer>;
  readonly limits: Partial<AccountLimits>;
  readonly reported: unknown[] = [];
  /** The log of the account opened last. */
  log!: MemoryLog;

  constructor(limits: Partial<AccountLimits> = {}, initial = newAccount(WALL_MS)) {
    this.limits = limits;
    this.initial = initial;
  }

  open(options?: MemoryLogOptions): Promise<OpenAccount> {
    return openAccount({
      openLog: async (replay) => (this.log = new MemoryLog(this.disk, replay, options)),
      clock: this.clock,
      id: ID,
      initial: this.initial,
      limits: this.limits,
      report: (error) => this.reported.push(error),
    });
  }

  /** The next sync fails, with nothing done. */
  async loseNext(): Promise<void> {
    this.disk.nextSync = new Failure('unknown', 'input/output error');
  }

  /** The state as a later owner builds it from what is durable. */
  replayed(): AccountState {
    return replayedFrom(this.disk.records);
  }
}

export function replayedFrom(records: readonly LogRecord[]): AccountState {
  const state = emptyState();
  for (const record of records) replay(state, record);
  return state;
}

export function append(
  account: Account,
  flags: readonly string[] = [],
  options: { mailbox?: MailboxId; text?: string; transaction?: TransactionId } = {},
): Promise<Appended> {
  const content = Buffer.from(options.text ?? 'Subject: hello\r\n\r\nhello\r\n');
  const message = { content, flags, internalDateMs: WALL_MS };
  return account.append(options.mailbox ?? INBOX, message, options.transaction);
}

export function transaction(number: number, lowestOpen = 1, incarnation = 'a'): TransactionId {
  return { incarnation: incarnation.repeat(32) as Incarnation, number, lowestOpen };
}

export function uids(...numbers: number[]): Uid[] {
  return numbers as Uid[];
}

/** These UIDs, in any order, as operations take and give them. */
export function ranges(...numbers: number[]): UidRanges {
  return rangesOf(numbers as Uid[]);
}

/** What a copy or a move did, as pairs of old and new UID. */
export function pairs({ from, ...copied }: Pick<Copied, 'from' | 'runs'>): number[][] {
  const to = uidsOf(newUids({ from, ...copied }));
  return uidsOf(from).map((uid, index) => [uid, to[index] as Uid]);
}

export function messages(account: Account, name = 'INBOX'): readonly Message[] {
  const mailbox = account.mailbox(name);
  return Array.from({ length: mailbox?.exists ?? 0 }, (_, index) => mailbox?.at(index) as Message);
}

/** What a client can see of an account, as plain values. */
export function seen(account: Account): unknown {
  return {
    subscriptions: account.subscriptions(),
    mailboxes: account.mailboxes().map((mailbox) => ({
      id: mailbox.id,
      name: mailbox.name,
      selectable: mailbox.selectable,
      specialUse: mailbox.specialUse,
      uidValidity: mailbox.uidValidity,
      uidNext: mailbox.uidNext,
      highestModseq: mailbox.highestModseq,
      unseen: mailbox.unseen,
      deleted: mailbox.deleted,
      octets: mailbox.octets,
      keywords: mailbox.keywords,
      expunged: mailbox.expungedSince(0 as never),
      messages: messages(account, mailbox.name).map((message) => ({
        uid: message.uid,
        modseq: message.modseq,
        flags: message.flags,
        internalDateMs: message.internalDateMs,
        size: message.size,
        emailId: message.emailId,
      })),
    })),
  };
}

/** The whole state as plain values: equal for equal states. */
export function picture(state: AccountState): unknown {
  return {
    modseq: state.modseq,
    initialLogged: state.initialLogged,
    nextMailbox: state.nextMailbox,
    lastUidValidity: state.lastUidValidity,
    lostMessages: state.lostMessages,
    subscriptions: [...state.subscriptions].sort(),
    properties: [...state.properties].map(([key, value]) => `${key} ${value.toString('hex')}`).sort(),
    transactions: state.transactions.entries(),
    nextBlob: state.blobs.nextId,
    blobs: [...state.blobs.ids()].map((id) => [id, state.blobs.place(id), state.blobs.references(id)]),
    mailboxes: [...state.mailboxes.values()].toSorted((a, b) => a.id - b.id).map(pictureOfMailbox),
  };
}

function pictureOfMailbox(mailbox: MailboxState): unknown {
  const { rows, keywords, expunged } = mailbox;
  return {
    id: mailbox.id,
    name: mailbox.name,
    selectable: mailbox.selectable,
    specialUse: mailbox.specialUse,
    uidValidity: mailbox.uidValidity,
    uidNext: mailbox.uidNext,
    highestModseq: mailbox.highestModseq,
    keywords: keywords.inUse,
    forgotten: expunged.forgotten,
    expunged: expunged.since(expunged.forgotten),
    rows: Array.from({ length: rows.count }, (_, index) => [
      rows.uid(index),
      rows.modseq(index),
      rows.blob(index),
      rows.dateMs(index),
      keywords.flags(rows.bits(index), rows.keywords(index)),
    ]),
  };
}

/** Throws when a state breaks an invariant of accounts. */
export function checkConsistency(state: AccountState): void {
  const references = new Map<number, number>();
  const wrong = (what: string): never => {
    throw new Error(`inconsistent: ${what}`);
  };
  const inbox = state.mailboxes.get(INBOX_ID);
  if (inbox?.name !== 'INBOX' || !inbox.selectable) wrong('no INBOX');
  if (state.byName.size !== state.mailboxes.size) wrong('names and mailboxes differ');
  const validities = new Set<number>();
  for (const [id, mailbox] of state.mailboxes) {
    const at = `mailbox ${id} ${mailbox.name}`;
    if (mailbox.id !== id || id >= state.nextMailbox) wrong(`${at}: id`);
    if (state.byName.get(mailbox.name) !== mailbox) wrong(`${at}: not under its name`);
    for (const superior of superiors(mailbox.name))
      if (!state.byName.has(superior)) wrong(`${at}: no ${superior}`);
    const inferior = [...state.byName.keys()].some((name) => name.startsWith(`${mailbox.name}/`));
    if (!mailbox.selectable && (mailbox.rows.count > 0 || !inferior)) wrong(`${at}: a name alone`);
    if (validities.has(mailbox.uidValidity) || mailbox.uidValidity > state.lastUidValidity)
      wrong(`${at}: UIDVALIDITY`);
    validities.add(mailbox.uidValidity);
    checkRows(state, mailbox, references, (what) => wrong(`${at}: ${what}`));
  }
  const messages = references.values().reduce((sum, each) => sum + each, 0);
  if (messages !== state.blobs.messages) wrong('number of messages');
  if (state.remains.count > 0) wrong('something is left of a deleted mailbox');
  let live = 0;
  for (const id of state.blobs.ids()) {
    if (id >= state.blobs.nextId) wrong(`blob ${id}: id`);
    if (state.blobs.references(id) !== (references.get(id) ?? 0)) wrong(`blob ${id}: references`);
    if (state.blobs.references(id) === 0) wrong(`blob ${id}: nobody has it`);
    live += state.blobs.octets(id);
  }
  if (live !== state.blobs.liveOctets) wrong('octets of blobs');
  let octets = 0;
  for (const [key, value] of state.properties) octets += Buffer.byteLength(key) + value.length;
  if (octets !== state.propertyOctets) wrong('octets of properties');
  const outcomes = state.transactions.entries().flatMap((entry) => entry.outcomes);
  if (outcomes.length !== state.transactions.count) wrong('number of transactions');
}

function checkRows(
  state: AccountState,
  mailbox: MailboxState,
  references: Map<number, number>,
  wrong: (what: string) => void,
): void {
  const { rows, keywords } = mailbox;
  const sets = new Map<number, number>();
  let [previous, unseen, deleted, octets] = [0, 0, 0, 0];
  for (let index = 0; index < rows.count; index++) {
    const uid = rows.uid(index);
    if (uid <= previous || uid >= mailbox.uidNext) wrong(`UID ${uid}`);
    previous = uid;
    if (rows.modseq(index) > mailbox.highestModseq) wrong(`modseq of UID ${uid}`);
    const blob = rows.blob(index);
    if (!state.blobs.has(blob)) wrong(`no blob of UID ${uid}`);
    references.set(blob, (references.get(blob) ?? 0) + 1);
    if (rows.keywords(index) > 0) sets.set(rows.keywords(index), (sets.get(rows.keywords(index)) ?? 0) + 1);
    const flags = keywords.flags(rows.bits(index), rows.keywords(index));
    if (!flags.includes('\\Seen')) unseen++;
    if (flags.includes('\\Deleted')) deleted++;
    octets += state.blobs.octets(blob);
  }
  if (mailbox.highestModseq > state.modseq) wrong('highest modseq');
  if (unseen !== mailbox.unseen || deleted !== mailbox.deleted || octets !== mailbox.octets) wrong('sums');
  const counts = new Map(keywords.entries().map(([number, , messages]) => [number, messages]));
  if (counts.size !== sets.size || [...sets].some(([set, count]) => counts.get(set) !== count))
    wrong('keyword sets');
}
