/**
 * Memory of connections that are logged in, have INBOX selected and IDLE: what each process has more than before, divided
 * by the connections; at 1,000 and 5,000, in the clear and in TLS, beside Dovecot.
 *
 *   node bench/idle.ts [--quick] [--folder DIR] [--postern-only]
 *
 * Client and server hold a descriptor each for every connection: `ulimit -n 20000` first.
 */
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { descendantsOf } from '../test/support/lab.ts';
import { startDovecotAccess } from './lib/dovecot-access.ts';
import { ImapClient } from './lib/imap-client.ts';
import { parallel } from './lib/measure.ts';
import { type Peer, startPostern } from './lib/peer.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    folder: { type: 'string', default: tmpdir() },
    'postern-only': { type: 'boolean', default: false },
  },
});

/** An account may have 50 sessions at a time. */
const ACCOUNTS = 125;
const COUNTS = values.quick ? [200] : [1000, 5000];
/** Dovecot has a process for each: more would be a measure of this machine's memory. */
const PEER_COUNT = values.quick ? 200 : 1000;
const OPENING_AT_ONCE = 20;

/** Proportional set size, as processes of one program share much: KiB by what the process is. */
async function memory(pids: readonly number[]): Promise<number> {
  const sizes = await Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => ''); // it has ended
      return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0);
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

type Part = readonly [name: string, pids: () => Promise<readonly number[]>];

/** The memory of each part before and with so many connections; they are closed again. */
async function measure(
  peer: Peer,
  parts: readonly Part[],
  count: number,
  tls: boolean,
  show: (line: string) => void = console.log,
): Promise<void> {
  const sizes = () => Promise.all(parts.map(async ([, pids]) => memory(await pids())));
  const before = await sizes();
  const clients: ImapClient[] = [];
  await parallel(OPENING_AT_ONCE, count, async (index) => {
    const client = await ImapClient.open(tls ? peer.imaps : peer.imap, tls);
    clients.push(client);
    await client.authenticatePlain(peer.accounts[index % peer.accounts.length]!);
    await client.command('SELECT INBOX');
    await client.idle();
  });
  const after = await sizes();
  const each = parts.map(
    ([name], index) => `${name} ${((after[index]! - before[index]!) / count).toFixed(1)} KiB`,
  );
  show(`${peer.name} ${count} connections${tls ? ', TLS' : ''}: ${each.join(', ')} each`);
  for (const client of clients) client.close();
}

/** What the first connections cost once and for all is not theirs: it is measured and not shown. */
async function run(peer: Peer, parts: readonly Part[], count: number, tls: boolean): Promise<void> {
  try {
    await measure(peer, parts, ACCOUNTS, tls, () => undefined);
    await measure(peer, parts, count, tls);
  } finally {
    await peer.stop();
  }
}

for (const count of COUNTS)
  for (const tls of [false, true]) {
    // Each in a lab of its own: V8 does not give memory back soon.
    const peer = await startPostern(ACCOUNTS);
    const workers = (name: string) => async () => peer.lab.workers(name);
    const parts: readonly Part[] = [
      ['frontend worker', workers('fe1')],
      ['backend worker', workers('be1')],
    ];
    await run(peer, parts, count, tls);
  }
const password = 'a password of the bench';
const accounts = Array.from({ length: ACCOUNTS }, (_, index) => ({
  login: `user${index + 1}@lab.example`,
  password,
}));
const dovecot = values['postern-only'] ? undefined : await startDovecotAccess(values.folder, accounts);
if (dovecot !== undefined)
  try {
    const parts: readonly Part[] = [['all processes', () => descendantsOf(dovecot.pid)]];
    await measure(dovecot, parts, ACCOUNTS, true, () => undefined);
    for (const tls of [false, true]) await measure(dovecot, parts, PEER_COUNT, tls);
  } finally {
    await dovecot.stop();
  }
