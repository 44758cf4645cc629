import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import { format, formatLines } from '../../../src/lib/dictionary/format.ts';
import { FILE_LIMITS, parse, readValue } from '../../../src/lib/dictionary/parse.ts';
import type { Value } from '../../../src/lib/dictionary/value.ts';
import { anyValue } from './values.ts';

const GOOD: readonly (readonly [text: string, value: Value])[] = [
  ['abc', 'abc'],
  ['a-b_c.d@e!f#g%h:i', 'a-b_c.d@e!f#g%h:i'],
  ['*', '*'],
  ['été', 'été'],
  ['""', ''],
  ['"a b"', 'a b'],
  ['"\\"\\\\\\r\\n\\t\\e"', '"\\\r\n\t\n'],
  ['"\\065\\066"', 'AB'],
  ['"\\195\\169"', 'é'],
  ["\"\\u'1f600'\\u'41'\"", '😀A'],
  ['"one"\n  "two" /* and */ "three"', 'onetwothree'],
  ['[HcqHfHI=]', Buffer.from([0x1d, 0xca, 0x87, 0x7c, 0x72])],
  ['[Hcq\r\n HfHI=]', Buffer.from([0x1d, 0xca, 0x87, 0x7c, 0x72])],
  ['[YWI=]\n[Yw==]', Buffer.from('abc')],
  ['[]', Buffer.alloc(0)],
  ['#123', 123],
  ['#-5', -5],
  ['#-0', 0],
  ['#NULL#', null],
  ['#T22-10-2009_15:24:45', { kind: 'date', ms: Date.UTC(2009, 9, 22, 15, 24, 45), dayOnly: false }],
  ['#T29-02-2024', { kind: 'date', ms: Date.UTC(2024, 1, 29), dayOnly: true }],
  ['#I[10.0.44.55]:25', { kind: 'address', host: '10.0.44.55', port: 25 }],
  ['#I[2001:db8::1]', { kind: 'address', host: '2001:db8::1', port: undefined }],
  ['()', []],
  ['(a, "b c" ,( ))', ['a', 'b c', []]],
  ['{}', new Map()],
  [
    '{a=1;"b c"={d=();};}',
    new Map<string, Value>([
      ['a', '1'],
      ['b c', new Map([['d', []]])],
    ]),
  ],
  ['// first\n { /* in */ a // key\n = 1 ; // last\n}\n// end', new Map([['a', '1']])],
  ['\ufeff{a=1;}', new Map([['a', '1']])],
];

const BAD: readonly (readonly [text: string, why: RegExp, line: number, column: number])[] = [
  ['', /value expected, but the text ends/, 1, 1],
  ['a b', /nothing more expected/, 1, 3],
  ['{a=1}', /; expected behind the value of a/, 1, 5],
  ['{a 1;}', /= expected behind the key a/, 1, 4],
  ['{\n  a = 1;\n  é = "x', /quoted string does not end/, 3, 7],
  ['{a=1;\r\nb=2;\r\na=3;}', /key a is given twice/, 3, 1],
  ['{a=1;', /} expected, but the text ends/, 1, 6],
  ['(a,)', /value expected/, 1, 4],
  ['(a b)', /, expected or \)/, 1, 4],
  ['"a\nb"', /line ends in a string/, 1, 3],
  ['"\\x"', /unknown escape/, 1, 2],
  ['"\\256"', /from \\000 to \\255/, 1, 2],
  ['"\\200"', /not UTF-8/, 1, 2],
  ['"\\u\'d800\'"', /code point/, 1, 2],
  ['"\\u\'110000\'"', /code point/, 1, 2],
  ['[YWI]', /base64/, 1, 1],
  ['[YWI=', /does not end/, 1, 1],
  ['#x', /known after #/, 1, 1],
  ['#9007199254740993', /too large/, 1, 1],
  ['#12abc', /known after #/, 1, 1],
  ['#T30-02-2024', /no such date/, 1, 1],
  ['#T01-01-2024_24:00:00', /no such date/, 1, 1],
  ['#T1-1-2024', /date is written/, 1, 1],
  ['#I[10.0.0.256]:25', /address is written/, 1, 1],
  ['#I[10.0.0.01]', /address is written/, 1, 1],
  ['#I[10.0.0.1]:65536', /port is/, 1, 13],
  ['#(obj)', /not supported/, 1, 1],
  ['<tag/>', /XML is not supported/, 1, 1],
  ['/* a', /comment does not end/, 1, 1],
  ['\ud800', /well-formed/, 1, 1],
];

void t.test('reads every form', (t) => {
  for (const [text, value] of GOOD) t.strictSame(valueOf(text), value, text);
  t.end();
});

void t.test('says what is wrong, and where', (t) => {
  for (const [text, why, line, column] of BAD) {
    const result = parse(text);
    t.match(result, { kind: 'bad', why, line, column }, JSON.stringify(text));
  }
  t.end();
});

void t.test(
  'octets that are not UTF-8 are refused with their place, a written U+FFFD is not taken for them',
  (t) => {
    const text = Buffer.concat([Buffer.from('{a="\ufffd";\nb='), Buffer.from([0xc3]), Buffer.from(';}')]);
    t.match(parse(text), { kind: 'bad', why: /UTF-8/, line: 2, column: 3 });
    t.strictSame(valueOf(Buffer.from('"\ufffd"')), '\ufffd');
    t.end();
  },
);

void t.test('limits: depth and octets', (t) => {
  const nested = (depth: number): string => '('.repeat(depth) + ')'.repeat(depth);
  t.match(parse(nested(FILE_LIMITS.depthMax)), { kind: 'value' });
  t.match(parse(nested(FILE_LIMITS.depthMax + 1)), { kind: 'bad', why: /nested deeper than 32/, column: 33 });
  t.match(parse('('.repeat(1_000_000)), { kind: 'bad', why: /nested deeper/ });
  t.match(parse('{a=1;}', { depthMax: 1, octetsMax: 6 }), { kind: 'value' });
  t.match(parse('{a=é;}', { depthMax: 1, octetsMax: 6 }), {
    kind: 'bad',
    why: /7 octets are more than the 6/,
  });
  t.end();
});

void t.test('on one line there are no comments, no line ends, and strings do not join', (t) => {
  t.match(parse('{a=1;// b\n}', FILE_LIMITS, 'one-line'), { kind: 'bad' });
  t.match(parse('{\na=1;}', FILE_LIMITS, 'one-line'), { kind: 'bad' });
  t.strictSame(readValue('"a" "b"', 0, FILE_LIMITS), { kind: 'value', value: 'a', next: 3 });
  t.match(readValue('x {a=}', 2, FILE_LIMITS), { kind: 'bad', why: /value expected at column 6/ });
  t.end();
});

void t.test('every value is read back as it was written, in both layouts', (t) => {
  fc.assert(
    fc.property(anyValue, (value) => {
      assert.deepStrictEqual(valueOf(format(value)), value);
      const onOneLine = readValue(format(value), 0, FILE_LIMITS);
      if (onOneLine.kind !== 'value') throw new Error(JSON.stringify(onOneLine));
      assert.deepStrictEqual(onOneLine.value, value);
      assert.deepStrictEqual(valueOf(formatLines(value)), value);
    }),
    { numRuns: 150 },
  );
  t.end();
});

void t.test('every cut of a text is a mistake at a place inside the text or at its end', (t) => {
  const text =
    '{a = "x y" "z"; b = (#1, [YWI=], #I[10.0.0.1]:25, #T22-10-2009_15:24:45, #NULL#); // c\n d = {};}';
  t.match(parse(text), { kind: 'value' });
  for (let cut = 1; cut < text.length; cut++) {
    const result = parse(text.slice(0, cut));
    if (result.kind !== 'bad' || result.line > 2) t.fail(`cut at ${cut}: ${JSON.stringify(result)}`);
  }
  t.end();
});

void t.test('fuzz: octets of any kind give a value or a mistake, and what was read is stable', (t) => {
  const seeds = [...GOOD.map(([text]) => text), ...BAD.map(([text]) => text)].map((text) =>
    Buffer.from(text),
  );
  const pieces = [
    '{',
    '}',
    '(',
    ')',
    '=',
    ';',
    ',',
    '"',
    '\\',
    '#',
    '[',
    ']',
    '/*',
    '*/',
    '//',
    '\n',
    '\xff',
    '#I[',
    '#T',
  ];
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.constantFrom(...seeds),
          fc.constantFrom(...pieces).map((piece) => Buffer.from(piece, 'latin1')),
          fc.uint8Array({ maxLength: 4 }),
        ),
        { maxLength: 12 },
      ),
      (parts) => {
        const result = parse(Buffer.concat(parts));
        if (result.kind === 'bad') return result.line >= 1 && result.column >= 1;
        return format(result.value) === format(valueOf(format(result.value)));
      },
    ),
    { numRuns: 800 },
  );
  t.end();
});

function valueOf(text: string | Buffer): Value {
  const result = parse(text);
  if (result.kind === 'bad') throw new Error(`${result.why} in line ${result.line}, column ${result.column}`);
  return result.value;
}
