/**
 * What a change of an account's names asks for, and its check against the object entry: gives the run of the intent to
 * wait for, or 'done' when there is nothing (more) to do.
 */
import type { ClusterSettings } from '../cluster/types.ts';
import { Failure } from '../lib/failure.ts';
import type { ObjectId } from '../store/ids.ts';
import { ALIASES_MAX } from '../store/slot/limits.ts';
import type { Draft, OpenSlot } from '../store/slot/slot.ts';
import { type IntentChange, type Name, nameKey, type ObjectEntry } from '../store/slot/types.ts';
import { localPart } from './address.ts';
import { readName } from './bodies.ts';
import { type Intents, openIntent } from './intents.ts';
import { readFields, readText } from './wire.ts';

export type Change =
  | { readonly kind: 'rename'; readonly to: Name }
  | { readonly kind: 'aliases'; readonly aliases: readonly string[] }
  | { readonly kind: 'delete' };

export interface WantedChange {
  readonly id: ObjectId;
  /** The name by which it was asked for. */
  readonly name: Name;
  readonly request: string;
  readonly change: Change;
}

export function readChange(value: unknown): Change {
  const fields = readFields(value);
  switch (readText(fields.kind, 'kind of change')) {
    case 'rename':
      return { kind: 'rename', to: readName(fields.to) };
    case 'aliases':
      return { kind: 'aliases', aliases: readAliases(fields.aliases) };
    case 'delete':
      return { kind: 'delete' };
    default:
      throw new Failure('invalid', 'directory.change: unknown kind');
  }
}

/** In one turn with the writing of the intent; see `OpenSlot.change`. */
export function planChange(
  draft: Draft,
  open: OpenSlot,
  intents: Intents,
  settings: ClusterSettings,
  wanted: WantedChange,
): ReturnType<Intents['begin']> | 'done' {
  const { id, name, request, change } = wanted;
  const entry = draft.state.object(id);
  if (entry === undefined) throw new Failure('not-found', 'no such account');
  const running = draft.state.intentOf(id);
  if (running?.request === request) return intents.running(open, running.id);
  if (entry.requests.includes(request)) return 'done';
  if (running !== undefined) throw new Failure('unavailable', 'another change of this account is under way');
  if (entry.state === 'deleted' || !isCalled(entry, name, change))
    throw new Failure('not-found', 'no such account');
  const target = intentChange(entry, change);
  assertDomain(settings, entry, target);
  const before = namesOf(entry.present, entry.aliases);
  const after = target.kind === 'delete' ? [] : namesOf(target.present, target.aliases);
  const isSame = target.kind === 'names' && before.map(nameKey).join('\0') === after.map(nameKey).join('\0');
  if (isSame) return 'done';
  const intent = openIntent(draft, open, { object: id, request, change: target, before, after });
  return intents.begin(open, intent);
}

/** Aliases can be set under any name of the account; rename and delete mean the account of that very name. */
function isCalled(entry: ObjectEntry, name: Name, change: Change): boolean {
  const names = change.kind === 'aliases' ? namesOf(entry.present, entry.aliases) : [entry.present];
  return names.some((own) => nameKey(own) === nameKey(name));
}

function intentChange(entry: ObjectEntry, change: Change): IntentChange {
  switch (change.kind) {
    case 'delete':
      return { kind: 'delete' };
    case 'aliases':
      return { kind: 'names', present: entry.present, aliases: without(change.aliases, entry.present.name) };
    case 'rename':
      // The aliases go with the account; one that is the new name ceases to be an alias.
      return { kind: 'names', present: change.to, aliases: without(entry.aliases, change.to.name) };
    default:
      return change satisfies never;
  }
}

function without(aliases: readonly string[], name: string): readonly string[] {
  return aliases.filter((alias) => alias !== name);
}

/** All names lie in the domain of the present name. */
function namesOf(present: Name, aliases: readonly string[]): readonly Name[] {
  return [present, ...aliases.map((name) => ({ domainId: present.domainId, name }))];
}

function assertDomain(settings: ClusterSettings, entry: ObjectEntry, change: IntentChange): void {
  if (change.kind === 'delete') return;
  // An owner that has just started may own slots before it has the settings.
  if (settings.version < 0)
    throw new Failure('unavailable', 'the domains of the cluster are not known here yet');
  const domain = settings.domainById(change.present.domainId);
  if (domain === undefined) throw new Failure('not-found', 'no such domain');
  // In a domain that is being deleted nothing is added; what only takes names away is still done.
  const isFewer =
    change.present.domainId === entry.present.domainId &&
    change.present.name === entry.present.name &&
    change.aliases.every((alias) => entry.aliases.includes(alias));
  if (domain.deleting && !isFewer) throw new Failure('refused', 'the domain is being deleted');
}

function readAliases(value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw new Failure('invalid', 'directory.change: no aliases');
  if (value.length > ALIASES_MAX) throw new Failure('limit', `an account has at most ${ALIASES_MAX} aliases`);
  const aliases = value.map((alias) => {
    if (typeof alias !== 'string' || localPart(alias) !== alias)
      throw new Failure('invalid', 'not a name: alias');
    return alias;
  });
  return [...new Set(aliases)].sort();
}
