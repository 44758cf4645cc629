/** Snapshots (docs/storage.md): what they save, and that a wrong, old or torn one is never believed. */
import t from 'tap';
import { epochOf } from '../../../src/store/ids.ts';
import { SNAPSHOT_OCTETS_MAX } from '../../../src/store/log/limits.ts';
import { decodeSnapshot, encodeSnapshot, seal } from '../../../src/store/log/snapshot-file.ts';
import { snapshotName, snapshotNames } from '../../../src/store/log/snapshot-name.ts';
import type { MemoryFs } from '../../support/memory-fs.ts';
import { Prng } from '../../support/prng.ts';
import {
  commit,
  copyOf,
  DIRECTORY,
  failing,
  fsError,
  gate,
  names,
  newFs,
  OBJECT,
  openAs,
  queue,
  texts,
} from './support.ts';

/** Opens as the owner with this grant; the state is the texts, in a snapshot joined by commas. */
async function openWith(fs: MemoryFs, grant: number) {
  let restored: string | undefined;
  const opened = await openAs(fs, grant, {
    restore: (content) => {
      if (content.toString() === 'refused') return false;
      restored = content.toString();
      return true;
    },
  });
  const state = () => [...(restored?.split(',') ?? []), ...texts(opened.seen)].filter((text) => text !== '');
  return { ...opened, state, restored: () => restored };
}

type Opened = Awaited<ReturnType<typeof openWith>>;

const write = (opened: Opened, state: readonly string[]): Promise<void> =>
  opened.log.writeSnapshot(() => Buffer.from(state.join(',')));

/** An object with three commits in a snapshot and one behind it. */
async function withSnapshot(): Promise<{ fs: MemoryFs; name: string }> {
  const fs = newFs();
  const a = await openWith(fs, 1);
  for (const text of ['one', 'two', 'three']) await commit(a.log, text);
  await write(a, ['one', 'two', 'three']);
  await commit(a.log, 'four');
  await a.log.close();
  const name = snapshotNames(await names(fs))[0]!.name;
  return { fs, name };
}

const ALL = ['one', 'two', 'three', 'four'];

void t.test('names', (t) => {
  t.equal(snapshotName(12, 345, epochOf(1, 2)), 'snapshot.12.345.100000002');
  t.same(
    snapshotNames(['snapshot.1.20.a', 'snapshot.2.3.a', 'snapshot.1.100.b', '000001.log']).map(
      ({ name }) => name,
    ),
    ['snapshot.2.3.a', 'snapshot.1.100.b', 'snapshot.1.20.a'],
  );
  for (const wrong of [
    'snapshot.0.1.1',
    'snapshot.01.1.1',
    'snapshot.1.1.A',
    '.snapshot.1.1.1.tmp',
    'snapshot.1.1',
  ])
    t.same(snapshotNames([wrong]), [], wrong);
  t.end();
});

void t.test('what a crash left of one is removed with the next', async (t) => {
  const fs = newFs();
  const a = await openWith(fs, 1);
  await commit(a.log, 'one');
  for (const left of ['.snapshot.1.20.a.0123456789ab.tmp', '.snapshot.1.30.a.ba9876543210.tmp', '.other.tmp'])
    fs.put(`${DIRECTORY}/${left}`, Buffer.from('half of it'));
  await write(a, ['one']);
  t.same(
    (await names(fs)).filter((name) => name.endsWith('.tmp')),
    ['.other.tmp'],
  );
});

void t.test('one above SNAPSHOT_OCTETS_MAX is not written', async (t) => {
  const fs = newFs();
  const a = await openWith(fs, 1);
  await commit(a.log, 'one');
  await t.rejects(
    a.log.writeSnapshot(() => Buffer.alloc(SNAPSHOT_OCTETS_MAX)),
    { code: 'limit' },
  );
  t.notMatch((await names(fs)).join(), /snapshot/);
});

void t.test('without content none is written', async (t) => {
  const fs = newFs();
  const a = await openWith(fs, 1);
  await commit(a.log, 'one');
  await a.log.writeSnapshot(() => undefined);
  t.notMatch((await names(fs)).join(), /snapshot/);
});

void t.test(
  'one begun before the close is written after it, in its turn, and the lease may be gone',
  async (t) => {
    const fs = newFs();
    const a = await openWith(fs, 1);
    await commit(a.log, 'one');
    const turn = gate();
    let isAsked = false;
    const written = a.log.writeSnapshot(
      () => {
        isAsked = true;
        return Buffer.from('one');
      },
      (work) => turn.opened.then(work),
    );
    await a.log.close();
    a.lease.isHeld = false;
    t.notOk(isAsked);
    turn.open();
    await written;
    const b = await openWith(fs, 2);
    t.same([b.restored(), b.log.replayed], ['one', 0]);
  },
);

void t.test('one of what never settled is not written', async (t) => {
  const fs = newFs();
  const a = await openWith(fs, 1);
  await commit(a.log, 'one');
  const turn = gate();
  queue(a.log, 'two');
  const written = write(a, ['one', 'two']);
  fs.before = failing('writeDurably', 'EIO');
  turn.open();
  await t.rejects(written, { code: 'unknown' });
  t.notMatch((await names(fs)).join(), /snapshot/);
});

void t.test('what a snapshot holds is not replayed', async (t) => {
  const { fs } = await withSnapshot();
  const b = await openWith(fs, 2);
  t.equal(b.restored(), 'one,two,three');
  t.same(texts(b.seen), ['four']);
  t.equal(b.log.replayed, 1);
  t.same(
    await names(fs),
    (await names(fs)).filter((name) => name !== '000002.log'),
    'a clean object is not taken',
  );
  await commit(b.log, 'five');
  await b.log.close();
  const c = await openWith(fs, 3);
  t.same(c.state(), [...ALL, 'five'], 'with a place in a file below the head');
  t.same(texts((await openAs(fs, 4)).seen), [...ALL, 'five'], 'without');
});

void t.test('behind the close record of an idle log, and of one that nobody took', async (t) => {
  const fs = newFs();
  const a = await openWith(fs, 1);
  await commit(a.log, 'one');
  await a.clock.advance(20_000);
  await write(a, ['one']);
  await a.log.close();
  const b = await openWith(fs, 2);
  t.same(b.state(), ['one']);
  t.equal(b.log.files.length, 1, 'still clean');
  for (const { name } of snapshotNames(await names(fs))) await fs.remove(`${DIRECTORY}/${name}`);
  await write(b, ['one']);
  const c = await openWith(fs, 3);
  t.equal(c.restored(), 'one', 'written by who only read');
  await commit(c.log, 'two');
  await c.log.close();
  t.same((await openWith(fs, 4)).state(), ['one', 'two']);
});

void t.test('what is queued is in it, and it is written when that has settled', async (t) => {
  const fs = newFs();
  const a = await openWith(fs, 1);
  await commit(a.log, 'one');
  queue(a.log, 'two');
  let written = false;
  fs.before = (call) => {
    if (call === 'replace') written = true;
    if (call === 'writeDurably') t.notOk(written);
  };
  await write(a, ['one', 'two']);
  t.ok(written);
  a.log.abandon('crash');
  fs.before = undefined;
  t.same((await openWith(fs, 2)).state(), ['one', 'two']);
});

void t.test('a commit that failed is in no snapshot', async (t) => {
  const fs = newFs();
  const a = await openWith(fs, 1);
  await commit(a.log, 'one');
  fs.before = failing('writeDurably', 'EIO');
  queue(a.log, 'two');
  await t.rejects(write(a, ['one', 'two']), { code: 'unknown' });
  t.same(snapshotNames(await names(fs)), []);
});

void t.test('a crash right behind a snapshot: its place was durable', async (t) => {
  const fs = newFs();
  const a = await openWith(fs, 1);
  await commit(a.log, 'one');
  await write(a, ['one']);
  a.log.abandon('crash');
  const b = await openWith(fs, 2);
  t.same(b.state(), ['one']);
  await commit(b.log, 'two');
  await b.log.close();
  t.same(texts((await openAs(fs, 3)).seen), ['one', 'two'], 'every record counts without it too');
});

void t.test('every cut and every broken octet: the files are replayed', async (t) => {
  const { fs, name } = await withSnapshot();
  const path = `${DIRECTORY}/${name}`;
  const whole = fs.content(path);
  for (let at = 0; at < whole.length; at++)
    for (const broken of [
      whole.subarray(0, at),
      flipped(whole, at),
      Buffer.concat([whole, whole.subarray(at)]),
    ]) {
      const copy = await copyOf(fs);
      copy.put(path, broken);
      const b = await openWith(copy, 2);
      if (b.restored() !== undefined || b.state().join() !== ALL.join()) t.fail(`octet ${at}`);
    }
  t.pass(`${whole.length} octets`);
});

void t.test('one that says something else than the files is passed over', async (t) => {
  const { fs, name } = await withSnapshot();
  const path = `${DIRECTORY}/${name}`;
  const { header } = decodeSnapshot(fs.content(path))!;
  const cases: Record<string, Partial<typeof header>> = {
    'another object': { object: 'other' },
    'another file of this number': { marker: Buffer.alloc(8, 1) },
    'another place than its name': { offset: header.offset - 1 },
    'another file than its name': { file: 2 },
    'files below that do not count': { counts: [{ file: 7, octets: 5 }] },
  };
  for (const [what, change] of Object.entries(cases)) {
    const copy = await copyOf(fs);
    const bytes = encodeSnapshot({ ...header, ...change }, Buffer.from('wrong'));
    await seal(bytes, () => Promise.resolve());
    copy.put(path, bytes);
    const b = await openWith(copy, 2);
    t.equal(b.restored(), undefined, what);
    t.same(b.state(), ALL, what);
  }
  const bytes = encodeSnapshot(header, Buffer.from('refused'));
  await seal(bytes, () => Promise.resolve());
  fs.put(path, bytes);
  t.same((await openWith(fs, 2)).state(), ALL, 'the object does not want it');
});

void t.test('a place that does not count, or a file that nobody lists', async (t) => {
  const { fs, name } = await withSnapshot();
  const { header, content } = decodeSnapshot(fs.content(`${DIRECTORY}/${name}`))!;
  for (const place of [{ offset: 1_000_000 }, { file: 9 }]) {
    const bytes = encodeSnapshot({ ...header, ...place }, content);
    await seal(bytes, () => Promise.resolve());
    const copy = await copyOf(fs);
    await copy.remove(`${DIRECTORY}/${name}`);
    copy.put(
      `${DIRECTORY}/${snapshotName(place.file ?? 1, place.offset ?? header.offset, header.epoch)}`,
      bytes,
    );
    t.same((await openWith(copy, 2)).state(), ALL);
  }
});

void t.test('above what the next owner counted: ignored', async (t) => {
  const fs = newFs();
  const a = await openWith(fs, 1);
  await commit(a.log, 'one');
  const early = await copyOf(fs);
  await commit(a.log, 'two');
  await write(a, ['one', 'two']);
  const { name } = snapshotNames(await names(fs))[0]!;
  // Another owner took it while the second commit was in nobody's sight; then all of the first one's octets landed.
  const b = await openWith(early, 2);
  await b.log.close();
  early.put(`${DIRECTORY}/000001.log`, fs.content(`${DIRECTORY}/000001.log`));
  early.put(`${DIRECTORY}/${name}`, fs.content(`${DIRECTORY}/${name}`));
  const c = await openWith(early, 3);
  t.equal(c.restored(), undefined);
  t.same(c.state(), ['one']);
});

void t.test('a compaction that came later, and files that are gone since', async (t) => {
  const fs = newFs();
  const a = await openWith(fs, 1);
  await commit(a.log, 'one');
  await a.log.rotate();
  await commit(a.log, 'two');
  await write(a, ['one', 'two']);
  await commit(a.log, 'one', 'two');
  await a.log.writable();
  a.log.replaced([1]);
  await commit(a.log, 'three');
  await a.log.close();
  await fs.remove(`${DIRECTORY}/000001.log`);
  const b = await openWith(fs, 2);
  t.same(texts(b.seen), ['one', 'two', 'three'], 'the tail');
  t.same(
    b.log.files.map(({ file }) => file),
    [2],
    'what a taker lists',
  );
  await commit(b.log, 'four');
  await b.log.close();
  const c = await openWith(fs, 3);
  t.same(texts(c.seen), ['one', 'two', 'three', 'four']);
  t.equal(c.restored(), 'one,two');
});

void t.test('a newer one takes the place of older ones; a late one of none', async (t) => {
  const fs = newFs();
  const a = await openWith(fs, 1);
  await commit(a.log, 'one');
  await write(a, ['one']);
  const old = snapshotNames(await names(fs));
  await commit(a.log, 'two');
  await write(a, ['one', 'two']);
  const newer = snapshotNames(await names(fs));
  t.equal(newer.length, 1);
  t.not(newer[0]!.name, old[0]!.name);
  await a.log.close();
  const b = await openWith(fs, 2);
  t.equal(b.restored(), 'one,two');
});

void t.test('no storage, no space: the log goes on', async (t) => {
  const fs = newFs();
  const a = await openWith(fs, 1);
  await commit(a.log, 'one');
  fs.before = failing('replace', 'ENOSPC');
  await t.rejects(write(a, ['one']));
  await commit(a.log, 'two');
  fs.before = undefined;
  await write(a, ['one', 'two']);
  await a.log.close();
  fs.before = (call, path) => {
    if (call === 'read' && path.includes('snapshot')) throw fsError('EIO');
  };
  t.same((await openWith(fs, 2)).state(), ['one', 'two'], 'one that cannot be read');
});

void t.test('any octets are a snapshot or none', (t) => {
  const random = new Prng(8);
  const header = {
    object: OBJECT,
    epoch: epochOf(1, 1),
    file: 3,
    marker: Buffer.alloc(8, 7),
    offset: 900,
    counts: [{ file: 1, octets: 44 }],
  };
  const whole = encodeSnapshot(header, Buffer.from('content'));
  t.same(decodeSnapshot(whole), { header, content: Buffer.from('content') });
  for (let i = 0; i < 3000; i++) {
    const bytes = Buffer.from(whole);
    for (let changes = random.below(4); changes >= 0; changes--) bytes[random.below(60)] = random.below(256);
    decodeSnapshot(bytes.subarray(0, random.below(bytes.length + 1)));
  }
  t.end();
});

function flipped(whole: Buffer, at: number): Buffer {
  const copy = Buffer.from(whole);
  copy[at] = copy[at]! ^ 0x10;
  return copy;
}
