/** Remembered expunges (RFC 7162 section 3.2.5): complete, or known to be incomplete. */
import t from 'tap';
import { ExpungedLog } from '../../../src/store/account/expunged.ts';
import { EXPUNGED_KEPT_MS, EXPUNGED_RANGES_MAX } from '../../../src/store/account/limits.ts';

void t.test('what went after a modseq', async (t) => {
  const log = new ExpungedLog();
  log.add(5, 0, [
    [1, 3],
    [7, 7],
  ]);
  log.add(9, 0, [[4, 6]]);
  t.same(log.since(0), [
    [1, 3],
    [7, 7],
    [4, 6],
  ]);
  t.same(log.since(5), [[4, 6]]);
  t.same(log.since(8), [[4, 6]]);
  t.same(log.since(9), []);
});

void t.test('kept for seven days, forgotten after them, and said so', async (t) => {
  const log = new ExpungedLog();
  log.add(5, 1000, [[1, 1]]);
  log.add(6, 1000 + EXPUNGED_KEPT_MS, [[2, 2]]);
  t.same(log.since(0), [
    [1, 1],
    [2, 2],
  ]);
  log.add(7, 1001 + EXPUNGED_KEPT_MS, [[3, 3]]);
  t.equal(log.since(4), undefined);
  t.same(log.since(5), [
    [2, 2],
    [3, 3],
  ]);
});

void t.test('a clock that went back keeps them longer', async (t) => {
  const log = new ExpungedLog();
  log.add(5, EXPUNGED_KEPT_MS * 3, [[1, 1]]);
  log.add(6, 0, [[2, 2]]);
  log.add(7, EXPUNGED_KEPT_MS * 2, [[3, 3]]);
  t.equal(log.count, 3);
});

void t.test('never more than so many ranges', async (t) => {
  const log = new ExpungedLog();
  for (let index = 0; index < EXPUNGED_RANGES_MAX + 10; index++)
    log.add(index + 1, 0, [[2 * index + 1, 2 * index + 1]]);
  t.equal(log.count, EXPUNGED_RANGES_MAX);
  t.equal(log.since(9), undefined);
  t.equal(log.since(10)?.length, EXPUNGED_RANGES_MAX);
  t.same(log.since(EXPUNGED_RANGES_MAX + 9), [[2 * EXPUNGED_RANGES_MAX + 19, 2 * EXPUNGED_RANGES_MAX + 19]]);
});
