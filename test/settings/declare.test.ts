import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import { parse } from '../../src/lib/dictionary/parse.ts';
import {
  addressMap,
  duration,
  endpoint,
  endpoints,
  integer,
  ip,
  listener,
  networks,
  oneOf,
  orNone,
  size,
  type Type,
  text,
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
  [listener, 'OFF', []],
  [listener, '()', []],
  [listener, '0.0.0.0:25', [{ host: '0.0.0.0', port: 25 }]],
  [
    listener,
    '(192.0.2.1:25, "[2001:db8::1]:25")',
    [
      { host: '192.0.2.1', port: 25 },
      { host: '2001:db8::1', port: 25 },
    ],
  ],
  [listener, '(192.0.2.1:25, off)', REFUSED],
  [listener, `(${Array.from({ length: 65 }, () => '10.0.0.1:1').join()})`, REFUSED],
  [listener, 'no', REFUSED],
  [ip, '192.0.2.1', '192.0.2.1'],
  [ip, '"2001:DB8:0::1"', '2001:db8::1'],
  [ip, '"::ffff:192.0.2.1"', '192.0.2.1'],
  [ip, '#I[192.0.2.1]', '192.0.2.1'],
  [ip, '#I[192.0.2.1]:25', REFUSED],
  [ip, '""', REFUSED],
  [ip, 'localhost', REFUSED],
  [orNone(ip), '""', ''],
  [orNone(ip), '192.0.2.1', '192.0.2.1'],
  [orNone(ip), '192.0.2', REFUSED],
  [addressMap, '{}', new Map()],
  [addressMap, '{"10.0.0.5"="203.0.113.5";}', new Map([['10.0.0.5', '203.0.113.5']])],
  [addressMap, '{"2001:DB8::1"="2001:db8::2";}', new Map([['2001:db8::1', '2001:db8::2']])],
  [addressMap, '{"::ffff:10.0.0.5"="1.1.1.1";"10.0.0.5"="1.1.1.2";}', REFUSED],
  [addressMap, '{"10.0.0.5"=x;}', REFUSED],
  [addressMap, '("10.0.0.5")', REFUSED],
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

void t.test('networks: as administrators write them', (t) => {
  const read = (written: string) => networks.read(valueOf(written));
  const list = read('(192.0.2.1, "198.51.100.0/24", "2001:db8::/32", #I[203.0.113.7])');
  for (const host of ['192.0.2.1', '198.51.100.200', '2001:db8:1::1', '203.0.113.7', '::ffff:192.0.2.1'])
    t.ok(list?.contains(host), host);
  for (const host of ['192.0.2.2', '198.51.101.1', '2001:db9::1', 'x']) t.notOk(list?.contains(host), host);
  t.ok(read('"192.0.2.1, 192.0.2.8-192.0.2.9"')?.contains('192.0.2.9'));
  t.equal(read('""')?.entries.length, 0);
  t.equal(read('()')?.entries.length, 0);
  for (const wrong of ['(x)', '("192.0.2.1/24")', '{a=b;}', '((192.0.2.1))', '[YWI=]'])
    t.equal(read(wrong), undefined, wrong);
  t.strictSame(networks.read(networks.write(list!))?.entries, list?.entries);
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
