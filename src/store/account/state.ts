/**
 * The state of an account as a function of its changes: `apply` is the only code that alters it, on replay and live alike
 * (docs/architecture.md section 8, 3), and looks at nothing but the state and the change: no clock, no I/O, no limits.
 * It takes what a log can hold: a change whose mailbox, message or blob is gone (a damaged record before it was passed
 * over) does what can still be done.
 */
import type { Place } from '../log/types.ts';
import { BlobTable } from './blobs.ts';
import type { Change, Initial, MessagesAdded } from './changes.ts';
import { decodeInitialMailboxes, INITIAL_MAILBOXES } from './initial.ts';
import { MailboxState } from './mailbox-state.ts';
import { INBOX } from './names.ts';
import { TransactionTable } from './transactions.ts';
import type { MailboxId } from './types.ts';

/** INBOX's MailboxId, in every account. */
export const INBOX_ID = 1;

export interface AccountState {
  /** Modseq of the last change; one counter for all mailboxes, which outlives them (RFC 7162 section 3.1). */
  modseq: number;
  /** The initial change was applied: always so in an open account. */
  begun: boolean;
  /** … and it is in the log, not only in the object entry. */
  initialLogged: boolean;
  nextMailbox: number;
  lastUidValidity: number;
  readonly mailboxes: Map<number, MailboxState>;
  readonly byName: Map<string, MailboxState>;
  /** Counts up with every change of names, so that sorted lists of them can be kept. */
  namesVersion: number;
  readonly subscriptions: Set<string>;
  readonly properties: Map<string, Buffer>;
  propertyOctets: number;
  readonly blobs: BlobTable;
  readonly transactions: TransactionTable;
  /** Messages that cannot be shown because the record of their content was lost. */
  lostMessages: number;
}

/** Where a change came from: its modseq, and the place of its record's payload. */
export interface Origin {
  readonly modseq: number;
  readonly place: Place;
}

export function emptyState(): AccountState {
  return {
    modseq: 0,
    begun: false,
    initialLogged: false,
    nextMailbox: INBOX_ID,
    lastUidValidity: 0,
    mailboxes: new Map(),
    byName: new Map(),
    namesVersion: 0,
    subscriptions: new Set(),
    properties: new Map(),
    propertyOctets: 0,
    blobs: new BlobTable(),
    transactions: new TransactionTable(),
    lostMessages: 0,
  };
}

/** Applies one change. Deterministic: equal states and changes give equal states. */
export function apply(state: AccountState, change: Change, origin: Origin): void {
  const { modseq } = origin;
  state.modseq = Math.max(state.modseq, modseq);
  switch (change.kind) {
    case 'initial':
      begin(state, change, modseq);
      state.initialLogged = true;
      break;
    case 'blob':
      state.blobs.put(change.blob, { record: origin.place, octets: change.content.length });
      break;
    case 'mailbox-created':
      addMailbox(state, new MailboxState({ ...change, id: change.mailbox, modseq }));
      break;
    case 'mailboxes-renamed':
      rename(state, change.names);
      break;
    case 'mailbox-deleted':
      removeMailbox(state, change.mailbox, change.keepsName, modseq);
      break;
    case 'subscribed':
      if (change.subscribed) state.subscriptions.add(change.name);
      else state.subscriptions.delete(change.name);
      break;
    case 'messages-added':
      addMessages(state, change, modseq);
      break;
    case 'flags-changed':
      for (const { flagSet, uids } of change.groups)
        state.mailboxes.get(change.mailbox)?.setFlags(uids, flagSet, modseq);
      break;
    case 'expunged':
      state.mailboxes
        .get(change.mailbox)
        ?.expunge(change.uids, change.wallMs, modseq, (blob) => releaseBlob(state, blob));
      break;
    case 'properties-changed':
      for (const [key, value] of change.values) setProperty(state, key, value);
      break;
    case 'transaction-done':
      state.transactions.remember(change.transaction, change.result);
      break;
    case 'transaction-refused':
      state.transactions.remember(change.transaction, 'refused');
      break;
    case 'incarnation-forgotten':
      state.transactions.forgetIncarnation(change.incarnation);
      break;
    default:
      change satisfies never;
  }
}

/** Begins the account from its object entry; the same state as after the logged change, which follows later. */
export function begin(state: AccountState, change: Initial, modseq: number): void {
  if (state.begun) return;
  state.begun = true;
  state.modseq = Math.max(state.modseq, modseq);
  for (const [key, value] of change.entries) {
    if (key !== INITIAL_MAILBOXES) setProperty(state, key, value);
    else {
      const initial = decodeInitialMailboxes(value);
      const inbox = { name: INBOX, specialUse: undefined, subscribed: true };
      for (const [index, { name, specialUse, subscribed }] of [inbox, ...initial.mailboxes].entries()) {
        const id = INBOX_ID + index;
        const uidValidity = initial.uidValidity + index;
        addMailbox(state, new MailboxState({ id, name, uidValidity, specialUse, modseq }));
        if (subscribed) state.subscriptions.add(name);
      }
    }
  }
}

/** The mailboxes whose messages, name or existence a change concerns. */
export function touchedBy(change: Change): readonly MailboxId[] {
  switch (change.kind) {
    case 'mailbox-created':
    case 'mailbox-deleted':
    case 'messages-added':
    case 'flags-changed':
    case 'expunged':
      return [change.mailbox as MailboxId];
    case 'mailboxes-renamed':
      return change.names.map(([mailbox]) => mailbox as MailboxId);
    default:
      return [];
  }
}

function addMailbox(state: AccountState, mailbox: MailboxState): void {
  state.nextMailbox = Math.max(state.nextMailbox, mailbox.id + 1);
  state.lastUidValidity = Math.max(state.lastUidValidity, mailbox.uidValidity);
  // Only a log with a damaged record has one of this id or name still: the later change is right.
  const inTheWay = state.byName.get(mailbox.name);
  if (inTheWay !== undefined) removeMailbox(state, inTheWay.id, false, mailbox.highestModseq);
  if (state.mailboxes.has(mailbox.id)) removeMailbox(state, mailbox.id, false, mailbox.highestModseq);
  state.mailboxes.set(mailbox.id, mailbox);
  state.byName.set(mailbox.name, mailbox);
  state.namesVersion++;
}

function removeMailbox(state: AccountState, id: number, keepsName: boolean, modseq: number): void {
  const mailbox = state.mailboxes.get(id);
  if (mailbox === undefined) return;
  mailbox.end(modseq, (blob) => releaseBlob(state, blob));
  state.mailboxes.delete(id);
  state.byName.delete(mailbox.name);
  state.namesVersion++;
  if (!keepsName) return;
  const { name, uidValidity } = mailbox;
  const nameOnly = new MailboxState({ id, name, uidValidity, specialUse: undefined, modseq });
  nameOnly.selectable = false;
  nameOnly.uidNext = mailbox.uidNext;
  nameOnly.expunged.forgetAll(modseq);
  addMailbox(state, nameOnly);
}

/** All at once, so that names may change places. */
function rename(state: AccountState, names: readonly (readonly [number, string])[]): void {
  const renamed = names.flatMap(([id, name]) => {
    const mailbox = state.mailboxes.get(id);
    return mailbox === undefined ? [] : [{ mailbox, name }];
  });
  for (const { mailbox } of renamed) state.byName.delete(mailbox.name);
  for (const { mailbox, name } of renamed) {
    const inTheWay = state.byName.get(name);
    if (inTheWay !== undefined) removeMailbox(state, inTheWay.id, false, state.modseq);
    mailbox.name = name;
    state.byName.set(name, mailbox);
  }
  state.namesVersion++;
}

function addMessages(state: AccountState, change: MessagesAdded, modseq: number): void {
  const mailbox = state.mailboxes.get(change.mailbox);
  if (mailbox === undefined) return;
  for (const message of change.messages) {
    const flagSet = change.flagSets[message.flags];
    if (flagSet === undefined || !state.blobs.has(message.blob)) {
      // The record of the content was lost: its UID is never given to another message.
      mailbox.passUid(message.uid);
      state.lostMessages++;
    } else if (mailbox.add(message, flagSet, state.blobs.octets(message.blob), modseq))
      state.blobs.retain(message.blob);
  }
}

/** Lets go of a message's blob; gives its octets. */
function releaseBlob(state: AccountState, blob: number): number {
  const octets = state.blobs.octets(blob);
  state.blobs.release(blob);
  return octets;
}

function setProperty(state: AccountState, key: string, value: Buffer | undefined): void {
  const old = state.properties.get(key);
  if (old !== undefined) state.propertyOctets -= propertyOctets(key, old);
  if (value === undefined) state.properties.delete(key);
  else {
    state.properties.set(key, value);
    state.propertyOctets += propertyOctets(key, value);
  }
}

export function propertyOctets(key: string, value: Buffer): number {
  return Buffer.byteLength(key) + value.length;
}
