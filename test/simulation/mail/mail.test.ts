/**
 * The whole cluster under storms (docs/architecture.md, section 6): the same seeds everywhere, and the same seed twice for
 * the same events. A failing seed is printed with the command that replays it.
 */
import { availableParallelism } from 'node:os';
import t from 'tap';
import { runSeeds } from '../campaign/crew.ts';
import { KINDS, Summary } from '../campaign/summary.ts';
import type { FaultKind } from '../faults.ts';

const SEEDS = 200;
const JOBS = Math.min(2, availableParallelism());
/** Only a machine that is slow beyond reason leaves some out; fewer than this prove too little. */
const BUDGET_MS = 180_000;
const SEEDS_MIN = 30;
const TIMEOUT_MS = 290_000;
/** So much of a seed must have been looked for, on the average, or the run proves nothing. */
const ACKNOWLEDGED_MIN = 30;
const TAKE_OVERS_MIN = 2;

/** Kinds that come once in some dozen seeds and more. */
const RARE: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'late-creation',
  'late-rename',
  'stale-missing',
  'delegation-wait',
  'name-lost',
]);

void t.test('storms over the whole cluster', { timeout: TIMEOUT_MS }, async (t) => {
  const startedMs = performance.now();
  function* seeds(): Generator<number> {
    for (let seed = 1; seed <= SEEDS; seed++) {
      if (performance.now() - startedMs > BUDGET_MS && seed > SEEDS_MIN) return;
      yield seed;
    }
  }
  const summary = new Summary();
  for await (const result of runSeeds(seeds(), { jobs: JOBS })) {
    summary.add(result);
    for (const what of result.broken) t.comment(`seed ${result.seed}: ${what}`);
    if (result.broken.length > 0) t.comment(`npm run simulate -- --seed ${result.seed} --trace`);
  }
  t.strictSame(summary.brokenSeeds, [], `no seed of ${summary.seeds} breaks a promise`);
  t.ok(summary.acknowledged >= ACKNOWLEDGED_MIN * summary.seeds, `${summary.acknowledged} acknowledged`);
  t.ok(summary.takeOvers >= TAKE_OVERS_MIN * summary.seeds, `${summary.takeOvers} take-overs`);
  for (const kind of KINDS.filter((kind) => !RARE.has(kind)))
    t.ok((summary.faults.get(kind) ?? 0) > 0, `${kind}: ${summary.faults.get(kind)}`);
});

void t.test('the same seed gives the same events, in whatever thread', { timeout: TIMEOUT_MS }, async (t) => {
  const results = [];
  for await (const result of runSeeds([7, 8, 7, 8], { jobs: 2, task: { stormMs: 1000 } }))
    results.push(result);
  t.same(
    results.map(({ seed }) => seed),
    [7, 8, 7, 8],
    'in the order in which they were asked for',
  );
  const [one, two, again, alsoAgain] = results;
  t.strictSame(one, again);
  t.strictSame(two, alsoAgain);
  t.not(one!.hash, two!.hash);
});
