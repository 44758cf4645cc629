/** Whole clusters in memory: taking control, leases, moves, losses. Sentences of docs/architecture.md are quoted. */
import t from 'tap';
import { initStorage } from '../../src/cluster/storage/check.ts';
import { type DomainId, epochOf, SLOTS, type Slot } from '../../src/store/ids.ts';
import { MemoryFs } from '../support/memory-fs.ts';
import { memoryPlatform } from '../support/memory-platform.ts';
import { ROOT, TestCluster } from './cluster.ts';

async function cluster(...backends: string[]): Promise<TestCluster> {
  const c = new TestCluster();
  await c.init();
  for (const name of backends) await c.add(name, 'backend');
  return c;
}

void t.test('a first start: one controller, all slots owned, everybody ready', async (t) => {
  const c = await cluster('be1', 'be2');
  await c.add('fe1', 'frontend');
  const all = [...c.members.values()];
  const tookMs = await c.until(() =>
    all.every(({ node, worker }) => node.isReady() && worker.node.isReady()),
  );
  t.ok(tookMs < 3000, `ready after ${tookMs} ms`);
  t.equal(c.controllers.length, 1);
  await c.until(() => all.reduce((sum, { worker }) => sum + worker.holder.held().length, 0) === SLOTS);
  t.equal(c.member('fe1').worker.node.map.owners().length, 2);
  t.equal(c.member('fe1').worker.node.settings.domain('example.org')?.id, 1);
  const states = () =>
    c
      .member('fe1')
      .worker.node.status()
      .map(({ name, state }) => `${name} ${state}`);
  await c.until(() => ['be1 ready', 'be2 ready', 'fe1 ready'].every((each) => states().includes(each)));
  await c.stop();
});

void t.test(
  'slots are spread evenly when a backend joins later, one by one and never held twice',
  async (t) => {
    const c = await cluster('be1');
    const be1 = c.member('be1').worker;
    await c.until(() => be1.holder.held().length === SLOTS);
    const be2 = (await c.add('be2', 'backend')).worker;
    let most = 0;
    const tookMs = await c.until(() => {
      const both = be1.holder.held().filter((slot) => be2.holder.leases.get(slot)?.held());
      most = Math.max(most, both.length);
      return be2.holder.held().length === SLOTS / 2;
    }, 20_000);
    t.equal(most, 0, 'no slot was held by both');
    t.ok(tookMs > 2000, `at a bounded rate: ${tookMs} ms`);
    await c.clock.advance(2000);
    t.equal(be1.holder.held().length, SLOTS / 2, 'and nothing moves when all is even');
    await c.stop();
  },
);

void t.test('"a crashed process costs about 0.2 s": its supervisor reports the exit', async (t) => {
  const c = await cluster('be1', 'be2');
  await c.balanced();
  const [lost, other] = [c.member('be1').worker, c.member('be2').worker];
  c.hub.crash(lost.bus);
  c.member('be1').node.workerExited(lost.bus.self.incarnation);
  const tookMs = await c.until(() => other.holder.held().length === SLOTS);
  t.ok(tookMs <= 200, `after ${tookMs} ms`);
  await c.stop();
});

void t.test('"a lost machine about 2.5 s": nobody proves anything, the leases run out', async (t) => {
  const c = await cluster('be1', 'be2', 'be3');
  await c.balanced();
  const controller = c.controllers[0]!;
  const lost = c.member(['be1', 'be2', 'be3'].find((name) => name !== controller)!);
  c.hub.crash(lost.worker.bus);
  c.hub.crash(lost.bus);
  const rest = [...c.members.values()].filter((member) => member !== lost);
  let early = 0;
  const tookMs = await c.until(() => {
    for (const { worker } of rest)
      early += worker.holder.held().filter((slot) => lost.worker.holder.leases.get(slot)?.held()).length;
    return rest.reduce((sum, { worker }) => sum + worker.holder.held().length, 0) === SLOTS;
  });
  t.equal(early, 0, 'the lost one never held what others held');
  t.ok(tookMs > 1500 && tookMs < 3000, `after ${tookMs} ms`);
  await c.stop();
});

void t.test('"losing the controller pauses no account of another backend"', async (t) => {
  const c = await cluster('be1', 'be2', 'be3');
  await c.balanced();
  const lost = c.member(c.controllers[0]!);
  const rest = [...c.members.values()].filter((member) => member !== lost);
  const before = rest.map(({ worker }) =>
    worker.holder.held().map((slot) => worker.holder.leases.get(slot)!),
  );
  c.hub.crash(lost.bus);
  c.hub.crash(lost.worker.bus);
  void lost.node.stop();
  void lost.worker.node.stop(0);
  let paused = 0;
  const count = () => {
    for (const leases of before) paused += leases.filter((lease) => !lease.held()).length;
  };
  const replacedMs = await c.until(() => {
    count();
    return c.controllers.some((name) => name !== lost.name);
  });
  t.ok(replacedMs < 1800, `replaced after ${replacedMs} ms`);
  await c.until(() => {
    count();
    return rest.reduce((sum, { worker }) => sum + worker.holder.held().length, 0) === SLOTS;
  });
  await c.clock.advance(5000);
  count();
  t.equal(paused, 0, 'all leases of the others went on under their epochs');
  await c.stop();
});

void t.test(
  '"1.5 s if it was the controller\'s supervisor": all that may hold are named in its file, and proven dead',
  async (t) => {
    const c = await cluster('be1', 'be2', 'be3');
    await c.add('fe1', 'frontend');
    await c.balanced();
    const lost = c.member(c.controllers[0]!);
    const rest = [...c.members.values()].filter((member) => member !== lost);
    c.hub.crash(lost.bus);
    c.hub.crash(lost.worker.bus);
    void lost.node.stop();
    void lost.worker.node.stop(0);
    // What a life connection tells the other backends.
    for (const { node } of rest) node.workerExited(lost.worker.bus.self.incarnation);
    const held = () => rest.reduce((sum, { worker }) => sum + worker.holder.held().length, 0);
    const tookMs = await c.until(() => held() === SLOTS);
    t.ok(tookMs < 1500, `after ${tookMs} ms`);
    await c.stop();
  },
);

void t.test('a controller in the minority gives up, and another backend takes over', async (t) => {
  const c = await cluster('be1', 'be2');
  await c.add('fe1', 'frontend');
  await c.balanced();
  const first = c.member(c.controllers[0]!);
  for (const other of c.members.values())
    if (other !== first)
      for (const mine of [first.bus, first.worker.bus])
        for (const theirs of [other.bus, other.worker.bus]) c.hub.cut(mine, theirs);
  let both = 0;
  const tookMs = await c.until(() => {
    if (c.controllers.length > 1) both++;
    return c.controllers.length === 1 && c.controllers[0] !== first.name;
  });
  t.equal(both, 0, 'never two with authority');
  t.ok(tookMs < 4000, `after ${tookMs} ms`);
  await c.clock.advance(3000);
  t.equal(first.worker.holder.held().length, 0, 'its worker holds nothing any more');
  c.hub.heal();
  await c.clock.advance(3000);
  await c.until(() => first.node.isReady());
  await c.stop();
});

void t.test(
  '"a member cut from the controller but not from others has its renewals relayed one hop"',
  async (t) => {
    const c = await cluster('be1', 'be2', 'be3');
    await c.balanced();
    const controller = c.member(c.controllers[0]!);
    const cut = [...c.members.values()].find((member) => member !== controller)!;
    const leases = cut.worker.holder.held().map((slot) => cut.worker.holder.leases.get(slot)!);
    for (const mine of [cut.bus, cut.worker.bus])
      for (const theirs of [controller.bus, controller.worker.bus]) c.hub.cut(mine, theirs);
    let paused = 0;
    for (let i = 0; i < 500; i++) {
      await c.clock.advance(10);
      paused += leases.filter((lease) => !lease.held()).length;
    }
    t.equal(paused, 0, 'no lease lapsed in 5 s');
    t.ok(cut.node.isReady() && cut.worker.node.isReady());
    t.same(c.controllers, [controller.name]);
    await c.stop();
  },
);

void t.test('a settings change is answered when every ready member shows it', async (t) => {
  const c = await cluster('be1', 'be2');
  const fe = await c.add('fe1', 'frontend');
  await c.balanced();
  await c.until(() => fe.node.isReady());
  let answered: unknown;
  let shown: string[] = [];
  void fe.worker.node.changeSettings({ key: 'a', value: '1' }, { timeoutMs: 5000 }).then((result) => {
    answered = result;
    shown = [...c.members.values()].flatMap(({ node, worker }) =>
      [node, worker.node].map((each) => String(each.settings.value('a'))),
    );
  });
  const tookMs = await c.until(() => answered !== undefined);
  t.equal(answered, 'set a');
  t.same(shown, ['1', '1', '1', '1', '1', '1']);
  t.ok(tookMs < 500, `after ${tookMs} ms`);

  // "A member that has heard no controller for 3 s is not ready", and is not waited for.
  for (const other of c.members.values())
    if (other !== fe)
      for (const mine of [fe.bus, fe.worker.bus])
        for (const theirs of [other.bus, other.worker.bus]) c.hub.cut(mine, theirs);
  answered = undefined;
  void c
    .member('be1')
    .node.changeSettings({ key: 'b', value: '2' }, { timeoutMs: 9000 })
    .then((result) => {
      answered = result;
      t.notOk(fe.node.isReady(), 'the unheard one knows that it is not ready');
      t.notOk(fe.worker.node.isReady());
    });
  const waitedMs = await c.until(() => answered !== undefined);
  t.ok(waitedMs >= 2500 && waitedMs < 4500, `after ${waitedMs} ms`);
  c.hub.heal();
  await c.until(() => String(fe.worker.node.settings.value('b')) === '2' && fe.node.isReady());
  await c.stop();
});

void t.test('a lost backend with long leases makes no frontend unready', async (t) => {
  const c = new TestCluster({ slotLeaseMs: 10_000 });
  await c.init();
  for (const name of ['be1', 'be2', 'be3']) await c.add(name, 'backend');
  await c.add('fe1', 'frontend');
  await c.balanced();
  const lost = c.member(['be1', 'be2', 'be3'].find((name) => !c.controllers.includes(name))!);
  for (const bus of [lost.bus, lost.worker.bus]) c.hub.crash(bus);
  void lost.node.stop();
  void lost.worker.node.stop(0);
  c.members.delete(lost.name);
  const { node } = c.member('fe1').worker;
  const isOwner = () => node.map.owners().some(({ member }) => member === lost.name);
  let unready = 0;
  const tookMs = await c.until(() => {
    if (!node.isReady()) unready++;
    return !isOwner();
  }, 15_000);
  t.ok(tookMs > 5000, `on the map for ${tookMs} ms`);
  t.equal(unready, 0, 'ready all the time');
  await c.stop();
});

void t.test('a frontend that alone does not reach an owner is not ready', async (t) => {
  const c = await cluster('be1', 'be2', 'be3');
  await c.add('fe1', 'frontend');
  await c.balanced();
  const away = c.member(['be1', 'be2', 'be3'].find((name) => !c.controllers.includes(name))!);
  const { worker } = c.member('fe1');
  await c.until(() => worker.node.isReady());
  // Neither directly nor over one hop: what relays pass on to this owner is lost too.
  const serve = away.worker.bus.calls.get('cluster.worker-ping')!;
  away.worker.bus.calls.set('cluster.worker-ping', (body, context) =>
    context.from.incarnation === away.worker.bus.self.incarnation
      ? serve(body, context)
      : new Promise(() => undefined),
  );
  const tookMs = await c.until(() => !worker.node.isReady());
  t.ok(tookMs > 2500 && tookMs < 3500, `after ${tookMs} ms`);
  await c.stop();
});

void t.test('settings of more than a page reach everybody, who is ready then', async (t) => {
  const c = new TestCluster();
  await c.init();
  for (let id = 2; id <= 5000; id++)
    c.settings.domains.push({ id: id as DomainId, name: `d${id}.example`, shared: true });
  for (const [name, role] of [
    ['be1', 'backend'],
    ['fe1', 'frontend'],
  ] as const)
    await c.add(name, role);
  const nodes = [...c.members.values()].flatMap(({ node, worker }) => [node, worker.node]);
  await c.until(() => nodes.every((node) => node.isReady()));
  for (const { settings } of nodes) t.equal(settings.domains().length, 5000);
  t.ok(nodes.every(({ settings }) => settings.domain('d5000.example')?.id === 5000));
  await c.stop();
});

void t.test('a new controller answers no change while members of the old one may be ready', async (t) => {
  const c = await cluster('be1', 'be2');
  await c.add('fe1', 'frontend');
  await c.balanced();
  const old = c.member('be1');
  const cut = c.member('fe1');
  const everybody = [...c.members.values()].flatMap(({ bus, worker }) => [bus, worker.bus]);
  // The frontend hears nobody from now on, and the controller dies: its successor never hears of the frontend.
  for (const bus of [cut.bus, cut.worker.bus])
    for (const other of everybody) if (other.self.member !== 'fe1') c.hub.cut(bus, other);
  for (const bus of [old.bus, old.worker.bus]) c.hub.crash(bus);
  void old.node.stop();
  c.members.delete('be1');
  const { node } = c.member('be2');
  await c.until(() => node.isController());
  t.ok(cut.worker.node.isReady(), 'serves yet');
  let answered = false;
  const change = node.changeSettings({ key: 'k', value: 'v' }, { timeoutMs: 10_000 });
  void change.then(() => {
    answered = true;
  });
  const notReadyMs = await c.until(() => !cut.worker.node.isReady() || answered);
  t.notOk(answered, `still waiting after ${notReadyMs} ms`);
  const tookMs = await c.until(() => answered);
  t.ok(tookMs < 1500, `answered ${tookMs} ms after that`);
  await c.stop();
});

void t.test('draining moves every slot away', async (t) => {
  const c = await cluster('be1', 'be2');
  await c.balanced();
  const { worker } = c.member('be1');
  let drained = false;
  void c
    .member('be1')
    .node.drain(new AbortController().signal)
    .then(() => {
      drained = true;
    });
  await c.until(() => drained, 30_000);
  t.equal(worker.holder.leases.size, 0);
  t.notOk(
    worker.holder.history.some((line) => line.startsWith('lost')),
    'all in good order',
  );
  await c.until(() => c.member('be2').worker.holder.held().length === SLOTS);
  await c.stop();
});

void t.test('a restarted cluster goes on at once after an orderly end, with larger epochs', async (t) => {
  const c = await cluster('be1');
  await c.until(() => c.member('be1').worker.holder.held().length === SLOTS);
  const before = c.member('be1').worker.holder.leases.get(7 as Slot)!.epoch;
  await c.stop();
  const again = new TestCluster();
  again.fs.tree.root.entries.set('shared', c.fs.tree.root.entries.get('shared')!);
  const { worker } = await again.add('be1', 'backend');
  const tookMs = await again.until(() => worker.holder.held().length === SLOTS);
  t.ok(tookMs <= 1500, `after ${tookMs} ms`);
  t.ok(worker.holder.leases.get(7 as Slot)!.epoch > before);
  await again.stop();
});

void t.test(
  "storage not mounted, or another cluster's: stands for nothing and is given nothing",
  async (t) => {
    const c = await cluster('be1');
    const unmounted = await c.add('be2', 'backend', new MemoryFs({ kind: 'nfs' }));
    const foreign = new MemoryFs({ kind: 'nfs' });
    await initStorage(foreign, memoryPlatform({ seed: 7 }).random, { root: ROOT });
    const other = await c.add('be3', 'backend', foreign);
    await c.until(() => c.member('be1').worker.holder.held().length === SLOTS);
    await c.clock.advance(3000);
    t.match(unmounted.node.refusal(), /not mounted/);
    t.match(unmounted.worker.node.refusal(), /not mounted/);
    t.equal(unmounted.worker.holder.history.length, 0);
    t.notOk(other.worker.node.isReady());
    t.match(other.node.refusal(), /another cluster/);
    t.equal(other.worker.holder.history.length, 0);
    t.same(c.controllers, ['be1']);
    await c.stop();
  },
);

void t.test(
  'stalled storage: nothing shown after the lease, released when another backend is well',
  async (t) => {
    const c = new TestCluster();
    await c.init();
    await c.add('be1', 'backend');
    const slow = new MemoryFs({ kind: 'nfs', tree: c.fs.tree });
    const be2 = await c.add('be2', 'backend', slow);
    await c.balanced();
    slow.before = () => new Promise(() => undefined);
    const lease = be2.worker.holder.leases.get(be2.worker.holder.held()[0]!)!;
    const tookMs = await c.until(() => !lease.held());
    t.ok(tookMs >= 1400 && tookMs <= 2200, `stopped showing after ${tookMs} ms`);
    await c.until(() => c.member('be1').worker.holder.held().length === SLOTS);
    t.equal(be2.worker.holder.held().length, 0);
    await c.stop();
  },
);

void t.test('storage stalls for all: nothing moves, and all goes on when it is back', async (t) => {
  const c = await cluster('be1', 'be2');
  await c.balanced();
  const before = [...c.members.values()].map(({ worker }) => [...worker.holder.leases.keys()].join());
  const { promise, resolve } = Promise.withResolvers<void>();
  c.fs.before = () => promise;
  await c.clock.advance(30_000);
  t.same(c.controllers, [], 'no authority without storage');
  t.same(
    [...c.members.values()].map(({ worker }) => [...worker.holder.leases.keys()].join()),
    before,
  );
  c.fs.before = undefined;
  resolve();
  const tookMs = await c.until(() => {
    const held = [...c.members.values()].reduce((sum, { worker }) => sum + worker.holder.held().length, 0);
    return held === SLOTS;
  });
  t.ok(tookMs < 5000, `everything held again after ${tookMs} ms`);
  await c.stop();
});

void t.test('a file with an epoch that was never granted: a control epoch above it is taken', async (t) => {
  const c = await cluster('be1');
  const { worker, node } = c.member('be1');
  await c.until(() => worker.holder.held().length === SLOTS);
  const lease = worker.holder.leases.get(5 as Slot)!;
  lease.reportLargerEpoch(epochOf(41, 3));
  await c.until(() => (node.controller()?.controlEpoch ?? 0) > 41 && node.isController());
  t.ok(node.controller()!.controlEpoch > 41);
  await c.until(() => worker.holder.held().length === SLOTS);
  await c.stop();
});

void t.test('confirm: true by a renewal sent after it, false when the lease is lost', async (t) => {
  const c = await cluster('be1', 'be2');
  await c.balanced();
  const { worker, bus } = c.member('be2');
  const lease = worker.holder.leases.get(worker.holder.held()[0]!)!;
  let confirmed: boolean | undefined;
  void lease.confirm().then((held) => {
    confirmed = held;
  });
  await c.until(() => confirmed !== undefined);
  t.equal(confirmed, true);
  for (const other of [c.member('be1').bus, c.member('be1').worker.bus])
    for (const mine of [bus, worker.bus]) c.hub.cut(mine, other);
  confirmed = undefined;
  void lease.confirm().then((held) => {
    confirmed = held;
  });
  await c.clock.advance(4000);
  c.hub.heal();
  await c.until(() => confirmed !== undefined);
  t.equal(confirmed, worker.holder.leases.get(worker.holder.held()[0]!) === lease);
  await c.stop();
});
