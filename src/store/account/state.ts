/**
 * The state of an account as a function of its changes: `apply` is the only code that alters it, on replay and live alike
 * (docs/architecture.md section 8, 3), and looks at nothing but the state and the change: no clock, no I/O, no limits.
 * It takes what a log can hold: a change whose mailbox, message or blob is gone (a damaged record before it was passed
 * over) does what can still be done.
 */
import type { Place } from '../log/types.ts';
import { BlobTable } from './blobs.ts';
import type {
  Change,
  ExpungesStated,
  Initial,
  MailboxStated,
  MessagesAdded,
  MessagesStaged,
  StagedAdded,
} from './changes.ts';
import { decodeInitialMailboxes, INITIAL_MAILBOXES } from './initial.ts';
import { TRANSFER_WHOLE_MAX } from './limits.ts';
import { MailboxState } from './mailbox-state.ts';
import { INBOX } from './names.ts';
import { Remains } from './remains.ts';
import { Staging } from './staging.ts';
import { TransactionTable } from './transactions.ts';
import type { MailboxId } from './types.ts';

/** The account begins with this modseq, so that no mailbox ever shows 0 (RFC 7162 section 7, mod-sequence-value). */
export const INITIAL_MODSEQ = 1;
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
  /** Large COPYs under way, by id. None when the state is compacted or put into a snapshot. */
  readonly stagings: Map<number, Staging>;
  /** What is left of deleted mailboxes. None when the state is put into a snapshot. */
  readonly remains: Remains;
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
    stagings: new Map(),
    remains: new Remains(),
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
    case 'mailbox-stated':
      stateMailbox(state, change);
      break;
    case 'messages-stated':
      state.mailboxes.get(change.mailbox)?.stateMessages(
        change,
        (blob) => retainBlob(state, blob),
        (blob) => releaseBlob(state, blob),
      );
      break;
    case 'expunges-stated':
      stateExpunges(state, change);
      break;
    case 'account-stated':
      state.begun = true;
      state.initialLogged = true;
      state.modseq = Math.max(state.modseq, change.modseq);
      state.nextMailbox = Math.max(state.nextMailbox, change.nextMailbox);
      state.lastUidValidity = Math.max(state.lastUidValidity, change.lastUidValidity);
      state.lostMessages = change.lostMessages;
      state.blobs.raiseNextId(change.nextBlob);
      state.blobs.dropUnreferenced();
      break;
    case 'messages-staged':
      stage(state, change);
      break;
    case 'staged-added':
      addStaged(state, change, modseq);
      break;
    case 'staging-dropped':
      dropStaging(state, change.staging);
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
    case 'staged-added':
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
  letGo(state, mailbox.end(modseq));
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

function stage(state: AccountState, change: MessagesStaged): void {
  let staging = state.stagings.get(change.staging);
  if (staging === undefined) state.stagings.set(change.staging, (staging = new Staging()));
  staging.add(change, (blob) => retainBlob(state, blob));
}

function addStaged(
  state: AccountState,
  { staging: id, mailbox: to, first, count }: StagedAdded,
  modseq: number,
) {
  const mailbox = state.mailboxes.get(to);
  const staging = state.stagings.get(id) ?? new Staging();
  if (mailbox?.addStaged(staging, first, modseq) === true) {
    // Records of the staging were lost: their UIDs are never given to other messages.
    mailbox.passUid(first + count - 1);
    state.lostMessages += count - staging.count;
    state.stagings.delete(id);
  } else dropStaging(state, id);
}

function dropStaging(state: AccountState, id: number): void {
  const staging = state.stagings.get(id);
  if (staging === undefined) return;
  state.stagings.delete(id);
  letGo(state, staging.blob.subarray(0, staging.count));
}

/** Many at once wait for the account to have time for them. */
function letGo(state: AccountState, blobs: Float64Array): void {
  state.remains.add(blobs);
  if (state.remains.count <= TRANSFER_WHOLE_MAX) state.remains.release(state.blobs);
}

/** Names are as they were then: what stands under this name and is another mailbox has been renamed or is gone. */
function stateMailbox(state: AccountState, stated: MailboxStated): void {
  const { mailbox: id, name, uidValidity, highestModseq } = stated;
  let mailbox = state.mailboxes.get(id);
  if (mailbox !== undefined && mailbox.uidValidity !== uidValidity) {
    removeMailbox(state, id, false, highestModseq);
    mailbox = undefined;
  }
  if (mailbox === undefined) {
    mailbox = new MailboxState({ ...stated, id, modseq: highestModseq });
    addMailbox(state, mailbox);
  } else if (mailbox.name !== name) rename(state, [[id, name]]);
  mailbox.specialUse = stated.specialUse;
  mailbox.selectable = stated.selectable;
  mailbox.uidNext = Math.max(mailbox.uidNext, stated.uidNext);
  mailbox.highestModseq = Math.max(mailbox.highestModseq, highestModseq);
}

function stateExpunges(state: AccountState, stated: ExpungesStated): void {
  const mailbox = state.mailboxes.get(stated.mailbox);
  if (mailbox === undefined) return;
  mailbox.uidNext = Math.max(mailbox.uidNext, stated.uidNext);
  mailbox.highestModseq = Math.max(mailbox.highestModseq, stated.highestModseq);
  mailbox.expunged.state(stated.forgotten, stated.ranges);
}

/** One message more has this blob; gives its octets, undefined when its record was lost. */
function retainBlob(state: AccountState, blob: number): number | undefined {
  if (!state.blobs.has(blob)) return undefined;
  state.blobs.retain(blob);
  return state.blobs.octets(blob);
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
