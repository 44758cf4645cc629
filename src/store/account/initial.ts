/**
 * What a new account begins with. It is data in the account's object entry, made once by whoever creates the account, so
 * that every owner tells clients the same mailboxes and UIDVALIDITY before anything was written to the account's log; the
 * first commit then writes it there. Of the entries, INITIAL_MAILBOXES is read here, all others become properties.
 */
import { crc32c } from '../../lib/crc32c.ts';
import { DecodeError, Decoder, Encoder } from '../../lib/encoder.ts';
import { Failure } from '../../lib/failure.ts';
import { type ObjectId, objectKey } from '../ids.ts';
import { ACCOUNT_LIMITS, UID_MAX } from './limits.ts';
import { INBOX, newName, superiors } from './names.ts';

/** The entry with the mailboxes of a new account. */
export const INITIAL_MAILBOXES = 'account.mailboxes';

export interface InitialMailbox {
  readonly name: string;
  /** RFC 6154. */
  readonly specialUse: string | undefined;
  readonly subscribed: boolean;
}

export interface InitialMailboxes {
  /** UIDVALIDITY of INBOX; the others follow it in order. */
  readonly uidValidity: number;
  /** Besides INBOX, which is always there. */
  readonly mailboxes: readonly InitialMailbox[];
}

/** What a subscriber's account has when nothing else is said; RFC 6154 section 2 for the attributes. */
export const USUAL_MAILBOXES: readonly InitialMailbox[] = [
  { name: 'Sent', specialUse: '\\Sent', subscribed: true },
  { name: 'Drafts', specialUse: '\\Drafts', subscribed: true },
  { name: 'Trash', specialUse: '\\Trash', subscribed: true },
  { name: 'Junk', specialUse: '\\Junk', subscribed: true },
  { name: 'Archive', specialUse: '\\Archive', subscribed: true },
];

/** The `initial` of a new account: its properties and mailboxes, with a UIDVALIDITY from the wall clock. */
export function newAccount(
  wallMs: number,
  properties: ReadonlyMap<string, Buffer> = new Map(),
  mailboxes: readonly InitialMailbox[] = USUAL_MAILBOXES,
): ReadonlyMap<string, Buffer> {
  const names = new Set<string>([INBOX]);
  for (const { name } of mailboxes) {
    const wrong = newName(name, ACCOUNT_LIMITS) !== name || names.has(name);
    // Every superior name exists in an account, so it comes first here.
    if (wrong || superiors(name).some((superior) => !names.has(superior)))
      throw new Failure('invalid', `${name} cannot be a mailbox of a new account`);
    names.add(name);
  }
  const uidValidity = uidValidityAt(wallMs, 0, mailboxes.length);
  return new Map([...properties, [INITIAL_MAILBOXES, encodeInitialMailboxes({ uidValidity, mailboxes })]]);
}

export function encodeInitialMailboxes(initial: InitialMailboxes): Buffer {
  return new Encoder()
    .uint(initial.uidValidity)
    .list(initial.mailboxes, (mailbox, e) =>
      e
        .text(mailbox.name)
        .text(mailbox.specialUse ?? '')
        .bool(mailbox.subscribed),
    )
    .done();
}

/** Throws DecodeError. */
export function decodeInitialMailboxes(octets: Buffer): InitialMailboxes {
  const decoder = new Decoder(octets);
  const uidValidity = decoder.uint();
  const mailboxes = decoder.list((d) => ({
    name: d.text(),
    specialUse: d.text() || undefined,
    subscribed: d.bool(),
  }));
  if (uidValidity < 1 || uidValidity + mailboxes.length > UID_MAX)
    throw new DecodeError('UIDVALIDITY out of range');
  if (new Set([INBOX, ...mailboxes.map(({ name }) => name)]).size <= mailboxes.length)
    throw new DecodeError('a mailbox is there twice');
  return { uidValidity, mailboxes };
}

/**
 * The entries with INITIAL_MAILBOXES in any case: an account made without has INBOX alone, with a UIDVALIDITY that follows
 * from its id, the same for every owner and another for an account of the same name made later. It is below 2^30, a second
 * of 2004, so that UIDVALIDITYs from the wall clock are larger.
 */
export function completed(id: ObjectId, initial: ReadonlyMap<string, Buffer>): ReadonlyMap<string, Buffer> {
  if (initial.has(INITIAL_MAILBOXES)) return initial;
  const uidValidity = 1 + (crc32c(Buffer.from(objectKey(id))) % (2 ** 30 - 1));
  return new Map([...initial, [INITIAL_MAILBOXES, encodeInitialMailboxes({ uidValidity, mailboxes: [] })]]);
}

/**
 * The next UIDVALIDITY of an account: seconds of the wall clock, but always above the last one (RFC 9051 section 2.3.1.1:
 * name, UIDVALIDITY and UID together never mean another message). `room` more must fit above it.
 */
export function uidValidityAt(wallMs: number, last: number, room = 0): number {
  const seconds = Math.max(1, Math.floor(wallMs / 1000));
  // A clock that is wrong by a century must not use up what is left.
  const wanted = seconds <= UID_MAX - room ? seconds : 1;
  return Math.max(wanted, last + 1);
}
