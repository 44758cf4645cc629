/**
 * Planned hand-over: how long an account pauses when its slot moves to another backend, and when a backend with many open
 * accounts is made Not-Ready and all it has moves away; and that no client has an error.
 *
 *   node bench/handover.ts [--moves 50] [--accounts 1000,50000] [--drains 5] [--json FILE]
 *
 * --moves 0 or --accounts '' leave a part out; --drains says how often a backend is emptied, with more than 20,000 accounts
 * twice at most. The pause of an account is the longest time from a question of its client to the answer.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type Drained, drains } from './lib/drains.ts';
import { type Moved, moves } from './lib/moves.ts';
import { percentile } from './lib/tries.ts';

const { values } = parseArgs({
  options: {
    moves: { type: 'string', default: '50' },
    accounts: { type: 'string', default: '1000,50000' },
    drains: { type: 'string', default: '5' },
    json: { type: 'string' },
  },
});

const AIM_MS = 50;
const MANY = 20_000;
const DRAINS_OF_MANY = 2;

const moved = Number(values.moves) > 0 ? await moves(Number(values.moves), show) : [];
const drained: Drained[] = [];
for (const count of values.accounts.split(',').filter(Boolean).map(Number)) {
  const times = count > MANY ? Math.min(DRAINS_OF_MANY, Number(values.drains)) : Number(values.drains);
  drained.push(...(await drains(count, times, show)));
}

console.log('in milliseconds'.padEnd(40), 'count  median    99 %     max     aim  errors');
if (moved.length > 0)
  line(
    'one slot moves',
    moved.map(({ pauseMs }) => pauseMs),
    errorsOf(moved),
  );
for (const count of new Set(drained.map(({ accounts }) => accounts))) {
  const those = drained.filter(({ accounts }) => accounts === count);
  const what = `a backend with ${count} open accounts`;
  line(
    what,
    those.flatMap(({ pausesMs }) => pausesMs),
    errorsOf(those),
  );
  line(
    `  mail to accounts meanwhile`,
    those.flatMap(({ mailMs }) => mailMs),
    0,
  );
}
const json = JSON.stringify({ moved, drained });
if (values.json === undefined) console.log(json);
else await writeFile(values.json, `${json}\n`);

function show(result: Moved | Drained): void {
  if ('pauseMs' in result) console.log(JSON.stringify(result));
  else {
    const { mailMs, ...shown } = result;
    console.log(JSON.stringify({ ...shown, mails: mailMs.length }));
  }
}

function line(what: string, ms: readonly number[], errors: number): void {
  const sorted = ms.toSorted((a, b) => a - b);
  const cells = [percentile(sorted, 0.5), percentile(sorted, 0.99), sorted.at(-1) ?? 0].map((each) =>
    each.toFixed(0).padStart(8),
  );
  console.log(
    what.padEnd(40),
    `${String(ms.length).padStart(5)}${cells.join('')}${String(AIM_MS).padStart(8)}${String(errors).padStart(8)}`,
  );
}

function errorsOf(results: readonly { readonly errors: readonly string[] }[]): number {
  return results.reduce((sum, { errors }) => sum + errors.length, 0);
}
