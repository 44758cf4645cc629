/** Arbitrary values of the object text syntax, for property tests. */
import * as fc from 'fast-check';
import type { Value } from '../../../src/lib/dictionary/value.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ maxLength: 12 }),
  fc.constantFrom(
    '',
    'a',
    '-5',
    '#1',
    '//',
    '/*',
    '"',
    '\\',
    '\\e',
    '\n',
    '\r\n',
    '\t',
    '{}',
    'a b',
    'é',
    '\u007f',
  ),
);

const day = fc.date({
  min: new Date('0000-01-01T00:00:00Z'),
  max: new Date('9999-12-31T23:59:59Z'),
  noInvalidDate: true,
});

const simple: fc.Arbitrary<Value> = fc.oneof(
  text,
  fc.maxSafeInteger().map((value) => (value === 0 ? 0 : value)),
  fc.constant(null),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  day.map((date): Value => ({ kind: 'date', ms: Math.floor(date.getTime() / 1000) * 1000, dayOnly: false })),
  day.map(
    (date): Value => ({
      kind: 'date',
      ms: Math.floor(date.getTime() / 86_400_000) * 86_400_000,
      dayOnly: true,
    }),
  ),
  fc
    .record({ host: fc.oneof(fc.ipV4(), fc.ipV6()), port: fc.option(fc.nat(65_535), { nil: undefined }) })
    .map(({ host, port }): Value => ({ kind: 'address', host, port })),
);

const tree = fc.letrec<{ value: Value; dictionary: ReadonlyMap<string, Value> }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small', withCrossShrink: true },
    simple,
    fc.array(tie('value'), { maxLength: 3 }),
    tie('dictionary'),
  ),
  dictionary: fc
    .uniqueArray(fc.tuple(text, tie('value')), { maxLength: 3, selector: ([key]) => key })
    .map((entries) => new Map(entries)),
}));

export const anyText = text;
export const anyValue = tree.value;
export const anyDictionary = tree.dictionary;
