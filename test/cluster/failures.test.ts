/**
 * Sequences of failures that a hostile reader tried on whole clusters in memory: each one once cost the cluster its
 * controller, its balance or seconds for longer than it had to (docs/architecture.md, sections 3 and 6).
 */
import t from 'tap';
import {
  decodeHeartbeat,
  listControlEpochs,
  readHeartbeat,
} from '../../src/cluster/control/heartbeat-file.ts';
import { epochOf, SLOTS, type Slot } from '../../src/store/ids.ts';
import { MemoryFs } from '../support/memory-fs.ts';
import { ROOT, TestCluster, type TestMember } from './cluster.ts';

const STAGGER_MS = 40;

/** Each backend with a mount of its own, so that one can stall alone. */
async function cluster(...names: string[]) {
  const c = new TestCluster();
  await c.init();
  const mounts = new Map<string, MemoryFs>();
  for (const name of names) {
    const fs = new MemoryFs({ kind: 'nfs', tree: c.fs.tree });
    mounts.set(name, fs);
    await c.add(name, 'backend', fs);
    // Their Heartbeats are not in step.
    await c.clock.advance(STAGGER_MS);
  }
  await c.balanced();
  return { c, mounts };
}

/** SIGKILL of supervisor and worker at once. */
function kill(c: TestCluster, member: TestMember): void {
  for (const bus of [member.bus, member.worker.bus]) c.hub.crash(bus);
  void member.node.stop();
  void member.worker.node.stop(0);
  c.members.delete(member.name);
}

const slotsOf = ({ holder }: TestMember['worker']) => [...holder.leases.keys()].sort((a, b) => a - b).join();
const held = (c: TestCluster) =>
  [...c.members.values()].reduce((sum, { worker }) => sum + worker.holder.held().length, 0);

void t.test(
  'the controller dies, at any instant of its Heartbeat: one candidate, one control epoch',
  async (t) => {
    for (const afterMs of [0, 40, 80, 120]) {
      const { c } = await cluster('be1', 'be2', 'be3', 'be4');
      const before = (await listControlEpochs(c.fs, ROOT)).at(-1)!;
      await c.clock.advance(afterMs);
      const lost = c.member(c.controllers[0]!);
      kill(c, lost);
      // What a life connection tells the other backends.
      for (const { node } of c.members.values()) node.workerExited(lost.worker.bus.self.incarnation);
      const tookMs = await c.until(() => held(c) === SLOTS);
      t.ok(tookMs <= 1100, `${afterMs} ms: everything held after ${tookMs} ms`);
      t.equal(
        (await listControlEpochs(c.fs, ROOT)).at(-1),
        before + 1,
        `${afterMs} ms: nobody outbid anybody`,
      );
      const shares = [...c.members.values()].map(({ worker }) => worker.holder.held().length);
      t.ok(Math.max(...shares) - Math.min(...shares) <= 1, `its slots went to all: ${shares.join()}`);
      await c.stop();
    }
  },
);

void t.test('all members start at once after all died: one controller, and no epochs used up', async (t) => {
  const { c } = await cluster('be1', 'be2', 'be3');
  const before = (await listControlEpochs(c.fs, ROOT)).at(-1)!;
  for (const member of c.members.values()) kill(c, member);
  await c.clock.advance(500);
  for (const name of ['be1', 'be2', 'be3']) await c.add(name, 'backend');
  const tookMs = await c.until(() => held(c) === SLOTS);
  t.ok(tookMs < 3500, `after ${tookMs} ms`);
  const used = (await listControlEpochs(c.fs, ROOT)).at(-1)! - before;
  t.ok(used <= 2, `${used} control epochs`);
  await c.stop();
});

void t.test('"when the storage stalls for all, nothing moves", whoever has it back first', async (t) => {
  const { c, mounts } = await cluster('be1', 'be2');
  const before = [...c.members.values()].map(({ worker }) => slotsOf(worker));
  const moved = [...c.members.values()].map(({ worker }) => worker.holder.history.length);
  const gates = [...mounts.values()].map((fs) => {
    const gate = Promise.withResolvers<void>();
    fs.before = () => gate.promise;
    return { fs, gate };
  });
  await c.clock.advance(6000);
  t.same(c.controllers, []);
  for (const { fs, gate } of gates) {
    fs.before = undefined;
    gate.resolve();
    await c.clock.advance(400);
  }
  const tookMs = await c.until(() => held(c) === SLOTS);
  t.ok(tookMs < 2000, `all held again after ${tookMs} ms`);
  t.same(
    [...c.members.values()].map(({ worker }) => slotsOf(worker)),
    before,
    'everybody has what it had',
  );
  t.same(
    [...c.members.values()].map(({ worker }) => worker.holder.history.length),
    moved,
    'under unchanged epochs',
  );
  await c.stop();
});

void t.test(
  'a controller whose storage hangs while it is cut off learns that there is another',
  async (t) => {
    const { c, mounts } = await cluster('be1', 'be2');
    const first = c.member(c.controllers[0]!);
    // "Exactly half is enough": of two it does not give up by itself.
    const { promise, resolve } = Promise.withResolvers<void>();
    mounts.get(first.name)!.before = () => promise;
    for (const other of c.members.values())
      if (other !== first)
        for (const mine of [first.bus, first.worker.bus])
          for (const theirs of [other.bus, other.worker.bus]) c.hub.cut(mine, theirs);
    await c.until(() => c.controllers.some((name) => name !== first.name));
    c.hub.heal();
    const others = () => c.controllers.filter((name) => name !== first.name);
    const tookMs = await c.until(() => first.node.controller()?.member === others()[0]);
    t.ok(tookMs < 1500, `its storage still hangs: ${tookMs} ms`);
    resolve();
    mounts.get(first.name)!.before = undefined;
    await c.until(() => first.node.isReady() && first.worker.node.isReady());
    await c.stop();
  },
);

void t.test('a broken file with an epoch that nobody can have granted does not end control', async (t) => {
  const { c } = await cluster('be1');
  const { worker, node } = c.member('be1');
  const lease = worker.holder.leases.get(5 as Slot)!;
  const { controlEpoch } = node.controller()!;
  for (let i = 0; i < 5; i++) {
    lease.reportLargerEpoch(epochOf(2 ** 21 - 1, 3));
    await c.clock.advance(300);
    t.ok(node.isController() && lease.held());
  }
  t.equal(node.controller()!.controlEpoch, controlEpoch);
  await c.stop();
});

void t.test('"if taking fails, the slot is given back": another backend gets it', async (t) => {
  const { c } = await cluster('be1', 'be2');
  const [be1, be2] = [c.member('be1').worker, c.member('be2').worker];
  const slot = be1.holder.held()[0]!;
  const { epoch } = be1.holder.leases.get(slot)!;
  be1.holder.leases.get(slot)!.giveBack!();
  const tookMs = await c.until(() => be2.holder.leases.get(slot)?.held() === true);
  t.ok(tookMs <= 50, `after ${tookMs} ms`);
  t.ok(be2.holder.leases.get(slot)!.epoch > epoch);
  be2.holder.leases.get(slot)!.giveBack!();
  await c.clock.advance(500);
  t.ok(be1.holder.leases.get(slot)?.held(), 'and who could not a while ago may try when the other cannot');
  await c.stop();
});

void t.test('… and with nobody else it comes back, but not at once', async (t) => {
  const { c } = await cluster('be1');
  const { holder } = c.member('be1').worker;
  const before = holder.history.length;
  holder.leases.get(7 as Slot)!.giveBack!();
  await c.clock.advance(900);
  t.same(holder.history.slice(before), ['lost 7'], 'no busy loop');
  await c.until(() => holder.leases.get(7 as Slot)?.held() === true, 500);
  t.equal(holder.held().length, SLOTS);
  await c.stop();
});

void t.test('a waiting change is told at once when control is lost', async (t) => {
  const { c, mounts } = await cluster('be1', 'be2');
  const first = c.member(c.controllers[0]!);
  const second = [...c.members.values()].find((member) => member !== first)!;
  // Ready and heard, but its copy of the settings is held up, so the change cannot be shown by all.
  c.hub.cut(second.worker.bus, first.bus);
  c.hub.cut(second.worker.bus, first.worker.bus);
  c.hub.cut(second.worker.bus, second.bus);
  let code: unknown;
  void first.node
    .changeSettings({ key: 'k', value: 'v' }, { timeoutMs: 60_000 })
    .catch((error: { code?: string }) => {
      code = error.code;
    });
  await c.clock.advance(300);
  t.equal(code, undefined);
  mounts.get(first.name)!.before = (call) => {
    if (call === 'writeDurably') throw Object.assign(new Error('EIO'), { code: 'EIO' });
  };
  await c.clock.advance(300);
  t.equal(code, 'unknown', 'it is stored, and who shows it nobody knows');
  mounts.get(first.name)!.before = undefined;
  c.hub.heal();
  await c.stop();
});

void t.test('an incarnation that is gone, as an owner is told', async (t) => {
  const { c } = await cluster('be1', 'be2');
  const owner = c.member('be1').worker.node;
  const gone = c.member('be2');
  const { incarnation } = gone.worker.bus.self;
  t.equal(owner.goneForMs(incarnation), 0);
  kill(c, gone);
  await c.clock.advance(60_000);
  const goneMs = owner.goneForMs(incarnation);
  t.ok(goneMs > 50_000 && goneMs <= 60_000, `${goneMs} ms`);
  await c.stop();
});

void t.test('an orderly end waits for the heartbeat under way: the next start goes on at once', async (t) => {
  const { c, mounts } = await cluster('be1');
  const { node, worker } = c.member('be1');
  const stopped = worker.node.stop();
  await c.until(() => worker.holder.leases.size === 0);
  await c.clock.advance(200);
  await stopped;
  const { promise, resolve } = Promise.withResolvers<void>();
  mounts.get('be1')!.before = (call) => (call === 'list' ? promise : undefined);
  await c.clock.advance(200);
  const ended = node.stop();
  await c.clock.advance(10);
  mounts.get('be1')!.before = undefined;
  resolve();
  await ended;
  const last = (await listControlEpochs(c.fs, ROOT)).at(-1)!;
  t.equal(decodeHeartbeat(await readHeartbeat(c.fs, ROOT, last))?.state, 'ended');
});

void t.test(
  'a lapsed slot is granted when no heartbeat on the storage names its holder any more',
  async (t) => {
    const { c, mounts } = await cluster('be1', 'be2', 'be3');
    const controller = c.member(c.controllers[0]!);
    // A heartbeat takes its time to get there.
    mounts.get(controller.name)!.before = (call) => (call === 'writeDurably' ? c.clock.sleep(30) : undefined);
    const lost = [...c.members.values()].find((member) => member !== controller)!;
    const { incarnation } = lost.worker.bus.self;
    // Nobody proves its death: it may be a machine whose clock stands still, and wake up with all its leases.
    kill(c, lost);
    const slot = [...controller.worker.holder.leases.keys()].length;
    const epoch = (await listControlEpochs(c.fs, ROOT)).at(-1)!;
    const isNamed = async () =>
      decodeHeartbeat(await readHeartbeat(c.fs, ROOT, epoch))?.holders?.includes(incarnation) ?? true;
    t.ok(await isNamed());
    const gained = () => [...controller.worker.holder.leases.keys()].length > slot;
    for (let ms = 0; ms < 5000 && !gained(); ms += 5) await c.clock.advance(5);
    t.ok(gained());
    t.notOk(await isNamed());
    await c.stop();
  },
);
