/** Feature levels with a program of some years on: who is let in, when the level may be raised, and what is said to whom. */
import { setImmediate as immediate } from 'node:timers/promises';
import t from 'tap';
import { decodeFailure } from '../../src/cluster/bus/body.ts';
import { FrameType } from '../../src/cluster/bus/frame.ts';
import { FeatureLevel, LEVEL_KEY, LEVELS, type Level, levelOf, parseLevel } from '../../src/cluster/level.ts';
import { SettingsCopy } from '../../src/cluster/view/settings-copy.ts';
import { type Failure, failureCode } from '../../src/lib/failure.ts';
import { SLOTS } from '../../src/store/ids.ts';
import { memoryPlatform } from '../support/memory-platform.ts';
import { HELLO_FRAME, makeBus, RawPeer, settle } from './bus/support.ts';
import { TestCluster } from './cluster.ts';

const PLAYED: readonly Level[] = [
  { level: 0, version: '0.1.0', brings: 'all' },
  { level: 1, version: '0.2.0', brings: 'queues' },
];

function raised(settings: SettingsCopy, level: string): void {
  const version = settings.version + 1;
  const values = [[LEVEL_KEY, Buffer.from(level)]] as const;
  settings.apply({ version, whole: version === 0, domains: [], domainsDeleted: [], values });
}

void t.test('the table: ascending by one from 0', (t) => {
  for (const [index, { level, version, brings }] of LEVELS.entries()) {
    t.equal(level, index);
    t.match(version, /^\d+\.\d+\.\d+$/);
    t.ok(brings.length > 0);
  }
  t.equal(new FeatureLevel().known, LEVELS.length - 1);
  t.end();
});

void t.test('a level in words', (t) => {
  for (const [text, level] of [
    ['0', 0],
    ['1', 1],
    ['12', 12],
    ['99999', 99_999],
  ] as const)
    t.equal(parseLevel(text), level);
  for (const text of ['', '01', '-1', '1.5', ' 1', '1 ', 'x', '100000', '1e3'])
    t.equal(parseLevel(text), undefined, JSON.stringify(text));
  t.equal(levelOf({ value: () => undefined }), 0, 'absent');
  t.equal(levelOf({ value: () => Buffer.from('rubbish') }), 0);
  t.end();
});

void t.test('it follows the settings, and tells when it changes', (t) => {
  const level = new FeatureLevel(PLAYED);
  const settings = new SettingsCopy();
  raised(settings, '1');
  level.follow(settings);
  t.equal(level.required, 1);
  let told = 0;
  const end = level.onChange(() => told++);
  raised(settings, '1');
  t.equal(told, 0);
  raised(settings, '2');
  t.equal(told, 1);
  t.match(level.refusal, /level 2, and this program knows levels up to 1: install/);
  end();
  raised(settings, '1');
  t.equal(told, 1);
  t.equal(level.refusal, undefined);
  t.end();
});

void t.test('a change of the level as anybody may send it', (t) => {
  const level = new FeatureLevel(PLAYED);
  const member = { name: 'be1', state: 'ready', version: '0.1.0', level: 0 } as const;
  const change = (value: unknown, key = LEVEL_KEY) => ({ kind: 'setValue', key, value });
  const one = Buffer.from('1');
  t.equal(level.refuseChange(change(one), [{ ...member, level: 1 }]), undefined);
  t.equal(level.refuseChange(change(one, 'member/x/not-ready'), [member]), undefined, 'another value');
  for (const other of [undefined, null, 7, { kind: 'createDomain' }])
    t.equal(level.refuseChange(other, [member]), undefined);
  t.match(level.refuseChange(change(one), [member]), /be1 \(version 0\.1\.0, level 0\)/);
  t.match(level.refuseChange(change(new Uint8Array(one)), [member]), /be1/);
  t.match(level.refuseChange(change(Buffer.from('9')), []), /levels up to 1/, 'nobody knows it');
  for (const value of [null, Buffer.from('x'), 1, undefined])
    t.match(level.refuseChange(change(value), []), /is a number/);
  t.end();
});

void t.test('on the bus: who knows less is not let in, by either side, with words that help', async (t) => {
  const platform = memoryPlatform();
  const required = new FeatureLevel(PLAYED);
  const settings = new SettingsCopy();
  required.follow(settings);
  const known = new FeatureLevel([PLAYED[0]!]);
  const server = await makeBus(platform, { name: 'be1', level: required });
  const client = await makeBus(platform, { name: 'fe1', level: known });
  server.bus.serve('echo', (body) => body);
  client.bus.serve('echo', (body) => body);
  const ask = (from = client.bus, to = server.bus) =>
    from.call(to.self.address, 'echo', 1, { timeoutMs: 1000 }).catch((error: Failure) => error);

  t.equal(await ask(), 1, 'while the cluster is at its level');
  t.equal(await ask(server.bus, client.bus), 1);
  raised(settings, '1');
  await settle();
  const refused = (await ask()) as Failure;
  t.equal(failureCode(refused), 'unavailable', 'certainly not run');
  t.match(
    refused.message,
    /fe1 knows feature levels up to 0, this cluster is at level 1: install version 0\.2\.0 or newer on it/,
    'connections that stood are ended too',
  );
  t.match(known.turnedAwayWith, /install version 0\.2\.0/);
  t.equal(known.refusal, undefined, 'nothing rests on what a peer says');
  t.match(await ask(server.bus, client.bus), { code: 'unavailable' }, 'nor is it dialled');

  const raw = await RawPeer.dial(platform, server.bus.self.address);
  raw.write(HELLO_FRAME);
  await settle();
  t.strictSame(raw.types(), [FrameType.close], 'the first word is the last');
  t.match(decodeFailure(raw.frames[0]!.payload), { code: 'refused', message: /^raw knows/ });

  const closing = Promise.all([server.bus.close(), client.bus.close()]);
  await platform.clock.advance(1000);
  await closing;
});

void t.test(
  'in a cluster: raised when all know it; who comes back and knows less is ready for nothing',
  async (t) => {
    const cluster = new TestCluster();
    await cluster.init();
    const old = new FeatureLevel([PLAYED[0]!]);
    await cluster.add('be1', 'backend', cluster.fs, new FeatureLevel(PLAYED));
    await cluster.add('be2', 'backend', cluster.fs, old);
    const be2 = cluster.member('be2');
    await cluster.balanced();
    const controller = (): (typeof be2)['node'] => cluster.member('be1').node;
    await cluster.until(() =>
      controller()
        .status()
        .every(({ state }) => state === 'ready'),
    );
    t.strictSame(
      controller()
        .status()
        .map(({ name, level }) => [name, level])
        .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
      [
        ['be1', 1],
        ['be2', 0],
      ],
    );
    const raise = async (): Promise<unknown> => {
      const change = { kind: 'setValue', key: LEVEL_KEY, value: Buffer.from('1') };
      const changed = controller()
        .changeSettings(change, { timeoutMs: 5000 })
        .catch((error: unknown) => error);
      let answer: unknown = 'nothing';
      void changed.then((value) => {
        answer = value;
      });
      await cluster.until(() => answer !== 'nothing');
      return answer;
    };
    const isSecond = cluster.controllers[0] === 'be2';
    if (!isSecond) {
      t.match(await raise(), { code: 'refused', message: /be2 .*level 0/ }, 'one that is there knows less');
      t.equal(cluster.settings.values.size, 0);
    }
    // It goes: then the level may be raised.
    const stopped = Promise.all([be2.worker.node.stop(0), be2.node.stop()]);
    await cluster.clock.advance(3000);
    await stopped;
    cluster.hub.crash(be2.bus);
    cluster.hub.crash(be2.worker.bus);
    cluster.members.delete('be2');
    await cluster.until(() => cluster.controllers[0] === 'be1', 20_000);
    await cluster.until(
      () =>
        controller()
          .status()
          .every(({ name, state }) => name === 'be1' || state === 'gone'),
      20_000,
    );
    t.match(await raise(), 'set cluster/level');
    await immediate();
    t.equal(cluster.settings.values.get(LEVEL_KEY)?.toString(), '1');

    const back = await cluster.add('be3', 'backend', cluster.fs, new FeatureLevel([PLAYED[0]!]));
    await cluster.clock.advance(5000);
    t.equal(back.node.isReady(), false);
    t.equal(back.worker.holder.held().length, 0, 'it has no slot');
    t.equal(cluster.member('be1').worker.holder.held().length, SLOTS);
    t.ok(
      controller()
        .status()
        .every(({ name, state }) => name !== 'be3' || state !== 'ready'),
      'the controller takes no report of it',
    );
    await cluster.stop();
  },
);
