/** Where a slot is wanted: the newest wish for it, for as long as that makes sense. */
import t from 'tap';
import { Wishes } from '../../../src/cluster/leases/wishes.ts';
import type { Incarnation, Slot } from '../../../src/store/ids.ts';

const [A, B] = ['a', 'b'].map((name) => name.repeat(32) as Incarnation) as [Incarnation, Incarnation];
const [ONE, TWO] = [1 as Slot, 2 as Slot];

void t.test('wishes', (t) => {
  const wishes = new Wishes();
  t.strictSame(wishes.open(0), []);
  const first = { slot: ONE, to: A, reason: 'hot' } as const;
  const second = { slot: TWO, to: A, reason: 'operator' } as const;
  wishes.add(0, first);
  wishes.add(1000, second);
  t.match(wishes.open(1000), [first, second], 'in their order');
  wishes.add(2000, { ...first, to: B });
  t.equal(wishes.open(2000).length, 2, 'one a slot');
  t.equal(wishes.open(2000).find(({ slot }) => slot === ONE)?.to, B, 'the newest');
  wishes.met(TWO);
  t.match(wishes.open(2000), [{ slot: ONE }]);
  wishes.met(TWO);
  t.equal(wishes.open(16_999).length, 1);
  t.strictSame(wishes.open(17_000), [], 'nobody waits for ever');
  t.end();
});
