/** The heartbeat file: names, content, every cut of it, fuzz. */
import fc from 'fast-check';
import t from 'tap';
import {
  CONTROL_EPOCH_MAX,
  createHeartbeat,
  decodeHeartbeat,
  encodeHeartbeat,
  epochOfName,
  type Heartbeat,
  heartbeatName,
  listControlEpochs,
  readHeartbeat,
} from '../../../src/cluster/control/heartbeat-file.ts';
import type { Incarnation } from '../../../src/store/ids.ts';
import { MemoryFs } from '../../support/memory-fs.ts';

const SEED = 20261120;
const heartbeat: Heartbeat = {
  controlEpoch: 7,
  counter: 300,
  state: 'running',
  member: 'be1',
  address: { host: '10.0.0.1', port: 7000 },
  nonce: 'aa55',
  holders: ['0'.repeat(32), 'f'.repeat(32)] as Incarnation[],
};

void t.test('comes back as it was, whatever longer one was there before', async (t) => {
  const octets = encodeHeartbeat(heartbeat);
  t.same(decodeHeartbeat(octets), heartbeat);
  t.same(decodeHeartbeat(Buffer.concat([octets, Buffer.from('left over')])), heartbeat);
  t.same(decodeHeartbeat(encodeHeartbeat({ ...heartbeat, state: 'ended' }))?.state, 'ended');
  const unknown = decodeHeartbeat(encodeHeartbeat({ ...heartbeat, holders: undefined }));
  t.equal(unknown?.holders, undefined);
  t.same(decodeHeartbeat(encodeHeartbeat({ ...heartbeat, holders: [] }))?.holders, []);
  const times = { controlLeaseMs: 750, slotLeaseMs: 10_000, clockMargin: 0.12 };
  t.same(decodeHeartbeat(encodeHeartbeat({ ...heartbeat, times })), { ...heartbeat, times });
});

void t.test('every cut, and every changed octet, is no heartbeat', async (t) => {
  const octets = encodeHeartbeat(heartbeat);
  for (let cut = 0; cut < octets.length; cut++)
    if (decodeHeartbeat(octets.subarray(0, cut)) !== undefined) t.fail(`cut at ${cut}`);
  for (let at = 0; at < octets.length; at++) {
    const broken = Buffer.from(octets);
    broken[at]! ^= 0x41;
    if (decodeHeartbeat(broken) !== undefined) t.fail(`octet ${at} changed`);
  }
});

void t.test('any octets at all are read without a throw', async () => {
  const magic = encodeHeartbeat(heartbeat).subarray(0, 12);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, begins) => {
      decodeHeartbeat(begins ? Buffer.concat([magic, bytes]) : Buffer.from(bytes));
    }),
    { seed: SEED, numRuns: 500 },
  );
});

void t.test('names', async (t) => {
  t.equal(epochOfName(heartbeatName(12)), 12);
  t.equal(epochOfName(heartbeatName(CONTROL_EPOCH_MAX)), CONTROL_EPOCH_MAX);
  for (const name of [
    'heartbeat.0.data',
    'heartbeat.01.data',
    'heartbeat.-1.data',
    'heartbeat.1.data.tmp',
    `heartbeat.${CONTROL_EPOCH_MAX + 1}.data`,
    'heartbeat..data',
    '.nfs0001',
  ])
    t.equal(epochOfName(name), undefined, name);
});

void t.test('created exclusively, listed by number, read by a fresh open', async (t) => {
  const fs = new MemoryFs();
  await fs.makeDirectory('/s/.cluster/control');
  for (const epoch of [9, 10, 2]) await createHeartbeat(fs, '/s', epoch);
  fs.put('/s/.cluster/control/notes.txt', Buffer.from('x'));
  t.same(await listControlEpochs(fs, '/s'), [2, 9, 10]);
  await t.rejects(createHeartbeat(fs, '/s', 9), { code: 'EEXIST' });
  t.equal((await readHeartbeat(fs, '/s', 10)).length, 0);
});
