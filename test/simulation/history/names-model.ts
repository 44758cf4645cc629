/**
 * What names of accounts are, as far as clients can tell: each name leads to one account or to none; an account has a
 * present name and aliases, or is deleted. A change finds the account by a name, is decided at the account, all or nothing,
 * and then shows at each of its names. Two different names may show one change at different instants, which is what the
 * directory promises; each shows it once, and no other.
 */
import type { Entry } from './history.ts';
import type { Model, Next, Step } from './linearize.ts';

interface Account {
  readonly present: string;
  readonly aliases: readonly string[];
}

export interface NamesState {
  /** What each name leads to. An account of which nobody was told the id is called `?`, after its creation. */
  readonly names: ReadonlyMap<string, string>;
  readonly accounts: ReadonlyMap<string, Account>;
  /** The ids that those turned out to have. */
  readonly ids: ReadonlyMap<string, string>;
}

const EMPTY: NamesState = { names: new Map(), accounts: new Map(), ids: new Map() };

export const NAMES_MODEL: Model<NamesState> = {
  initial: EMPTY,
  key: ({ names, accounts, ids }) =>
    `${textOf(names, (object) => object)}/${textOf(accounts, ({ present, aliases }) => `${present}+${aliases.join('+')}`)}/${textOf(ids, (id) => id)}`,
  begin: (entry, state, index) => {
    const { operation } = entry;
    switch (operation.kind) {
      case 'resolve':
        return resolve(entry, state, operation.name);
      case 'create':
        return create(entry, state, operation.name, index);
      case 'delete':
      case 'rename':
      case 'aliases':
        return change(entry, state, operation);
      default:
        throw new Error(`no operation on names: ${operation.kind}`);
    }
  },
};

function resolve({ outcome }: Entry, state: NamesState, name: string): readonly Next<NamesState>[] {
  if (outcome.kind !== 'done') return [{ state, steps: [] }];
  const object = state.names.get(name);
  if (outcome.value === null || object === undefined)
    return outcome.value === null && object === undefined ? [{ state, steps: [] }] : [];
  const known = state.ids.get(object) ?? object;
  if (known === outcome.value) return [{ state, steps: [] }];
  const isTaken = state.accounts.has(outcome.value) || [...state.ids.values()].includes(outcome.value);
  if (!known.startsWith('?') || isTaken) return [];
  return [{ state: { ...state, ids: new Map(state.ids).set(object, outcome.value) }, steps: [] }];
}

function create(
  { outcome }: Entry,
  state: NamesState,
  name: string,
  index: number,
): readonly Next<NamesState>[] {
  const isBound = state.names.has(name);
  if (outcome.kind === 'exists') return isBound ? [{ state, steps: [] }] : [];
  if (outcome.kind === 'not-found' || isBound) return [];
  const object = outcome.kind === 'done' ? (outcome.value ?? `?${index}`) : `?${index}`;
  const isTaken = state.accounts.has(object) || [...state.ids.values()].includes(object);
  if (isTaken) return [];
  const names = new Map(state.names).set(name, object);
  const accounts = new Map(state.accounts).set(object, { present: name, aliases: [] });
  return [{ state: { ...state, names, accounts }, steps: [] }];
}

type Change = Extract<Entry['operation'], { kind: 'delete' | 'rename' | 'aliases' }>;

function change({ outcome }: Entry, state: NamesState, operation: Change): readonly Next<NamesState>[] {
  const object = state.names.get(operation.name);
  if (object === undefined) return outcome.kind === 'not-found' ? [{ state, steps: [] }] : [];
  const decide: Step<NamesState> = {
    key: 'decide',
    run: (now) => {
      const account = now.accounts.get(object);
      const isCalled = account !== undefined && isMeant(account, operation);
      if (outcome.kind === 'not-found') return isCalled ? undefined : { state: now, steps: [] };
      if (!isCalled) return undefined;
      const after = accountAfter(account, operation);
      const wanted = namesOf(after);
      const isFree = wanted.every((name) => (now.names.get(name) ?? object) === object);
      if (outcome.kind === 'exists') return isFree ? undefined : { state: now, steps: [] };
      return isFree ? decided(now, object, account, after) : undefined;
    },
  };
  return [{ state, steps: [decide] }];
}

/** Aliases can be set under any name of the account; rename and delete mean the account of that very name. */
function isMeant({ present, aliases }: Account, { kind, name }: Change): boolean {
  return present === name || (kind === 'aliases' && aliases.includes(name));
}

function accountAfter({ present, aliases }: Account, operation: Change): Account | undefined {
  switch (operation.kind) {
    case 'delete':
      return undefined;
    case 'rename':
      return { present: operation.to, aliases: aliases.filter((alias) => alias !== operation.to) };
    case 'aliases':
      return { present, aliases: operation.aliases.filter((alias) => alias !== present) };
  }
}

function decided(
  state: NamesState,
  object: string,
  before: Account,
  after: Account | undefined,
): Next<NamesState> {
  const accounts = new Map(state.accounts);
  if (after === undefined) accounts.delete(object);
  else accounts.set(object, after);
  const [old, wanted] = [namesOf(before), namesOf(after)];
  const added = wanted.filter((name) => !old.includes(name));
  const dropped = old.filter((name) => !wanted.includes(name));
  return {
    state: { ...state, accounts },
    steps: [
      ...added.map((name) => shows(name, 'add', (names) => names.set(name, object))),
      ...dropped.map((name) =>
        shows(name, 'drop', (names) => {
          if (names.get(name) === object) names.delete(name);
        }),
      ),
    ],
  };
}

function shows(name: string, what: string, act: (names: Map<string, string>) => unknown): Step<NamesState> {
  return {
    key: `${what} ${name}`,
    run: (state) => {
      const names = new Map(state.names);
      act(names);
      return { state: { ...state, names }, steps: [] };
    },
  };
}

function namesOf(account: Account | undefined): readonly string[] {
  return account === undefined ? [] : [account.present, ...account.aliases];
}

function textOf<T>(map: ReadonlyMap<string, T>, text: (value: T) => string): string {
  return [...map]
    .map(([key, value]) => `${key}=${text(value)}`)
    .sort()
    .join(',');
}
