import * as fc from 'fast-check';
import t from 'tap';
import { formatEndpoint, isAddress, isIPv4, isIPv6, isLoopback, parseEndpoint } from '../../src/lib/ip.ts';

void t.test('addresses', (t) => {
  for (const text of ['0.0.0.0', '127.0.0.1', '255.255.255.255', '192.0.2.10']) t.ok(isIPv4(text), text);
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.0.0.1',
    '01.2.3.4',
    '1.2.3.4 ',
    '1..2.3',
    'a.b.c.d',
    '1.2.3.4\n',
  ])
    t.notOk(isAddress(text), JSON.stringify(text));
  for (const text of ['::', '::1', '2001:db8::1', '1:2:3:4:5:6:7:8', '::ffff:192.0.2.1', 'FE80::A'])
    t.ok(isIPv6(text), text);
  for (const text of [
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1::2::3',
    '12345::',
    '::1%eth0',
    'g::',
    '::1]',
    '1:2:3:4:5:6:7:8:9',
  ])
    t.notOk(isAddress(text), text);
  t.end();
});

void t.test('address and port', (t) => {
  t.strictSame(parseEndpoint('192.0.2.1:25'), { host: '192.0.2.1', port: 25 });
  t.strictSame(parseEndpoint('[::1]:65535'), { host: '::1', port: 65_535 });
  for (const text of [
    '192.0.2.1',
    '192.0.2.1:',
    '192.0.2.1:65536',
    '::1:25',
    '[192.0.2.1]:25',
    'host:25',
    '[::1]',
    '1.2.3.4:-1',
    '1.2.3.4:1\n',
  ])
    t.equal(parseEndpoint(text), undefined, JSON.stringify(text));
  t.end();
});

void t.test('property: written and read again', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(65_535), (host, port) => {
      const read = parseEndpoint(formatEndpoint({ host, port }));
      return read?.host === host && read.port === port;
    }),
    { numRuns: 200 },
  );
  t.end();
});

void t.test('loopback', (t) => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) t.ok(isLoopback(host), host);
  for (const host of ['0.0.0.0', '10.0.0.1', '::', '128.0.0.1']) t.notOk(isLoopback(host), host);
  t.end();
});
