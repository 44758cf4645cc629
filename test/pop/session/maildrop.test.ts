import fc from 'fast-check';
import t from 'tap';
import { Maildrop } from '../../../src/pop/session/maildrop.ts';
import { EXPUNGED_RANGES_MAX } from '../../../src/store/account/limits.ts';
import { Rows } from './drop.ts';

void t.test('numbers as of the opening; what comes later does not count', async (t) => {
  const rows = new Rows().add(5).expunge(2);
  const drop = Maildrop.open(rows.mailbox);
  t.same(drop.opened, { uidValidity: 7, uid: 5, modseq: 3, count: 4 });
  t.notOk(drop.refresh(), 'nothing has happened');
  rows.add(2);
  t.notOk(drop.refresh(), 'nothing has gone');
  t.same(view(drop), [1, 3, 4, 5]);
  t.equal(drop.message(5), undefined);
  t.equal(drop.message(0), undefined);
  t.equal(drop.message(1.5), undefined);
});

void t.test('what others expunge leaves its number without a message', async (t) => {
  const rows = new Rows().add(5);
  const drop = Maildrop.open(rows.mailbox);
  rows.expunge(1, 3);
  t.ok(drop.refresh());
  rows.expunge(5);
  t.ok(drop.refresh());
  t.same(view(drop), [undefined, 2, undefined, 4, undefined]);
  t.equal(drop.here, 2);
  t.same(
    [1, 2, 3, 4, 5].map((uid) => drop.numberOf(uid)),
    [1, 2, 3, 4, 5],
  );
});

void t.test('a maildrop that cannot be shown again', async (t) => {
  const rows = new Rows().add(3);
  const { opened } = Maildrop.open(rows.mailbox);
  t.throws(() => Maildrop.resume(rows.mailbox, { ...opened, uidValidity: 8 }), { code: 'not-found' });
  // As a record that is broken on the storage would leave it: gone, and in no log.
  rows.expunge(3);
  t.throws(() => Maildrop.resume(rows.mailbox, { ...opened, count: 4 }), { code: 'not-found' });
  const forgetful = new Rows().add(2 * EXPUNGED_RANGES_MAX + 10);
  const before = Maildrop.open(forgetful.mailbox);
  forgetful.expunge(...Array.from({ length: EXPUNGED_RANGES_MAX + 1 }, (_, index) => 2 * index + 1));
  t.throws(() => before.refresh(), { code: 'not-found' });
});

void t.test('property: any owner gives the numbers that a list of all UIDs would give', async () => {
  const change = fc.oneof(
    fc.record({ add: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ expunge: fc.array(fc.nat(30), { minLength: 1, maxLength: 3 }) }),
  );
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 8 }),
      fc.array(fc.record({ change, resume: fc.boolean() }), { maxLength: 12 }),
      (before, after) => {
        const rows = new Rows();
        for (const each of before) play(rows, each);
        const all = rows.uids;
        let drop = Maildrop.open(rows.mailbox);
        return after.every(({ change, resume }) => {
          play(rows, change);
          if (resume) drop = Maildrop.resume(rows.mailbox, drop.opened);
          else drop.refresh();
          const there = new Set(rows.uids);
          const expected = all.map((uid) => (there.has(uid) ? uid : undefined));
          const from = 1 + (change === undefined ? 0 : all.length >>> 1);
          const walked = [...drop.from(from)].map(([number, { uid }]) => `${number} ${uid}`);
          const listed = expected.flatMap((uid, index) =>
            uid === undefined || index + 1 < from ? [] : [`${index + 1} ${uid}`],
          );
          return (
            JSON.stringify(view(drop)) === JSON.stringify(expected) &&
            JSON.stringify(walked) === JSON.stringify(listed) &&
            all.every((uid, index) => drop.numberOf(uid) === index + 1)
          );
        });
      },
    ),
    { numRuns: 500 },
  );
});

function play(rows: Rows, change: { readonly add: number } | { readonly expunge: readonly number[] }): void {
  if ('add' in change) rows.add(change.add);
  else {
    const there = new Set(rows.uids);
    const uids = [...new Set(change.expunge)].filter((uid) => there.has(uid)).sort((a, b) => a - b);
    if (uids.length > 0) rows.expunge(...uids);
  }
}

/** UIDs by number. */
function view(drop: Maildrop): readonly (number | undefined)[] {
  return Array.from({ length: drop.opened.count }, (_, index) => drop.message(index + 1)?.uid);
}
