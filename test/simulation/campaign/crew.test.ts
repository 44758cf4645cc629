/** Threads that run seeds: a bug put into one is in no other, and one that hangs or fails is replaced. */
import t from 'tap';
import { BUGS } from '../bugs/bugs.ts';
import type { StormResult } from '../mail/storm.ts';
import { foundBy } from './bug-hunt.ts';
import { type CrewOptions, runSeeds } from './crew.ts';
import { KINDS, Summary } from './summary.ts';

const TIMEOUT_MS = 120_000;

async function all(seeds: readonly number[], options: CrewOptions): Promise<readonly StormResult[]> {
  return Array.fromAsync(runSeeds(seeds, options));
}

void t.test(
  'a seed that does not come to its end is broken, and the next one runs',
  { timeout: TIMEOUT_MS },
  async (t) => {
    const results = await all([1, 2], { jobs: 1, hangMs: 1 });
    t.same(
      results.map(({ seed, broken }) => [seed, broken]),
      [
        [1, ['no end after 1 ms']],
        [2, ['no end after 1 ms']],
      ],
    );
  },
);

void t.test('a thread that cannot start is no pass', { timeout: TIMEOUT_MS }, async (t) => {
  const [result] = await all([1], { jobs: 1, bug: 'no-such-bug' });
  t.match(result!.broken, [/^the thread failed: .*no bug no-such-bug/]);
});

void t.test('no seeds, and more threads than seeds', { timeout: TIMEOUT_MS }, async (t) => {
  t.same(await all([], { jobs: 3 }), []);
  const [one, ...others] = await all([3], { jobs: 3, task: { stormMs: 300 } });
  t.equal(one!.seed, 3);
  t.same(others, []);
});

void t.test('what is told of a seed', async (t) => {
  const result: StormResult = {
    seed: 4,
    shape: 'be1',
    broken: ['anna: INBOX/2 (m) is not there any more\nand more'],
    hash: 'x',
    faults: { 'late-write': 2 },
    trace: '',
    steps: 10,
    harms: 1,
    takeOvers: 2,
    acknowledged: 3,
    checked: 4,
    looks: 5,
    commits: 6,
    undecided: 0,
  };
  const summary = new Summary();
  summary.add(result);
  summary.add({ ...result, seed: 5, broken: [] });
  const { seeds, brokenSeeds, steps, faults } = summary.report();
  t.same([seeds, brokenSeeds, steps, faults['late-write']], [2, [4], 20, 4]);
  t.same(Object.keys(faults), KINDS, 'every kind is told, also one that did not come');
  const bug = BUGS.find(({ name }) => name === 'lease-for-ever')!;
  t.equal(foundBy(bug, result), 'anna: INBOX/2 (m) is not there any more');
  t.equal(foundBy(bug, { ...result, broken: ['served again only 6000 ms after the healing'] }), undefined);
});
