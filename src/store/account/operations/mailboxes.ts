/**
 * CREATE, DELETE, RENAME and SUBSCRIBE (RFC 9051 sections 6.3.4 to 6.3.8). Every superior name of a mailbox exists, as a
 * mailbox or as a name that cannot be selected; such a name goes with its last inferior.
 */
import { Failure } from '../../../lib/failure.ts';
import type { Change } from '../changes.ts';
import { uidValidityAt } from '../initial.ts';
import { UID_MAX } from '../limits.ts';
import type { MailboxState } from '../mailbox-state.ts';
import { canonicalName, isInferior, newName, SEPARATOR, superiors } from '../names.ts';
import { knownSpecialUse } from '../special-uses.ts';
import { type AccountState, INBOX_ID } from '../state.ts';
import type { MailboxId } from '../types.ts';
import type { Plan, Situation } from './plan.ts';
import { expungeAll, transfer } from './transfer.ts';

export function planCreate(
  situation: Situation,
  given: string,
  specialUse: string | undefined,
): Plan<'createMailbox'> {
  // RFC 9051 section 6.3.4: a separator at the end only announces inferior names.
  const name = newName(given.endsWith(SEPARATOR) ? given.slice(0, -1) : given, situation.limits);
  const use = specialUse === undefined ? undefined : specialUseOf(specialUse);
  if (isTaken(situation.state, name)) throw new Failure('exists', 'mailbox exists');
  const { changes, last } = creations(situation, [...missingSuperiors(situation.state, name), name], use);
  return { changes, result: last };
}

export function planDelete({ state }: Situation, given: string): Plan<'deleteMailbox'> {
  const mailbox = named(state, given);
  if (mailbox.id === INBOX_ID) throw new Failure('invalid', 'INBOX cannot be deleted');
  const keepsName = inferiors(state, mailbox.name).length > 0;
  // RFC 9051 section 6.3.5: an error, as there is nothing left of it to delete.
  if (keepsName && !mailbox.selectable) throw new Failure('invalid', 'mailbox name has inferior names');
  const gone: Change = { kind: 'mailbox-deleted', mailbox: mailbox.id, keepsName };
  const emptied = keepsName ? [] : namesLeftAlone(state, mailbox.name, [mailbox]);
  return { changes: [gone, ...emptied], result: undefined };
}

export function planRename(situation: Situation, givenFrom: string, givenTo: string): Plan<'renameMailbox'> {
  const { state, limits } = situation;
  const mailbox = named(state, givenFrom);
  const to = newName(givenTo, limits);
  if (state.byName.has(to)) throw new Failure('exists', 'mailbox exists');
  if (mailbox.id === INBOX_ID) return planRenameInbox(situation, mailbox, to);
  const from = mailbox.name;
  if (isInferior(to, from)) throw new Failure('invalid', 'a mailbox cannot become its own inferior');
  const moving = [mailbox, ...inferiors(state, from)];
  const names = moving.map((one) => [one.id, newName(to + one.name.slice(from.length), limits)] as const);
  const changes: Change[] = [
    ...creations(situation, missingSuperiors(state, to), undefined).changes,
    { kind: 'mailboxes-renamed', names },
    // A superior of the new name stays, even where nothing else is below it.
    ...namesLeftAlone(state, from, moving, superiors(to)),
  ];
  return { changes, result: undefined };
}

export function planSubscribe(
  { state, limits }: Situation,
  given: string,
  subscribed: boolean,
): Plan<'setSubscribed'> {
  // RFC 9051 section 6.3.7: the name need not exist, but it must be one that could.
  const name = subscribed ? newName(given, limits) : canonicalName(given);
  if (state.subscriptions.has(name) === subscribed) return { changes: [], result: undefined };
  if (subscribed && state.subscriptions.size >= limits.subscriptionsMax)
    throw new Failure('limit', `more than ${limits.subscriptionsMax} subscriptions`);
  return { changes: [{ kind: 'subscribed', name, subscribed }], result: undefined };
}

/** The mailbox that takes the messages of INBOX, where these are so many that they follow in slices (large.ts). */
export function planInboxTarget(situation: Situation, given: string): Plan<'createMailbox'> {
  const to = newName(given, situation.limits);
  if (situation.state.byName.has(to)) throw new Failure('exists', 'mailbox exists');
  const { changes, last } = creations(situation, [...missingSuperiors(situation.state, to), to], undefined);
  return { changes, result: last };
}

/** RFC 9051 section 6.3.6: the messages of INBOX move to a new mailbox; INBOX and its inferiors stay. */
function planRenameInbox(situation: Situation, inbox: MailboxState, to: string): Plan<'renameMailbox'> {
  const { changes, last } = creations(situation, [...missingSuperiors(situation.state, to), to], undefined);
  if (inbox.rows.count === 0) return { changes, result: undefined };
  const { added } = transfer(situation, inbox, [[0, inbox.rows.count]], { mailbox: last, uidNext: 1 });
  return { changes: [...changes, added, expungeAll(inbox, situation.wallMs)], result: undefined };
}

/** Makes mailboxes of these names, in order; the last one gets the special use. */
function creations(
  { state, limits, wallMs }: Situation,
  names: readonly string[],
  specialUse: string | undefined,
): { readonly changes: readonly Change[]; readonly last: MailboxId } {
  if (state.mailboxes.size + names.length > limits.mailboxesMax)
    throw new Failure('limit', `more than ${limits.mailboxesMax} mailboxes`);
  const changes: Change[] = [];
  let mailbox = state.nextMailbox - 1;
  let uidValidity = state.lastUidValidity;
  for (const [index, name] of names.entries()) {
    const nameOnly = state.byName.get(name);
    if (nameOnly !== undefined)
      changes.push({ kind: 'mailbox-deleted', mailbox: nameOnly.id, keepsName: false });
    mailbox++;
    uidValidity = uidValidityAt(wallMs, uidValidity);
    if (uidValidity > UID_MAX) throw new Failure('limit', 'no UIDVALIDITY is left');
    const use = index === names.length - 1 ? specialUse : undefined;
    changes.push({ kind: 'mailbox-created', mailbox, name, uidValidity, specialUse: use });
  }
  return { changes, last: mailbox as MailboxId };
}

/**
 * Names that cannot be selected and have nothing below them once `going` are gone; RFC 9051 section 6.3.5 keeps such a
 * name only for its inferiors.
 */
function namesLeftAlone(
  state: AccountState,
  name: string,
  going: readonly MailboxState[],
  needed: readonly string[] = [],
): readonly Change[] {
  const gone = new Set(going);
  const changes: Change[] = [];
  for (const superior of superiors(name).toReversed()) {
    const mailbox = state.byName.get(superior);
    if (mailbox === undefined || mailbox.selectable || needed.includes(superior)) break;
    if (inferiors(state, superior).some((inferior) => !gone.has(inferior))) break;
    gone.add(mailbox);
    changes.push({ kind: 'mailbox-deleted', mailbox: mailbox.id, keepsName: false });
  }
  return changes;
}

function missingSuperiors(state: AccountState, name: string): readonly string[] {
  return superiors(name).filter((superior) => !state.byName.has(superior));
}

/** A name that cannot be selected is free to become a mailbox. */
function isTaken(state: AccountState, name: string): boolean {
  return state.byName.get(name)?.selectable === true;
}

function inferiors(state: AccountState, name: string): readonly MailboxState[] {
  return [...state.mailboxes.values()].filter((mailbox) => isInferior(mailbox.name, name));
}

function named(state: AccountState, given: string): MailboxState {
  const mailbox = state.byName.get(canonicalName(given));
  if (mailbox === undefined) throw new Failure('not-found', 'no such mailbox');
  return mailbox;
}

function specialUseOf(given: string): string {
  const use = knownSpecialUse(given);
  // RFC 6154 section 3: a use that cannot be had fails the CREATE (response code USEATTR).
  if (use === undefined) throw new Failure('invalid', 'special use not supported');
  return use;
}
