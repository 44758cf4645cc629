/** Messages: structure, header fields, addresses, parameters, encoded words, transfer encodings, charsets. */
import assert from 'node:assert/strict';
import { bodyStructure } from '../../../src/imap/codec/bodystructure.ts';
import { parseAddresses } from '../../../src/mime/address.ts';
import { charsetDecoder, decodeHeaderValue, transferDecoder } from '../../../src/mime/decode.ts';
import { envelopeOf } from '../../../src/mime/envelope.ts';
import { headerFields, unfold } from '../../../src/mime/header.ts';
import { HeaderSubset } from '../../../src/mime/header-subset.ts';
import { PARTS_MAX } from '../../../src/mime/limits.ts';
import { parseContentType, parseDisposition, parseWords } from '../../../src/mime/parameters.ts';
import type { Part } from '../../../src/mime/part.ts';
import { MimeScanner, scanMessage } from '../../../src/mime/scanner.ts';
import { locate } from '../../../src/mime/section.ts';
import { CORPUS } from '../../mime/corpus.ts';
import { accepted, anyOf, assertSame, type FuzzTarget, halves, maybe, target } from '../target.ts';

const WORDS = [
  '\r\n',
  '\r\n\r\n',
  '\n',
  '--b',
  '--b--',
  '\r\n--b\r\n',
  'Content-Type: ',
  'multipart/mixed; boundary=b',
  'message/rfc822',
  'text/plain; charset="utf-8"',
  'From: ',
  ' (',
  ')',
  '"',
  '\\',
  '<',
  '>',
  '@',
  ':',
  ';',
  ',',
  '=',
  '=?utf-8?Q?',
  '=?x?B?',
  '?=',
  '*0*=',
  "''%",
];
const HEADER =
  'From: "A" <a@b>, g: c@d, e@f;\r\nTo: h@i (x)\r\nSubject: =?utf-8?Q?=C3=A9?=\r\n =?utf-8?B?w6k=?=\r\nX: y\r\n\r\n';

function partsOf(part: Part): readonly Part[] {
  return [part, ...part.parts.flatMap(partsOf), ...(part.message === undefined ? [] : partsOf(part.message))];
}

function scanned(pieces: readonly Buffer[]): Part {
  const scanner = new MimeScanner();
  for (const piece of pieces) scanner.push(piece);
  return scanner.end();
}

export const TARGETS: readonly FuzzTarget[] = [
  target({
    name: 'mime-message',
    seeds: CORPUS.map(({ octets }) => octets),
    words: WORDS,
    // A part has a score of fields and takes a line of input.
    growth: 160,
    run(input) {
      const whole = scanMessage(input);
      const parts = partsOf(whole);
      assert.ok(parts.length <= 2 * PARTS_MAX + 2);
      for (const { headerFrom, bodyFrom, to } of parts)
        assert.ok(0 <= headerFrom && headerFrom <= bodyFrom && bodyFrom <= to && to <= input.length);
      for (const path of [[], [1], [1, 1], [2, 1]]) locate(whole, path, undefined);
      return accepted([whole, envelopeOf(whole), bodyStructure(whole, true, { utf8: false })]);
    },
    check: (input) => assertSame(scanned(halves(input)), scanMessage(input), 'the cut changes the structure'),
  }),
  target({
    name: 'mime-header',
    seeds: [HEADER, 'A: b\r\nA : c\r\n d\r\n\r\n'],
    words: WORDS,
    growth: 64,
    run(input) {
      const fields = headerFields(input);
      let last = 0;
      for (const { from, to, valueFrom } of fields) {
        assert.ok(last <= from && from < valueFrom && valueFrom <= to && to <= input.length);
        unfold(input.subarray(valueFrom, to));
        last = to;
      }
      return accepted(fields);
    },
  }),
  target({
    name: 'mime-header-subset',
    seeds: [HEADER],
    words: WORDS,
    run(input) {
      const both = [true, false].map((not) => {
        const [whole, cut] = [[input], halves(input)].map((pieces) => {
          const subset = new HeaderSubset(['From', 'x'], not);
          const kept = pieces.flatMap((piece) => subset.push(piece));
          return Buffer.concat([...kept, ...subset.end()]);
        });
        assert.ok(cut!.equals(whole!), 'the cut changes the subset');
        return whole!;
      });
      assert.ok(both[0]!.length + both[1]!.length <= input.length, 'no octet is in both');
      return accepted(both);
    },
  }),
  target({
    name: 'mime-addresses',
    seeds: ['"A" <a@b>, g: c@d, e@f;, <@x,@y:z@w>, i@[1.2.3.4] (c (d))', 'a.b @ c , "q\\"" <d>'],
    words: WORDS,
    growth: 64,
    run(input) {
      const addresses = parseAddresses(input.toString('latin1'));
      let groups = 0;
      for (const { mailbox, host } of addresses) {
        if (host === undefined) groups += mailbox === undefined ? -1 : 1;
        assert.ok(groups === 0 || groups === 1, 'a group begins where one is');
      }
      assert.equal(groups, 0);
      return accepted(addresses);
    },
  }),
  target({
    name: 'mime-parameters',
    seeds: [
      'multipart/mixed; boundary="b c"',
      'text/plain; charset=utf-8; name*0*=utf-8\'\'a%20; name*1="b"',
      'attachment; filename="x\\"y"; size=3',
      'de, en (x), fr',
    ],
    words: WORDS,
    growth: 64,
    run(input) {
      const text = input.toString('latin1');
      return anyOf([
        maybe(parseContentType(text)),
        maybe(parseDisposition(text)),
        maybe(parseWords(text).length === 0 ? undefined : parseWords(text)),
      ]);
    },
  }),
  target({
    name: 'mime-header-value',
    seeds: ['plain', '=?utf-8?Q?=C3=A9_x?= =?utf-8?B?w6k=?=', '=?iso-2022-jp?B?GyRCJCIbKEI=?=', '\xe9'],
    words: WORDS,
    run: (input) => accepted(decodeHeaderValue(input)),
  }),
  target({
    name: 'mime-transfer-encoding',
    seeds: ['aGVsbG8gd29ybGQ=\r\n', 'a=3Db=\r\nc=E9', '=\r\n=\r\n', 'aGk=aGk='],
    words: ['=', '=3D', '=\r\n', '==', '\r\n', ' ', '\t', '=C3=A9', 'AAAA', '\xff'],
    run(input) {
      const values = ['base64', 'quoted-printable', '8bit'].map((encoding) => {
        const [whole, cut] = [[input], halves(input)].map((pieces) => {
          const decoder = transferDecoder(encoding);
          return Buffer.concat([...pieces.map((piece) => decoder.push(piece)), decoder.end()]);
        });
        assert.ok(cut!.equals(whole!), `the cut changes what ${encoding} gives`);
        return whole!;
      });
      return accepted(values);
    },
  }),
  target({
    name: 'mime-charset',
    seeds: ['utf-8\0caf\xc3\xa9', 'iso-2022-jp\0\x1b$B$"\x1b(B', 'windows-1252\0\x80', 'no-such\0\xff'],
    words: ['utf-16le\0', 'gb18030\0', 'shift_jis\0', 'utf-7\0', 'x-user-defined\0', '\x1b', '\xed\xa0\x80'],
    run(input) {
      const name = input.toString('latin1').split('\0', 1)[0]!;
      const octets = input.subarray(name.length + 1);
      const [whole, cut] = [[octets], halves(octets)].map((pieces) => {
        const decoder = charsetDecoder(name);
        return pieces.map((piece) => decoder.push(piece)).join('') + decoder.end();
      });
      assert.equal(cut, whole, 'the cut changes the text');
      return accepted(whole);
    },
  }),
];
