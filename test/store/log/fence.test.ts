/** `StorageFence`: a machine whose clock stood still believes its lease; the directory tells it otherwise. */
import t from 'tap';
import { ManualClock } from '../../support/manual-clock.ts';
import { commit, failing, names, newFs, numberedPath, openAs, queue, texts } from './support.ts';

void t.test('nothing unknown: no renewal is asked for', async (t) => {
  const fs = newFs();
  const a = await openAs(fs, 1, { fence: true });
  await commit(a.log, 'one');
  await a.log.rotate();
  await commit(a.log, 'two');
  await a.log.close();
  const b = await openAs(fs, 2, { fence: true });
  await commit(b.log, 'three');
  t.equal(a.lease.confirmations + b.lease.confirmations, 0);
});

void t.test('a newer owner: not shown, the log is over, the controller is told', async (t) => {
  const fs = newFs();
  const stopped = await openAs(fs, 1, { fence: true });
  await commit(stopped.log, 'one');
  const owner = await openAs(fs, 2, { fence: true });
  queue(stopped.log, 'late');
  await t.rejects(stopped.log.settled(), { code: 'unknown' });
  t.same(stopped.lease.larger, [owner.lease.epoch]);
  await commit(owner.log, 'two');
  t.equal(owner.lease.confirmations, 0, 'an older epoch does not bother its successor');
});

void t.test('a newer owner that has only created its file: the renewal is refused', async (t) => {
  const fs = newFs();
  const stopped = await openAs(fs, 1, { fence: true });
  await commit(stopped.log, 'one');
  fs.put(numberedPath(2), Buffer.alloc(0));
  stopped.lease.confirms = () => Promise.resolve(false);
  queue(stopped.log, 'late');
  await t.rejects(stopped.log.settled(), { code: 'unknown' });
  t.equal(stopped.lease.confirmations, 1);
});

void t.test('a stray file: shown after a renewal sent after the listing, and asked about once', async (t) => {
  const fs = newFs();
  const { log, lease } = await openAs(fs, 1, { fence: true });
  await commit(log, 'one');
  fs.put(numberedPath(7), Buffer.alloc(0));
  const order: string[] = [];
  fs.after = (call) => void order.push(call);
  lease.confirms = async () => {
    order.push('confirm');
    return true;
  };
  await commit(log, 'two');
  t.same(
    order.filter((call) => call === 'list' || call === 'confirm'),
    ['list', 'confirm', 'list'],
  );
  await commit(log, 'three');
  t.equal(lease.confirmations, 1);
});

void t.test('still unclear after the renewal: lost', async (t) => {
  const fs = newFs();
  const { log, lease } = await openAs(fs, 1, { fence: true });
  await commit(log, 'one');
  fs.put(numberedPath(7), Buffer.alloc(0));
  lease.confirms = async () => {
    fs.put(numberedPath(8), Buffer.alloc(0));
    return true;
  };
  queue(log, 'two');
  await t.rejects(log.settled(), { code: 'unknown' });
});

void t.test('a listing that fails: unknown', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1, { fence: true });
  await commit(log, 'one');
  fs.before = failing('list', 'EIO');
  queue(log, 'two');
  await t.rejects(log.settled(), { code: 'unknown' });
});

void t.test('behind a close record a listing proves nothing, so a renewal is asked for', async (t) => {
  const fs = newFs();
  const clock = new ManualClock();
  const stopped = await openAs(fs, 1, { fence: true, clock });
  await commit(stopped.log, 'one');
  await clock.advance(20_000);
  const reader = await openAs(fs, 2, { fence: true });
  t.same(await names(fs), ['000001.log'], 'the next owner reads without creating');
  stopped.lease.confirms = () => Promise.resolve(false);
  await stopped.log.writable();
  queue(stopped.log, 'late');
  await t.rejects(stopped.log.settled(), { code: 'unknown' });
  await reader.log.writable();
  t.same(texts(reader.seen), ['one', 'late'], 'not shown, but it counts, as unknown may');
});

void t.test('a lost fence while an object is taken', async (t) => {
  const fs = newFs();
  const { log, lease } = await openAs(fs, 1, { fence: true });
  fs.put(numberedPath(3), Buffer.alloc(0));
  lease.confirms = () => Promise.resolve(false);
  await t.rejects(log.writable(), { code: 'unavailable' });
});
