/**
 * The whole cluster under storms (docs/architecture.md, section 6): a hundred seeds, and the same seed
 * twice for the same events. A failing seed is printed with the command that replays it with its trace.
 */

import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { runStorm } from './storm.ts';
import { FAULT_KINDS } from './summary.ts';

const RUN = fileURLToPath(new URL('./run.ts', import.meta.url));
/** The same seeds on every machine: what is tested must not depend on how fast it is. */
const SEEDS_EACH = 50;
/** Only a machine that is slow beyond reason leaves some out. */
const BUDGET_MS = 150_000;
/** However slow the machine is: fewer prove too little. */
const SEEDS_MIN = 20;
/** A first seed of its own for each process, far enough from the next one's. */
const SEEDS_APART = 10_000;
const TIMEOUT_MS = 240_000;
/** So many of a short run must have been looked for, or the run proves nothing. */
const ACKNOWLEDGED_MIN = 20;

interface Report {
  readonly seeds: number;
  readonly brokenSeeds: readonly number[];
  readonly faults: Readonly<Record<string, number>>;
  readonly takeOvers: number;
  readonly acknowledged: number;
  readonly commits: number;
}

void t.test('storms over the whole cluster', { timeout: TIMEOUT_MS }, async (t) => {
  const processes = Math.min(2, availableParallelism());
  const reports = await Promise.all(
    Array.from({ length: processes }, (_, i) => seeds(1 + i * SEEDS_APART, t.comment.bind(t))),
  );
  const faults = new Map<string, number>();
  for (const report of reports) {
    t.ok(report.seeds >= SEEDS_MIN, `${report.seeds} seeds of ${SEEDS_EACH}`);
    t.strictSame(report.brokenSeeds, [], 'no seed breaks a promise');
    t.ok(report.acknowledged >= ACKNOWLEDGED_MIN * report.seeds, `${report.acknowledged} acknowledged`);
    t.ok(report.takeOvers > report.seeds, `${report.takeOvers} take-overs`);
    for (const [kind, count] of Object.entries(report.faults))
      faults.set(kind, (faults.get(kind) ?? 0) + count);
  }
  for (const kind of FAULT_KINDS.filter((kind) => !RARE.has(kind)))
    t.ok((faults.get(kind) ?? 0) > 0, `${kind}: ${faults.get(kind)}`);
});

/** Kinds that come once in some dozen seeds: a slow machine's run may have none. */
const RARE: ReadonlySet<string> = new Set([
  'connection-timeout',
  'stale-missing',
  'torn-write',
  'call-lost',
  'lost-reply',
  'io-error',
]);

void t.test('the same seed gives the same events', { timeout: TIMEOUT_MS }, async (t) => {
  const [one, two] = [await runStorm({ seed: 7, stormMs: 1500 }), await runStorm({ seed: 7, stormMs: 1500 })];
  t.strictSame(one.broken, []);
  t.equal(one.world.trace.hash, two.world.trace.hash);
  t.equal(one.steps, two.steps);
  t.equal(one.acknowledged, two.acknowledged);
});

/** Runs seeds in a process of their own until the time is over. */
async function seeds(first: number, comment: (text: string) => void): Promise<Report> {
  const args = [
    RUN,
    '--first',
    String(first),
    '--seeds',
    String(SEEDS_EACH),
    '--budget',
    String(BUDGET_MS),
    '--min',
    String(SEEDS_MIN),
  ];
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, args, { maxBuffer: 64 * 1024 * 1024 }, (_, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });
  const lines = output.trimEnd().split('\n');
  const report = lines.findLast((line) => line.startsWith('{"seeds"'));
  for (const line of lines) if (report === undefined || /BROKEN|^ {2}/.test(line)) comment(line);
  if (report === undefined) throw new Error(`no report from seeds ${first} on`);
  return JSON.parse(report) as Report;
}
