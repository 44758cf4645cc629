/** Taking: predecessors of several epochs, lost creations, late writes of deposed owners, torn first writes, no space. */
import t from 'tap';
import { CREATE_TRIES_MAX } from '../../../src/store/log/limits.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import type { MemoryFs } from '../../support/memory-fs.ts';
import {
  commit,
  copyOf,
  failing,
  fsError,
  loseAnswer,
  names,
  newFs,
  numberedPath,
  openAs,
  queue,
  TestLease,
  texts,
} from './support.ts';

void t.test('predecessors of several epochs, clean and crashed, are replayed in order', async (t) => {
  const fs = newFs();
  const expected: string[] = [];
  for (let grant = 1; grant <= 6; grant++) {
    const { log, seen } = await openAs(fs, grant);
    t.same(texts(seen), expected, `owner ${grant}`);
    for (const text of [`${grant}a`, `${grant}b`]) {
      await commit(log, text);
      expected.push(text);
    }
    if (grant % 2 === 0) await log.close();
    else log.abandon('crash');
  }
  const last = await openAs(fs, 7);
  t.same(texts(last.seen), expected);
});

void t.test('a copied record keeps epoch and modseq, and is read at its new place', async (t) => {
  const fs = newFs();
  const a = await openAs(fs, 1);
  await commit(a.log, 'one');
  const big = 'z'.repeat(2000);
  await a.log.writable();
  queue(a.log, 'two', big);
  await a.log.settled();
  a.log.abandon('crash');
  const b = await openAs(fs, 2);
  t.same(
    b.seen.map(({ modseq, epoch, text }) => [modseq, epoch, text]),
    [
      [1, a.lease.epoch, 'one'],
      [1, a.lease.epoch, 'two'],
      [2, a.lease.epoch, big],
    ],
  );
  const [one, two, three] = b.seen.map(({ place }) => place);
  t.same(b.log.currentPlace(one!), one, 'stated durable by the second commit: counted where it is');
  t.equal(b.log.currentPlace(two!).file, 2);
  t.equal(b.log.currentPlace(three!).file, 2);
  await fs.remove(numberedPath(1));
  t.equal(
    (await b.log.read(two!)).toString(),
    'two',
    'the copy is read, not the octets that no longer count',
  );
  t.equal((await b.log.read(three!, 10, 5)).toString(), 'zzzzz');
  b.log.abandon('crash');
});

void t.test('a lost creation: with the lease the next number is taken, without it nothing', async (t) => {
  for (const held of [true, false]) {
    const fs = newFs();
    const { log, lease } = await openAs(fs, 3);
    fs.put(numberedPath(1), Buffer.alloc(0));
    fs.put(numberedPath(2), Buffer.alloc(0));
    fs.after = (call) => {
      if (call === 'createExclusive') return;
      fs.after = undefined;
    };
    fs.before = (call) => {
      if (call === 'createExclusive') lease.isHeld = held;
    };
    if (held) {
      await commit(log, 'one');
      t.same(await names(fs), ['000001.log', '000002.log', '000003.log']);
    } else {
      await t.rejects(log.writable(), { code: 'unavailable' });
      t.same(await names(fs), ['000001.log', '000002.log']);
      t.match(await log.failed, { code: 'unavailable' });
    }
  }
});

void t.test('a creation that is always lost is given up after CREATE_TRIES_MAX', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  let tries = 0;
  fs.before = (call) => {
    if (call !== 'createExclusive') return;
    tries++;
    throw fsError('EEXIST');
  };
  await t.rejects(log.writable(), { code: 'unavailable', message: /creations were lost/ });
  t.equal(tries, CREATE_TRIES_MAX);
});

void t.test('without the lease nothing is taken', async (t) => {
  const fs = newFs();
  const { log, lease } = await openAs(fs, 1);
  lease.isHeld = false;
  await t.rejects(log.writable(), { code: 'unavailable' });
  t.same(await names(fs), []);
});

void t.test(
  'a lease lost while the first record was written: the object is not open for changes',
  async (t) => {
    const fs = newFs();
    const { log, lease } = await openAs(fs, 1);
    fs.after = (call) => {
      if (call === 'writeDurably') lease.isHeld = false;
    };
    await t.rejects(log.writable(), { code: 'unavailable' });
    t.throws(() => queue(log, 'one'), { code: 'unavailable' });
  },
);

void t.test('a deposed writer that goes on in its own file changes nothing', async (t) => {
  const fs = newFs();
  const deposed = await openAs(fs, 1);
  await commit(deposed.log, 'one');
  const owner = await openAs(fs, 2);
  await commit(owner.log, 'two');
  await deposed.log.writable();
  queue(deposed.log, 'late');
  deposed.lease.isHeld = false;
  await t.rejects(deposed.log.settled(), { code: 'unknown' });
  t.ok(fs.content(numberedPath(1)).includes('late'), 'the write itself succeeded');
  await commit(owner.log, 'three');
  owner.log.abandon('crash');
  t.same(texts((await openAs(fs, 3)).seen), ['one', 'two', 'three']);
});

void t.test('a number created late with an old epoch changes nothing', async (t) => {
  const fs = newFs();
  const deposed = await openAs(fs, 1);
  await commit(deposed.log, 'one');
  const owner = await openAs(fs, 2);
  await commit(owner.log, 'two');
  const rotating = deposed.log.rotate();
  await rotating.catch(() => undefined); // its lease still says held: no fence here
  await deposed.log.writable();
  queue(deposed.log, 'late');
  await deposed.log.settled().catch(() => undefined);
  t.same(await names(fs), ['000001.log', '000002.log', '000003.log'], 'the deposed owner has made a file');
  await commit(owner.log, 'three');
  owner.log.abandon('crash');
  const next = await openAs(fs, 3);
  t.same(texts(next.seen), ['one', 'two', 'three']);
  t.ok((await names(fs)).includes('000004.log'), 'numbers go on above it');
});

void t.test(
  'the first change re-reads: what was written behind a close record since is replayed',
  async (t) => {
    const fs = newFs();
    const clock = new ManualClock();
    const slow = await openAs(fs, 1, { clock });
    await commit(slow.log, 'one');
    await clock.advance(20_000);
    const reader = await openAs(fs, 2);
    t.same(texts(reader.seen), ['one']);
    t.same(await names(fs), ['000001.log'], 'the idle log was closed, nothing was created');
    await commit(slow.log, 'two');
    await reader.log.writable();
    t.same(texts(reader.seen), ['one', 'two']);
    queue(reader.log, 'three');
    await reader.log.settled();
    reader.log.abandon('crash');
    t.same(texts((await openAs(fs, 3)).seen), ['one', 'two', 'three']);
  },
);

void t.test('another owner in between: its records are replayed too', async (t) => {
  const fs = newFs();
  const a = await openAs(fs, 1);
  await commit(a.log, 'one');
  await a.log.close();
  const slow = await openAs(fs, 5);
  const between = await openAs(fs, 3);
  await commit(between.log, 'two');
  await between.log.close();
  await slow.log.writable();
  t.same(texts(slow.seen), ['one', 'two']);
});

void t.test('what was replayed no longer counts as it did: open again', async (t) => {
  const fs = newFs();
  const a = await openAs(fs, 1);
  await commit(a.log, 'one');
  await a.log.close();
  const slow = await openAs(fs, 5);
  const compacting = await openAs(fs, 3);
  await compacting.log.rotate();
  await compacting.log.writable();
  queue(compacting.log, 'one again');
  compacting.log.replaced(compacting.log.files.slice(0, -1).map(({ file }) => file));
  await compacting.log.close();
  await t.rejects(slow.log.writable(), { code: 'unavailable' });
  t.match(await slow.log.failed, { code: 'unavailable' });
  t.same(texts((await openAs(fs, 6)).seen), ['one again']);
});

/** Owner 1 acknowledged two commits and crashed; owner 2 takes. Gives the files and the taker's first write. */
async function takenOver(): Promise<{ fs: MemoryFs; first: Buffer }> {
  const fs = newFs();
  const a = await openAs(fs, 1);
  await commit(a.log, 'one');
  await commit(a.log, 'two', 'y'.repeat(700));
  a.log.abandon('crash');
  const b = await openAs(fs, 2);
  b.log.abandon('crash');
  return { fs, first: fs.content(numberedPath(2)) };
}

void t.test('a first write cut at any octet loses nothing that the predecessor acknowledged', async (t) => {
  const { fs, first } = await takenOver();
  const expected = ['one', 'two', 'y'.repeat(700)];
  for (let cut = 0; cut <= first.length; cut++) {
    const copy = await copyOf(fs);
    copy.put(numberedPath(2), first.subarray(0, cut));
    const { seen, log } = await openAs(copy, 3);
    if (texts(seen).join() !== expected.join()) t.same(texts(seen), expected, `cut at ${cut}`);
    log.abandon('end');
  }
  t.pass(`${first.length + 1} cuts`);
});

void t.test('pages of a first write that never reached the disk', async (t) => {
  const { fs, first } = await takenOver();
  for (let at = 0; at < first.length; at += 16) {
    const copy = await copyOf(fs);
    const holed = Buffer.from(first);
    holed.fill(0, at, Math.min(at + 64, holed.length));
    copy.put(numberedPath(2), holed);
    const { seen } = await openAs(copy, 3);
    t.same(texts(seen), ['one', 'two', 'y'.repeat(700)], `hole at ${at}`);
  }
});

void t.test('a first write finished late by a deposed taker is void', async (t) => {
  const { fs, first } = await takenOver();
  const copy = await copyOf(fs);
  copy.put(numberedPath(2), Buffer.alloc(0));
  const owner = await openAs(copy, 3);
  await commit(owner.log, 'three');
  copy.put(numberedPath(2), first);
  await commit(owner.log, 'four');
  owner.log.abandon('crash');
  t.same(texts((await openAs(copy, 4)).seen), ['one', 'two', 'y'.repeat(700), 'three', 'four']);
});

void t.test('a larger epoch that turns up while an object is taken', async (t) => {
  const fs = newFs();
  const slow = await openAs(fs, 1);
  const lease = slow.lease;
  const owner = await openAs(fs, 2);
  await commit(owner.log, 'one');
  await t.rejects(slow.log.writable(), { code: 'unavailable' });
  t.same(lease.larger, [owner.lease.epoch]);
  t.equal(fs.content(numberedPath(2)).length, 0, 'the file it created stays empty');
});

void t.test('without space for taking it an object is readable, and taken when there is room', async (t) => {
  for (const call of ['createExclusive', 'writeDurably']) {
    const fs = newFs();
    const a = await openAs(fs, 1);
    await commit(a.log, 'one');
    a.log.abandon('crash');
    const clock = new ManualClock();
    fs.before = failing(call, 'ENOSPC');
    const b = await openAs(fs, 2, { clock });
    t.same(texts(b.seen), ['one']);
    await b.log.settled();
    t.equal((await b.log.read(b.seen[0]!.place)).toString(), 'one');
    for (let i = 0; i < 20; i++) {
      await t.rejects(b.log.writable(), { code: 'no-space' });
      await clock.advance(100);
    }
    t.ok((await names(fs)).length <= 4, `one new file a second: ${(await names(fs)).join()}`);
    fs.before = undefined;
    await clock.advance(1000);
    await commit(b.log, 'two');
    t.equal((await b.log.read(b.seen[0]!.place)).toString(), 'one');
    b.log.abandon('crash');
    t.same(texts((await openAs(fs, 3)).seen), ['one', 'two'], call);
  }
});

void t.test('a write that failed: octets above the last good sync never count again', async (t) => {
  const fs = newFs();
  const lease = new TestLease(1);
  const a = await openAs(fs, 1, { lease });
  await commit(a.log, 'one');
  await loseAnswer(fs, a.log, 'two');
  await t.rejects(a.log.settled(), { code: 'unknown' }, 'asked again');
  t.match(await a.log.failed, { code: 'unknown' });
  await t.rejects(a.log.writable(), { code: 'unavailable' });
  const again = await openAs(fs, 1, { lease, seals: a.log.sealed });
  t.same(texts(again.seen), ['one']);
  await commit(again.log, 'three');
  again.log.abandon('crash');
  t.same(texts((await openAs(fs, 2)).seen), ['one', 'three'], 'the head lists what counted, not what landed');
});

void t.test('a seal holds under its own grant only', async (t) => {
  const fs = newFs();
  const a = await openAs(fs, 1, { incarnation: 'same' });
  await commit(a.log, 'one');
  await loseAnswer(fs, a.log, 'two');
  const other = await openAs(fs, 2);
  t.same(texts(other.seen), ['one', 'two'], 'the next owner counts what it finds whole');
  await other.log.close();
  const back = await openAs(fs, 3, { incarnation: 'same', seals: a.log.sealed });
  t.same(texts(back.seen), ['one', 'two'], 'and it stays so');
});

void t.test('a failed first write of our own that lands late', async (t) => {
  const fs = newFs();
  const lease = new TestLease(1);
  const clock = new ManualClock();
  const a = await openAs(fs, 1, { lease, clock });
  fs.after = failing('writeDurably', 'ENOSPC');
  await t.rejects(a.log.writable(), { code: 'no-space' });
  fs.after = undefined;
  await clock.advance(1000);
  await commit(a.log, 'one');
  a.log.abandon('crash');
  const b = await openAs(fs, 1, { lease, clock, seals: a.log.sealed });
  t.same(texts(b.seen), ['one']);
  t.same(await names(fs), ['000001.log', '000002.log', '000003.log']);
});

void t.test(
  'a seal of an earlier grant is not applied: somebody may have counted more meanwhile',
  async (t) => {
    const fs = newFs();
    const a = await openAs(fs, 1, { incarnation: 'same' });
    await commit(a.log, 'one');
    await loseAnswer(fs, a.log, 'two');
    const back = await openAs(fs, 3, { incarnation: 'same', seals: a.log.sealed });
    t.same(texts(back.seen), ['one', 'two']);
  },
);

void t.test('a failed first write of our own has landed: its predecessors are read, not it', async (t) => {
  const fs = newFs();
  const a = await openAs(fs, 1);
  await commit(a.log, 'one');
  a.log.abandon('crash');
  const lease = new TestLease(2);
  const clock = new ManualClock();
  fs.after = failing('writeDurably', 'ENOSPC');
  const full = await openAs(fs, 2, { lease, clock });
  t.same(texts(full.seen), ['one']);
  fs.after = undefined;
  full.log.abandon('dropped by its host');
  const again = await openAs(fs, 2, { lease, clock, seals: full.log.sealed });
  t.same(texts(again.seen), ['one']);
  await clock.advance(1000);
  await commit(again.log, 'two');
  again.log.abandon('crash');
  t.same(texts((await openAs(fs, 3)).seen), ['one', 'two']);
});

void t.test('numbers do not run away when a full disk is opened again and again', async (t) => {
  const fs = newFs();
  const lease = new TestLease(1);
  const clock = new ManualClock();
  let { log } = await openAs(fs, 1, { lease, clock });
  await commit(log, 'one');
  fs.before = failing('writeDurably', 'EDQUOT');
  await log.writable();
  queue(log, 'two');
  await t.rejects(log.settled(), { code: 'no-space' });
  for (let i = 0; i < 10; i++) {
    const next = await openAs(fs, 1, { lease, clock, seals: log.sealed });
    t.same(texts(next.seen), ['one']);
    log = next.log;
    await clock.advance(50);
  }
  t.same(await names(fs), ['000001.log', '000002.log']);
});
