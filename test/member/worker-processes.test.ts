/** The supervisor's children, played by the test: exits are told at once, the dead are replaced, the last word is SIGKILL. */
import { EventEmitter } from 'node:events';
import t from 'tap';
import { noLogger } from '../../src/lib/logging.ts';
import type { FromWorker, ToWorker, WorkerStart } from '../../src/member/protocol.ts';
import { type Child, WorkerProcesses } from '../../src/member/worker-processes.ts';
import { defaultSettings } from '../../src/settings/settings.ts';
import { memoryPlatform } from '../support/memory-platform.ts';

class FakeChild extends EventEmitter {
  readonly pid: number;
  readonly sent: ToWorker[] = [];
  readonly signals: string[] = [];
  connected = true;
  constructor(pid: number) {
    super();
    this.pid = pid;
  }
  send(message: ToWorker): boolean {
    this.sent.push(message);
    return true;
  }
  kill(signal: string): boolean {
    this.signals.push(signal);
    return true;
  }
  says(message: FromWorker): void {
    this.emit('message', message);
  }
  dies(): void {
    this.connected = false;
    this.emit('exit', null, 'SIGKILL');
  }
  get start(): WorkerStart {
    return this.sent[0] as WorkerStart;
  }
}

const SECURITY = { certificate: '', key: '', authorities: [], keys: '', revoked: [] };

function make(count: number) {
  const { clock, random } = memoryPlatform();
  const children: FakeChild[] = [];
  const exits: string[] = [];
  const address = { host: '127.0.0.1', port: 7600 };
  const workers = new WorkerProcesses({
    count,
    clock,
    random,
    logger: noLogger,
    poolSize: 8,
    start: {
      base: '/base',
      role: 'backend',
      member: 'be1',
      settings: defaultSettings(),
      clusterId: 'id',
      supervisor: address,
      seeds: [address],
      security: SECURITY,
    },
    onExit: (incarnation) => exits.push(incarnation),
    onChange: () => undefined,
    fork: () => {
      const child = new FakeChild(100 + children.length);
      children.push(child);
      return child as unknown as Child;
    },
  });
  return { workers, clock, children, exits };
}

const ready = (port: number): FromWorker => ({
  kind: 'ready',
  services: { imap: { host: '127.0.0.1', port } },
});

void t.test('each place has its index, each process its own incarnation', async (t) => {
  const { workers, children } = make(3);
  const started = workers.start();
  t.same(
    children.map((child) => child.start.index),
    [0, 1, 2],
  );
  const incarnations = new Set(children.map((child) => child.start.incarnation));
  t.equal(incarnations.size, 3);
  for (const incarnation of incarnations) t.match(incarnation, /^[0-9a-f]{32}$/);
  for (const child of children) child.says(ready(1));
  t.equal(await started, undefined);
});

void t.test(
  'an exit is told in the same turn; another process takes the place, with the same ports',
  async (t) => {
    const { workers, clock, children, exits } = make(1);
    const started = workers.start();
    children[0]?.says(ready(4143));
    await started;
    children[0]?.dies();
    t.same(exits, [children[0]?.start.incarnation]);
    t.same(workers.status()[0], {
      index: 0,
      pid: undefined,
      ready: false,
      services: { imap: { host: '127.0.0.1', port: 4143 } },
    });
    await clock.advance(0);
    t.equal(children.length, 2);
    t.not(children[1]?.start.incarnation, children[0]?.start.incarnation);
    t.same(children[1]?.start.ports, { imap: { host: '127.0.0.1', port: 4143 } });
    children[0]?.says(ready(1));
    t.equal(workers.status()[0]?.ready, false, 'what the dead one says counts no more');
    children[1]?.dies();
    await clock.advance(99);
    t.equal(children.length, 2, 'the second time not at once');
    await clock.advance(1);
    t.equal(children.length, 3);
  },
);

void t.test('why it cannot start', async (t) => {
  const { workers, children } = make(2);
  const started = workers.start();
  children[1]?.says({ kind: 'failed', setting: 'IMAPListener', code: 'EADDRINUSE', why: 'taken' });
  t.match(await started, { setting: 'IMAPListener', code: 'EADDRINUSE' });
});

void t.test('stopped in good order: told, waited for, not replaced', async (t) => {
  const { workers, clock, children } = make(2);
  void workers.start();
  const stopped = workers.stop(1000);
  t.same(
    children.map((child) => child.sent.at(-1)),
    [
      { kind: 'stop', graceMs: 1000 },
      { kind: 'stop', graceMs: 1000 },
    ],
  );
  children[0]?.dies();
  children[1]?.dies();
  await stopped;
  await clock.advance(60_000);
  t.equal(children.length, 2);
  t.same(children[0]?.signals, []);
});

void t.test('one that hangs is killed', async (t) => {
  const { workers, clock, children } = make(1);
  void workers.start();
  const stopped = workers.stop(1000);
  await clock.advance(2999);
  t.same(children[0]?.signals, []);
  await clock.advance(1);
  t.same(children[0]?.signals, ['SIGKILL']);
  children[0]?.dies();
  await stopped;
});

void t.test('stopped while a place waits for its next process', async (t) => {
  const { workers, clock, children } = make(1);
  void workers.start();
  children[0]?.dies();
  await workers.stop(1000);
  await clock.advance(60_000);
  t.equal(children.length, 1);
});

void t.test('a worker that hangs is killed, and replaced like any that died', async (t) => {
  const { workers, clock, children, exits } = make(2);
  void workers.start();
  const [one, two] = children;
  await clock.advance(30_000);
  t.same([one!.signals, two!.signals], [[], []], 'what takes long to start does not hang');
  for (const child of children) child.says(ready(1));
  for (let second = 0; second < 20; second++) {
    await clock.advance(1000);
    if (one!.sent.at(-1)?.kind === 'ping') one!.says({ kind: 'pong' });
  }
  t.same(one!.signals, [], 'it answers');
  t.same([...new Set(two!.signals)], ['SIGKILL']);
  two!.dies();
  t.equal(exits.length, 1);
  await clock.advance(1000);
  t.equal(children.length, 3);
  workers.kill();
});
