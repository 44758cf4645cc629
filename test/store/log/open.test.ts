/** Opening what a crash, a bad disk or another owner left behind. */
import t from 'tap';
import type { Incarnation } from '../../../src/store/ids.ts';
import { encodeFirstRecords } from '../../../src/store/log/first-record.ts';
import type { MemoryFs } from '../../support/memory-fs.ts';
import {
  commit,
  copyOf,
  DIRECTORY,
  names,
  newFs,
  numberedPath,
  openAs,
  queue,
  SKIPPABLE_UNKNOWN,
  TestLease,
  TYPE,
  texts,
} from './support.ts';

/** An object with one file of some commits, left behind without a close record. Gives where each commit ended. */
async function crashed(values: readonly (readonly string[])[]): Promise<{ fs: MemoryFs; ends: number[] }> {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  const ends: number[] = [];
  for (const group of values) {
    await commit(log, ...group);
    ends.push(fs.content(numberedPath(1)).length);
  }
  log.abandon('crash');
  return { fs, ends };
}

const COMMITS = [['one'], ['two-a', 'two-b', 'two-c'], ['three'], ['x'.repeat(600)]];

void t.test(
  'an object without files, and one with a close record, are opened without creating',
  async (t) => {
    const fs = newFs();
    const first = await openAs(fs, 1);
    t.same(await names(fs), []);
    await commit(first.log, 'one');
    await first.log.close();
    const second = await openAs(fs, 2);
    t.same(texts(second.seen), ['one']);
    t.same(await names(fs), ['000001.log']);
    t.ok(await second.log.settled().then(() => true));
    await commit(second.log, 'two');
    await second.log.close();
    t.same(await names(fs), ['000001.log', '000002.log']);
    t.same(texts((await openAs(fs, 3)).seen), ['one', 'two']);
  },
);

void t.test('a directory that is not there', async (t) => {
  const fs = newFs();
  await t.rejects(openAs(fs, 1, { directory: '/objects/none' }), { code: 'unavailable' });
  const made = await openAs(fs, 1, { directory: '/objects/none', makeDirectory: true });
  await commit(made.log, 'one');
  t.same(await fs.list('/objects/none'), ['000001.log']);
});

void t.test('every cut of a file opens to whole commits that it held by then', async (t) => {
  const { fs, ends } = await crashed(COMMITS);
  const whole = fs.content(numberedPath(1));
  for (let cut = 0; cut <= whole.length; cut++) {
    const copy = newFs();
    copy.put(numberedPath(1), whole.subarray(0, cut));
    const expected = COMMITS.filter((_, index) => ends[index]! <= cut).flat();
    const opened = await openAs(copy, 2);
    if (texts(opened.seen).join() !== expected.join()) t.same(texts(opened.seen), expected, `cut at ${cut}`);
    // What was read is durable in the taker's own file: the next owner has it without the predecessor's tail.
    opened.log.abandon('crash');
    const next = await openAs(copy, 3);
    if (texts(next.seen).join() !== expected.join())
      t.same(texts(next.seen), expected, `cut at ${cut}, next owner`);
    next.log.abandon('end');
  }
  t.pass(`${whole.length + 1} cuts`);
});

void t.test('every flipped octet is harmless or reported, and costs one commit at most', async (t) => {
  const { fs, ends } = await crashed(COMMITS);
  // A close record states durable all that lies before it.
  const closing = await openAs(fs, 2);
  await closing.log.close();
  const source = await crashed(COMMITS);
  const before = source.fs.content(numberedPath(1)).length;
  const closed = newFs();
  const { log } = await openAs(closed, 1);
  for (const group of COMMITS) await commit(log, ...group);
  await log.close();
  const whole = closed.content(numberedPath(1));
  t.equal(whole.length, before + 44);
  for (let at = 0; at < whole.length; at++) {
    const copy = newFs();
    const flipped = Buffer.from(whole);
    flipped[at]! ^= 1 << (at % 8);
    copy.put(numberedPath(1), flipped);
    const reports: string[] = [];
    const report = (_: object, message: string) => void reports.push(message);
    const logger = { ...silent, warn: report, error: report };
    const opened = await openAs(copy, 2, { logger });
    const hit = at >= before ? -1 : ends.findIndex((end) => at < end);
    const start = whole.length - 44 - (ends.at(-1)! - firstCommitAt(ends));
    const inFirstRecords = at < start;
    const expected = COMMITS.filter((_, index) => inFirstRecords || at >= before || index !== hit).flat();
    if (texts(opened.seen).join() !== expected.join()) t.same(texts(opened.seen), expected, `flip at ${at}`);
    const lost = expected.length < COMMITS.flat().length;
    if (lost && opened.log.damage.length !== 1) t.same(opened.log.damage, [], `damage for flip at ${at}`);
    if ((lost || inFirstRecords) && reports.length === 0) t.fail(`nothing reported for flip at ${at}`);
    opened.log.abandon('end');
  }
  t.pass(`${whole.length} flips`);
});

const ignore = () => undefined;
const silent = {
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  fatal: ignore,
  child: () => silent,
};

/** Where the first commit of the COMMITS begins, from the ends and its known size. */
function firstCommitAt(ends: readonly number[]): number {
  return ends[0]! - 44 - COMMITS[0]![0]!.length;
}

void t.test('damage is passed over by the taker too, and is never sealed away', async (t) => {
  const { fs } = await crashed(COMMITS);
  const bytes = fs.content(numberedPath(1));
  bytes[bytes.indexOf('two-b')]! ^= 1;
  const copy = newFs();
  copy.put(numberedPath(1), bytes);
  const taker = await openAs(copy, 2);
  t.same(texts(taker.seen), ['one', 'three', 'x'.repeat(600)]);
  t.equal(taker.log.damage.length, 1);
  await commit(taker.log, 'after');
  await taker.log.close();
  const next = await openAs(copy, 3);
  t.same(texts(next.seen), ['one', 'three', 'x'.repeat(600), 'after']);
  t.match(next.log.damage, [{ file: 1 }], 'still reported: the file still counts');
});

void t.test(
  'the second copy of the first record is enough; with neither the object is refused',
  async (t) => {
    const { fs } = await crashed(COMMITS);
    const bytes = fs.content(numberedPath(1));
    bytes[20]! ^= 1;
    const one = newFs();
    one.put(numberedPath(1), bytes);
    t.same(texts((await openAs(one, 2)).seen), COMMITS.flat());
    const second = bytes.indexOf('POSTLOG1', bytes.indexOf('POSTLOG1') + 1);
    bytes[second + 20]! ^= 1;
    const neither = newFs();
    neither.put(numberedPath(1), bytes);
    await t.rejects(openAs(neither, 2), { code: 'damaged' });
    t.same(await names(neither), ['000001.log'], 'nothing was created');
  },
);

void t.test('void files: empty, zeros, cut first record', async (t) => {
  const { fs } = await crashed(COMMITS);
  const whole = fs.content(numberedPath(1));
  fs.put(numberedPath(2), Buffer.alloc(0));
  fs.put(numberedPath(3), Buffer.alloc(5000));
  fs.put(numberedPath(4), whole.subarray(0, 60));
  fs.put(`${DIRECTORY}/snapshot.1.2.3`, Buffer.from('not a log'));
  fs.put(`${DIRECTORY}/7.log`, Buffer.from('not a name of ours'));
  const opened = await openAs(fs, 2);
  t.same(texts(opened.seen), COMMITS.flat());
  t.ok((await names(fs)).includes('000005.log'), 'numbers are never reused');
});

void t.test('a file of another object is reported and never counts', async (t) => {
  const { fs } = await crashed([['one']]);
  const lease = new TestLease(9);
  const stray = encodeFirstRecords({
    marker: Buffer.alloc(8, 1),
    object: '7/other/1-1',
    incarnation: 'x' as Incarnation,
    epoch: lease.epoch,
    counts: [],
    tailOctets: 0,
  });
  fs.put(numberedPath(2), stray);
  const opened = await openAs(fs, 2);
  t.same(texts(opened.seen), ['one']);
  t.same(opened.lease.larger, []);
});

void t.test('a larger epoch: nothing is written, the controller is told', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 5);
  await commit(log, 'one');
  log.abandon('crash');
  const lease = new TestLease(4);
  await t.rejects(openAs(fs, 4, { lease }), { code: 'unavailable' });
  t.same(lease.larger, [new TestLease(5).epoch]);
  t.same(await names(fs), ['000001.log']);
  const twin = new TestLease(5, 'another incarnation');
  await t.rejects(openAs(fs, 5, { lease: twin }), { code: 'unavailable' }, 'an epoch has one incarnation');
});

void t.test('types: unknown and skippable is passed over and carried on, unknown is refused', async (t) => {
  const fs = newFs();
  const { log } = await openAs(fs, 1);
  await log.writable();
  log.append([{ type: SKIPPABLE_UNKNOWN, skippable: true, modseq: 1, payload: [Buffer.from('later')] }]);
  queue(log, 'one');
  await log.settled();
  log.abandon('crash');
  const old = await openAs(fs, 2);
  t.same(texts(old.seen), ['one']);
  old.log.abandon('crash');
  const newer = await openAs(fs, 3, { knownTypes: new Set([TYPE, SKIPPABLE_UNKNOWN]) });
  t.same(texts(newer.seen), ['later', 'one'], 'the copy of the tail has what its copier did not know');
  await newer.log.writable();
  newer.log.append([{ type: 99, modseq: 2, payload: [] }]);
  await newer.log.settled();
  newer.log.abandon('crash');
  const before = await names(fs);
  await t.rejects(openAs(fs, 4), { code: 'unavailable' });
  t.same(await names(fs), before, 'refused before anything was created');
});

void t.test('a counted file that is gone is damage, not an empty object', async (t) => {
  const fs = newFs();
  const a = await openAs(fs, 1);
  await commit(a.log, 'one');
  await a.log.close();
  const b = await openAs(fs, 2);
  await commit(b.log, 'two');
  await b.log.close();
  const copy = await copyOf(fs);
  await copy.remove(numberedPath(1));
  await t.rejects(openAs(copy, 3), { code: 'damaged' });
});

void t.test('storage errors are unavailable, whichever call they come from', async (t) => {
  const { fs } = await crashed([['one']]);
  for (const call of ['list', 'open', 'size', 'read', 'createExclusive', 'writeDurably', 'syncDirectory']) {
    const copy = await copyOf(fs);
    copy.before = (name) => {
      if (name === call) throw Object.assign(new Error(call), { code: 'EIO' });
    };
    await t.rejects(openAs(copy, 2), { code: 'unavailable' }, call);
    copy.before = undefined;
    t.same(texts((await openAs(copy, 3)).seen), ['one'], `served again after ${call} failed`);
  }
});

void t.test(
  'an object larger than a piece, with records across pieces and one larger than a piece',
  async (t) => {
    const fs = newFs();
    const { log } = await openAs(fs, 1);
    const sizes = [700_000, 700_000, 3_000_000, 10, 1_048_576 - 44, 400_000, 1];
    for (const [index, size] of sizes.entries()) await commit(log, String(index % 10).repeat(size));
    log.abandon('crash');
    const opened = await openAs(fs, 2);
    t.same(
      opened.seen.map(({ text }) => [text.length, text[0]]),
      sizes.map((size, index) => [size, String(index)]),
    );
  },
);
