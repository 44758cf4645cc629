/**
 * `npm run simulate -- --seeds N [--first S] [--jobs J] [--bugs no]`: runs seeds of the whole cluster, prints what is broken
 * and how to replay it, looks for the planted bugs (with 100 seeds and more), and ends with one line of JSON.
 * `--seed S [--trace]` runs one, with all that happened in it; `--bug NAME` puts a bug in and looks for it.
 * docs/simulation.md has the rest.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { BUGS, bugNamed } from './bugs/bugs.ts';
import { foundBy, type Hunt, hunt, SEEDS_MAX } from './campaign/bug-hunt.ts';
import { runSeeds } from './campaign/crew.ts';
import { Summary } from './campaign/summary.ts';
import type { StormResult } from './mail/storm.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    first: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    bug: { type: 'string' },
    /** `no`: the planted bugs are not looked for. `only`: nothing else is. */
    bugs: { type: 'string', default: 'yes' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    /** Length of the storm in milliseconds of simulated time; drawn as a rule. */
    storm: { type: 'string' },
    /** One line for every seed. */
    verbose: { type: 'boolean', default: false },
    /** No further seed is begun after so many seconds. */
    budget: { type: 'string' },
  },
});

const TRACE_LINES = 1_000_000;
/** Printed of one seed. */
const BROKEN_LINES = 12;
/** With so many seeds the planted bugs are looked for too. */
const SEEDS_FOR_BUGS = 100;
const PROGRESS_MS = 10_000;
const jobs = number('jobs', values.jobs);
const summary = new Summary();
const hunts: Hunt[] = [];

if (values.seed !== undefined) await one(number('seed', values.seed));
else if (values.bug !== undefined)
  await look([bugNamed(values.bug)], number('seeds', values.seeds), number('first', values.first));
else {
  const count = number('seeds', values.seeds);
  if (values.bugs !== 'only') await many(number('first', values.first), count);
  const isLong = count >= SEEDS_FOR_BUGS || values.bugs === 'only';
  if (isLong && values.bugs !== 'no') await look(BUGS, SEEDS_MAX);
}

const found = hunts.filter(({ seed }) => seed !== undefined);
const bugs = {
  planted: hunts.length,
  found: found.length,
  seeds: Object.fromEntries(hunts.map(({ bug, seed }) => [bug.name, seed ?? null])),
};
process.stdout.write(`${JSON.stringify({ ...summary.report(), bugs })}\n`);
if (summary.brokenSeeds.length > 0 || found.length < hunts.length) process.exitCode = 1;

async function one(seed: number): Promise<void> {
  const task = { ...storm(), ...(values.trace && { traceLines: TRACE_LINES, logs: true }) };
  const options = { jobs: 1, quick: false, task, ...(values.bug !== undefined && { bug: values.bug }) };
  for await (const result of runSeeds([seed], options)) {
    if (values.trace) process.stdout.write(`${result.trace}\n`);
    summary.add(result);
    tell(result);
    if (values.bug !== undefined && foundBy(bugNamed(values.bug), result) === undefined)
      process.stdout.write('  which does not show the bug\n');
  }
}

async function many(first: number, count: number): Promise<void> {
  const startedMs = performance.now();
  let toldMs = startedMs;
  const budgetMs = values.budget === undefined ? Number.POSITIVE_INFINITY : Number(values.budget) * 1000;
  function* seeds(): Generator<number> {
    for (let seed = first; seed < first + count && performance.now() - startedMs < budgetMs; seed++)
      yield seed;
  }
  for await (const result of runSeeds(seeds(), { jobs, task: storm() })) {
    summary.add(result);
    if (values.verbose || result.broken.length > 0) tell(result);
    const now = performance.now();
    if (now - toldMs < PROGRESS_MS) continue;
    toldMs = now;
    const rate = summary.seeds / ((now - startedMs) / 1000);
    const leftS = (count - summary.seeds) / rate;
    progress(`${summary.seeds} of ${count} seeds, ${rate.toFixed(2)}/s, ${leftS.toFixed(0)} s left`);
  }
}

async function look(which: typeof BUGS, seedsMax: number, first = 1): Promise<void> {
  for (const bug of which) {
    const result = await hunt(bug, { jobs, seedsMax, first });
    hunts.push(result);
    progress(
      result.seed === undefined
        ? `${bug.name}: NOT FOUND by ${result.seeds} seeds`
        : `${bug.name}: seed ${result.seed}, the ${result.seeds}. tried: ${result.what}`,
    );
  }
}

function tell(result: StormResult): void {
  const { seed, shape, broken, steps, harms, takeOvers, acknowledged, hash } = result;
  const state = broken.length === 0 ? 'ok' : 'BROKEN';
  process.stdout.write(
    `seed ${seed}: ${state}; ${shape}; ${steps} steps, ${harms} harms, ${takeOvers} take-overs, ` +
      `${acknowledged} acknowledged, trace ${hash}\n`,
  );
  for (const what of broken.slice(0, BROKEN_LINES)) process.stdout.write(`  ${what}\n`);
  if (broken.length === 0) return;
  const more = values.bug === undefined ? '' : ` --bug ${values.bug}`;
  process.stdout.write(`  replay: npm run simulate -- --seed ${seed} --trace${more}\n`);
}

function storm(): { readonly stormMs?: number } {
  return values.storm === undefined ? {} : { stormMs: number('storm', values.storm) };
}

/** For a person who waits; the output itself says only what came of it. */
function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} is a whole number, not ${text}`);
  return value;
}
