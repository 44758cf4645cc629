/**
 * Durable intake: 4 KiB messages to 200 accounts over 10 and 50 connections, through a frontend to a backend, beside the
 * disk's own rate and Dovecot (LMTP, sdbox and maildir, every delivery synced) in the same run.
 *
 *   node bench/intake.ts [--messages 5000] [--folder DIR]
 */
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { Lab } from '../test/support/lab.ts';
import { cpuMs } from './lib/cpu.ts';
import { diskRate } from './lib/disk-rate.ts';
import { startDovecot } from './lib/dovecot.ts';
import { type Load, run } from './lib/intake-load.ts';

const { values } = parseArgs({
  options: { messages: { type: 'string', default: '5000' }, folder: { type: 'string', default: tmpdir() } },
});
const messages = Number(values.messages);
const OCTETS = 4096;
const ACCOUNTS = 200;
const DOVECOT_PORT = 24024;

interface Figure {
  readonly what: string;
  readonly connections: number;
  readonly rate: number;
  readonly cpuMsEach: number | undefined;
}

const figures: Figure[] = [];

async function measure(
  what: string,
  pid: number,
  load: Omit<Load, 'messages' | 'octets' | 'connections'>,
): Promise<void> {
  await run({ ...load, connections: 10, messages: Math.min(1000, messages), octets: OCTETS }); // warm
  for (const connections of [10, 50]) {
    const before = await cpuMs(pid);
    const rate = await run({ ...load, connections, messages, octets: OCTETS });
    figures.push({ what, connections, rate, cpuMsEach: ((await cpuMs(pid)) - before) / messages });
  }
}

for (const connections of [10, 50])
  figures.push({
    what: 'disk',
    connections,
    rate: await diskRate(values.folder, connections, messages, OCTETS),
    cpuMsEach: undefined,
  });

const lab = await Lab.start(['--backends', '1', '--frontends', '1', '--accounts', String(ACCOUNTS)]);
try {
  const recipients = (await lab.file()).accounts.map(({ login }) => login);
  const { pid } = lab;
  await measure('postern smtp', pid, {
    address: await lab.service('fe1', 'smtp'),
    protocol: 'smtp',
    recipients,
  });
  await measure('postern lmtp', pid, {
    address: await lab.service('fe1', 'lmtp'),
    protocol: 'lmtp',
    recipients,
  });
} finally {
  await lab.stop();
}

for (const format of ['sdbox', 'maildir'] as const) {
  const dovecot = await startDovecot(values.folder, format, DOVECOT_PORT);
  if (dovecot === undefined) continue;
  try {
    const recipients = Array.from({ length: ACCOUNTS }, (_, n) => `user${n + 1}@lab.example`);
    await measure(`dovecot ${format}`, dovecot.pid, { address: dovecot.lmtp, protocol: 'lmtp', recipients });
  } finally {
    await dovecot.stop();
  }
}

for (const { what, connections, rate, cpuMsEach } of figures)
  console.log(
    `${what.padEnd(16)} ${String(connections).padStart(3)} connections ${rate.toFixed(0).padStart(7)} messages/s` +
      (cpuMsEach === undefined ? '' : `  ${cpuMsEach.toFixed(3)} ms CPU a message`),
  );
