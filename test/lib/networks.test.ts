import * as fc from 'fast-check';
import t from 'tap';
import { formatAddress, type IpNumber } from '../../src/lib/ip.ts';
import { NETWORKS_MAX, noNetworks, parseNetworks } from '../../src/lib/networks.ts';
import { Prng } from '../support/prng.ts';

void t.test('what is in a list and what is not', (t) => {
  for (const [list, inside, outside] of [
    ['192.0.2.7', ['192.0.2.7', '::ffff:192.0.2.7'], ['192.0.2.6', '192.0.2.8', '::c000:207']],
    ['192.0.2.0/24', ['192.0.2.0', '192.0.2.255'], ['192.0.1.255', '192.0.3.0']],
    ['192.0.2.9/32', ['192.0.2.9'], ['192.0.2.8']],
    ['0.0.0.0/0', ['0.0.0.0', '255.255.255.255', '::ffff:1.2.3.4'], ['::', '::1']],
    ['2001:db8::/32', ['2001:db8::', '2001:DB8:ffff::1', '2001:db8::1%eth0'], ['2001:db9::', '192.0.2.1']],
    ['::/0', ['::1', 'ffff::'], ['192.0.2.1', '::ffff:192.0.2.1']],
    ['::ffff:192.0.2.0/120', ['192.0.2.200'], ['192.0.3.0']],
    ['10.0.1.10-10.0.1.12', ['10.0.1.10', '10.0.1.11', '10.0.1.12'], ['10.0.1.9', '10.0.1.13']],
    ['fe80::1 - fe80::3', ['fe80::2'], ['fe80::4']],
    ['10.0.0.0/8, !10.1.0.0/16, 10.1.2.3', ['10.0.0.1', '10.1.2.3', '10.2.0.0'], ['10.1.0.0', '10.1.2.4']],
    ['!10.0.0.1\n10.0.0.1', ['10.0.0.1'], []],
    ['; nothing\n\n192.0.2.1 ; the balancer, old\r\n192.0.2.2', ['192.0.2.1', '192.0.2.2'], ['192.0.2.3']],
    ['', [], ['0.0.0.0', '::']],
  ] as const) {
    const networks = parseNetworks(list);
    for (const host of inside) t.ok(networks?.contains(host), `${list}: ${host}`);
    for (const host of outside) t.equal(networks?.contains(host), false, `${list}: ${host}`);
    for (const host of ['', 'localhost', '192.0.2', '%']) t.equal(networks?.contains(host), false, host);
  }
  t.equal(noNetworks.contains('127.0.0.1'), false);
  t.end();
});

void t.test('slips of the finger', (t) => {
  for (const entry of [
    '192.0.2.1/24',
    '192.0.2.0/33',
    '192.0.2.0/',
    '192.0.2.0/-1',
    '2001:db8::1/32',
    '2001:db8::/129',
    '::ffff:192.0.2.0/24',
    '10.0.0.2-10.0.0.1',
    '10.0.0.1-::1',
    '10.0.0.1-',
    '-10.0.0.1',
    '10.0.0.1-10.0.0.2-10.0.0.3',
    '10.0.0.1-10.0.0.0/24',
    'example.com',
    '10.0.0',
    '!',
    '!!10.0.0.1',
  ]) {
    t.equal(parseNetworks(entry), undefined, entry);
    t.equal(parseNetworks(['127.0.0.1', entry]), undefined, entry);
  }
  t.equal(parseNetworks(['']), undefined, 'an entry of a list is never empty');
  t.end();
});

void t.test('entries as they were written, and not too many', (t) => {
  t.strictSame(parseNetworks('10.0.0.0/8 ; LAN\n!10.0.0.1')?.entries, ['10.0.0.0/8', '!10.0.0.1']);
  const many = Array.from({ length: NETWORKS_MAX }, () => '10.0.0.1');
  t.ok(parseNetworks(many));
  t.equal(parseNetworks([...many, '10.0.0.1']), undefined);
  t.end();
});

/** Addresses of a world of 32 for each family, so that ranges meet, touch and hold each other. */
const address = fc
  .record({ family: fc.constantFrom(4 as const, 6 as const), low: fc.nat(31) })
  .map(({ family, low }): IpNumber => ({ family, value: (family === 4 ? 0xffff_ffe0n : 0n) + BigInt(low) }));

const entry = fc
  .record({ out: fc.boolean(), from: address, length: fc.nat(8), mask: fc.option(fc.nat(5)) })
  .map(({ out, from, length, mask }) => {
    const bits = from.family === 4 ? 32 : 128;
    const limit = (from.family === 4 ? 0xffff_ffe0n : 0n) + 31n;
    const size = 1n << BigInt(mask ?? 0);
    const first = mask === null ? from.value : from.value - (from.value % size);
    const last = mask === null ? first + BigInt(length) : first + size - 1n;
    const end = last > limit ? limit : last;
    const start = formatAddress({ family: from.family, value: first });
    const text =
      mask === null
        ? `${start}-${formatAddress({ family: from.family, value: end })}`
        : `${start}/${bits - mask}`;
    return { out, family: from.family, first, last: mask === null ? end : last, text };
  });

void t.test('property: the same as looking at every entry in turn', (t) => {
  fc.assert(
    fc.property(
      fc.array(entry, { maxLength: 12 }),
      fc.array(address, { maxLength: 20 }),
      (entries, asked) => {
        const networks = parseNetworks(entries.map(({ out, text }) => (out ? `! ${text}` : text)));
        return asked.every((one) => {
          const last = entries.findLast(
            ({ family, first, last }) => family === one.family && first <= one.value && one.value <= last,
          );
          return networks?.contains(formatAddress(one)) === (last !== undefined && !last.out);
        });
      },
    ),
    { numRuns: 500 },
  );
  t.end();
});

void t.test('fuzz: any text is a list or none', (t) => {
  const random = new Prng('networks');
  const pieces = [
    '192.0.2.0',
    '/24',
    '/',
    '-',
    '!',
    ',',
    ';',
    '\n',
    '::',
    '2001:db8::',
    '%eth0',
    ' ',
    '128',
    '.',
    'f',
  ];
  let lists = 0;
  for (let run = 0; run < 5000; run++) {
    const text = Array.from({ length: random.below(6) }, () => random.pick(pieces)).join('');
    const networks = parseNetworks(text);
    if (networks === undefined) continue;
    lists++;
    networks.contains('192.0.2.1');
    const again = parseNetworks(networks.entries);
    if (again === undefined) t.fail(`run ${run}: ${JSON.stringify(text)} does not read again`);
  }
  t.ok(lists > 100, `${lists} lists`);
  t.end();
});
