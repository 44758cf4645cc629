/** What is in the controller's file, or may be while it is written, and who waits for the next heartbeat. */
import t from 'tap';
import { Authority } from '../../../src/cluster/control/authority.ts';
import {
  createHeartbeat,
  decodeHeartbeat,
  readHeartbeat,
} from '../../../src/cluster/control/heartbeat-file.ts';
import { Heartbeats, type Stated } from '../../../src/cluster/control/heartbeats.ts';
import { DEFAULT_TIMES } from '../../../src/cluster/times.ts';
import type { Incarnation } from '../../../src/store/ids.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryFs } from '../../support/memory-fs.ts';
import { memoryPlatform } from '../../support/memory-platform.ts';
import { noLog, ROOT } from '../cluster.ts';

const EPOCH = 7;
const [A, B, C] = ['a', 'b', 'c'].map((letter) => letter.repeat(32) as Incarnation) as [
  Incarnation,
  Incarnation,
  Incarnation,
];

async function bed() {
  const clock = new ManualClock();
  const fs = new MemoryFs();
  await fs.makeDirectory(`${ROOT}/.cluster/control`);
  const authority = new Authority(EPOCH, DEFAULT_TIMES);
  const told: string[] = [];
  const stated = {
    now: { holders: new Set<Incarnation>(), isUnknown: false, times: DEFAULT_TIMES } as Stated,
  };
  const heartbeats = new Heartbeats({
    platform: memoryPlatform({ clock, fs }),
    self: { member: 'be1', address: { host: '192.0.2.1', port: 1 } },
    root: ROOT,
    file: await createHeartbeat(fs, ROOT, EPOCH),
    authority,
    logger: noLog,
    stated: () => stated.now,
    beaten: ({ isFirst, afterGap }) =>
      void told.push(`beaten${isFirst ? ', first' : ''}${afterGap ? ', after a gap' : ''}`),
    lost: () => void told.push('lost'),
  });
  const holders = (...names: Incarnation[]) => {
    stated.now = { ...stated.now, holders: new Set(names), isUnknown: false };
  };
  const read = async () => decodeHeartbeat(await readHeartbeat(fs, ROOT, EPOCH));
  return { clock, fs, authority, told, stated, holders, heartbeats, read };
}

void t.test(
  'while it is written only who is in both lists is named, and whoever is in one may be',
  async (t) => {
    const { fs, holders, heartbeats, read, stated } = await bed();
    holders(A, B);
    await heartbeats.beat();
    t.same([...heartbeats.written.named], [A, B]);
    t.same((await read())?.holders, [A, B]);

    const gate = Promise.withResolvers<void>();
    fs.before = () => gate.promise;
    holders(B, C);
    const beating = heartbeats.beat();
    t.same([...heartbeats.written.named], [B], 'an old list would not name C, the new one does not name A');
    t.same([...(heartbeats.written.mayBeNamed ?? [])].sort(), [A, B, C]);
    t.equal(heartbeats.beat(), beating, 'one at a time');
    gate.resolve();
    await beating;
    fs.before = undefined;
    t.same([...heartbeats.written.named], [B, C]);
    t.same([...(heartbeats.written.mayBeNamed ?? [])], [B, C]);

    stated.now = { ...stated.now, isUnknown: true };
    await heartbeats.beat();
    t.equal(heartbeats.written.mayBeNamed, undefined);
    t.equal((await read())?.holders, undefined, 'not all holders are known');
  },
);

void t.test('a confirmation is by a heartbeat begun after the question', async (t) => {
  const { clock, fs, heartbeats } = await bed();
  const gate = Promise.withResolvers<void>();
  fs.before = () => gate.promise;
  const first = heartbeats.beat();
  let confirmed: boolean | undefined;
  const confirmation = heartbeats.confirmation().then((held) => (confirmed = held));
  fs.before = undefined;
  gate.resolve();
  await first;
  await clock.advance(0);
  t.equal(confirmed, undefined, 'this one was under way already');
  await heartbeats.beat();
  t.equal(await confirmation, true);

  const late = heartbeats.confirmation();
  heartbeats.end();
  t.equal(await late, false);
  t.equal(await heartbeats.confirmation(), false);
});

void t.test('authority after a gap is told; a failed write is the end of it', async (t) => {
  const { clock, fs, authority, told, heartbeats } = await bed();
  await heartbeats.beat();
  await heartbeats.beat();
  await clock.advance(DEFAULT_TIMES.controlLeaseMs);
  t.equal(authority.leftMs(clock.monotonicMs()), 0);
  await heartbeats.beat();
  t.same(told, ['beaten, first', 'beaten', 'beaten, after a gap']);
  fs.before = () => Promise.reject(Object.assign(new Error('gone'), { code: 'EIO' }));
  await heartbeats.beat();
  t.equal(told.at(-1), 'lost');
  t.equal(authority.leftMs(clock.monotonicMs()), 0);
});

void t.test('a larger control epoch in the directory is the end of it', async (t) => {
  const { fs, told, heartbeats } = await bed();
  await (await createHeartbeat(fs, ROOT, EPOCH + 1)).close();
  await heartbeats.beat();
  t.same(told, ['lost']);
});

void t.test('an orderly end is written only when it had authority and no lease is left', async (t) => {
  for (const [beats, nothingLeft, state] of [
    [1, true, 'ended'],
    [1, false, 'running'],
    [0, true, undefined],
  ] as const) {
    const { holders, heartbeats, read } = await bed();
    holders(A);
    for (let count = 0; count < beats; count++) await heartbeats.beat();
    heartbeats.end();
    await heartbeats.beat();
    await heartbeats.close(nothingLeft);
    const last = await read();
    t.equal(last?.state, state, `${beats} heartbeats, ${nothingLeft ? 'nothing' : 'something'} left`);
    if (state === 'ended') t.same([last?.counter, last?.holders], [2, []]);
  }
});
