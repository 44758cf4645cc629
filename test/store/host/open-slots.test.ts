/** What slots hold in memory is bounded; those asked for are opened before those that nobody waits for. */
import t from 'tap';
import { epochOf, type Slot } from '../../../src/store/ids.ts';
import { slotPath } from '../../../src/store/slot/path.ts';
import { slotOf } from '../../../src/store/slots.ts';
import { code, HostBed, ONE, turns } from './bed.ts';

const NAMES = ['joe', 'ann', 'eve', 'max', 'jim'];
const SLOTS_OF = new Map(NAMES.map((name) => [name, slotOf(ONE, name)]));

/** A bed that may keep two slots in memory, with an account in each slot: an object and a name each. */
async function build(slotEntriesMax = 4) {
  const bed = new HostBed({ limits: { slotEntriesMax, accountIdleMs: 1000 } });
  for (const slot of SLOTS_OF.values()) bed.grant(slot);
  await turns();
  const ids = new Map<string, Awaited<ReturnType<HostBed['create']>>>();
  for (const name of NAMES) ids.set(name, await bed.create(name));
  return { bed, ids };
}

void t.test(
  'above the bound the longest unused slots are closed, and read again when asked for',
  async (t) => {
    const { bed, ids } = await build();
    const opened = bed.opened.length;
    for (const name of NAMES) {
      await bed.set(ids.get(name)!, name);
      await bed.platform.clock.advance(2000);
    }
    t.ok(bed.opened.length > opened + NAMES.length, 'slots were opened again');
    for (const name of NAMES) t.equal(await bed.get(ids.get(name)!), name);
    t.ok(bed.host.slotEntries <= 4, `${bed.host.slotEntries} entries`);
    t.equal(bed.host.slots().length, NAMES.length, 'held all the same');
    await turns();
    const settled = bed.opened.length;
    await bed.platform.clock.advance(10_000);
    t.equal(bed.opened.length, settled, 'what was closed for memory is not opened in the background');
  },
);

void t.test('a slot in use, or with something under way, stays', async (t) => {
  const { bed } = await build();
  const [joe, ann] = [SLOTS_OF.get('joe')!, SLOTS_OF.get('ann')!];
  const open = await bed.host.slot(joe);
  const finish = Promise.withResolvers<void>();
  const working = bed.host.run(joe, async () => {
    await finish.promise;
    return open.read((state) => state.entryCount);
  });
  const other = await bed.host.slot(ann);
  await other.change((draft) => {
    const id = { slot: ann, epoch: other.lease.epoch, modseq: draft.nextModseq };
    const step = { intent: id, epoch: other.lease.epoch, lowestOpen: id.modseq };
    const object = { domainId: ONE, name: 'ann', serial: '1-1' };
    draft.put({ kind: 'reserved', step, object, add: [], drop: [{ domainId: ONE, name: 'ann' }] });
  });
  for (const name of ['eve', 'max', 'jim']) await bed.host.slot(SLOTS_OF.get(name)!);
  await turns();
  finish.resolve();
  t.equal(await working, 2, 'the one in use was not taken away');
  t.equal(await bed.host.slot(ann), other, 'nor the one with a reservation');
});

void t.test(
  'a slot lost while it is closed for memory is no longer ours, though the storage hangs',
  async (t) => {
    const { bed } = await build();
    const joe = SLOTS_OF.get('joe')!;
    const open = await bed.host.slot(joe);
    const object = { domainId: ONE, name: 'joe', serial: '1-1' };
    const entry = { domainId: ONE, name: 'joe', kind: 'account', object } as const;
    await open.change((draft) => draft.put({ kind: 'name-put', entry }));
    let isHeld = false;
    bed.platform.fs.before = (call, path) => {
      if (call !== 'writeDurably' || !path.includes(slotPath(joe))) return undefined;
      isHeld = true;
      return new Promise(() => undefined);
    };
    await bed.host.slot(SLOTS_OF.get('ann')!);
    await bed.host.slot(SLOTS_OF.get('eve')!);
    await turns();
    t.equal(isHeld, true, 'its close record');
    const asked = code(bed.host.slot(joe));
    await turns();
    bed.host.lost(joe);
    t.equal(await asked, 'unavailable');
    t.equal(await code(bed.host.slot(joe)), 'moved');
    bed.platform.fs.before = undefined;
    bed.grant(joe, epochOf(1, 100));
    t.equal(await code(bed.host.slot(joe)), 'ok');
  },
);

void t.test('what somebody asks for is opened before what nobody waits for', async (t) => {
  const first = await build(1000);
  await first.bed.host.close();
  const bed = new HostBed({
    platform: first.bed.platform,
    firstGrant: 100,
    limits: { backgroundOpensMax: 1, backgroundYieldMs: 250 },
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  const order: Slot[] = [];
  bed.host.onSlotOpened((open) => void order.push(open.slot));
  let isHeld = false;
  bed.platform.fs.before = (call, path) => {
    if (call !== 'list' || isHeld || !/slots\/[0-9]{4}$/.test(path)) return undefined;
    isHeld = true;
    return promise;
  };
  const slots = [...SLOTS_OF.values()];
  for (const slot of slots) bed.grant(slot);
  const last = slots.at(-1)!;
  const asked = bed.host.slot(last);
  await turns();
  t.strictSame(order, [], 'the background waits');
  resolve();
  t.equal((await asked).slot, last);
  await turns();
  t.equal(order[0], last);
  t.strictSame(new Set(order), new Set(slots), 'then come the others');
});

void t.test('the background gives way, but not for ever', async (t) => {
  const first = await build(1000);
  await first.bed.host.close();
  const bed = new HostBed({ platform: first.bed.platform, firstGrant: 100 });
  const order: Slot[] = [];
  bed.host.onSlotOpened((open) => void order.push(open.slot));
  const slots = [...SLOTS_OF.values()];
  bed.platform.fs.before = (call, path) =>
    call === 'list' && path.endsWith(String(slots[0]).padStart(4, '0'))
      ? new Promise(() => undefined)
      : undefined;
  for (const slot of slots) bed.grant(slot);
  void code(bed.host.slot(slots[0]!));
  await turns();
  t.strictSame(order, []);
  await bed.platform.clock.advance(2000);
  t.equal(order.length, slots.length - 1);
});
