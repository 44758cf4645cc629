/** Appending: group commit, atomic groups, failures, what `settled` promises, close records. */
import t from 'tap';
import { BATCH_OCTETS_MAX, PIECE_OCTETS, QUEUE_OCTETS_MAX } from '../../../src/store/log/limits.ts';
import {
  commit,
  failing,
  gate,
  newFs,
  numberedPath,
  openAs,
  queue,
  type RestingClock,
  TYPE,
  texts,
} from './support.ts';

void t.test('one write at a time; what queues up meanwhile shares the next', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  await commit(log, 'first');
  const before = fs.calls.get('writeDurably')!;
  const hold = gate();
  let active = 0;
  let most = 0;
  fs.before = async (call) => {
    if (call !== 'writeDurably') return;
    most = Math.max(most, ++active);
    await hold.opened;
    active--;
  };
  const settled: Promise<void>[] = [];
  for (let i = 0; i < 100; i++) {
    await log.writable();
    queue(log, `commit ${i}`);
    settled.push(log.settled());
  }
  hold.open();
  await Promise.all(settled);
  t.equal(most, 1);
  t.ok(fs.calls.get('writeDurably')! - before <= 2, 'a hundred commits, two writes');
  log.abandon('crash');
  t.equal((await openAs(fs, 2)).seen.length, 101);
});

void t.test('waiters of one commit share one promise; later ones do not wait for more', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  await log.writable();
  queue(log, 'one');
  const order: string[] = [];
  const first = log.settled().then(() => order.push('first'));
  const hold = gate();
  let writes = 0;
  fs.before = async (call) => {
    if (call === 'writeDurably' && ++writes === 2) await hold.opened;
  };
  await first;
  queue(log, 'two');
  const second = log.settled().then(() => order.push('second'));
  hold.open();
  await second;
  t.same(order, ['first', 'second']);
});

void t.test(
  'a large record is summed piece by piece; given up meanwhile, nothing of it is written',
  async (t) => {
    const fs = newFs();
    const { log, clock } = await openAs(fs, 1);
    await commit(log, 'first');
    const large = { type: TYPE, modseq: 2, payload: [Buffer.alloc(3 * PIECE_OCTETS + 5, 'x')] };
    await log.writable();
    const [place] = log.append([large]);
    await log.settled();
    t.equal((clock as RestingClock).rests, 3);
    t.ok((await log.read(place!)).equals(large.payload[0]!));
    const before = fs.content(numberedPath(1)).length;
    log.append([large]);
    const settled = log.settled();
    await Promise.resolve();
    log.abandon('lost');
    await t.rejects(settled, { code: 'unknown' });
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => void setImmediate(resolve));
    t.equal(fs.content(numberedPath(1)).length, before);
    // The next owner copies it, in pieces too.
    const next = await openAs(fs, 2);
    t.equal(next.seen.length, 2);
    t.ok((next.clock as RestingClock).rests >= 3);
  },
);

void t.test('a batch is bounded, but holds one commit at least', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  await commit(log, 'open');
  const sizes: number[] = [];
  let before = fs.content(numberedPath(1)).length;
  fs.after = (call) => {
    if (call !== 'writeDurably') return;
    const now = fs.content(numberedPath(1)).length;
    sizes.push(now - before);
    before = now;
  };
  const megabyte = Buffer.alloc(1024 * 1024);
  const large = Buffer.alloc(BATCH_OCTETS_MAX + 1);
  await log.writable();
  for (let i = 0; i < 6; i++) log.append([{ type: TYPE, modseq: i, payload: [megabyte] }]);
  log.append([{ type: TYPE, modseq: 7, payload: [large] }]);
  await log.settled();
  t.same(sizes, [3 * (1024 * 1024 + 44), 3 * (1024 * 1024 + 44), BATCH_OCTETS_MAX + 1 + 44]);
});

void t.test('writable waits while too much is queued', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  await log.writable();
  const hold = gate();
  fs.before = (call) => (call === 'writeDurably' ? hold.opened : undefined);
  const part = Buffer.alloc(QUEUE_OCTETS_MAX / 2);
  for (let i = 0; i < 3; i++) log.append([{ type: TYPE, modseq: i, payload: [part] }]);
  let may = false;
  const waiting = log.writable().then(() => {
    may = true;
  });
  await log.read({ file: 1, offset: 44, octets: 1 });
  t.equal(may, false);
  hold.open();
  await waiting;
  t.equal(may, true);
});

void t.test('a record states what was durable when its batch was assembled', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  const [one] = await commit(log, 'one');
  const end = one!.offset + one!.octets;
  const [two, three] = await commit(log, 'two', 'three');
  const bytes = fs.content(numberedPath(1));
  const stated = (offset: number) => Number(bytes.readBigUInt64LE(offset - 44 + 36));
  t.equal(stated(two!.offset), end);
  t.equal(stated(three!.offset), end, 'the same batch');
});

void t.test('a commit of several records counts whole or not at all', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  await commit(log, 'one');
  const start = fs.content(numberedPath(1)).length;
  await commit(log, 'a', 'b', 'c');
  log.abandon('crash');
  const whole = fs.content(numberedPath(1));
  for (let cut = start; cut < whole.length; cut++) {
    const copy = newFs();
    copy.put(numberedPath(1), whole.subarray(0, cut));
    t.same(texts((await openAs(copy, 2)).seen), ['one'], `cut at ${cut}`);
  }
});

void t.test('a damaged member takes its commit with it, and nothing else', async (t) => {
  for (const member of ['a-member', 'b-member', 'c-member']) {
    const fs = newFs();
    const { log } = await openAs(fs, 1);
    await commit(log, 'before');
    await commit(log, 'a-member', 'b-member', 'c-member');
    await commit(log, 'after');
    await commit(log, 'last');
    log.abandon('crash');
    const bytes = fs.content(numberedPath(1));
    bytes[bytes.indexOf(member)]! ^= 1;
    const copy = newFs();
    copy.put(numberedPath(1), bytes);
    const opened = await openAs(copy, 2);
    t.same(texts(opened.seen), ['before', 'after', 'last'], member);
    t.equal(opened.log.damage.length, 1);
  }
});

void t.test(
  'a broken end that nobody stated durable is a torn tail, whole records behind it too',
  async (t) => {
    const fs = newFs();
    const { log } = await openAs(fs, 1);
    await commit(log, 'one');
    await log.writable();
    queue(log, 'two');
    queue(log, 'three');
    await log.settled();
    log.abandon('crash');
    const bytes = fs.content(numberedPath(1));
    bytes[bytes.indexOf('two')]! ^= 1;
    const copy = newFs();
    copy.put(numberedPath(1), bytes);
    const opened = await openAs(copy, 2);
    t.same(texts(opened.seen), ['one']);
    t.same(opened.log.damage, []);
  },
);

for (const [code, expected] of [
  ['ENOSPC', 'no-space'],
  ['EDQUOT', 'no-space'],
  ['EROFS', 'no-space'],
  ['EIO', 'unknown'],
  ['ESTALE', 'unknown'],
] as const)
  void t.test(`${code} on a write: ${expected}, for all that had not settled`, async (t) => {
    const fs = newFs();
    const { log } = await openAs(fs, 1);
    await commit(log, 'one');
    const end = fs.content(numberedPath(1)).length;
    fs.before = failing('writeDurably', code);
    await log.writable();
    queue(log, 'two');
    const two = log.settled();
    queue(log, 'three');
    const three = log.settled();
    await t.rejects(two, { code: expected });
    await t.rejects(three, { code: expected });
    t.match(await log.failed, { code: expected, cause: { code } });
    t.same([...log.sealed], [[1, end]]);
    t.throws(() => queue(log, 'four'), { code: 'unavailable' });
    await log.close();
  });

void t.test('the lease lost between sync and check: unknown, and nothing more is written', async (t) => {
  const fs = newFs();
  const { log, lease } = await openAs(fs, 1);
  await commit(log, 'one');
  fs.after = (call) => {
    if (call === 'writeDurably') lease.isHeld = false;
  };
  queue(log, 'two');
  const two = log.settled();
  await t.rejects(two, { code: 'unknown' });
  t.match(await log.failed, { code: 'unknown' });
  fs.after = undefined;
  lease.isHeld = true;
  const size = fs.content(numberedPath(1)).length;
  await log.close();
  t.equal(fs.content(numberedPath(1)).length, size, 'no close record either');
});

void t.test('settled with nothing in flight looks at the lease only', async (t) => {
  const fs = newFs();
  const { log, lease } = await openAs(fs, 1);
  await commit(log, 'one');
  const calls = [...fs.calls.values()].reduce((sum, count) => sum + count, 0);
  await log.settled();
  lease.isHeld = false;
  await t.rejects(log.settled(), { code: 'unavailable' });
  await t.rejects(log.writable(), { code: 'unavailable' });
  lease.isHeld = true;
  await log.settled();
  t.equal(
    [...fs.calls.values()].reduce((sum, count) => sum + count, 0),
    calls,
    'no file call',
  );
});

void t.test('abandoned: in flight is unknown, nothing is written any more', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  await commit(log, 'one');
  const hold = gate();
  fs.before = (call) => (call === 'writeDurably' ? hold.opened : undefined);
  queue(log, 'two');
  const settled = log.settled();
  const writes = fs.calls.get('writeDurably');
  log.abandon('lease lost');
  await t.rejects(settled, { code: 'unknown' });
  await t.rejects(log.writable(), { code: 'unavailable' });
  hold.open();
  await log.close();
  t.equal((fs.calls.get('writeDurably') ?? 0) - (writes ?? 0) <= 1, true);
});

void t.test('an idle log gets a close record, once, and goes on in the same file', async (t) => {
  const fs = newFs();
  const { log, clock } = await openAs(fs, 1);
  await commit(log, 'one');
  const open = fs.content(numberedPath(1)).length;
  await clock.advance(9_999);
  t.equal(fs.content(numberedPath(1)).length, open);
  await clock.advance(2);
  t.equal(fs.content(numberedPath(1)).length, open + 44);
  await clock.advance(60_000);
  t.equal(fs.content(numberedPath(1)).length, open + 44);
  t.equal(clock.timers, 0, 'an idle log has no timer');
  await commit(log, 'two');
  await log.close();
  t.equal(fs.content(numberedPath(1)).length, open + 44 + 47 + 44);
  t.same(texts((await openAs(fs, 2)).seen), ['one', 'two']);
  t.equal(clock.timers, 0);
});

void t.test('close waits for what is in flight and ends in a close record', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  await log.writable();
  queue(log, 'one');
  const closing = log.close();
  t.equal(log.close(), closing, 'closing twice is closing once');
  t.throws(() => queue(log, 'two'), { code: 'unavailable' });
  await closing;
  const reopened = await openAs(fs, 2);
  t.same(texts(reopened.seen), ['one']);
  t.equal(fs.calls.get('createExclusive'), 1);
});

void t.test('wrong use is our own bug', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  t.throws(() => queue(log, 'one'), { name: 'AssertionError' }, 'append before writable');
  await log.writable();
  t.throws(() => log.append([]), { name: 'AssertionError' });
  t.throws(() => log.append([{ type: 3, modseq: 1, payload: [] }]), { name: 'AssertionError' });
  t.throws(() => log.append([{ type: TYPE, modseq: -1, payload: [] }]), { name: 'AssertionError' });
  const limit = Array.from({ length: 129 }, () => Buffer.alloc(1024 * 1024));
  t.throws(() => log.append([{ type: TYPE, modseq: 1, payload: limit }]), { code: 'limit' });
  await commit(log, 'still good');
  await log.close();
});
