import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import type { Transform } from '../../src/mime/decode.ts';
import { charsetDecoder, decodeHeaderValue, transferDecoder } from '../../src/mime/decode.ts';
import { ENCODED_WORDS_OCTETS_MAX } from '../../src/mime/limits.ts';

const SEED = 20260911;

function decoded(decoder: Transform<Buffer>, octets: Buffer, cut: number): string {
  // Copied at once: a decoder may hand its input on.
  const pieces = [octets.subarray(0, cut), octets.subarray(cut)].map((chunk) =>
    Buffer.from(decoder.push(chunk)),
  );
  return Buffer.concat([...pieces, decoder.end()]).toString('latin1');
}

const TABLE: readonly (readonly [encoding: string, input: string, output: string])[] = [
  ['base64', 'aGVs\r\nbG8=\r\n', 'hello'],
  ['BASE64 ', 'aGVsbG8', 'hello'],
  ['base64', 'aGk=aGk=!aG-k', 'hihihi'],
  ['base64', '====', ''],
  ['quoted-printable', 'a=3Db=\r\nc=\nd =e9=E9', 'a=bcd \xe9\xe9'],
  ['quoted-printable', 'a=zz=4 =', 'a=zz=4 ='],
  ['quoted-printable', '=', '='],
  ['7bit', 'a=3D', 'a=3D'],
  ['x-unknown', 'a=3D', 'a=3D'],
];

void t.test('transfer encodings, with every cut', async (t) => {
  for (const [encoding, input, output] of TABLE) {
    const octets = Buffer.from(input, 'latin1');
    for (let cut = 0; cut <= octets.length; cut++)
      assert.equal(
        decoded(transferDecoder(encoding), octets, cut),
        output,
        `${encoding} ${input} cut at ${cut}`,
      );
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(), (octets, cut) => {
      const encoded = Buffer.from(
        Buffer.from(octets)
          .toString('base64')
          .replace(/(.{20})/g, '$1\r\n'),
      );
      return (
        decoded(transferDecoder('base64'), encoded, cut % (encoded.length + 1)) ===
        Buffer.from(octets).toString('latin1')
      );
    }),
    { seed: SEED, numRuns: 200 },
  );
  t.pass(`seed ${SEED}`);
});

void t.test('charsets, a character cut in two', async (t) => {
  const octets = Buffer.from('grün €');
  for (let cut = 0; cut <= octets.length; cut++) {
    const decoder = charsetDecoder('UTF-8');
    t.equal(
      decoder.push(octets.subarray(0, cut)) + decoder.push(octets.subarray(cut)) + decoder.end(),
      'grün €',
    );
  }
  const table: readonly (readonly [string, Buffer, string])[] = [
    ['iso-8859-1', Buffer.from([0xfc]), 'ü'],
    ['koi8-r', Buffer.from([0xc1]), 'а'],
    ['iso-2022-jp', Buffer.from('\x1b$B$"\x1b(B', 'latin1'), 'あ'],
    ['us-ascii', Buffer.from('ü'), 'ü'],
    ['', Buffer.from('x'), 'x'],
    ['no-such-charset', Buffer.from([0xfc]), 'ü'],
  ];
  for (const [charset, octets, text] of table) t.equal(charsetDecoder(charset).push(octets), text, charset);
});

void t.test('header values', async (t) => {
  const table: readonly (readonly [string, string])[] = [
    ['plain', 'plain'],
    ['=?ISO-8859-1?Q?Andr=E9?= x', 'André x'],
    // RFC 2047 section 6.2: white space between encoded words is ignored.
    ['=?utf-8?b?w6k=?= =?utf-8?q?=C3=A9?=', 'éé'],
    ['gr\xc3\xbcn', 'grün'],
    ['gr\xfcn', 'grün'],
    ['=?no-such?q?a?=', 'a'],
    ['=?broken', '=?broken'],
  ];
  for (const [value, text] of table) t.equal(decodeHeaderValue(Buffer.from(value, 'latin1')), text, value);
});

void t.test('8-bit octets that are no UTF-8 are Windows-1252', async (t) => {
  t.equal(
    decodeHeaderValue(Buffer.from([0x80, 0x20, 0x93, 0x61, 0x94, 0x20, 0xe9])),
    '\u20ac \u201ca\u201d \u00e9',
  );
  t.equal(decodeHeaderValue(Buffer.from('\u20ac')), '\u20ac');
});

void t.test('encoded words of a longer value than ENCODED_WORDS_OCTETS_MAX stay as they are', async (t) => {
  const word = '=?utf-8?q?=E2=82=AC?=';
  const filled = (octets: number): string => word + ' '.padEnd(octets - word.length, 'x');
  t.match(decodeHeaderValue(Buffer.from(filled(ENCODED_WORDS_OCTETS_MAX))), /^\u20ac x/);
  t.match(decodeHeaderValue(Buffer.from(filled(ENCODED_WORDS_OCTETS_MAX + 1))), /^=\?utf-8/);
});
