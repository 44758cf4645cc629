/** Sections are those of haproxy's proxy-protocol.txt. */
import * as fc from 'fast-check';
import t, { type Test } from 'tap';
import { PROXY_V1_OCTETS_MAX, PROXY_V2_OCTETS_MAX, readProxyHeader } from '../../src/lib/proxy-header.ts';
import { formatProxyV1, formatProxyV2 } from '../support/balancer.ts';
import { Prng } from '../support/prng.ts';

const REST = Buffer.from('EHLO client\r\n');
const V2 = '0d0a0d0a000d0a515549540a';

/** The header, and that nothing less of it would do and that nothing behind it is touched. */
function read(t: Test, header: Buffer, name: string) {
  const all = Buffer.concat([header, REST]);
  for (let cut = 0; cut < header.length; cut++)
    t.strictSame(readProxyHeader(all.subarray(0, cut)), { kind: 'more' }, `${name}, cut at ${cut}`);
  const step = readProxyHeader(all);
  if (step.kind !== 'value') return t.fail(`${name}: ${JSON.stringify(step)}`);
  t.strictSame(all.subarray(step.next), REST, `${name}: the rest is the client's`);
  return step.value;
}

void t.test('version 1, section 2.1', (t) => {
  for (const [line, source, destination] of [
    ['TCP4 192.168.0.1 192.168.0.11 56324 443', ['192.168.0.1', 56_324], ['192.168.0.11', 443]],
    ['TCP4 255.255.255.255 255.255.255.255 65535 0', ['255.255.255.255', 65_535], ['255.255.255.255', 0]],
    ['TCP6 2001:DB8::1 2001:db8:0:0::2 1 2', ['2001:db8::1', 1], ['2001:db8::2', 2]],
    ['TCP6 ::ffff:192.0.2.1 ::1 1 2', ['192.0.2.1', 1], ['::1', 2]],
  ] as const)
    t.strictSame(read(t, Buffer.from(`PROXY ${line}\r\n`), line), {
      kind: 'proxied',
      source: { host: source[0], port: source[1] },
      destination: { host: destination[0], port: destination[1] },
    });
  const longest = `PROXY UNKNOWN ${'f'.repeat(PROXY_V1_OCTETS_MAX - 16)}\r\n`;
  for (const line of ['PROXY UNKNOWN\r\n', 'PROXY UNKNOWN anything at all\r\n', longest])
    t.strictSame(read(t, Buffer.from(line), line), { kind: 'own' });
  t.end();
});

void t.test('version 1: refused', (t) => {
  for (const text of [
    'EHLO client\r\n',
    'P ',
    'proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n',
    'PROXY \r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n',
    'PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n',
    'PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n',
    'PROXY TCP4 ::1 ::1 1 2\r\n',
    'PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n',
    'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n',
    'PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n',
    `PROXY UNKNOWN ${'f'.repeat(PROXY_V1_OCTETS_MAX - 15)}\r\n`,
    `PROXY ${'f'.repeat(PROXY_V1_OCTETS_MAX)}`,
  ])
    t.equal(readProxyHeader(Buffer.from(text)).kind, 'bad', JSON.stringify(text));
  t.end();
});

void t.test('version 2, section 2.2, octet by octet', (t) => {
  const inet = 'c0000201c6336402123401bb';
  const zeros = '00'.repeat(11);
  const inet6 = `20010db8${zeros}0120010db8${zeros}0200010002`;
  const tlv = '030004deadbeef'; // PP2_TYPE_CRC32C, not checked
  for (const [name, hex, value] of [
    [
      'IPv4',
      `${V2}2111000c${inet}`,
      {
        kind: 'proxied',
        source: { host: '192.0.2.1', port: 0x1234 },
        destination: { host: '198.51.100.2', port: 443 },
      },
    ],
    [
      'IPv6',
      `${V2}21210024${inet6}`,
      {
        kind: 'proxied',
        source: { host: '2001:db8::1', port: 1 },
        destination: { host: '2001:db8::2', port: 2 },
      },
    ],
    [
      'with fields',
      `${V2}21110013${inet}${tlv}`,
      {
        kind: 'proxied',
        source: { host: '192.0.2.1', port: 0x1234 },
        destination: { host: '198.51.100.2', port: 443 },
      },
    ],
    ['LOCAL', `${V2}20000000`, { kind: 'own' }],
    ['LOCAL with addresses, which say nothing', `${V2}2011000c${inet}`, { kind: 'own' }],
    ['unspecified', `${V2}21000007${tlv}`, { kind: 'own' }],
    ['UNIX', `${V2}213100d8${'00'.repeat(216)}`, { kind: 'own' }],
    ['datagrams', `${V2}2112000c${inet}`, { kind: 'own' }],
  ] as const)
    t.strictSame(read(t, Buffer.from(hex, 'hex'), name), value);
  t.end();
});

void t.test('version 2: refused', (t) => {
  for (const [name, hex] of [
    ['another version', `${V2}11110000`],
    ['another command', `${V2}22110000`],
    ['another family', `${V2}21410000`],
    ['another transport', `${V2}21130000`],
    ['IPv4 cut short', `${V2}2111000b${'00'.repeat(11)}`],
    ['IPv6 cut short', `${V2}21210023${'00'.repeat(35)}`],
    ['another signature', '0d0a0d0a000d0a515549540b21110000'],
    ['too long, said at once', `${V2}2111${(PROXY_V2_OCTETS_MAX - 15).toString(16)}`],
  ] as const)
    t.equal(readProxyHeader(Buffer.from(hex, 'hex')).kind, 'bad', name);
  const longest = formatProxyV2(
    { source: { host: '192.0.2.1', port: 1 }, destination: { host: '192.0.2.2', port: 2 } },
    Buffer.alloc(PROXY_V2_OCTETS_MAX - 28),
  );
  t.equal(longest.length, PROXY_V2_OCTETS_MAX);
  t.equal(readProxyHeader(longest).kind, 'value');
  t.end();
});

void t.test('property: written and read again', (t) => {
  const endpoint = (host: fc.Arbitrary<string>) => fc.record({ host, port: fc.nat(65_535) });
  // What begins with many zeros may be IPv4 mapped or written in dots: one family per connection is what balancers send.
  const v6 = fc.ipV6().filter((host) => /^[1-9a-f]/i.test(host) && !host.includes('.'));
  const pair = fc.oneof(
    fc.tuple(endpoint(fc.ipV4()), endpoint(fc.ipV4())),
    fc.tuple(endpoint(v6), endpoint(v6)),
  );
  fc.assert(
    fc.property(pair, fc.uint8Array({ maxLength: 40 }), ([source, destination], fields) => {
      const one = readProxyHeader(formatProxyV1({ source, destination }));
      const two = readProxyHeader(formatProxyV2({ source, destination }, Buffer.from(fields)));
      if (one.kind !== 'value' || two.kind !== 'value') return false;
      t.strictSame(one.value, two.value, 'both versions say the same');
      return one.value.kind === 'proxied' && one.value.source.port === source.port;
    }),
    { numRuns: 200 },
  );
  t.strictSame(readProxyHeader(formatProxyV2()), { kind: 'value', value: { kind: 'own' }, next: 16 });
  t.end();
});

void t.test('fuzz: any octets give an outcome, and never more of them another one', (t) => {
  const random = new Prng('proxy header');
  const endpoints = {
    source: { host: '192.0.2.1', port: 1 },
    destination: { host: '2001:db8::2', port: 2 },
  };
  const seeds = [
    formatProxyV1({ ...endpoints, destination: { host: '192.0.2.2', port: 2 } }),
    formatProxyV2(endpoints, Buffer.alloc(30)),
    formatProxyV2(),
    Buffer.from('PROXY UNKNOWN\r\n'),
  ];
  for (let run = 0; run < 3000; run++) {
    const bytes = Buffer.concat([seeds[random.below(seeds.length)]!, random.bytes(random.below(8))]);
    for (let flips = random.below(4); flips > 0; flips--)
      bytes[random.below(bytes.length)] = random.below(256);
    let decided: string | undefined;
    for (let cut = 0; cut <= bytes.length; cut++) {
      const step = readProxyHeader(bytes.subarray(0, cut));
      const said = step.kind === 'more' ? undefined : JSON.stringify(step);
      if (step.kind === 'value' && step.next > cut) t.fail(`run ${run}: took octets that are not there`);
      if (decided !== undefined && said !== decided)
        t.fail(`run ${run}, cut at ${cut}: ${decided} and ${said}`);
      decided = said;
    }
  }
  t.pass();
  t.end();
});
