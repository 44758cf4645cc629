/**
 * Bugs that are put in on purpose are found, by the promise that each breaks: known seeds first, which change with the
 * sources (`npm run simulate -- --bug NAME --seeds 500` looks for others).
 */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import t from 'tap';
import { hunt } from '../campaign/bug-hunt.ts';
import { FAULT_KINDS } from '../faults.ts';
import { BUGS, bugNamed } from './bugs.ts';

const TIMEOUT_MS = 280_000;
/** Here so many are tried; by hand 500. */
const SEEDS_MAX = 60;
/** The issue names nineteen. */
const BUGS_MIN = 19;
const HUNTS_AT_ONCE = Math.min(2, availableParallelism());

void t.test('the planted bugs', { timeout: TIMEOUT_MS }, async (t) => {
  t.ok(BUGS.length >= BUGS_MIN, `${BUGS.length} bugs`);
  t.equal(new Set(BUGS.map(({ name }) => name)).size, BUGS.length, 'each has a name of its own');
  const waiting = [...BUGS];
  const work = async (): Promise<void> => {
    for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) {
      if (bug.known.length === 0) {
        t.pass(bug.name, { skip: 'no seed is known that finds it; look for one by hand' });
        continue;
      }
      const { seed, what, seeds } = await hunt(bug, { jobs: 1, seedsMax: SEEDS_MAX });
      t.ok(seed !== undefined, `${bug.name}: seed ${seed}, the ${seeds}. that was tried: ${what}`);
    }
  };
  await Promise.all(Array.from({ length: HUNTS_AT_ONCE }, work));
});

void t.test('docs/simulation.md has every bug and every kind of fault', async (t) => {
  const text = await readFile(new URL('../../../docs/simulation.md', import.meta.url), 'utf8');
  for (const name of [...BUGS.map((bug) => bug.name), ...Object.keys(FAULT_KINDS)])
    t.ok(text.includes(`\`${name}\``), name);
});

void t.test('a bug that nobody knows', async (t) => {
  t.throws(() => bugNamed('no-such-bug'), /no bug no-such-bug; there are /);
  t.equal(bugNamed('none').sources, undefined);
});
