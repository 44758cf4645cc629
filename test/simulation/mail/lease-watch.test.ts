/** The look at leases: two at a time, epochs that go down, and what must not be taken for either. */
import t from 'tap';
import type { Epoch, Incarnation, Slot } from '../../../src/store/ids.ts';
import type { Lease } from '../../../src/store/log/types.ts';
import type { SimProcess } from '../machine.ts';
import { World } from '../world.ts';
import { LeaseWatch } from './lease-watch.ts';

const SLOT = 0 as Slot;
const NOBODY = { granted: () => undefined, release: async () => undefined, lost: () => undefined };

function lease(epoch: number, held = () => true): Lease {
  return {
    incarnation: 'x' as Incarnation,
    epoch: epoch as Epoch,
    held,
    confirm: () => Promise.resolve(true),
    reportLargerEpoch: () => undefined,
  };
}

function setUp() {
  const world = new World({ seed: 1 });
  const watch = new LeaseWatch();
  const [a, b] = ['a', 'b'].map((name) => world.machine(name).process('w')) as [SimProcess, SimProcess];
  return { world, watch, a, b, ofA: watch.watching(NOBODY, a), ofB: watch.watching(NOBODY, b) };
}

void t.test('two at a time', async (t) => {
  const { watch, a, ofA, ofB } = setUp();
  ofA.granted(SLOT, lease(1));
  t.same(watch.look(0), []);
  ofB.granted(SLOT, lease(2));
  t.same(watch.look(20), ['slot 0 is held twice: by a/w (1) and b/w (2)']);
  a.pause();
  t.same(watch.look(40), [], 'who stands still shows nothing');
  a.resume();
  ofA.lost(SLOT);
  t.same(watch.look(60), []);
});

void t.test('epochs only grow', async (t) => {
  const { watch, ofA, ofB } = setUp();
  ofA.granted(SLOT, lease(5));
  t.same(watch.look(0), []);
  await ofA.release(SLOT);
  ofB.granted(SLOT, lease(4));
  t.same(watch.look(20), ['slot 0 is held with epoch 4 after 5']);
});

void t.test('a lapsed lease, a dead process, a clock that stood still a moment ago', async (t) => {
  const { world, watch, a, b, ofA, ofB } = setUp();
  ofA.granted(
    SLOT,
    lease(1, () => false),
  );
  ofB.granted(SLOT, lease(2));
  t.same(watch.look(0), []);
  ofA.granted(SLOT, lease(3));
  a.machine.pause('still');
  t.same(watch.look(20), []);
  a.machine.resume();
  t.same(watch.look(40), [], 'it may believe for a while');
  t.equal(watch.look(5000).length, 1, 'but not for ever');
  b.crash();
  t.same(watch.look(5020), []);
  t.equal(world.counters.of('machine-freeze'), 1);
});
