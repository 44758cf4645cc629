/** Rotation, compaction's `replaced`, and appends that go on meanwhile. */
import t from 'tap';
import { commit, fsError, gate, names, newFs, numberedPath, openAs, queue, texts } from './support.ts';

void t.test('a file over its size is followed by the next, and no commit waits for it', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1, { fileOctetsMax: 1000 });
  const expected: string[] = [];
  for (let i = 0; i < 60; i++) {
    const text = `commit number ${i} `.repeat(4);
    expected.push(text);
    await log.writable();
    queue(log, text);
    if (i % 3 === 0) await log.settled();
  }
  await log.settled();
  t.ok((await names(fs)).length >= 5, (await names(fs)).join());
  t.equal(log.files.length, (await names(fs)).length);
  log.abandon('crash');
  t.same(texts((await openAs(fs, 2)).seen), expected);
});

void t.test('a first write is alone, so that what follows vouches for it', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  await commit(log, 'one');
  const hold = gate();
  fs.before = (call, path) => (call === 'writeDurably' && path.endsWith('1.log') ? hold.opened : undefined);
  queue(log, 'two');
  const rotating = log.rotate();
  let place = queue(log, 'three')[0]!;
  while (place.file === 1) {
    await log.read({ file: 1, offset: 44, octets: 1 });
    place = queue(log, 'more')[0]!;
  }
  hold.open();
  await rotating;
  await log.settled();
  const stated = fs.content(numberedPath(2)).readBigUInt64LE(place.offset - 44 + 36);
  t.equal(Number(stated), place.offset - 44, 'the first commit states the first write durable');
});

void t.test('every cut of the last file, with others below it', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  await commit(log, 'one');
  await log.rotate();
  await commit(log, 'two');
  log.abandon('crash');
  const whole = fs.content(numberedPath(2));
  const end = whole.length;
  for (let cut = 0; cut <= end; cut++) {
    const copy = newFs();
    copy.put(numberedPath(1), fs.content(numberedPath(1)));
    copy.put(numberedPath(2), whole.subarray(0, cut));
    const { seen } = await openAs(copy, 2);
    const expected = cut === end ? ['one', 'two'] : ['one'];
    if (texts(seen).join() !== expected.join()) t.same(texts(seen), expected, `cut at ${cut}`);
  }
  t.pass(`${end + 1} cuts`);
});

void t.test('appends while the next number is being created go to the old file, in order', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  await commit(log, 'one');
  const rotating = log.rotate();
  await log.writable();
  const [during] = queue(log, 'two');
  t.equal(during!.file, 1);
  await rotating;
  const [after] = await commit(log, 'three');
  t.equal(after!.file, 2);
  t.equal((await log.read(during!)).toString(), 'two');
  await log.close();
  t.same(texts((await openAs(fs, 2)).seen), ['one', 'two', 'three']);
});

void t.test('a first record that fails: the old file is never appended to again', async (t) => {
  const fs = newFs();
  const { log, lease } = await openAs(fs, 1);
  await commit(log, 'one');
  fs.before = (call, path) => {
    if (call === 'writeDurably' && path.endsWith('2.log')) throw fsError('EIO');
  };
  await t.rejects(log.rotate(), { code: 'unknown' });
  t.throws(() => queue(log, 'two'), { code: 'unavailable' });
  fs.before = undefined;
  const again = await openAs(fs, 1, { lease, seals: log.sealed });
  await commit(again.log, 'three');
  t.same(again.log.files.map(({ file }) => file).at(-1), 3);
  again.log.abandon('crash');
  t.same(texts((await openAs(fs, 2)).seen), ['one', 'three']);
});

void t.test('no room for a rotation by size: the file grows on', async (t) => {
  const fs = newFs();
  const { log, clock } = await openAs(fs, 1, { fileOctetsMax: 300 });
  fs.before = (call) => {
    if (call === 'createExclusive' && log.files.length === 1 && log.countedOctets > 300)
      throw fsError('ENOSPC');
  };
  for (let i = 0; i < 20; i++) await commit(log, 'x'.repeat(100));
  t.same(await names(fs), ['000001.log']);
  fs.before = undefined;
  await clock.advance(1001);
  await commit(log, 'y');
  await commit(log, 'z');
  await log.settled();
  t.equal(log.files.length, 2);
});

void t.test(
  'compaction: with its last record the old files no longer count, without it they do',
  async (t) => {
    for (const done of [true, false]) {
      const fs = newFs();
      const a = await openAs(fs, 1);
      await commit(a.log, 'old one');
      await a.log.rotate();
      await commit(a.log, 'old two');
      const old = a.log.files.map(({ file }) => file);
      await a.log.rotate();
      await commit(a.log, 'both');
      await commit(a.log, 'meanwhile');
      if (done) {
        await a.log.writable();
        a.log.replaced(old);
        await a.log.settled();
        t.same(
          a.log.files.map(({ file }) => file),
          [3],
        );
      }
      await commit(a.log, 'after');
      a.log.abandon('crash');
      const expected = done
        ? ['both', 'meanwhile', 'after']
        : ['old one', 'old two', 'both', 'meanwhile', 'after'];
      if (done) for (const number of old) await fs.remove(numberedPath(number));
      const b = await openAs(fs, 2);
      t.same(texts(b.seen), expected);
      await commit(b.log, 'next');
      await b.log.close();
      t.same(texts((await openAs(fs, 3)).seen), [...expected, 'next']);
    }
  },
);

void t.test('only the oldest files can be replaced, never the one written', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  await commit(log, 'one');
  await log.rotate();
  await log.rotate();
  await log.writable();
  t.throws(() => log.replaced([2]), { name: 'AssertionError' });
  t.throws(() => log.replaced([1, 2, 3]), { name: 'AssertionError' });
  log.replaced([2, 1]);
  await log.close();
});

void t.test('closing while a rotation is under way', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  await commit(log, 'one');
  const rotating = log.rotate().catch(() => undefined);
  await log.close();
  await rotating;
  t.same(texts((await openAs(fs, 2)).seen), ['one']);
});
