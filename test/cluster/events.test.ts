/** The cluster's decisions as lines of the log, and its status, while members come, die and leave. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { CLUSTER_EVENTS } from '../../src/cluster/events.ts';
import type { ClusterLogger } from '../../src/cluster/types.ts';
import type { LogFields } from '../../src/lib/logging.ts';
import { SLOTS } from '../../src/store/ids.ts';
import { MemoryFs } from '../support/memory-fs.ts';
import { TestCluster, type TestMember } from './cluster.ts';

class Lines implements ClusterLogger {
  readonly all: LogFields[] = [];
  info(fields: LogFields): void {
    if ('event' in fields) this.all.push(fields);
  }
  warn(fields: LogFields): void {
    if ('event' in fields) throw new Error('a decision is told at info');
  }
  error(fields: LogFields): void {
    this.warn(fields);
  }
  of(event: keyof typeof CLUSTER_EVENTS): LogFields[] {
    return this.all.filter((each) => each.event === event);
  }
  slots(event: keyof typeof CLUSTER_EVENTS): number {
    return this.of(event).reduce((sum, { slots }) => sum + Number(slots), 0);
  }
}

function kill(c: TestCluster, member: TestMember): void {
  for (const bus of [member.bus, member.worker.bus]) c.hub.crash(bus);
  void member.node.stop();
  void member.worker.node.stop(0);
  c.members.delete(member.name);
}

function sorted(all: readonly unknown[]): readonly string[] {
  return all.map(String).sort((a, b) => (a < b ? -1 : 1));
}

async function cluster(...names: string[]): Promise<{ readonly c: TestCluster; readonly lines: Lines }> {
  const lines = new Lines();
  const c = new TestCluster({}, lines);
  await c.init();
  for (const name of names) await c.add(name, name.startsWith('fe') ? 'frontend' : 'backend');
  await c.balanced();
  // What was collected of moves is told.
  await c.clock.advance(2000);
  return { c, lines };
}

void t.test('a start: control, members, and every slot told once, in few lines', async (t) => {
  const { c, lines } = await cluster('be1', 'be2', 'fe1');
  t.equal(lines.of('control-stood').length >= 1, true);
  t.match(lines.of('control-taken'), [{ controlEpoch: 1 }]);
  for (const event of ['member-joined', 'member-ready'] as const)
    t.strictSame(sorted(lines.of(event).map(({ member }) => member)), ['be1', 'be2', 'fe1'], event);
  t.equal(lines.slots('slots-granted') - lines.slots('slots-released'), SLOTS);
  t.equal(lines.slots('take-over'), 0);
  t.equal(lines.of('storage-accepted').length, 4, 'each process with storage');
  t.ok(lines.all.length < 60, `${lines.all.length} lines`);
  for (const { event } of lines.all) t.ok(String(event) in CLUSTER_EVENTS);
  await c.stop();
});

void t.test('a worker that dies is taken over from, and the status says who has what', async (t) => {
  const { c, lines } = await cluster('be1', 'be2');
  const [controller = ''] = c.controllers;
  const other = [...c.members.values()].find(({ name }) => name !== controller)!;
  const had = other.worker.holder.held().length;
  const dead = other.worker.bus.self.incarnation;
  lines.all.length = 0;
  kill(c, other);
  await c.until(() => c.member(controller).worker.holder.held().length === SLOTS);
  await c.clock.advance(500);
  t.equal(lines.slots('take-over'), had);
  t.match(lines.of('take-over'), [{ member: controller, from: dead, fromMember: other.name }]);
  await c.until(() => lines.of('member-gone').length > 0);
  t.match(lines.of('member-gone'), [{ member: other.name }]);
  const { node } = c.member(controller).worker;
  const refreshed = node.refreshStatus(1000);
  await c.clock.advance(0);
  t.equal(await refreshed, true);
  const status = node.status();
  t.match(
    status.find(({ name }) => name === controller),
    {
      slots: SLOTS,
      version: '1.2.3',
      isController: true,
      state: 'ready',
      draining: false,
      refusal: undefined,
    },
  );
  const [worker] = status.find(({ name }) => name === controller)?.workers ?? [];
  t.match(worker, { ready: true, slots: SLOTS, storageMs: Number });
  const epoch = node.controller()?.controlEpoch;
  t.equal(status.find(({ name }) => name === controller)?.controlEpoch, epoch);
  t.match(
    status.find(({ name }) => name === other.name),
    { state: 'gone', slots: 0 },
  );
  t.equal(c.member(controller).node.eventCounts().get('take-over'), 1);
  await c.stop();
});

void t.test('a change of control confirms who has what, and is no news of members', async (t) => {
  const { c, lines } = await cluster('be1', 'be2', 'be3');
  const lost = c.member(c.controllers[0]!);
  const kept = SLOTS - lost.worker.holder.held().length;
  lines.all.length = 0;
  kill(c, lost);
  await c.until(() => c.controllers.length === 1 && lines.of('take-over').length > 0);
  await c.clock.advance(1000);
  t.equal(lines.of('control-taken').length, 1);
  t.equal(lines.slots('slots-confirmed'), kept);
  t.equal(lines.slots('take-over'), SLOTS - kept);
  t.strictSame(lines.of('member-joined'), []);
  t.strictSame(lines.of('member-ready'), []);
  await c.until(() => lines.of('member-gone').length > 0);
  t.match(lines.of('member-gone'), [{ member: lost.name }], 'the old controller is not forgotten');
  const [left] = [...c.members.values()];
  t.match(
    left?.worker.node.status().find(({ name }) => name === lost.name),
    { state: 'gone', slots: 0 },
  );
  await c.stop();
});

void t.test('a drain: begun, slots released and granted, ended', async (t) => {
  const { c, lines } = await cluster('be1', 'be2');
  const [controller = ''] = c.controllers;
  const leaving = [...c.members.values()].find(({ name }) => name !== controller)!;
  const had = leaving.worker.holder.held().length;
  lines.all.length = 0;
  const drained = leaving.node.drain(new AbortController().signal);
  await c.until(() => leaving.worker.holder.held().length === 0, 30_000);
  await c.clock.advance(2000);
  await drained;
  t.match(lines.of('drain-begun'), [{ member: leaving.name }]);
  t.match(lines.of('drain-ended'), [{ member: leaving.name }]);
  t.equal(lines.slots('slots-released'), had);
  t.equal(lines.slots('slots-granted'), had);
  t.equal(lines.slots('take-over'), 0, 'a planned move is none');
  t.match(lines.of('member-not-ready'), [{ member: leaving.name }]);
  t.equal(leaving.worker.node.standing(), 'not-ready', 'balancers are told before its worker stops');
  await c.stop();
});

void t.test('settings, control given up, and a storage that is refused', async (t) => {
  const { c, lines } = await cluster('be1', 'be2');
  const controller = c.member(c.controllers[0]!);
  const change = controller.worker.node.changeSettings({ key: 'a', value: 'b' }, { timeoutMs: 5000 });
  let answered = false;
  void change.then(() => (answered = true));
  await c.until(() => answered);
  t.match(lines.of('settings-changed'), [{ version: 2 }]);
  lines.all.length = 0;
  const stopped = controller.node.stop();
  await c.clock.advance(3000);
  await stopped;
  t.match(lines.of('control-given-up'), [{ reason: 'stopping' }]);
  c.members.delete(controller.name);
  void controller.worker.node.stop(0);
  const lonely = await c.add('be9', 'backend', new MemoryFs({ kind: 'nfs' }));
  await c.until(() => lines.of('storage-refused').length > 1);
  t.match(lines.of('storage-refused')[0]?.refusal, /not mounted/);
  await c.until(() => {
    const status = c.member([...c.members.keys()][0]!).worker.node.status();
    return status.some(({ name, refusal }) => name === 'be9' && /not mounted/.test(refusal ?? ''));
  });
  t.match(lonely.node.refusal(), /not mounted/, 'and everybody sees why');
  await c.stop();
});

void t.test('what balancers are told: cut off is not ready, gone for all is degraded', async (t) => {
  const { c } = await cluster('be1', 'be2', 'fe1', 'fe2');
  const { worker, bus } = c.member('fe1');
  const other = c.member('fe2');
  const standing = () => [worker.node.standing(), other.worker.node.standing()];
  t.strictSame(standing(), ['ready', 'ready']);

  const others = [...c.members.values()].filter(({ name }) => name !== 'fe1');
  for (const each of others)
    for (const far of [each.bus, each.worker.bus]) for (const near of [bus, worker.bus]) c.hub.cut(near, far);
  await c.until(() => worker.node.standing() !== 'ready');
  await c.clock.advance(10_000);
  t.strictSame(standing(), ['not-ready', 'ready'], 'fe1 reaches nobody');
  c.hub.heal();
  await c.until(() => worker.node.standing() === 'ready');

  // Nobody can write a heartbeat: there is no controller for anybody.
  const { promise, resolve } = Promise.withResolvers<void>();
  c.fs.before = (call) => (call === 'writeDurably' || call === 'createExclusive' ? promise : undefined);
  await c.until(() => !worker.node.isReady());
  await c.until(() => standing().every((each) => each === 'degraded'), 20_000);
  t.pass('degraded, both');
  await c.clock.advance(30_000);
  t.strictSame(standing(), ['degraded', 'degraded'], 'for as long as it takes');
  c.fs.before = undefined;
  resolve();
  await c.until(() => standing().every((each) => each === 'ready'), 20_000);
  await c.stop();
});

void t.test('a frontend that has never served is not degraded', async (t) => {
  const c = new TestCluster();
  await c.init();
  const { worker } = await c.add('fe1', 'frontend');
  await c.clock.advance(20_000);
  t.equal(worker.node.standing(), 'not-ready');
  await c.stop();
});

void t.test('docs/operator.md lists every event, and no other', async (t) => {
  const text = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'operator.md'), 'utf8');
  const section = /## Events\n([^]*?)\n## /.exec(`${text}\n## `)?.[1] ?? '';
  const listed = [...section.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, event]) => event);
  t.strictSame(sorted(listed), sorted(Object.keys(CLUSTER_EVENTS)));
});
