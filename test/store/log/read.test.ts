/** Reading places back: parts, what is in flight, broken octets, handles. */
import t from 'tap';
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
