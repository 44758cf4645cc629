/** The host of objects on the real engines: grants, moves and losses; accounts opened once, kept, dropped, reopened. */
import { setImmediate as immediate } from 'node:timers/promises';
import t from 'tap';
import { Failure, failureCode } from '../../../src/lib/failure.ts';
import { noLogger } from '../../../src/lib/logging.ts';
import { openAccount } from '../../../src/store/account/account.ts';
import { ObjectHost } from '../../../src/store/host/host.ts';
import type { HostLimits } from '../../../src/store/host/types.ts';
import {
  type DomainId,
  epochOf,
  type Incarnation,
  type ObjectId,
  type Slot,
} from '../../../src/store/ids.ts';
import { openLog } from '../../../src/store/log/log.ts';
import type { OpenLogOptions } from '../../../src/store/log/options.ts';
import { serialOf } from '../../../src/store/slot/slot.ts';
import { slotOf } from '../../../src/store/slots.ts';
import { type MemoryPlatform, memoryPlatform } from '../../support/memory-platform.ts';

const ONE = 1 as DomainId;
const SLOT = slotOf(ONE, 'joe');
const INCARNATION = 'a'.repeat(32) as Incarnation;

function build(platform: MemoryPlatform = memoryPlatform(), limits: Partial<HostLimits> = {}) {
  const opened: string[] = [];
  const host = new ObjectHost({
    platform,
    root: '/shared',
    logger: noLogger,
    fence: false,
    limits,
    openAccount,
    openLog: (options: OpenLogOptions) => {
      opened.push(options.object);
      return openLog(options);
    },
  });
  let grants = 0;
  const grant = (slot: Slot = SLOT) => {
    const lease = {
      incarnation: INCARNATION,
      epoch: epochOf(1, ++grants),
      isHeld: true,
      held: () => lease.isHeld,
      confirm: async () => lease.isHeld,
      reportLargerEpoch: () => undefined,
    };
    host.granted(slot, lease);
    return lease;
  };
  /** As the directory does it, without its checks. */
  const create = async (name: string): Promise<ObjectId> => {
    const open = await host.slot(slotOf(ONE, name));
    await platform.fs.makeDirectory(`/shared/d/${name}`);
    return open.change((draft) => {
      const id = { domainId: ONE, name, serial: serialOf(open.lease, draft.nextModseq) };
      const present = { domainId: ONE, name };
      const rest = { state: 'active', present, aliases: [], requests: [] } as const;
      const initial = new Map([['k', Buffer.from('v')]]);
      draft.put({
        kind: 'object-created',
        request: 'r',
        object: { id, path: `d/${name}`, initial, ...rest },
      });
      return id;
    });
  };
  return { host, platform, opened, grant, create };
}

async function code(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'ok',
    (error: unknown) => failureCode(error) ?? String(error),
  );
}

async function turns(count = 30): Promise<void> {
  for (let i = 0; i < count; i++) await immediate();
}

void t.test('a slot that is not ours has moved; one that is granted is opened when asked for', async (t) => {
  const { host, grant } = build();
  t.equal(await code(host.slot(SLOT)), 'moved');
  t.equal(await code(host.run(SLOT, async () => 1)), 'moved');
  t.equal(await code(host.account({ domainId: ONE, name: 'joe', serial: '1-1' })), 'moved');
  await host.release(SLOT);
  grant();
  t.equal((await host.slot(SLOT)).slot, SLOT);
  t.equal(await code(host.account({ domainId: ONE, name: 'joe', serial: '1-1' })), 'not-found');
  t.strictSame(host.slots(), [SLOT]);
});

void t.test('an object is opened once, however many ask', async (t) => {
  const { host, grant, create, opened } = build();
  grant();
  const slots = await Promise.all(Array.from({ length: 20 }, () => host.slot(SLOT)));
  t.equal(new Set(slots).size, 1);
  const id = await create('joe');
  const handles = await Promise.all(Array.from({ length: 20 }, () => host.account(id)));
  t.equal(new Set(handles.map(({ account }) => account)).size, 1);
  t.equal(handles[0]!.account.property('k')?.toString(), 'v');
  t.equal(opened.length, 2);
});

void t.test(
  'a planned move waits for operations, refuses new ones, and leaves everything closed',
  async (t) => {
    const { host, grant, create, platform } = build();
    grant();
    const id = await create('joe');
    const handle = await host.account(id);
    const finish = Promise.withResolvers<void>();
    const running = host.withAccount(id, async (account) => {
      await finish.promise;
      await account.setProperties(new Map([['late', Buffer.from('1')]]));
      return 'done';
    });
    let isReleased = false;
    const released = host.release(SLOT).then(() => (isReleased = true));
    await turns();
    t.equal(isReleased, false);
    t.equal(await code(host.run(SLOT, async () => 1)), 'unavailable');
    t.equal(await code(host.account(id)), 'unavailable');
    finish.resolve();
    t.equal(await running, 'done');
    await released;
    t.equal(handle.account.gone.aborted, true);
    t.equal(await code(host.slot(SLOT)), 'moved');
    t.equal(host.openAccounts, 0);

    const next = build(platform);
    next.grant();
    using again = await next.host.account(id);
    t.equal(again.account.property('late')?.toString(), '1', 'the next owner has it');
  },
);

void t.test('a lost slot ends everything at once, though the storage hangs', async (t) => {
  const { host, grant, create, platform } = build();
  const lease = grant();
  const id = await create('joe');
  const handle = await host.account(id);
  platform.fs.before = (call) => (call === 'writeDurably' ? new Promise(() => undefined) : undefined);
  const change = host.withAccount(
    id,
    (account) => account.setProperties(new Map([['x', Buffer.from('1')]])),
    {
      late: 'unknown',
    },
  );
  const released = host.release(SLOT);
  await turns();
  lease.isHeld = false;
  host.lost(SLOT);
  t.equal(await code(change), 'unknown');
  t.equal(await code(released), 'ok', 'a release under way ends too');
  await turns();
  t.equal(handle.account.gone.aborted, true);
  t.equal(await code(handle.account.settled()), 'unavailable');
  t.equal(await code(host.slot(SLOT)), 'moved');
});

void t.test('granted anew, the slot is opened anew', async (t) => {
  const { host, grant } = build();
  grant();
  const first = await host.slot(SLOT);
  grant();
  t.equal(await code(first.read(() => 1)), 'unavailable');
  const second = await host.slot(SLOT);
  t.not(second, first);
  t.equal(second.lease.epoch, epochOf(1, 2));
});

void t.test('a caller is answered in time, whatever the storage does', async (t) => {
  const { host, grant, platform } = build();
  grant();
  platform.fs.before = (call) => (call === 'list' ? new Promise(() => undefined) : undefined);
  const read = code(host.run(SLOT, () => host.slot(SLOT), { timeoutMs: 500 }));
  const change = code(host.run(SLOT, () => host.slot(SLOT), { timeoutMs: 800, late: 'unknown' }));
  await platform.clock.advance(499);
  let isAnswered = false;
  void read.then(() => (isAnswered = true));
  await turns(3);
  t.equal(isAnswered, false);
  await platform.clock.advance(301);
  t.equal(await read, 'unavailable');
  t.equal(await change, 'unknown');
});

void t.test('a failed object is opened again after a pause that grows and ends', async (t) => {
  const { host, grant, create, platform, opened } = build();
  grant();
  const id = await create('joe');
  const eio = () => {
    throw Object.assign(new Error('EIO'), { code: 'EIO' });
  };
  platform.fs.before = (call) => (call === 'writeDurably' ? eio() : undefined);
  const set = (value: string) =>
    code(host.withAccount(id, (account) => account.setProperties(new Map([['x', Buffer.from(value)]]))));
  t.match(await set('1'), /unknown|unavailable/);
  const before = opened.length;
  t.equal(await set('2'), 'unavailable', 'a moment ago');
  t.equal(opened.length, before, 'and not even tried');
  for (let i = 0; i < 20; i++) {
    await platform.clock.advance(1000);
    await set('3');
  }
  platform.fs.before = undefined;
  await platform.clock.advance(1000);
  t.equal(await set('4'), 'ok', 'served again within the longest pause');
  using handle = await host.account(id);
  t.equal(handle.account.property('x')?.toString(), '4');
});

void t.test('accounts nobody uses are closed in time, those in use never', async (t) => {
  const { host, grant, create, platform } = build(undefined, { accountIdleMs: 1000 });
  grant();
  const id = await create('joe');
  const used = await host.account(id);
  await platform.clock.advance(10_000);
  t.equal(host.openAccounts, 1);
  used[Symbol.dispose]();
  used[Symbol.dispose]();
  await platform.clock.advance(900);
  t.equal(host.openAccounts, 1);
  await platform.clock.advance(1000);
  t.equal(host.openAccounts, 0);
  t.equal(used.account.gone.aborted, true);
  using again = await host.account(id);
  t.equal(again.account.gone.aborted, false);
});

void t.test('above the number of accounts kept open the longest unused goes', async (t) => {
  const names = ['joe', 'ann', 'eve', 'max'];
  const { host, grant, create } = build(undefined, { openAccountsMax: 2 });
  for (const slot of new Set(names.map((name) => slotOf(ONE, name)))) grant(slot);
  const held = new Map<string, { readonly account: { readonly gone: AbortSignal } }>();
  for (const name of names) {
    using handle = await host.account(await create(name));
    held.set(name, handle);
  }
  await turns();
  t.equal(host.openAccounts, 2);
  t.strictSame(
    names.map((name) => held.get(name)!.account.gone.aborted),
    [true, true, false, false],
  );
});

void t.test(
  'a planned move does not wait for a snapshot; the end of the host does, for a while',
  async (t) => {
    for (const isStuck of [false, true]) {
      const { host, grant, create, platform } = build();
      grant();
      const id = await create('joe');
      await host.withAccount(id, async (account) => {
        for (let count = 0; count < 1000; count++)
          await account.setProperties(new Map([['x', Buffer.from(`${count}`)]]));
      });
      const hold = Promise.withResolvers<void>();
      platform.fs.before = (call) => (call === 'replace' ? hold.promise : undefined);
      await host.release(SLOT);
      const snapshots = async () =>
        (await platform.fs.list('/shared/d/joe')).filter((name) => name.startsWith('snap'));
      t.same(await snapshots(), []);
      let isClosed = false;
      const closed = host.close().then(() => (isClosed = true));
      await turns();
      t.notOk(isClosed);
      if (isStuck) await platform.clock.advance(2000);
      else hold.resolve();
      await closed;
      t.equal((await snapshots()).length, isStuck ? 0 : 1);
      hold.resolve();
    }
  },
);

void t.test('accounts too large together are closed, the longest unused first', async (t) => {
  const names = ['a', 'b', 'c'];
  const fill = async (host: ObjectHost, id: ObjectId): Promise<void> => {
    await host.withAccount(id, async (account) => {
      const { id: mailbox } = account.mailbox('INBOX')!;
      const message = { content: Buffer.from('x'), flags: [], internalDateMs: 0 };
      await Promise.all(Array.from({ length: 200 }, () => account.append(mailbox, message)));
    });
    await turns();
  };
  const all = build();
  for (const name of names) all.grant(slotOf(ONE, name));
  for (const name of names) await fill(all.host, await all.create(name));
  const each = all.host.openOctets / names.length;
  t.ok(each > 200 * 64 + 10_000, 'weighed after its use');
  t.equal(all.host.openAccounts, 3);
  await all.host.close();
  t.equal(all.host.openOctets, 0);

  for (const room of [2.5, 0.5]) {
    const { host, grant, create } = build(memoryPlatform(), { openOctetsMax: Math.floor(room * each) });
    for (const name of names) grant(slotOf(ONE, name));
    const ids = await Promise.all(names.map(create));
    const held = await host.account(ids[0]!);
    for (const id of ids) await fill(host, id);
    t.equal(held.account.gone.aborted, false, 'one in use is never closed');
    t.equal(host.openAccounts, 2, 'and the one used last stays');
    held[Symbol.dispose]();
    await turns();
    t.equal(host.openAccounts, room > 2 ? 2 : 1);
    await host.close();
    t.equal(host.openOctets, 0);
  }
});

void t.test('an account that is being closed is opened again after that, not beside it', async (t) => {
  const { host, grant, create, platform, opened } = build(undefined, { accountIdleMs: 1000 });
  grant();
  const id = await create('joe');
  await host.withAccount(id, (account) => account.setProperties(new Map([['x', Buffer.from('1')]])));
  const written = Promise.withResolvers<void>();
  platform.fs.before = (call) => (call === 'writeDurably' ? written.promise : undefined);
  await platform.clock.advance(2000);
  const count = opened.length;
  const asked = host.account(id);
  await turns();
  t.equal(opened.length, count, 'the close record is still being written');
  written.resolve();
  using handle = await asked;
  t.equal(handle.account.property('x')?.toString(), '1');
});

void t.test('a deleted account is gone for whoever uses it', async (t) => {
  const { host, grant, create } = build();
  grant();
  const id = await create('joe');
  const handle = await host.account(id);
  host.dropAccount(id);
  await turns();
  t.equal(handle.account.gone.aborted, true);
  handle[Symbol.dispose]();
  t.equal(host.openAccounts, 0);
});

void t.test('a known account whose directory is missing is unavailable, never empty', async (t) => {
  const { host, grant, create, platform } = build();
  grant();
  const id = await create('joe');
  await platform.fs.removeTree('/shared/d');
  t.equal(await code(host.account(id)), 'unavailable');
});

void t.test('granted slots that exist are opened in the background, and tried again', async (t) => {
  const first = build();
  first.grant();
  await first.create('joe');
  await first.host.close();
  const { host, grant, platform } = build(first.platform);
  const opened: Slot[] = [];
  host.onSlotOpened((open) => void opened.push(open.slot));
  let broken = true;
  platform.fs.before = (call, path) => {
    if (broken && call === 'list' && path.endsWith('slots'))
      throw Object.assign(new Error('EIO'), { code: 'EIO' });
  };
  grant();
  grant((SLOT === 0 ? 1 : 0) as Slot);
  await turns();
  t.strictSame(opened, []);
  broken = false;
  await platform.clock.advance(1000);
  await turns();
  t.strictSame(opened, [SLOT], 'only those that exist');
  t.strictSame(await host.slotsOnStorage(), [SLOT]);
});

void t.test('a damaged slot is not tried again and again', async (t) => {
  const platform = memoryPlatform();
  await platform.fs.makeDirectory(`/shared/.cluster/slots/${SLOT.toString().padStart(4, '0')}`);
  let tries = 0;
  const openLog = () => {
    tries++;
    return Promise.reject(new Failure('damaged', 'broken'));
  };
  const host = new ObjectHost({
    platform,
    root: '/shared',
    logger: noLogger,
    fence: false,
    openLog,
    openAccount,
  });
  const held = { held: () => true, confirm: async () => true, reportLargerEpoch: () => undefined };
  host.granted(SLOT, { incarnation: INCARNATION, epoch: epochOf(1, 1), ...held });
  await platform.clock.advance(10_000);
  t.equal(tries, 1);
  t.equal(await code(host.slot(SLOT)), 'damaged', 'but whoever asks is told');
});

void t.test('a release that waits for a hanging opening ends with the lease', async (t) => {
  const { host, grant, platform } = build();
  grant();
  platform.fs.before = (call) => (call === 'list' ? new Promise(() => undefined) : undefined);
  const opening = code(host.slot(SLOT));
  await turns();
  let isReleased = false;
  const released = host.release(SLOT).then(() => (isReleased = true));
  await turns();
  t.equal(isReleased, false);
  host.lost(SLOT);
  await released;
  platform.fs.before = undefined;
  grant();
  t.equal((await host.slot(SLOT)).lease.epoch, epochOf(1, 2));
  void opening;
});
