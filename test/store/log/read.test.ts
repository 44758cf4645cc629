/** Reading places back: parts, what is in flight, broken octets, handles. */
import t from 'tap';
import type { Failure } from '../../../src/lib/failure.ts';
import type { LogImpl } from '../../../src/store/log/log.ts';
import type { Place } from '../../../src/store/log/types.ts';
import { commit, fsError, gate, newFs, numberedPath, openAs, queue } from './support.ts';

void t.test('parts of a payload, clipped to it', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  const [place] = await commit(log, 'hello world');
  for (const [from, octets, expected] of [
    [0, undefined, 'hello world'],
    [6, undefined, 'world'],
    [6, 2, 'wo'],
    [6, 100, 'world'],
    [100, 5, ''],
    [0, 0, ''],
  ] as const)
    t.equal((await log.read(place!, from, octets)).toString(), expected);
  const inside = { ...place!, offset: place!.offset + 6, octets: 5 };
  t.equal((await log.read(inside)).toString(), 'world', 'a place inside a payload');
});

void t.test('what is in flight is waited for', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  await log.writable();
  const hold = gate();
  fs.before = (call) => (call === 'writeDurably' ? hold.opened : undefined);
  const [place] = queue(log, 'soon');
  const reading = log.read(place!);
  hold.open();
  t.equal((await reading).toString(), 'soon');
});

void t.test('octets that broke are not given out', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  const [place] = await commit(log, 'hello world');
  const bytes = Buffer.from(fs.content(numberedPath(1)));
  bytes[place!.offset]! ^= 1;
  fs.put(numberedPath(1), bytes);
  await t.rejects(log.read(place!), { code: 'damaged' });
  fs.put(numberedPath(1), bytes.subarray(0, place!.offset + 3));
  await log.close();
});

void t.test('a stale handle is opened again; an error that stays is unavailable', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  const [place] = await commit(log, 'one');
  await log.read(place!);
  let errors = 1;
  fs.before = (call) => {
    if (call === 'read' && errors-- > 0) throw fsError('ESTALE');
  };
  t.equal((await log.read(place!)).toString(), 'one');
  errors = 2;
  await t.rejects(log.read(place!), { code: 'unavailable' });
  fs.before = undefined;
  t.equal((await log.read(place!)).toString(), 'one', 'and good again');
});

void t.test('what is asked for in one turn and lies side by side shares a read', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  const texts = Array.from({ length: 50 }, (_, i) => `message ${i} `.repeat(i + 1));
  const places = await commit(log, ...texts);
  let reads = 0;
  fs.before = (call) => void (call === 'read' && reads++);
  const parts = await Promise.all(places.map((place) => log.read(place, 3, 6)));
  t.same(
    parts.map(String),
    texts.map((text) => text.slice(3, 9)),
  );
  t.same(
    (await Promise.all(places.toReversed().map((place) => log.read(place)))).map(String),
    texts.toReversed(),
  );
  t.equal(reads, 2);
  const [same, again] = await Promise.all([log.read(places[0]!), log.read(places[0]!)]);
  t.equal(String(same), String(again));
});

void t.test('a place that cannot be read spoils nothing for its neighbours', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  const places = await commit(log, 'one', 'two', 'three');
  const bytes = Buffer.from(fs.content(numberedPath(1)));
  fs.put(numberedPath(1), bytes.subarray(0, places[2]!.offset + 2));
  const read = await Promise.allSettled(places.map((place) => log.read(place)));
  t.same(
    read.map((one) => (one.status === 'fulfilled' ? String(one.value) : (one.reason as Failure).code)),
    ['one', 'two', 'damaged'],
  );
});

void t.test('handles are kept and bounded, and closed when idle and at the end', async (t) => {
  const fs = newFs();
  const { log, clock } = await openAs(fs, 1);
  const places = [];
  for (let i = 0; i < 12; i++) {
    places.push((await commit(log, `file ${i}`))[0]!);
    await log.rotate();
  }
  const opens = () => fs.calls.get('open') ?? 0;
  const before = opens();
  for (const place of places) await log.read(place);
  t.equal(opens() - before, 12);
  for (const place of places.slice(-8)) await log.read(place);
  t.equal(opens() - before, 12, 'the last eight are open still');
  await log.read(places[0]!);
  t.equal(opens() - before, 13);
  await Promise.all(places.map((place) => log.read(place)));
  await clock.advance(20_000);
  const idle = opens();
  await log.read(places[11]!);
  t.equal(opens() - idle, 1, 'closed when idle');
  await log.close();
  await t.rejects(log.read(places[0]!), { code: 'unavailable' });
});

void t.test('whatever ends a log, no file stays open', async (t) => {
  for (const end of ['closed', 'lost while it is read', 'lost while it is opened'] as const) {
    const fs = newFs();
    const { log } = await openAs(fs, 1);
    const [large] = await commit(log, 'x'.repeat(3_000_000));
    await commit(log, 'small');
    const reached = gate();
    const hold = gate();
    if (end === 'closed') {
      await log.readRecord(large!);
      t.ok(fs.openFiles.size > 1);
      await log.close();
    } else {
      let calls = 0;
      fs.before = (call) => {
        if (
          call !== (end === 'lost while it is read' ? 'read' : 'open') ||
          ++calls !== (call === 'read' ? 2 : 1)
        )
          return undefined;
        reached.open();
        return hold.opened;
      };
      const reading = log.readRecord(large!);
      await reached.opened;
      log.abandon('lost');
      hold.open();
      await t.rejects(reading, { code: 'unavailable' });
    }
    await new Promise((resolve) => void setImmediate(resolve));
    t.equal(fs.openFiles.size, 0, end);
  }
});

void t.test('a first record of any length is read', async (t) => {
  const fs = newFs();
  let { log } = await openAs(fs, 1);
  for (let file = 0; file < 600; file++) {
    await commit(log, `${file}`);
    await log.rotate();
  }
  log.abandon('crash');
  const { length } = fs.content(numberedPath(601));
  t.ok(length > 4096, `${length} octets, more than the first look takes`);
  const seen = await openAs(fs, 2);
  ({ log } = seen);
  t.equal(seen.seen.length, 600);
  await log.close();
  t.equal(fs.openFiles.size, 0);
});

const readAll = (log: LogImpl, places: readonly Place[]) =>
  Promise.all(places.map((place) => log.readRecord(place)));

void t.test(
  'whole records for a compaction: neighbours, gaps, other files, large ones; broken ones are found',
  async (t) => {
    const fs = newFs();
    const { log } = await openAs(fs, 1);
    const values = ['a', 'b'.repeat(40_000), 'c', 'd'.repeat(3_000_000), '', 'f'];
    const places: Place[] = [];
    for (const [index, value] of values.entries()) {
      if (index === 2) await log.rotate();
      places.push(...(await commit(log, value)));
    }
    const reads = fs.calls.get('read') ?? 0;
    const all = await readAll(log, places);
    t.same(
      all.map((pieces) => Buffer.concat(pieces).toString()),
      values,
    );
    t.ok((fs.calls.get('read') ?? 0) - reads < values.length + 3, 'neighbours share a read');
    t.ok(
      all[3]!.every((piece) => piece.length <= 2 ** 20),
      'in bounded pieces',
    );
    t.same(await readAll(log, []), []);
    for (const index of [0, 1, 3, 5]) {
      const { file, offset, octets } = places[index]!;
      const bytes = fs.tree.file(numberedPath(file), 'test');
      const at = offset + Math.floor(octets / 2);
      const octet = bytes.read(at, 1);
      bytes.write(at, Buffer.from([octet[0]! ^ 1]));
      await t.rejects(readAll(log, places), { code: 'damaged' }, `record ${index}`);
      bytes.write(at, octet);
    }
    await t.rejects(readAll(log, [{ ...places[1]!, offset: places[1]!.offset + 1, octets: 9 }]), {
      code: 'damaged',
    });
    t.equal((await readAll(log, places)).length, values.length);
  },
);
