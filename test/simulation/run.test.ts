/** The command: its last line is JSON, a bad word is refused, one seed can be traced. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { KINDS } from './campaign/summary.ts';

const RUN = fileURLToPath(new URL('./run.ts', import.meta.url));
const TIMEOUT_MS = 120_000;

interface Ran {
  readonly code: number;
  readonly lines: readonly string[];
  readonly told: string;
}

function run(...words: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, [RUN, ...words], { maxBuffer: 2 ** 28 }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), lines: stdout.trimEnd().split('\n'), told: stderr }),
    );
  });
}

void t.test('some seeds: nothing but a line of JSON', { timeout: TIMEOUT_MS }, async (t) => {
  const { code, lines } = await run('--seeds', '2', '--first', '3', '--jobs', '2', '--storm', '300');
  t.equal(code, 0);
  t.equal(lines.length, 1);
  const report = JSON.parse(lines[0]!) as Record<string, unknown>;
  t.match(report, { seeds: 2, brokenSeeds: [], bugs: { planted: 0, found: 0 } });
  t.same(Object.keys(report.faults as object), KINDS);
  for (const key of ['steps', 'takeOvers', 'acknowledged', 'checked']) t.type(report[key], 'number', key);
});

void t.test('one seed with its trace', { timeout: TIMEOUT_MS }, async (t) => {
  const { code, lines } = await run('--seed', '10', '--trace', '--storm', '200');
  t.equal(code, 0);
  t.ok(lines.length > 1000, `${lines.length} lines`);
  t.match(lines[0], /^\d+\.\d{3} /, 'times and events');
  t.match(lines.at(-2), /^seed 10: ok; .* trace [0-9a-f]{8}$/);
});

void t.test('a bug that no seed could find', { timeout: TIMEOUT_MS }, async (t) => {
  const { code, lines, told } = await run('--bug', 'cached-names', '--seeds', '0');
  t.equal(code, 1, 'is no pass');
  t.match(told, 'cached-names: NOT FOUND by 0 seeds');
  t.match(JSON.parse(lines.at(-1)!), { bugs: { planted: 1, found: 0, seeds: { 'cached-names': null } } });
});

void t.test('words that make no sense', { timeout: TIMEOUT_MS }, async (t) => {
  for (const words of [
    ['--seeds', 'many'],
    ['--bug', 'none-such'],
    ['--plant', 'x'],
  ]) {
    const { code, told } = await run(...words);
    t.not(code, 0, words.join(' '));
    t.match(told, /whole number|no bug none-such|Unknown option/);
  }
});
