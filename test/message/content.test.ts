/** The one reader of stored messages: what it gives, and that it reads no more than that takes. */
import t from 'tap';
import { crlf } from '../mime/corpus.ts';
import { chunksOf, Stored } from './stored.ts';

const KIB = 1024;
const SMALL = crlf('Subject: x\n\nhello\n');
const LARGE = Buffer.concat([crlf('Subject: x\n\n'), Buffer.alloc(3 * KIB * KIB, 'line\r\n')]);

void t.test('octets: any range, cut at the end, nothing read for nothing', async (t) => {
  const stored = new Stored(SMALL);
  const { content } = stored;
  t.equal(String(await content.octets(0, 7)), 'Subject');
  t.equal(String(await content.octets(SMALL.length - 2, 1000)), '\r\n');
  t.strictSame(stored.reads, [
    [0, 7],
    [SMALL.length - 2, 2],
  ]);
  t.equal((await content.octets(SMALL.length, 1000)).length, 0);
  t.equal((await content.octets(9, 9)).length, 0);
  t.equal(stored.reads.length, 2);
});

void t.test('whole: a small message in one read, which is what the store checks', async (t) => {
  for (const size of [0, 1, 128 * KIB, KIB * KIB]) {
    const stored = new Stored(LARGE.subarray(0, size));
    const chunks = await chunksOf(stored.content.whole());
    t.ok(Buffer.concat(chunks).equals(stored.octets), `${size} octets`);
    t.strictSame(stored.reads, size === 0 ? [] : [[0, size]]);
    t.ok(chunks.every(({ length }) => length <= 128 * KIB));
  }
});

void t.test('whole: a large one is never held', async (t) => {
  const stored = new Stored(LARGE);
  const chunks = await chunksOf(stored.content.whole());
  t.ok(Buffer.concat(chunks).equals(LARGE));
  t.ok(stored.reads.every(([, octets]) => octets <= 128 * KIB));
  t.equal(stored.rests, stored.reads.length, 'and every chunk may rest');
});

void t.test('top: who stops behind the header has read little', async (t) => {
  const stored = new Stored(LARGE);
  for await (const chunk of stored.content.top()) {
    t.equal(chunk.length, 16 * KIB);
    break;
  }
  t.strictSame(stored.reads, [[0, 16 * KIB]]);
  for (const octets of [LARGE, SMALL, Buffer.alloc(0)])
    t.ok(Buffer.concat(await chunksOf(new Stored(octets).content.top())).equals(octets));
});

void t.test('header: the first look is enough for most, and is not read again', async (t) => {
  const stored = new Stored(LARGE);
  const { content } = stored;
  t.equal((await content.header()).bodyFrom, 14);
  t.equal((await content.header()).bodyFrom, 14);
  t.equal(String(await content.octets(0, 7)), 'Subject');
  t.strictSame(stored.reads, [[0, 16 * KIB]]);
});

void t.test('header: of any length, in ever larger looks', async (t) => {
  const header = `${'X-Filler: 0123456789\n'.repeat(4000)}\n`;
  const stored = new Stored(crlf(`${header}body`));
  t.equal((await stored.content.header()).bodyFrom, crlf(header).length);
  t.strictSame(
    stored.reads.map(([from, octets]) => [from, Math.ceil(octets / KIB)]),
    [
      [0, 16],
      [0, 64],
      [0, Math.ceil(stored.octets.length / KIB)],
    ],
  );
});

void t.test('fields: those of the header, whatever its size and whatever is known already', async (t) => {
  const filler = (count: number) => crlf(`From: a@b\nSubject: hi\n${'X-Filler: 0123456789\n'.repeat(count)}`);
  const headers = [LARGE, SMALL, Buffer.alloc(0), filler(0), filler(4000), filler(40_000)];
  for (const octets of [...headers, Buffer.concat([filler(7000), crlf('\nbody')])]) {
    const { fields } = await new Stored(octets).content.header();
    const stored = new Stored(octets);
    t.same((await stored.content.fields()).fields, fields);
    await stored.content.structure();
    t.same((await stored.content.fields()).fields, fields, 'after the structure too');
  }
});

void t.test('header: ends behind the first blank line, with CRLF or LF', async (t) => {
  for (const [text, bodyFrom] of [
    ['\n', 1],
    ['\r\n', 2],
    ['\nA: b\n\n', 1],
    ['A: b\n\nbody\r\n\r\n', 6],
    ['A: b\r\n\r\nbody\n\n', 8],
    ['A: b\n\n\r\n', 6],
    ['A: b\n\r\n\n', 7],
    ['A: b\r\n\n', 7],
    ['A: b\r\n\rbody', 11],
    ['A: b', 4],
    ['', 0],
  ] as const)
    t.equal((await new Stored(Buffer.from(text)).content.header()).bodyFrom, bodyFrom, JSON.stringify(text));
});

void t.test('structure: what the header look has read is not read again for a small message', async (t) => {
  const stored = new Stored(SMALL);
  await stored.content.header();
  t.equal((await stored.content.structure()).to, SMALL.length);
  t.equal(await stored.content.header(), await stored.content.header());
  t.equal(stored.reads.length, 1);
});

void t.test('a message that is shorter than it was said to be ends early', async (t) => {
  const stored = new Stored(LARGE);
  const chunks = await chunksOf(stored.content.chunks(LARGE.length - 10, LARGE.length + 500_000));
  t.equal(Buffer.concat(chunks).length, 10);
});
