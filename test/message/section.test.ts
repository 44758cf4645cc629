/** Sections of a stored message (RFC 9051 section 6.4.5.1): which octets, and that large ones are left for later. */
import t from 'tap';
import {
  type PartialRange,
  type Section,
  type SectionText,
  sectionOctets,
} from '../../src/message/section.ts';
import { crlf } from '../mime/corpus.ts';
import { Stored } from './stored.ts';

const MESSAGE = crlf(
  'From: a@b\nSubject: hi\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: message/rfc822\n\nSubject: in\nX: y\n\ntwo\n--b--\n',
);

function section(text?: SectionText, part: readonly number[] = [], ...fields: string[]): Section {
  return { part, text, fields };
}

/** `none` for no such part. */
async function octetsOf(wanted: Section, partial?: PartialRange): Promise<string> {
  const octets = await sectionOctets(wanted, partial, new Stored(MESSAGE).content);
  return Buffer.isBuffer(octets) ? octets.toString('latin1') : 'none';
}

const TABLE: readonly (readonly [name: string, wanted: Section, expected: string])[] = [
  ['the header', section('HEADER'), 'From: a@b\nSubject: hi\nContent-Type: multipart/mixed; boundary=b\n\n'],
  ['a part', section(undefined, [1]), 'one'],
  ['the header of a message in a part', section('HEADER', [2]), 'Subject: in\nX: y\n\n'],
  ['its text', section('TEXT', [2]), 'two'],
  ['the MIME header of a part', section('MIME', [2]), 'Content-Type: message/rfc822\n\n'],
  ['fields, whatever their case', section('HEADER.FIELDS', [], 'SUBJECT'), 'Subject: hi\n\n'],
  ['all but these', section('HEADER.FIELDS.NOT', [2], 'x'), 'Subject: in\n\n'],
  ['no such field', section('HEADER.FIELDS', [], 'X-None'), '\n'],
  ['no such part', section(undefined, [3]), 'none'],
  ['fields of a part that is no message', section('HEADER.FIELDS', [1], 'Subject'), 'none'],
];

for (const [name, wanted, expected] of TABLE)
  void t.test(name, async (t) => {
    t.equal((await octetsOf(wanted)).replaceAll('\r\n', '\n'), expected);
  });

void t.test('a partial of each, also one that begins or ends beyond it', async (t) => {
  for (const wanted of [section(undefined, [1]), section('HEADER.FIELDS', [], 'Subject')]) {
    const whole = await octetsOf(wanted);
    for (let offset = 0; offset <= whole.length + 1; offset++)
      for (const octets of [1, 2, 1000]) {
        t.equal(
          await octetsOf(wanted, { offset, octets }),
          whole.slice(offset, offset + octets),
          `<${offset}.${octets}>`,
        );
      }
  }
});

void t.test('what is larger than a chunk is only said, not read', async (t) => {
  const stored = new Stored(Buffer.concat([crlf('A: b\n\n'), Buffer.alloc(500_000, 'x')]));
  const size = stored.octets.length;
  t.strictSame(await sectionOctets(section(), undefined, stored.content), { from: 0, to: size });
  t.equal(stored.reads.length, 0);
  t.strictSame(await sectionOctets(section('TEXT'), { offset: 100, octets: 1_000_000 }, stored.content), {
    from: 108,
    to: size,
  });
  t.equal(stored.reads.length, 1, 'the header');
  t.equal((await sectionOctets(section(), { offset: 5, octets: 7 }, stored.content))?.constructor, Buffer);
});
