/** Intents where something is away: a participant's storage, the first log's owner, a slot that moves. */
import t from 'tap';
import { failureCode } from '../../src/lib/failure.ts';
import type { DomainId, Epoch, Slot } from '../../src/store/ids.ts';
import { slotOf } from '../../src/store/slots.ts';
import { TestCluster, type Worker } from './cluster.ts';
import { expectAtRest } from './consistency.ts';

const ONE = 1 as DomainId;
const NAMES = ['joe', 'jim', 'ann', 'eve'].map((name) => ({ domainId: ONE, name }));
const SLOTS_USED = NAMES.map(({ domainId, name }) => slotOf(domainId, name));
const [JOE, JIM, ANN] = ['joe', 'jim', 'ann'].map((name) => slotOf(ONE, name)) as [Slot, Slot, Slot];

function build() {
  // A worker for each slot, so that each can be away alone.
  const cluster = new TestCluster(SLOTS_USED, SLOTS_USED.length);
  const { names } = cluster;
  const run = <T>(work: Promise<T>) => cluster.until(work);
  const code = (work: Promise<unknown>) =>
    run(
      work.then(
        () => 'ok',
        (error: unknown) => failureCode(error) ?? String(error),
      ),
    );
  return { cluster, names, run, code };
}

const HANGS = new Promise<never>(() => undefined);

void t.test(
  'a participant whose storage is away before the decision: nothing happens, and only its names wait',
  async (t) => {
    const { cluster, names, run, code } = build();
    const id = await run(names.createAccount(ONE, 'joe', new Map()));
    const away = cluster.owner(ANN)!;
    const before = away.fs.before;
    away.fs.before = () => HANGS;
    t.match(await code(names.setAliases(ONE, 'joe', ['jim', 'ann'])), /unavailable|unknown/);
    t.strictSame(await run(names.resolve(ONE, 'joe', 500)), { kind: 'account', object: id });
    t.strictSame(await run(names.resolve(ONE, 'jim', 500)), { kind: 'unknown' }, 'given back');
    t.equal(await code(names.resolve(ONE, 'ann', 500)), 'unavailable');
    t.equal(await code(names.createAccount(ONE, 'jim', new Map())), 'ok', 'which others may take');
    // The storage is back for a new owner; the calls that hang are for ever lost.
    away.fs.before = before;
    cluster.kill(away);
    const world = await expectAtRest(t, cluster, SLOTS_USED, NAMES, 'back');
    t.strictSame([...world.leadsTo.keys()].sort(), ['1/jim', '1/joe']);
  },
);

void t.test('a participant that is away after the decision: done is done, and its names wait', async (t) => {
  const { cluster, names, run, code } = build();
  const id = await run(names.createAccount(ONE, 'joe', new Map()));
  const away = cluster.owner(ANN)!;
  // It answers the reservation, then its storage hangs.
  let reserved = false;
  cluster.onPoint = ({ worker, what }) => {
    if (worker === away && what === 'after directory.step' && !reserved) {
      reserved = true;
      worker.fs.before = () => HANGS;
    }
  };
  t.equal(await code(names.setAliases(ONE, 'joe', ['jim', 'ann'])), 'ok', 'decided');
  t.equal(reserved, true);
  t.strictSame(await run(names.aliases(ONE, 'joe')), ['ann', 'jim']);
  t.strictSame(await run(names.resolve(ONE, 'jim', 500)), { kind: 'account', object: id });
  t.equal(await code(names.resolve(ONE, 'ann', 500)), 'unavailable', 'not unknown: mail for it waits');
  t.equal(await code(names.setAliases(ONE, 'joe', [])), 'unavailable', 'one change of an account at a time');
  cluster.kill(away);
  const world = await expectAtRest(t, cluster, SLOTS_USED, NAMES, 'back');
  t.strictSame([...world.leadsTo.keys()].sort(), ['1/ann', '1/jim', '1/joe']);
});

void t.test(
  'a planned move of the first log in the midst of an intent: the next owner answers the same request',
  async (t) => {
    const { cluster, names, run, code } = build();
    await run(names.createAccount(ONE, 'joe', new Map()));
    let moves = 0;
    let moved: Promise<void> | undefined;
    cluster.onPoint = ({ what }) => {
      if (what === 'before directory.step' && moves++ === 0) moved = cluster.move(JOE, cluster.owner(JIM)!);
    };
    t.equal(await code(names.setAliases(ONE, 'joe', ['jim', 'ann'])), 'ok');
    await moved;
    const world = await expectAtRest(t, cluster, SLOTS_USED, NAMES, 'at rest');
    t.strictSame([...world.leadsTo.keys()].sort(), ['1/ann', '1/jim', '1/joe']);
  },
);

void t.test(
  'a reservation of an intent that its first log does not know is freed when it is in the way',
  async (t) => {
    const { cluster, run, names, code } = build();
    const object = { domainId: ONE, name: 'joe', serial: '1-1' };
    const body = {
      slot: JIM,
      kind: 'reserve',
      intent: { slot: JOE, epoch: 1 as Epoch, modseq: 5 },
      epoch: 1,
      lowestOpen: 5,
      object,
      add: [{ domainId: ONE, name: 'jim' }],
      drop: [],
    };
    await run(
      cluster.router(undefined).call(JIM, 'directory.step', body, { timeoutMs: 100, repeatable: true }),
    );
    t.equal(await code(names.createAccount(ONE, 'jim', new Map())), 'ok', 'after the first log was asked');
  },
);

void t.test(
  'two changes that want the same names: one wins, the other is refused, nobody waits for ever',
  async (t) => {
    const { cluster, names, run } = build();
    await run(Promise.all(['joe', 'eve'].map((name) => names.createAccount(ONE, name, new Map()))));
    const results = await run(
      Promise.allSettled([
        names.setAliases(ONE, 'joe', ['jim', 'ann']),
        names.setAliases(ONE, 'eve', ['ann', 'jim']),
      ]),
    );
    const world = await expectAtRest(t, cluster, SLOTS_USED, NAMES, 'at rest');
    const winners = results.filter(({ status }) => status === 'fulfilled').length;
    t.ok(winners <= 1);
    t.equal(world.leadsTo.size, 2 + 2 * winners);
  },
);

void t.test('nobody hears of an intent before it is durable', async (t) => {
  const { cluster, names, run, code } = build();
  await run(names.createAccount(ONE, 'joe', new Map()));
  const owner = cluster.owner(JOE)!;
  const { before } = owner.fs;
  owner.fs.before = (call, path) => (call === 'writeDurably' ? HANGS : before?.(call, path));
  const heard: string[] = [];
  cluster.onPoint = ({ what }) => void heard.push(what);
  t.equal(await code(names.setAliases(ONE, 'joe', ['jim', 'ann'])), 'unknown');
  t.notOk(heard.some((what) => what.includes('directory.step')));
});

void t.test('participants that are away, however many, keep no name of another waiting', async (t) => {
  const aliases = Array.from({ length: 40 }, (_, i) => `away${i}`);
  const all = ['joe', ...aliases, 'zoe'].map((name) => ({ domainId: ONE, name }));
  const cluster = new TestCluster(
    all.map(({ name }) => slotOf(ONE, name)),
    3,
  );
  const { names, workers } = cluster;
  const [first, away, last] = workers as [Worker, Worker, Worker];
  const give = (name: string, to: Worker) => {
    cluster.owner(slotOf(ONE, name))?.host.lost(slotOf(ONE, name));
    cluster.grant(slotOf(ONE, name), to);
  };
  for (const name of aliases) give(name, away);
  give('joe', first);
  give('zoe', last);
  const id = await cluster.until(names.createAccount(ONE, 'joe', new Map()));
  // All have reserved when the decision is written; then the storage of one worker hangs.
  let reserved = 0;
  cluster.onPoint = ({ what }) => {
    if (what === 'after directory.step' && ++reserved === aliases.length + 1) away.fs.before = () => HANGS;
  };
  await cluster.until(names.setAliases(ONE, 'joe', [...aliases, 'zoe']));
  const zoe = await cluster.until(names.resolve(ONE, 'zoe', 10_000));
  t.strictSame(zoe, { kind: 'account', object: id });
  cluster.onPoint = undefined;
  cluster.kill(away);
  await expectAtRest(
    t,
    cluster,
    all.map(({ name }) => slotOf(ONE, name)),
    all,
    'and they hear of it when they are back',
  );
});
