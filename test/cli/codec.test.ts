import * as fc from 'fast-check';
import t from 'tap';
import { answer, answerOutcome, readLine } from '../../src/cli/codec.ts';
import { Lines } from '../../src/cli/lines.ts';
import { parse } from '../../src/lib/dictionary/parse.ts';
import { isArray, isDictionary, type Value } from '../../src/lib/dictionary/value.ts';
import { anyValue } from '../lib/dictionary/values.ts';

void t.test('a line ends in LF, with or without CR; the limit counts the end', (t) => {
  const cases: readonly (readonly [octets: string | Buffer, max: number, step: object])[] = [
    ['NOOP\r\nX', 10, { kind: 'value', value: 'NOOP', next: 6 }],
    ['NOOP\n', 10, { kind: 'value', value: 'NOOP', next: 5 }],
    ['\n', 10, { kind: 'value', value: '', next: 1 }],
    ['\r\n', 10, { kind: 'value', value: '', next: 2 }],
    ['NOOP\r', 10, { kind: 'more' }],
    ['', 10, { kind: 'more' }],
    ['12345678\r\n', 10, { kind: 'value' }],
    ['123456789\r\n', 10, { kind: 'bad', why: /too long/ }],
    ['1234567890', 10, { kind: 'more' }],
    ['12345678901', 10, { kind: 'bad', why: /too long/ }],
    ['a\rb\n', 10, { kind: 'bad', why: /not a line/ }],
    ['a\0b\n', 10, { kind: 'bad', why: /not a line/ }],
    [Buffer.from([0xff, 0x0a]), 10, { kind: 'bad', why: /not a line/ }],
    ['é\n', 3, { kind: 'value', value: 'é' }],
  ];
  for (const [octets, max, step] of cases)
    t.match(readLine(Buffer.from(octets as string), 0, max), step, JSON.stringify(octets));
  t.end();
});

void t.test('fuzz: however the octets are cut, the lines are the same', (t) => {
  const text = fc.array(
    fc.oneof(fc.constantFrom('\n', '\r\n', 'NOOP', '\r', 'é'), fc.string({ maxLength: 8 })),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(text, fc.array(fc.nat(40), { maxLength: 10 }), (parts, cuts) => {
      const octets = Buffer.from(parts.join(''));
      const whole = new Lines();
      whole.push(octets);
      const expected = drain(whole);
      const cut = new Lines();
      const found: string[] = [];
      let from = 0;
      for (const at of [...cuts, octets.length].sort((a, b) => a - b)) {
        cut.push(octets.subarray(from, Math.max(at, from)));
        from = Math.max(at, from);
        found.push(...drain(cut));
        if (found.at(-1)?.startsWith('bad')) break;
      }
      return JSON.stringify(found) === JSON.stringify(expected);
    }),
    { numRuns: 500 },
  );
  t.end();
});

void t.test('a long line in single octets is found bad at its limit', (t) => {
  const lines = new Lines();
  for (let i = 0; i < 64; i++) {
    lines.push(Buffer.from('x'));
    t.equal(lines.next(64).kind, 'more');
  }
  lines.push(Buffer.from('x'));
  t.equal(lines.next(64).kind, 'bad');
  t.end();
});

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

function drain(lines: Lines): string[] {
  const found: string[] = [];
  for (;;) {
    const step = lines.next(64);
    if (step.kind === 'more') return found;
    if (step.kind === 'bad') return [...found, `bad ${step.why}`];
    found.push(`line ${step.value}`);
  }
}
