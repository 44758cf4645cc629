/**
 * Fuzzing for as long as one likes: all targets in turn, or one; a line a minute, a failing input as a file, and the words
 * that give it again. Ends with 1 when something was found.
 *
 *   node test/fuzz/run.ts [--target NAME] [--seconds N] [--seed S] [--input FILE] [--findings DIR]
 *
 * `--target sockets` fuzzes the sockets of a running lab in every session state; it is left out of "all". With `--input`
 * the target runs that one file.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Finding, fuzz, judged, type Tally } from './engine.ts';
import { fuzzSockets } from './sockets/run.ts';
import type { FuzzTarget } from './target.ts';
import { TARGETS } from './targets/index.ts';

/** A target has the thread for so long before the next one's turn. */
const TURN_MS = 500;
const REPORT_MS = 60_000;
/** After so many findings a target is left out: one bug is found again and again. */
const FINDINGS_MAX = 3;

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    seconds: { type: 'string', default: '3600' },
    seed: { type: 'string', default: String(Math.trunc(performance.timeOrigin)) },
    input: { type: 'string' },
    findings: { type: 'string', default: join(tmpdir(), 'postern-fuzz') },
  },
});
const endMs = performance.now() + 1000 * Number(values.seconds);

function chosen(): readonly FuzzTarget[] {
  const found = TARGETS.filter(({ name }) => values.target === undefined || name === values.target);
  if (found.length > 0) return found;
  console.error(
    `no target ${values.target}; there are sockets, ${TARGETS.map(({ name }) => name).join(', ')}`,
  );
  process.exit(2);
}

/** Writes the input down and says how to run it again. */
async function keep(finding: Finding): Promise<void> {
  await mkdir(values.findings, { recursive: true });
  const file = join(values.findings, `${finding.target}-${finding.seed}-${finding.number}`);
  await writeFile(file, finding.input);
  console.log(`FOUND ${finding.message}`);
  console.log(`      node test/fuzz/run.ts --target ${finding.target} --input ${file}`);
  const stack = finding.cause instanceof Error ? finding.cause.stack : undefined;
  console.log(
    stack
      ?.split('\n')
      .filter((line) => line.startsWith('    at '))
      .join('\n'),
  );
}

async function runInTurns(targets: readonly FuzzTarget[]): Promise<number> {
  const states = targets.map((target) => ({ target, next: 0, findings: 0 }));
  const tally: Tally = { accepted: 0, refused: 0 };
  let reportMs = performance.now() + REPORT_MS;
  const report = () => {
    const inputs = states.reduce((sum, { next }) => sum + next, 0);
    const findings = states.reduce((sum, state) => sum + state.findings, 0);
    const rss = Math.round(process.memoryUsage.rss() / 2 ** 20);
    console.log(
      `${new Date().toISOString()} seed ${values.seed}: ${inputs} inputs, ${tally.accepted} accepted, ${findings} findings, rss ${rss} MiB`,
    );
    return findings;
  };
  while (performance.now() < endMs && states.some(({ findings }) => findings < FINDINGS_MAX))
    for (const state of states.filter(({ findings }) => findings < FINDINGS_MAX)) {
      const untilMs = Math.min(endMs, performance.now() + TURN_MS);
      try {
        state.next += await fuzz(
          state.target,
          values.seed,
          state.next,
          () => performance.now() < untilMs,
          tally,
        );
      } catch (error) {
        if (!(error instanceof Finding)) throw error;
        state.findings++;
        state.next = error.number + 1;
        await keep(error);
      }
      if (performance.now() < reportMs) continue;
      reportMs += REPORT_MS;
      report();
    }
  return report();
}

async function main(): Promise<number> {
  if (values.target === 'sockets')
    return fuzzSockets({ seed: values.seed, goesOn: () => performance.now() < endMs });
  const targets = chosen();
  if (values.input === undefined) return runInTurns(targets);
  const outcome = await judged(targets[0]!, await readFile(values.input));
  console.log(outcome);
  return 0;
}

process.exitCode = (await main()) === 0 ? 0 : 1;
