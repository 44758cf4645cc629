import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import { parse } from '../../src/lib/dictionary/parse.ts';
import {
  duration,
  endpoint,
  endpoints,
  integer,
  listener,
  oneOf,
  size,
  type Type,
  text,
  yesNo,
} from '../../src/settings/declare.ts';

const REFUSED = Symbol('refused');

const CASES: readonly (readonly [type: Type<unknown>, written: string, read: unknown])[] = [
  [integer(1, 64), '12', 12],
  [integer(1, 64), '#12', 12],
  [integer(1, 64), '0', REFUSED],
  [integer(1, 64), '65', REFUSED],
  [integer(1, 64), '1.5', REFUSED],
  [integer(1, 64), '(1)', REFUSED],
  [duration(10, 86_400_000), '150ms', 150],
  [duration(10, 86_400_000), '2s', 2000],
  [duration(10, 86_400_000), '5M', 300_000],
  [duration(10, 86_400_000), '1d', 86_400_000],
  [duration(10, 86_400_000), '2d', REFUSED],
  [duration(10, 86_400_000), '9ms', REFUSED],
  [duration(10, 86_400_000), '150', REFUSED],
  [duration(10, 86_400_000), '#150', REFUSED],
  [duration(10, 86_400_000), '1.5s', REFUSED],
  [duration(10, 86_400_000), '-2s', REFUSED],
  [size(1024, 2 ** 30), '1K', 1024],
  [size(1024, 2 ** 30), '32m', 32 * 2 ** 20],
  [size(1024, 2 ** 30), '2000', 2000],
  [size(1024, 2 ** 30), '1G', 2 ** 30],
  [size(1024, 2 ** 30), '2G', REFUSED],
  [size(1024, 2 ** 30), '1T', REFUSED],
  [endpoint, '127.0.0.1:7600', { host: '127.0.0.1', port: 7600 }],
  [endpoint, '"[::1]:25"', { host: '::1', port: 25 }],
  [endpoint, '#I[::1]:25', { host: '::1', port: 25 }],
  [endpoint, '#I[::1]', REFUSED],
  [endpoint, 'localhost:25', REFUSED],
  [endpoint, '127.0.0.1', REFUSED],
  [endpoint, '127.0.0.1:65536', REFUSED],
  [endpoint, '"::1:25"', REFUSED],
  [endpoint, '#T01-01-2024', REFUSED],
  [endpoint, '#NULL#', REFUSED],
  [endpoint, '[YWI=]', REFUSED],
  [listener, 'OFF', 'off'],
  [listener, '0.0.0.0:25', { host: '0.0.0.0', port: 25 }],
  [listener, 'no', REFUSED],
  [endpoints, '()', []],
  [
    endpoints,
    '(10.0.0.1:1, "[fe80::1]:2")',
    [
      { host: '10.0.0.1', port: 1 },
      { host: 'fe80::1', port: 2 },
    ],
  ],
  [endpoints, '(10.0.0.1:1, x)', REFUSED],
  [endpoints, '10.0.0.1:1', REFUSED],
  [endpoints, `(${Array.from({ length: 257 }, () => '10.0.0.1:1').join()})`, REFUSED],
  [oneOf(['auto', 'on']), 'Auto', 'auto'],
  [oneOf(['auto', 'on']), 'x', REFUSED],
  [yesNo, 'yes', true],
  [yesNo, 'NO', false],
  [yesNo, 'true', REFUSED],
  [text(/^a+$/, 'some a'), 'aa', 'aa'],
  [text(/^a+$/, 'some a'), 'ab', REFUSED],
];

void t.test('reads what is allowed and nothing else', (t) => {
  for (const [type, written, expected] of CASES) {
    const read = type.read(valueOf(written));
    t.strictSame(read ?? REFUSED, expected, written);
    if (expected !== REFUSED)
      t.strictSame(type.read(type.write(read)), read, `${written}, written and read again`);
  }
  t.end();
});

void t.test('property: every duration, size and number is written so that it is read back', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e10 }), (value) => {
      for (const type of [duration(1, 1e10), size(1, 1e10), integer(1, 1e10)])
        assert.equal(type.read(type.write(value)), value);
    }),
    { numRuns: 300 },
  );
  t.end();
});

function valueOf(text: string): Parameters<typeof endpoint.read>[0] {
  const parsed = parse(text);
  if (parsed.kind === 'bad') throw new Error(parsed.why);
  return parsed.value;
}
