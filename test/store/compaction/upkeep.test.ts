/** When compactions and snapshots are due, and that they never stand in anybody's way. */
import t from 'tap';
import { Turns } from '../../../src/lib/turns.ts';
import { compact } from '../../../src/store/compaction/compact.ts';
import type { CompactionSource, Slice } from '../../../src/store/compaction/types.ts';
import { Upkeep, type UpkeepOptions } from '../../../src/store/compaction/upkeep.ts';
import { FILE_OCTETS_MAX } from '../../../src/store/log/limits.ts';
import type { LogMaintenance } from '../../../src/store/log/types.ts';
import { commit, fsError, gate, names, newFs, openAs, queue, TYPE, texts } from '../log/support.ts';

/** States texts, one a slice, and remembers where they went. */
class Texts implements CompactionSource {
  readonly state: string[];
  live = 0;
  snapshots = 0;
  replacing: readonly number[] = [];
  /** Called before each slice is prepared. */
  before: (index: number) => Promise<void> | void = () => undefined;

  constructor(state: readonly string[]) {
    this.state = [...state];
  }

  *slices(replacing: ReadonlySet<number>): Generator<Slice> {
    this.replacing = [...replacing];
    for (const [index, text] of [...this.state].entries())
      yield {
        prepare: async () => this.before(index),
        records: () => [{ type: TYPE, modseq: index + 1, payload: [Buffer.from(text)] }],
        applied: () => undefined,
      };
  }

  liveOctets(): number {
    return this.live;
  }

  snapshot(): Buffer {
    this.snapshots++;
    return Buffer.from(this.state.join());
  }
}

type Log = Awaited<ReturnType<typeof openAs>>['log'];

function upkeepOf(log: Log, source: Texts, options: Partial<UpkeepOptions> = {}) {
  const reported: unknown[] = [];
  const upkeep = new Upkeep({
    log,
    maintenance: log,
    source,
    rest: () => Promise.resolve(),
    report: (error) => reported.push(error),
    ...options,
  });
  return { upkeep, reported };
}

/** A log with so many files that count. */
async function withFiles(count: number) {
  const fs = newFs();
  const { log, clock } = await openAs(fs, 1);
  await commit(log, 'one');
  for (let file = 1; file < count; file++) await log.rotate();
  return { fs, log, clock };
}

void t.test('due: files, and dead octets that outweigh the live ones above a size', async (t) => {
  const { log } = await withFiles(3);
  const source = new Texts(['one']);
  const { upkeep } = upkeepOf(log, source, { thresholds: { filesMax: 3, deadOctetsMin: 10_000 } });
  t.notOk(upkeep.isDue());
  await commit(log, 'x'.repeat(9_000));
  t.notOk(upkeep.isDue(), 'below the size');
  await commit(log, 'x'.repeat(15_000));
  t.ok(upkeep.isDue());
  source.live = 13_000;
  t.notOk(upkeep.isDue(), 'more than half of it lives');
  await log.rotate();
  t.ok(upkeep.isDue(), 'too many files');
});

void t.test('a large object has many files, and that is no reason', async (t) => {
  const { log } = await withFiles(1);
  const source = new Texts([]);
  source.live = 20 * FILE_OCTETS_MAX;
  const files = (count: number, octets: number) => {
    const each = Array.from({ length: count }, (_, file) => ({ file, octets: octets / count }));
    const facts: Partial<LogMaintenance> = {
      files: each,
      countedOctets: octets,
      replayed: 0,
      isDamaged: false,
    };
    const maintenance = facts as LogMaintenance;
    return upkeepOf(log, source, { maintenance }).upkeep.isDue();
  };
  t.notOk(files(21, 20 * FILE_OCTETS_MAX + 5));
  t.notOk(files(28, 20 * FILE_OCTETS_MAX + 5));
  t.ok(files(29, 20 * FILE_OCTETS_MAX + 5));
});

void t.test('what a compaction could not make smaller is not dead', async (t) => {
  const { log } = await withFiles(2);
  const source = new Texts(['y'.repeat(30_000)]);
  const { upkeep, reported } = upkeepOf(log, source, { thresholds: { deadOctetsMin: 10_000 } });
  await commit(log, 'y'.repeat(30_000));
  t.ok(upkeep.isDue(), 'the estimate says that nothing lives');
  await upkeep.start();
  t.same(reported, []);
  t.notOk(upkeep.isDue());
});

void t.test('a compaction by itself: files, live commits in between, a snapshot behind it', async (t) => {
  const { fs, log } = await withFiles(4);
  const source = new Texts(['one', 'two', 'three']);
  source.before = async () => {
    await commit(log, 'live');
    t.same(await names(fs).then((all) => all.filter((name) => name.startsWith('snap'))), []);
  };
  const { upkeep, reported } = upkeepOf(log, source, { thresholds: { filesMax: 3 } });
  upkeep.committed(1);
  await upkeep.start();
  t.same(reported, []);
  t.same(source.replacing, [1, 2, 3, 4]);
  t.equal(log.files.length, 1);
  t.equal(source.snapshots, 1);
  await log.close();
  const { seen } = await openAs(fs, 2);
  t.same(texts(seen), ['live', 'one', 'live', 'two', 'live', 'three']);
});

void t.test('a commit waits for one slice at most', async (t) => {
  const { fs, log } = await withFiles(2);
  const source = new Texts(Array.from({ length: 20 }, (_, index) => `${index}`.padEnd(100, '.')));
  let most = 0;
  const written: number[] = [];
  fs.after = (call) => {
    if (call === 'writeDurably') written.push(log.countedOctets);
  };
  const maintenance = log;
  source.before = () => {
    most = Math.max(most, log.countedOctets - (written.at(-1) ?? 0));
  };
  await compact({
    log,
    maintenance,
    source,
    rest: () => Promise.resolve(),
    signal: new AbortController().signal,
  });
  t.equal(most, 0, 'nothing is queued when the next slice is asked for');
});

void t.test('a failure: reported, all files count, tried again only after many commits', async (t) => {
  const { fs, log } = await withFiles(3);
  const source = new Texts(['one']);
  source.before = () => Promise.reject(fsError('EIO'));
  const { upkeep, reported } = upkeepOf(log, source, { thresholds: { filesMax: 1 } });
  await upkeep.start();
  t.equal(reported.length, 1);
  t.equal(log.files.length, 4, 'one more, which counts');
  for (let commits = 0; commits < 998; commits++) upkeep.committed(1);
  source.before = () => undefined;
  await upkeep.start();
  t.equal(log.files.length, 4, 'not yet');
  upkeep.committed(1);
  upkeep.committed(1);
  await upkeep.start();
  t.equal(log.files.length, 1);
  t.match((await names(fs)).join(), /snapshot/);
});

void t.test('nothing is derived from a damaged log', async (t) => {
  const { log } = await withFiles(3);
  const source = new Texts(['one']);
  Object.defineProperty(log, 'damage', { value: [{ file: 1, from: 1, to: 2 }] });
  const { upkeep } = upkeepOf(log, source, { thresholds: { filesMax: 1, snapshotRecordsMin: 0 } });
  await upkeep.start();
  await upkeep.snapshotAtClose();
  t.equal(log.files.length, 3);
  t.equal(source.replacing.length, 0);
});

void t.test('stopped between two slices: no snapshot names a place in the half of it', async (t) => {
  const { fs, log } = await withFiles(3);
  const source = new Texts(['one', 'two', 'three']);
  const { upkeep, reported } = upkeepOf(log, source, { thresholds: { snapshotRecordsMin: 0 } });
  const hold = gate();
  const reached = gate();
  source.before = (index) => {
    if (index !== 1) return;
    reached.open();
    return hold.opened;
  };
  const running = upkeep.start();
  await reached.opened;
  const stopped = upkeep.stop();
  hold.open();
  await Promise.all([running, stopped]);
  await upkeep.snapshotAtClose();
  t.same(reported, []);
  t.equal(source.snapshots, 0);
  t.notMatch((await names(fs)).join(), /snapshot/);
  await log.close();
  t.same(texts((await openAs(fs, 2)).seen), ['one', 'one'], 'replay has the old and the new');
});

void t.test('a last snapshot when many records came, none when few', async (t) => {
  for (const [records, expected] of [
    [4, 0],
    [5, 1],
  ] as const) {
    const { log } = await withFiles(1);
    const source = new Texts(['one']);
    const { upkeep } = upkeepOf(log, source, { thresholds: { snapshotRecordsMin: 5 } });
    upkeep.committed(records);
    await upkeep.snapshotAtClose();
    t.equal(source.snapshots, expected);
    await upkeep.snapshotAtClose();
    t.equal(source.snapshots, expected, 'once');
  }
});

void t.test('work that must not be in the middle of one', async (t) => {
  const { fs, log } = await withFiles(3);
  const source = new Texts(['one', 'two', 'three']);
  const { upkeep, reported } = upkeepOf(log, source);
  const order: string[] = [];
  const reached = gate();
  const hold = gate();
  const prepared: number[] = [];
  source.before = (index) => {
    prepared.push(index);
    if (index !== 1) return;
    reached.open();
    return hold.opened;
  };
  const running = upkeep.start().then(() => order.push('ended'));
  await reached.opened;
  const worked = upkeep.without(async () => {
    order.push('work');
    t.same(prepared, [0, 1], 'it does not wait for the rest of the compaction');
    await upkeep.start();
    t.equal(source.replacing.length, 3, 'none was begun');
  });
  hold.open();
  await Promise.all([running, worked]);
  t.same(order.toSorted(), ['ended', 'work']);
  t.same(reported, [], 'which is no failure');
  source.before = () => undefined;
  await upkeep.start();
  t.equal(log.files.length, 1, 'and may begin anew at once');
  await log.close();
  t.same(texts((await openAs(fs, 2)).seen), ['one', 'two', 'three']);
});

void t.test('nobody who stops it waits for a snapshot, not even the log that is closed', async (t) => {
  for (const at of ['compaction', 'close'] as const) {
    const { fs, log } = await withFiles(3);
    const { upkeep, reported } = upkeepOf(log, new Texts(['one']), { thresholds: { snapshotRecordsMin: 1 } });
    const begun = gate();
    const hold = gate();
    fs.before = (call) => {
      if (call !== 'replace') return undefined;
      begun.open();
      return hold.opened;
    };
    if (at === 'compaction') void upkeep.start();
    else upkeep.committed(1);
    if (at === 'compaction') await begun.opened;
    await upkeep.stop();
    void upkeep.snapshotAtClose();
    await log.close();
    let isWritten = false;
    const written = upkeep.written().then(() => (isWritten = true));
    await begun.opened;
    t.notOk(isWritten);
    hold.open();
    await written;
    t.match((await names(fs)).join(), /snapshot/, at);
    t.same(reported, []);
    t.same(texts((await openAs(fs, 2, { restore: () => true })).seen), [], 'and nothing is replayed');
  }
});

void t.test('who waits for a turn waits for nobody to close, or to work', async (t) => {
  const turns = { compactions: new Turns(1), closing: new Turns(1) };
  const hold = gate();
  const held = turns.compactions.run(() => hold.opened);
  const { fs, log } = await withFiles(3);
  const { upkeep, reported } = upkeepOf(log, new Texts(['one']), { turns });
  const queued = upkeep.start();
  // A closed object waits in memory for its snapshot: not behind the compactions of others.
  const closed = upkeepOf(log, new Texts(['one']), { turns, thresholds: { snapshotRecordsMin: 0 } });
  await closed.upkeep.snapshotAtClose();
  t.match((await names(fs)).join(), /snapshot/);
  t.equal(await upkeep.without(async () => 'worked'), 'worked');
  await queued;
  const again = upkeep.start();
  await upkeep.stop();
  await again;
  t.same(reported, []);
  t.equal(log.files.length, 3);
  hold.open();
  await held;
});

void t.test('a log that fails in the middle', async (t) => {
  const { fs, log } = await withFiles(3);
  const source = new Texts(['one', 'two']);
  const { upkeep, reported } = upkeepOf(log, source);
  source.before = (index) => {
    if (index === 1) log.abandon('lost');
  };
  await upkeep.start();
  t.match(reported, [{ code: 'unavailable' }]);
  t.throws(() => queue(log, 'x'));
  t.same(texts((await openAs(fs, 2)).seen), ['one', 'one']);
});
