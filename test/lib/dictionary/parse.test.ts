/** The reader of the object text syntax. Any octets at all: test/fuzz/targets/lib.ts. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import { format, formatLines } from '../../../src/lib/dictionary/format.ts';
import { FILE_LIMITS, parse, readValue } from '../../../src/lib/dictionary/parse.ts';
import type { Value } from '../../../src/lib/dictionary/value.ts';
import { BAD, GOOD } from './texts.ts';
import { anyValue } from './values.ts';

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

function valueOf(text: string | Buffer): Value {
  const result = parse(text);
  if (result.kind === 'bad') throw new Error(`${result.why} in line ${result.line}, column ${result.column}`);
  return result.value;
}
