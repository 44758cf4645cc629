/** A log taken away: whoever waits is told at once, rightly, and nothing is shown afterwards. */
import t from 'tap';
import { RevocableLog } from '../../../src/store/host/revocable-log.ts';
import type { HostedLog } from '../../../src/store/host/types.ts';
import type { LogMaintenance } from '../../../src/store/log/types.ts';

function build(more: Partial<HostedLog> = {}) {
  const settle = Promise.withResolvers<void>();
  const calls: string[] = [];
  const inner: HostedLog = {
    writable: async () => undefined,
    append: () => [],
    settled: () => settle.promise,
    read: () => new Promise(() => undefined),
    close: async () => void calls.push('close'),
    failed: new Promise(() => undefined),
    abandon: (reason) => void calls.push(`abandon: ${reason}`),
    ...more,
  };
  return { log: new RevocableLog(inner, () => void calls.push('closed in order')), settle, calls };
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

void t.test('what compaction needs is taken away with it, and passed on until then', async (t) => {
  const done: string[] = [];
  const maintenance: LogMaintenance = {
    files: [{ file: 3, octets: 9 }],
    countedOctets: 9,
    replayed: 2,
    isDamaged: false,
    rotate: async () => void done.push('rotate'),
    replaced: () => void done.push('replaced'),
    currentPlace: (place) => ({ ...place, file: place.file + 1 }),
    readRecord: () => new Promise(() => undefined),
    writeSnapshot: async () => void done.push('snapshot'),
  };
  const { log, settle } = build({ maintenance });
  const given = log.maintenance!;
  t.match(given, { files: [{ file: 3 }], countedOctets: 9, replayed: 2, isDamaged: false });
  t.equal(given.currentPlace({ file: 1, offset: 2, octets: 3 }).file, 2);
  await given.rotate();
  await given.writeSnapshot(() => Buffer.alloc(0));
  given.replaced([1]);
  t.strictSame(done, ['rotate', 'snapshot', 'replaced']);
  const committing = log.settled();
  const reading = given.readRecord({ file: 1, offset: 2, octets: 3 });
  log.revoke(new Error('gone'));
  settle.resolve();
  await t.rejects(committing, { code: 'unknown' }, 'the end of a compaction is in flight like any commit');
  await t.rejects(reading, { code: 'unavailable' });
  await t.rejects(given.rotate(), { code: 'unavailable' });
  await t.rejects(
    given.writeSnapshot(() => Buffer.alloc(0)),
    { code: 'unavailable' },
  );
  t.throws(() => given.replaced([2]), { code: 'unavailable' });
  t.equal(build().log.maintenance, undefined);
});

void t.test('closed in order it is not abandoned; closed after it failed, it is', async (t) => {
  const good = build();
  await good.log.close();
  good.log.revoke(new Error('over'));
  t.strictSame(good.calls, ['close', 'closed in order']);
  await t.rejects(good.log.settled(), { code: 'unavailable' }, 'and shows nothing more all the same');
  const bad = build({ failed: Promise.resolve(new Error('EIO')) });
  await bad.log.close();
  bad.log.revoke(new Error('over'));
  t.strictSame(bad.calls, ['close', 'abandon: over']);
});
