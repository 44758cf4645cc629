import * as fc from 'fast-check';
import t from 'tap';
import { answer, answerOutcome } from '../../src/cli/codec.ts';
import { parse } from '../../src/lib/dictionary/parse.ts';
import { isArray, isDictionary, type Value } from '../../src/lib/dictionary/value.ts';
import { anyValue } from '../lib/dictionary/values.ts';

void t.test('answers: codes, and no text that breaks the line', (t) => {
  t.equal(answer(200, 'a\r\nb\u0000c'), '200 a b c\r\n');
  const refused = (
    reason:
      | 'syntax'
      | 'unknown-domain'
      | 'unknown-account'
      | 'account-exists'
      | 'temporary'
      | 'unknown-command'
      | 'unknown-outcome',
  ): string => text({ kind: 'refused', reason, message: 'm', cause: undefined }, true);
  t.equal(refused('unknown-command'), '500 m\r\n');
  t.equal(refused('syntax'), '501 m\r\n');
  t.equal(refused('unknown-domain'), '512 m\r\n');
  t.equal(refused('unknown-account'), '513 m\r\n');
  t.equal(refused('account-exists'), '520 m\r\n');
  t.equal(refused('temporary'), '501 try again later: m\r\n');
  t.equal(refused('unknown-outcome'), '501 it is not known whether this was done: m\r\n');
  t.equal(text({ kind: 'done' }, true), '200 OK\r\n');
  t.end();
});

const DATA: readonly (readonly [value: Value, lines: string])[] = [
  ['a b', '"a b"'],
  [[], '()'],
  [['a'], '(a)'],
  [['a', 'b', 'c'], '(a,\r\nb,\r\nc)'],
  [new Map(), '{}'],
  [
    new Map<string, Value>([
      ['a', '1'],
      ['b', ['x', []]],
    ]),
    '{\r\na=1;\r\nb=(x,());\r\n}',
  ],
];

void t.test('data: on the line, or an entry a line', (t) => {
  for (const [value, lines] of DATA)
    t.equal(text({ kind: 'data', value }, false), `200 data follow\r\n${lines}\r\n`);
  t.equal(text({ kind: 'data', value: ['a', 'b'] }, true), '201 (a,b)\r\n');
  t.end();
});

void t.test(
  'property: data is read back in both modes, and only its last line ends in the bracket that ends it',
  (t) => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const inline = text({ kind: 'data', value }, true);
        const lines = text({ kind: 'data', value }, false).split('\r\n').slice(1, -1);
        const bracket = isDictionary(value) ? '}' : isArray(value) ? ')' : undefined;
        const first = bracket === undefined ? 0 : lines.findIndex((line) => line.endsWith(bracket));
        return (
          inline.indexOf('\r\n') === inline.length - 2 &&
          JSON.stringify(parse(inline.slice(4, -2))) === JSON.stringify(parse(lines.join(''))) &&
          first === lines.length - 1
        );
      }),
      { numRuns: 200 },
    );
    t.end();
  },
);

/** The pieces together. */
function text(...answer: Parameters<typeof answerOutcome>): string {
  return [...answerOutcome(...answer)].join('');
}
