import assert from 'node:assert/strict';
import t from 'tap';
import { headerFields } from '../../src/mime/header.ts';
import { HeaderSubset } from '../../src/mime/header-subset.ts';
import { scanMessage } from '../../src/mime/scanner.ts';
import type { WhichText } from '../../src/mime/section.ts';
import { locate } from '../../src/mime/section.ts';
import { crlf } from './corpus.ts';
import { mutate, seeded } from './seeded.ts';

/** The message of RFC 9051 section 6.4.5.1 in small: 1 text, 2 octets, 3 message (3.1, 3.2), 4 multipart (4.1, 4.2 message). */
const MESSAGE = crlf(`Subject: outer
Content-Type: multipart/mixed; boundary=a

--a

one
--a
Content-Type: application/octet-stream

two
--a
Content-Type: message/rfc822
X-Part: 3

Subject: three
Content-Type: multipart/mixed; boundary=b

--b

three one
--b
Content-Type: application/octet-stream

three two
--b--
--a
Content-Type: multipart/mixed; boundary=c

--c
Content-Type: image/gif

four one
--c
Content-Type: message/rfc822

Subject: four two

text of four two
--c--
--a--
`);

const TABLE: readonly (readonly [path: readonly number[], text: WhichText, octets: string | undefined])[] = [
  [[], 'HEADER', 'Subject: outer\nContent-Type: multipart/mixed; boundary=a\n\n'],
  [[1], undefined, 'one'],
  [[1], 'MIME', '\n'],
  [[1], 'HEADER', undefined],
  [[1, 1], undefined, undefined],
  [[2], 'MIME', 'Content-Type: application/octet-stream\n\n'],
  [[3], 'MIME', 'Content-Type: message/rfc822\nX-Part: 3\n\n'],
  [[3], 'HEADER', 'Subject: three\nContent-Type: multipart/mixed; boundary=b\n\n'],
  [[3], 'TEXT', '--b\n\nthree one\n--b\nContent-Type: application/octet-stream\n\nthree two\n--b--'],
  [[3, 1], undefined, 'three one'],
  [[3, 2], 'MIME', 'Content-Type: application/octet-stream\n\n'],
  [[4], 'HEADER', undefined],
  [[4, 1], undefined, 'four one'],
  [[4, 2], 'HEADER', 'Subject: four two\n\n'],
  [[4, 2], 'TEXT', 'text of four two'],
  [[4, 2, 1], undefined, 'text of four two'],
  [[4, 2, 2], undefined, undefined],
  [[5], undefined, undefined],
  [[], 'MIME', undefined],
];

void t.test('RFC 9051 section 6.4.5.1: part specifiers', async (t) => {
  const root = scanMessage(MESSAGE);
  for (const [path, text, expected] of TABLE) {
    const range = locate(root, path, text);
    const octets = range && MESSAGE.toString('latin1', range.from, range.to).replaceAll('\r\n', '\n');
    t.equal(octets, expected, `${path.join('.')} ${text ?? ''}`);
  }
  const [header, body] = [locate(root, [], 'HEADER')!, locate(root, [], 'TEXT')!];
  t.equal(header.to, body.from);
  t.equal(body.to, MESSAGE.length, 'header and text are the whole');
});

void t.test('a message that is no multipart has part 1, its own body', async (t) => {
  const octets = crlf('Subject: x\n\nhi\n');
  const root = scanMessage(octets);
  t.same(locate(root, [1], undefined), { from: 14, to: 18 });
  t.same(locate(root, [1], 'MIME'), { from: 0, to: 14 });
  t.equal(locate(root, [2], undefined), undefined);
  t.equal(locate(root, [1, 1], undefined), undefined);
  const nested = scanMessage(crlf('Content-Type: message/rfc822\n\nSubject: x\n\nhi\n'));
  t.same(locate(nested, [1], 'TEXT'), locate(nested, [1, 1], undefined));
});

const HEADER = crlf('To: a\nSubject: x\n y\nX-To: b\njunk\n tail\nTO : c\n\tfolded\nlong: ');

function subset(chunks: readonly Buffer[], names: readonly string[], not: boolean): string {
  const filter = new HeaderSubset(names, not);
  const kept: Buffer[] = [];
  for (const chunk of chunks) {
    const receive = Buffer.from(chunk);
    kept.push(Buffer.concat(filter.push(receive)));
    receive.fill(0x3a);
  }
  return Buffer.concat([...kept, ...filter.end()])
    .toString('latin1')
    .replaceAll('\r\n', '\n');
}

void t.test('HEADER.FIELDS gives exact octets, for every cut', async (t) => {
  for (let cut = 0; cut <= HEADER.length; cut++) {
    const chunks = [HEADER.subarray(0, cut), HEADER.subarray(cut)];
    assert.equal(subset(chunks, ['to'], false), 'To: a\nTO : c\n\tfolded\n', `cut at ${cut}`);
    assert.equal(subset(chunks, ['TO', 'Long'], true), 'Subject: x\n y\nX-To: b\n', `cut at ${cut}`);
  }
  t.equal(subset([HEADER], ['long'], false), 'long: ');
  t.equal(subset([HEADER], ['nothing'], false), '');
});

void t.test('fuzz: the subset agrees with the list of fields, and no octet is in both subsets', async (t) => {
  const seed = 20260910;
  const random = seeded(seed);
  for (let run = 0; run < 1000; run++) {
    const header = mutate(HEADER, random, ['\r\n', ':', ' ', 'To:', '\n']);
    const end = /(?:^|\n)\r?\n/.exec(header.toString('latin1'));
    const octets =
      end === null
        ? header
        : header.subarray(0, end.index + (header[end.index] === 0x0a && end.index > 0 ? 1 : 0));
    const expected = headerFields(octets)
      .filter((field) => field.name === 'to')
      .map((field) => octets.toString('latin1', field.from, field.to))
      .join('')
      .replaceAll('\r\n', '\n');
    const cut = random.below(octets.length + 1);
    assert.equal(
      subset([octets.subarray(0, cut), octets.subarray(cut)], ['to'], false),
      expected,
      `seed ${seed} run ${run}`,
    );
  }
  t.pass(`seed ${seed}`);
});
