/** Opening in the background: one listing for many slots, again what failed, never what is held no longer. */
import t from 'tap';
import { BackgroundOpener } from '../../../src/store/host/background.ts';
import type { Slot } from '../../../src/store/ids.ts';
import { slotPath } from '../../../src/store/slot/path.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryFs } from '../../support/memory-fs.ts';

function build() {
  const fs = new MemoryFs();
  const clock = new ManualClock();
  const held = new Set<Slot>();
  const opened: Slot[] = [];
  const failing = new Set<Slot>();
  const opener = new BackgroundOpener({
    fs,
    clock,
    root: '/shared',
    atOnce: 2,
    isHeld: (slot) => held.has(slot),
    yield: async () => undefined,
    open: async (slot) => {
      opened.push(slot);
      return !failing.has(slot);
    },
  });
  const grant = (...slots: readonly number[]): void => {
    for (const slot of slots as Slot[]) {
      fs.tree.makeDirectory(`/shared/${slotPath(slot)}`);
      held.add(slot);
      opener.add(slot);
    }
  };
  return { fs, clock, held, opened, failing, opener, grant };
}

void t.test('slots that exist, with one listing', async (t) => {
  const { fs, clock, opened, opener, grant } = build();
  grant(1, 2, 3);
  opener.add(9 as Slot);
  await clock.advance(0);
  t.same(
    opened.toSorted((a, b) => a - b),
    [1, 2, 3],
  );
  t.equal(fs.calls.get('list'), 1);
});

void t.test(
  'while the storage is away it is asked once a second, for slots that are held still',
  async (t) => {
    const { fs, clock, held, opened, failing, grant } = build();
    fs.before = (call) => {
      if (call === 'list') throw Object.assign(new Error('EIO'), { code: 'EIO' });
    };
    grant(1, 2);
    await clock.advance(0);
    await clock.advance(3000);
    t.equal(fs.calls.get('list'), 4);
    held.delete(1 as Slot);
    fs.before = undefined;
    failing.add(2 as Slot);
    await clock.advance(2000);
    t.same(opened, [2, 2]);
    held.clear();
    const lists = fs.calls.get('list');
    await clock.advance(10_000);
    t.equal(fs.calls.get('list'), lists, 'and in the end it asks for nothing');
    t.equal(clock.timers, 0);
  },
);
