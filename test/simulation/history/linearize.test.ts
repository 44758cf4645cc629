/** The checker against histories whose verdict is known, and against trying every order of small ones. */
import fc from 'fast-check';
import t from 'tap';
import { type Entry, History, type Operation, type Outcome } from './history.ts';
import { linearize, type Model, type Next } from './linearize.ts';
import { NAMES_MODEL } from './names-model.ts';
import { byPlace, REGISTER_MODEL } from './register-model.ts';

type Told = readonly [from: number, to: number, operation: Operation, outcome?: Outcome];

function entries(told: readonly Told[]): readonly Entry[] {
  return told.map(([askedMs, answeredMs, operation, outcome = { kind: 'open' }]) => ({
    client: 'c',
    operation,
    askedMs,
    answeredMs: outcome.kind === 'open' ? Number.POSITIVE_INFINITY : answeredMs,
    outcome,
  }));
}

const done = (value: string | null = null): Outcome => ({ kind: 'done', value });
const create = (name: string): Operation => ({ kind: 'create', name });
const resolve = (name: string): Operation => ({ kind: 'resolve', name });
const rename = (name: string, to: string): Operation => ({ kind: 'rename', name, to });
const remove = (name: string): Operation => ({ kind: 'delete', name });
const aliases = (name: string, ...others: string[]): Operation => ({
  kind: 'aliases',
  name,
  aliases: others,
});

const CASES: readonly (readonly [what: string, verdict: 'yes' | 'no', told: readonly Told[]])[] = [
  ['nothing happened', 'yes', []],
  [
    'created and seen',
    'yes',
    [
      [0, 1, create('a'), done('A')],
      [2, 3, resolve('a'), done('A')],
    ],
  ],
  [
    'created and not seen',
    'no',
    [
      [0, 1, create('a'), done('A')],
      [2, 3, resolve('a'), done()],
    ],
  ],
  ['seen and never created', 'no', [[0, 1, resolve('a'), done('A')]]],
  [
    'seen while it was created',
    'yes',
    [
      [0, 5, create('a'), done('A')],
      [1, 2, resolve('a'), done('A')],
    ],
  ],
  [
    'not seen behind a look that saw it',
    'no',
    [
      [0, 9, create('a'), done('A')],
      [1, 2, resolve('a'), done('A')],
      [3, 4, resolve('a'), done()],
    ],
  ],
  [
    'an open creation that came late',
    'yes',
    [
      [0, 1, create('a')],
      [2, 3, resolve('a'), done()],
      [4, 5, resolve('a'), done('A')],
    ],
  ],
  [
    'an open creation has one id',
    'no',
    [
      [0, 1, create('a')],
      [2, 3, resolve('a'), done('A')],
      [4, 5, resolve('a'), done('B')],
    ],
  ],
  [
    'two get one name',
    'no',
    [
      [0, 5, create('a'), done('A')],
      [0, 5, create('a'), done('B')],
    ],
  ],
  [
    'the second is refused',
    'yes',
    [
      [0, 5, create('a'), done('A')],
      [0, 5, create('a'), { kind: 'exists' }],
    ],
  ],
  ['refused for a name that nobody has', 'no', [[0, 1, create('a'), { kind: 'exists' }]]],
  [
    'created again after its deletion',
    'yes',
    [
      [0, 1, create('a'), done('A')],
      [2, 3, remove('a'), done()],
      [4, 5, create('a'), done('B')],
      [6, 7, resolve('a'), done('B')],
    ],
  ],
  [
    'the old one after its deletion',
    'no',
    [
      [0, 1, create('a'), done('A')],
      [2, 3, remove('a'), done()],
      [4, 5, resolve('a'), done('A')],
    ],
  ],
  [
    'deleted twice',
    'no',
    [
      [0, 1, create('a'), done('A')],
      [2, 3, remove('a'), done()],
      [4, 5, remove('a'), done()],
    ],
  ],
  [
    'renamed: the old name is gone',
    'yes',
    [
      [0, 1, create('a'), done('A')],
      [2, 3, rename('a', 'b'), done()],
      [4, 5, resolve('a'), done()],
      [4, 5, resolve('b'), done('A')],
    ],
  ],
  [
    'renamed: the old name stays',
    'no',
    [
      [0, 1, create('a'), done('A')],
      [2, 3, rename('a', 'b'), done()],
      [4, 5, resolve('a'), done('A')],
    ],
  ],
  [
    'a rename shows at its names one after the other',
    'yes',
    [
      [0, 1, create('a'), done('A')],
      [2, 9, rename('a', 'b'), done()],
      [3, 4, resolve('b'), done('A')],
      [5, 6, resolve('a'), done('A')],
      [7, 8, resolve('a'), done()],
    ],
  ],
  [
    'a rename does not come back',
    'no',
    [
      [0, 1, create('a'), done('A')],
      [2, 9, rename('a', 'b'), done()],
      [3, 4, resolve('a'), done()],
      [5, 6, resolve('a'), done('A')],
    ],
  ],
  [
    'onto a name that is taken',
    'no',
    [
      [0, 1, create('a'), done('A')],
      [0, 1, create('b'), done('B')],
      [2, 3, rename('a', 'b'), done()],
    ],
  ],
  [
    'and is refused',
    'yes',
    [
      [0, 1, create('a'), done('A')],
      [0, 1, create('b'), done('B')],
      [2, 3, rename('a', 'b'), { kind: 'exists' }],
    ],
  ],
  [
    'half of an open rename is all of it',
    'no',
    [
      [0, 1, create('a'), done('A')],
      [2, 3, rename('a', 'b')],
      [4, 5, create('b'), done('B')],
      [6, 7, remove('b'), done()],
      [8, 9, resolve('a'), done()],
      [10, 11, resolve('b'), done('B')],
    ],
  ],
  [
    'aliases',
    'yes',
    [
      [0, 1, create('a'), done('A')],
      [2, 3, aliases('a', 'b', 'c'), done()],
      [4, 5, resolve('c'), done('A')],
      [6, 7, aliases('b', 'b'), done()],
      [8, 9, resolve('c'), done()],
    ],
  ],
  [
    'an alias is no name to delete by',
    'yes',
    [
      [0, 1, create('a'), done('A')],
      [2, 3, aliases('a', 'b'), done()],
      [4, 5, remove('b'), { kind: 'not-found' }],
    ],
  ],
  [
    'an alias goes with its account',
    'no',
    [
      [0, 1, create('a'), done('A')],
      [2, 3, aliases('a', 'b'), done()],
      [4, 5, remove('a'), done()],
      [6, 7, resolve('b'), done('A')],
    ],
  ],
];

void t.test('histories of names', async (t) => {
  for (const [what, verdict, told] of CASES)
    t.equal(linearize(entries(told), NAMES_MODEL).verdict, verdict, what);
});

void t.test('histories of a setting, at each place for itself', async (t) => {
  const history = new History('s');
  const set = (value: string): Operation => ({ kind: 'set', value });
  const get = (at: string): Operation => ({ kind: 'get', at });
  history.entries.push(
    ...entries([
      [0, 9, set('1'), done()],
      [1, 2, get('x'), done('1')],
      // Another place may still show what was.
      [3, 4, get('y'), done()],
      [10, 11, get('y'), done('1')],
    ]),
  );
  const verdicts = () => byPlace(history).map(({ entries }) => linearize(entries, REGISTER_MODEL).verdict);
  t.same(verdicts(), ['yes', 'yes']);
  history.entries.push(...entries([[12, 13, get('x'), done()]]));
  t.same(verdicts(), ['no', 'yes'], 'it does not go back');
});

void t.test('a search that takes too long says so', async (t) => {
  const many = entries(Array.from({ length: 12 }, (_, i) => [0, 1, create(`n${i}`)] as const));
  const told = [...many, ...entries([[2, 3, resolve('none'), done('A')]])];
  t.equal(linearize(told, NAMES_MODEL, 50).verdict, 'too-long');
});

/** Every order in which the answered operations, and any of the open ones, can be done one after the other. */
function byForce(all: readonly Entry[], model: Model<string | null>): boolean {
  const go = (left: readonly Entry[], state: string | null): boolean => {
    if (left.every(({ outcome }) => outcome.kind === 'open')) return true;
    return left.some((entry) => {
      if (left.some((other) => other !== entry && other.answeredMs < entry.askedMs)) return false;
      const rest = left.filter((other) => other !== entry);
      return model.begin(entry, state, 0).some((next: Next<string | null>) => go(rest, next.state));
    });
  };
  return go(all, model.initial);
}

void t.test('agrees with trying everything', async (t) => {
  const value = fc.constantFrom('1', '2', '3');
  const one = fc.record({
    from: fc.integer({ min: 0, max: 12 }),
    length: fc.integer({ min: 1, max: 6 }),
    isOpen: fc.boolean(),
    what: fc.oneof(
      fc.record({ kind: fc.constant('set' as const), value }),
      fc.record({ kind: fc.constant('get' as const), value: fc.option(value) }),
    ),
  });
  const verdicts = { yes: 0, no: 0, 'too-long': 0 };
  const seed = 4_711;
  fc.assert(
    fc.property(fc.array(one, { maxLength: 6 }), (ones) => {
      const all = entries(
        ones.map(({ from, length, isOpen, what }) => {
          const operation: Operation =
            what.kind === 'set' ? { kind: 'set', value: what.value } : { kind: 'get', at: 'x' };
          const outcome = done(what.kind === 'get' ? what.value : null);
          return [from, from + length, operation, isOpen ? undefined : outcome] as Told;
        }),
      );
      const { verdict } = linearize(all, REGISTER_MODEL);
      verdicts[verdict]++;
      return verdict === (byForce(all, REGISTER_MODEL) ? 'yes' : 'no');
    }),
    { seed, numRuns: 600 },
  );
  t.comment(`seed ${seed}`);
  t.ok(verdicts.yes > 50 && verdicts.no > 50, JSON.stringify(verdicts));
});
