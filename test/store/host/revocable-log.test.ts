/** A log taken away: whoever waits is told at once, rightly, and nothing is shown afterwards. */
import t from 'tap';
import { RevocableLog } from '../../../src/store/host/revocable-log.ts';
import type { HostedLog } from '../../../src/store/host/types.ts';

function build() {
  const settle = Promise.withResolvers<void>();
  const calls: string[] = [];
  const inner: HostedLog = {
    writable: async () => undefined,
    append: () => [],
    settled: () => settle.promise,
    read: () => new Promise(() => undefined),
    close: async () => void calls.push('close'),
    failed: new Promise(() => undefined),
    sealed: new Map(),
    abandon: (reason) => void calls.push(`abandon: ${reason}`),
  };
  return { log: new RevocableLog(inner), settle, calls };
}

const RECORD = { type: 16, modseq: 1, payload: [] };

void t.test('what was in flight is unknown, what only read is unavailable', async (t) => {
  const reader = build();
  const reading = reader.log.settled();
  reader.log.revoke(new Error('gone'));
  await t.rejects(reading, { code: 'unavailable' });

  const writer = build();
  writer.log.append([RECORD]);
  const committing = writer.log.settled();
  const content = writer.log.read({ file: 1, offset: 0, octets: 1 });
  writer.log.revoke(new Error('gone'));
  await t.rejects(committing, { code: 'unknown' });
  await t.rejects(content, { code: 'unavailable' });
});

void t.test('what has settled is in flight no longer', async (t) => {
  const { log, settle } = build();
  log.append([RECORD]);
  settle.resolve();
  await log.settled();
  log.revoke(new Error('gone'));
  await t.rejects(log.settled(), { code: 'unavailable' });
});

void t.test('an answer of the same turn as the revocation is not shown', async (t) => {
  const { log, settle } = build();
  const reading = log.settled();
  settle.resolve();
  log.revoke(new Error('gone'));
  await t.rejects(reading, { code: 'unavailable' });
});

void t.test('revoked, it refuses everything, says why, and closes without writing', async (t) => {
  const { log, calls } = build();
  const reason = new Error('gone');
  log.revoke(reason);
  log.revoke(new Error('again'));
  t.equal(await log.failed, reason);
  t.throws(() => log.append([RECORD]), { code: 'unavailable' });
  await t.rejects(log.writable(), { code: 'unavailable' });
  await log.close();
  t.strictSame(calls, ['abandon: gone']);
});
