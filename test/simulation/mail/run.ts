/**
 * `node test/simulation/mail/run.ts --seeds N [--first S] [--seed S --trace] [--plant NAME] [--budget MS]`: runs seeds of the mail
 * simulation, prints what is broken and how to replay it, and ends with one line of JSON about all of them.
 */
import { parseArgs } from 'node:util';
import { PLANTS } from './plants.ts';
import { runStorm, type StormResult } from './storm.ts';
import { Summary } from './summary.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    first: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    plant: { type: 'string' },
    /** Length of the storm in milliseconds of simulated time. */
    storm: { type: 'string' },
    /** Ends after so many milliseconds of real time, but not before `min` seeds. */
    budget: { type: 'string' },
    min: { type: 'string', default: '1' },
  },
});

const TRACE_LINES = 400_000;
/** Printed of one seed. */
const BROKEN_LINES = 12;
const plant = values.plant === undefined ? undefined : PLANTS.find(({ name }) => name === values.plant);
if (values.plant !== undefined && plant === undefined)
  throw new Error(`no plant ${values.plant}; there are ${PLANTS.map(({ name }) => name).join(', ')}`);
const first = Number(values.seed ?? values.first);
const count = values.seed === undefined ? Number(values.seeds) : 1;
const summary = new Summary();
const budgetMs = Number(values.budget ?? Number.POSITIVE_INFINITY);
for (let seed = first; seed < first + count; seed++) {
  const startedMs = performance.now();
  if (startedMs > budgetMs && summary.seeds >= Number(values.min)) break;
  const result: StormResult = await runStorm({
    seed,
    ...(plant && { plant }),
    ...(values.storm && { stormMs: Number(values.storm) }),
    ...(values.trace && { traceLines: TRACE_LINES, logs: true }),
  });
  summary.add(result);
  if (values.trace) process.stdout.write(`${result.world.trace.text()}\n`);
  const { broken, steps, harms, takeOvers, acknowledged } = result;
  const tookMs = (performance.now() - startedMs).toFixed(0);
  process.stdout.write(
    `seed ${seed}: ${broken.length === 0 ? 'ok' : 'BROKEN'}, ${steps} steps, ${harms} harms, ${takeOvers} take-overs, ` +
      `${acknowledged} acknowledged, ${result.commits} commits, ${result.looks} looks, ${tookMs} ms, trace ${result.world.trace.hash}\n`,
  );
  for (const what of broken.slice(0, BROKEN_LINES)) process.stdout.write(`  ${what}\n`);
  if (broken.length > 0)
    process.stdout.write(
      `  replay: node test/simulation/mail/run.ts --seed ${seed} --trace${plant ? ` --plant ${plant.name}` : ''}\n`,
    );
}
process.stdout.write(`${JSON.stringify(summary.report())}\n`);
if (summary.brokenSeeds.length > 0) process.exitCode = 1;
