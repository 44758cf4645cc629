/** The last changes of a mailbox are what a walk over all its messages would find, or unknown. */
import fc from 'fast-check';
import t from 'tap';
import { RECENT_CHANGES_MAX, RecentChanges } from '../../../src/store/account/recent.ts';

const SEED = 20261120;

void t.test('what it knows is complete', async (t) => {
  const change = fc.record({ uid: fc.integer({ min: 1, max: 30 }), count: fc.integer({ min: 1, max: 400 }) });
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 9, arbitrary: change }, fc.constant('forget' as const)), { maxLength: 20 }),
      fc.nat(25),
      (steps, back) => {
        let modseq = 10;
        const recent = new RecentChanges(modseq);
        const all: (readonly [number, number])[] = [];
        let unknown = modseq;
        for (const step of steps) {
          modseq++;
          if (step === 'forget') {
            recent.forget(modseq);
            unknown = modseq;
            all.length = 0;
          } else
            for (let index = 0; index < step.count; index++) {
              recent.add(step.uid + index, modseq);
              all.push([step.uid + index, modseq]);
            }
        }
        const asked = modseq - back;
        const found = recent.since(asked);
        const after = all.filter(([, each]) => each > asked);
        if (found === undefined) return asked < unknown || after.length + 400 > RECENT_CHANGES_MAX;
        const expected = [...new Set(after.map(([uid]) => uid))].sort((a, b) => a - b);
        return asked >= unknown && JSON.stringify(found) === JSON.stringify(expected);
      },
    ),
    { numRuns: 300, seed: SEED },
  );
  t.pass(`seed ${SEED}`);
});

void t.test('records out of order, behind a broken place: nothing is known', async (t) => {
  const recent = new RecentChanges(1);
  recent.add(1, 5);
  recent.add(2, 4);
  t.equal(recent.since(1_000_000), undefined);
});

void t.test('a new mailbox, and the bound', async (t) => {
  const recent = new RecentChanges(7);
  t.equal(recent.since(6), undefined);
  t.same(recent.since(7), []);
  for (let uid = 1; uid <= RECENT_CHANGES_MAX; uid++) recent.add(uid, 7 + uid);
  t.equal(recent.since(7)?.length, RECENT_CHANGES_MAX);
  recent.add(1, 2000);
  t.equal(recent.since(7), undefined);
  t.equal(recent.since(8)?.length, RECENT_CHANGES_MAX);
  t.same(recent.since(1999), [1]);
});
