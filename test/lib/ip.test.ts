import { isIP } from 'node:net';
import * as fc from 'fast-check';
import t from 'tap';
import {
  formatAddress,
  formatEndpoint,
  isAddress,
  isIPv4,
  isIPv6,
  isLoopback,
  isUnspecified,
  parseAddress,
  parseEndpoint,
  plainAddress,
} from '../../src/lib/ip.ts';

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
  for (const text of [
    '::',
    '::1',
    '2001:db8::1',
    '1:2:3:4:5:6:7:8',
    '1:2:3:4:5:6:7::',
    '::2:3:4:5:6:7:8',
    '::ffff:192.0.2.1',
    '64:ff9b::192.0.2.33',
    '1:2:3:4:5:6:192.0.2.1',
    'FE80::A',
  ])
    t.ok(isIPv6(text), text);
  for (const text of [
    ':',
    ':::',
    '::1::',
    '1:2:3:4:5:6:7',
    '1::2::3',
    '12345::',
    '::1%eth0',
    'g::',
    '::1]',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:192.0.2.1',
    '192.0.2.1::',
    '::192.0.2.1:1',
    '::192.0.2',
    ':1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:',
    '::0x1',
    '::1 ',
    '[::1]',
    `${'0'.repeat(40)}::1`,
  ])
    t.notOk(isIPv6(text), text);
  t.end();
});

void t.test('property: an address is what Node takes for one', (t) => {
  const pieces = fc.array(fc.constantFrom('0', '1', 'ffff', 'abcde', '192.0.2.1', ':', '::', '.', '%', 'g'), {
    maxLength: 12,
  });
  const texts = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    pieces.map((parts) => parts.join('')),
    pieces.map((parts) => parts.join(':')),
  );
  fc.assert(
    fc.property(texts, (text) => {
      // Node takes zones, we do not; it also takes `::` for no group at all, against RFC 4291 section 2.2.
      const isTaken = isIP(text) !== 0 && !text.includes('%') && !isEightGroupsAndGap(text);
      return isAddress(text) === isTaken;
    }),
    { numRuns: 500 },
  );
  t.end();
});

function isEightGroupsAndGap(text: string): boolean {
  const groups = text.split(':').filter((part) => part !== '');
  return text.includes('::') && groups.length + (groups.at(-1)?.includes('.') ? 1 : 0) === 8;
}

// RFC 5952 section 4 and 5.
void t.test('one way of writing for one address', (t) => {
  for (const [text, plain] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:C000:0201', '192.0.2.1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['0::1', '::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['', ''],
    ['mail.lab.example', 'mail.lab.example'],
  ] as const)
    t.equal(plainAddress(text), plain, text);
  t.end();
});

void t.test('property: a number is written and read again, and as the URL parser writes it', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const address = parseAddress(text);
      if (address === undefined) return false;
      const written = formatAddress(address);
      const again = parseAddress(written);
      if (again?.family !== address.family || again.value !== address.value) return false;
      return address.family === 4 || `[${written}]` === new URL(`http://[${text}]/`).hostname;
    }),
    { numRuns: 300 },
  );
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
  for (const host of [
    '127.0.0.1',
    '127.9.9.9',
    '127.255.255.255',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
  ])
    t.ok(isLoopback(host), host);
  for (const host of [
    '0.0.0.0',
    '10.0.0.1',
    '::',
    '128.0.0.1',
    '126.255.255.255',
    '::127.0.0.1',
    '',
    'localhost',
    '127.0.0.1.example',
  ])
    t.notOk(isLoopback(host), host);
  t.end();
});

void t.test('every address', (t) => {
  for (const host of ['0.0.0.0', '::', '0::0', '::ffff:0.0.0.0']) t.ok(isUnspecified(host), host);
  for (const host of ['0.0.0.1', '::1', '', '*']) t.notOk(isUnspecified(host), host);
  t.end();
});
