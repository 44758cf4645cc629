/** What is counted between the parts: every outcome once, and nothing else is changed by it. */
import t, { type Test } from 'tap';
import type { BusStream } from '../../src/cluster/bus/types.ts';
import { FAMILIES } from '../../src/http/metrics/families.ts';
import { Failure, type FailureCode } from '../../src/lib/failure.ts';
import { type Distribution, Measures } from '../../src/lib/measures.ts';
import type { AuthenticatedAs, Authenticator } from '../../src/login/types.ts';
import {
  measuredAuthenticator,
  measuredBus,
  measuredDial,
  measuredFs,
  measuredIntake,
  measuredNet,
} from '../../src/member/measured.ts';
import type { Connection } from '../../src/platform/platform.ts';
import type { ObjectId } from '../../src/store/ids.ts';
import { MemoryHub } from '../cluster/memory-bus.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { MemoryFs } from '../support/memory-fs.ts';
import { MemoryNet } from '../support/memory-net.ts';

const WHO: AuthenticatedAs = { kind: 'administrator', login: 'a', object: undefined };
const ATTEMPT = { service: 'imap', remoteHost: '192.0.2.1', localHost: '192.0.2.2', timeoutMs: 1000 };

function count(measures: Measures, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const found = measures
    .samples()
    .find((each) => each.name === name && JSON.stringify(each.labels) === JSON.stringify(labels));
  const value = found?.value ?? 0;
  return typeof value === 'number' ? value : value.counts.reduce((a, b) => a + b, 0);
}

function known(t: Test, measures: Measures): void {
  for (const { name, labels } of measures.samples()) {
    const family = (FAMILIES as Readonly<Record<string, { readonly labels: readonly string[] } | undefined>>)[
      name
    ];
    t.strictSame(new Set(Object.keys(labels)), new Set(family?.labels), name);
  }
}

void t.test('commits: counted when durable, with their time; failures apart', async (t) => {
  const clock = new ManualClock();
  const measures = new Measures();
  const memory = new MemoryFs();
  const fs = measuredFs(memory, clock, measures);
  const file = await fs.createExclusive('/a');
  memory.before = () => clock.sleep(30);
  const written = file.writeDurably([Buffer.from('abc'), Buffer.from('de')], 0);
  await clock.advance(30);
  await written;
  t.equal(count(measures, 'postern_commits_total'), 1);
  t.equal(count(measures, 'postern_commit_octets_total'), 5);
  const seconds = measures.samples().find(({ name }) => name === 'postern_sync_seconds')
    ?.value as Distribution;
  t.equal(seconds.sum, 0.03);
  memory.before = (call) => (call === 'writeDurably' ? Promise.reject(new Error('EIO')) : undefined);
  await t.rejects(file.writeDurably([Buffer.from('f')], 5), /EIO/);
  t.equal(count(measures, 'postern_commit_failures_total'), 1);
  t.equal(count(measures, 'postern_commits_total'), 1);
  memory.before = undefined;
  await file.close();
  t.strictSame(await fs.list('/'), ['a'], 'and it is the same file system');
  known(t, measures);
});

void t.test('log-ins by outcome', async (t) => {
  const measures = new Measures();
  let fails: FailureCode | undefined;
  const answer = <T>(value: T): Promise<T> =>
    fails === undefined ? Promise.resolve(value) : Promise.reject(new Failure(fails, 'x'));
  const inner: Authenticator = {
    verifyPassword: () => answer(WHO),
    beginScram: () =>
      Promise.resolve({
        salt: Buffer.alloc(1),
        iterations: 1,
        verify: () => answer({ who: WHO, serverSignature: Buffer.alloc(0) }),
      }),
  };
  const authenticator = measuredAuthenticator(inner, new ManualClock(), measures);
  t.equal(await authenticator.verifyPassword('a', 'b', ATTEMPT), WHO);
  const scram = await authenticator.beginScram('a', ATTEMPT);
  await scram.verify('', Buffer.alloc(0));
  for (const code of ['refused', 'limit', 'unavailable', 'unknown'] as const) {
    fails = code;
    await t.rejects(authenticator.verifyPassword('a', 'b', ATTEMPT), { code });
    await t.rejects(scram.verify('', Buffer.alloc(0)), { code });
  }
  const of = (outcome: string): number =>
    count(measures, 'postern_logins_total', { service: 'imap', outcome });
  t.strictSame(['ok', 'failed', 'limited', 'unavailable'].map(of), [2, 2, 2, 4]);
  t.equal(count(measures, 'postern_login_seconds'), 10, 'each log-in once, the beginning of SCRAM is none');
  known(t, measures);
});

void t.test('messages and recipients by outcome', async (t) => {
  const measures = new Measures();
  const replies = [undefined, { code: 550, text: '5.1.1 no' }, { code: 452, text: '4.3.1 full' }];
  const recipient = { forwardPath: 'a', object: {} as ObjectId };
  const intake = measuredIntake(
    {
      resolve: (address) => Promise.resolve(replies[Number(address)] ?? recipient),
      deliver: (_, [part]) => Promise.resolve(replies[Number(part)]),
    },
    'smtp',
    measures,
  );
  for (const each of ['0', '1', '2', '2']) {
    await intake.resolve(each);
    await intake.deliver(recipient, [Buffer.from(each)]);
  }
  for (const name of ['postern_messages_total', 'postern_recipients_total'])
    t.strictSame(
      ['accepted', 'refused', 'put-off'].map((outcome) =>
        count(measures, name, { service: 'smtp', outcome }),
      ),
      [1, 1, 2],
      name,
    );
  known(t, measures);
});

void t.test('bus calls by outcome, in the same turn as before', async (t) => {
  const clock = new ManualClock();
  const hub = new MemoryHub(clock);
  const measures = new Measures();
  const bus = measuredBus(hub.bus('fe1', 'worker', 'a'), measures);
  const other = measuredBus(hub.bus('be1', 'worker', 'b'), measures);
  other.serve('echo', (body) => body);
  other.serve('no', () => {
    throw new Failure('refused', 'no');
  });
  t.equal(await bus.call(other.self.address, 'echo', 7, { timeoutMs: 100 }), 7);
  await t.rejects(bus.call(other.self.address, 'no', 7, { timeoutMs: 100 }), { code: 'refused' });
  const of = (outcome: string): number => count(measures, 'postern_bus_calls_total', { outcome });
  t.strictSame(['ok', 'refused'].map(of), [1, 1]);
  t.equal(count(measures, 'postern_bus_answers_total'), 2);
  known(t, measures);
});

void t.test('commands of sessions, not their pieces', async (t) => {
  const measures = new Measures();
  const sent: unknown[] = [];
  const stream = {
    send: (message: unknown) => {
      sent.push(message);
      return Promise.resolve();
    },
  } as unknown as BusStream;
  const dial = measuredDial(
    { open: () => Promise.resolve(stream), changed: () => Promise.resolve() },
    measures,
  );
  const opened = await dial.open(1 as never, 'imap.session', {}, 100);
  for (const message of [{ kind: 'piece' }, { kind: 'command' }, { kind: 'done' }, null, 'command'])
    await opened.send(message);
  t.equal(sent.length, 5);
  t.equal(count(measures, 'postern_session_commands_total', { service: 'imap' }), 1);
  known(t, measures);
});

void t.test('connections that were let in', async (t) => {
  const clock = new ManualClock();
  const measures = new Measures();
  const net = measuredNet(new MemoryNet(clock), 'imap', measures);
  const accepted: Connection[] = [];
  const listener = await net.listen(
    { host: '127.0.0.1', port: 0 },
    (connection) => void accepted.push(connection),
  );
  await net.connect(listener.address, { timeoutMs: 100 });
  await clock.advance(1);
  t.equal(accepted.length, 1);
  t.equal(count(measures, 'postern_connections_total', { service: 'imap' }), 1);
  known(t, measures);
});
