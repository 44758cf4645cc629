/** Purge (docs/storage.md): only by an owner that has held the object for a day, of what does not count, never in a take. */
import t from 'tap';
import { PURGE_AFTER_MS } from '../../../src/store/log/limits.ts';
import { Holdings, purgeable } from '../../../src/store/log/purge.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { commit, failing, names, newFs, openAs, TestLease, texts } from './support.ts';

const HOUR_MS = 3_600_000;

/** An object with three files of which the first two were replaced just now, owned by grant 1. */
async function compacted(clock = new ManualClock()) {
  const fs = newFs();
  const holdings = new Holdings(clock);
  const lease = new TestLease(1);
  const a = await openAs(fs, 1, { clock, lease, holdings });
  await commit(a.log, 'old');
  await a.log.rotate();
  await commit(a.log, 'old too');
  await a.log.rotate();
  await commit(a.log, 'lives');
  await a.log.writable();
  a.log.replaced([1, 2]);
  await a.log.settled();
  return { fs, clock, holdings, lease, log: a.log };
}

/** A commit, and the idle time after it. */
async function workAndRest({ log, clock }: Pick<Awaited<ReturnType<typeof compacted>>, 'log' | 'clock'>) {
  await commit(log, 'more');
  await clock.advance(11_000);
}

void t.test('what may go', (t) => {
  const files = [
    { file: 4, octets: 9 },
    { file: 7, octets: 9 },
  ];
  t.same(purgeable([1, 2, 4, 5, 7, 8, 5], files), [1, 2, 5]);
  t.same(purgeable([1, 2], []), [], 'no head, nothing');
  t.end();
});

void t.test('after a day in the same hands', async (t) => {
  const object = await compacted();
  await object.clock.advance(23 * HOUR_MS);
  await workAndRest(object);
  t.equal((await names(object.fs)).length, 3, 'not before');
  await object.clock.advance(HOUR_MS);
  await workAndRest(object);
  t.same(await names(object.fs), ['000003.log']);
  t.equal(object.lease.confirmations, 1, 'a renewal was asked for');
  await object.log.close();
  t.match(texts((await openAs(object.fs, 2)).seen), ['lives', 'more', 'more']);
});

void t.test('the day counts from the replacement too', async (t) => {
  const clock = new ManualClock();
  const object = await compacted(clock);
  await clock.advance(20 * HOUR_MS);
  await object.log.rotate();
  await commit(object.log, 'again');
  await object.log.writable();
  object.log.replaced([3]);
  await object.log.settled();
  await clock.advance(5 * HOUR_MS);
  await workAndRest(object);
  t.equal((await names(object.fs)).length, 4);
  await clock.advance(20 * HOUR_MS);
  await workAndRest(object);
  t.same(await names(object.fs), ['000004.log']);
});

void t.test('another opening under the same grant goes on counting; another grant begins anew', async (t) => {
  for (const same of [true, false]) {
    const object = await compacted();
    await object.log.close();
    await object.clock.advance(PURGE_AFTER_MS);
    const lease = same ? object.lease : new TestLease(2);
    const { log } = await openAs(object.fs, 2, { clock: object.clock, lease, holdings: object.holdings });
    await object.clock.advance(11_000);
    t.equal((await names(object.fs)).length, 3, 'not while it was not taken');
    await workAndRest({ log, clock: object.clock });
    t.equal((await names(object.fs)).includes('000001.log'), !same);
    t.ok((await names(object.fs)).includes('000003.log'), 'what counts stays');
    await log.close();
  }
});

void t.test('the lease is not confirmed, or the storage says no: nothing goes, or later', async (t) => {
  const object = await compacted();
  await object.clock.advance(PURGE_AFTER_MS);
  object.lease.confirms = () => Promise.resolve(false);
  await workAndRest(object);
  t.equal((await names(object.fs)).length, 3);
  await object.log.close();

  const other = await compacted();
  await other.clock.advance(PURGE_AFTER_MS);
  other.fs.before = failing('remove', 'EIO');
  await workAndRest(other);
  t.equal((await names(other.fs)).length, 3);
  await commit(other.log, 'goes on');
});

void t.test('without holdings nothing is ever removed', async (t) => {
  const fs = newFs();
  const { log, clock } = await openAs(fs, 1);
  await commit(log, 'old');
  await log.rotate();
  await commit(log, 'lives');
  await log.writable();
  log.replaced([1]);
  await log.settled();
  await clock.advance(3 * PURGE_AFTER_MS);
  await workAndRest({ log, clock });
  t.equal((await names(fs)).length, 2);
});
