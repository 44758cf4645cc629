/** Texts and first octets that everything stands on: dictionaries, networks, addresses, PROXY headers, ClientHellos. */
import assert from 'node:assert/strict';
import { readServerName } from '../../../src/lib/client-hello.ts';
import { parseDocument } from '../../../src/lib/dictionary/document.ts';
import { format } from '../../../src/lib/dictionary/format.ts';
import { parse } from '../../../src/lib/dictionary/parse.ts';
import { parseAddress, parseEndpoint, plainAddress } from '../../../src/lib/ip.ts';
import { parseNetworks } from '../../../src/lib/networks.ts';
import { PROXY_V2_OCTETS_MAX, readProxyHeader } from '../../../src/lib/proxy-header.ts';
import { GOOD, PIECES } from '../../lib/dictionary/texts.ts';
import { formatProxyV1, formatProxyV2 } from '../../support/balancer.ts';
import { CLIENT_HELLO } from '../corpus.ts';
import { accepted, anyOf, assertSame, type FuzzTarget, maybe, refused, target } from '../target.ts';

const FOUR = { source: { host: '192.0.2.1', port: 1 }, destination: { host: '192.0.2.2', port: 65535 } };
const SIX = { source: { host: '2001:db8::1', port: 25 }, destination: { host: '::1', port: 2 } };

export const TARGETS: readonly FuzzTarget[] = [
  target({
    name: 'dictionary',
    seeds: [
      ...GOOD.map(([text]) => Buffer.from(text)),
      '(a, "b c", #-5, #NULL#, [HcqHfHI=], #T22-10-2009_15:24:45, #I[2001:db8::1]:25)',
      '/* x */ {\n  // y\n  MemberName = be1;\n  L = ("\\"\\\\\\r\\n\\065\\195\\169\\u\'1f600\'");\n}\n',
    ],
    words: PIECES,
    growth: 128,
    run(input) {
      const parsed = parse(input);
      if (parsed.kind === 'bad') {
        assert.ok(parsed.line >= 1 && parsed.column >= 1 && parsed.why !== '');
        return refused(parsed);
      }
      return accepted(parsed);
    },
    check(input, { kind }) {
      const parsed = parse(input);
      if (kind === 'refused' || parsed.kind === 'bad') return;
      const again = parse(format(parsed.value));
      assert.ok(again.kind === 'value');
      assertSame(again.value, parsed.value, 'what was read is written so that it is read again');
    },
  }),
  target({
    name: 'dictionary-document',
    seeds: ['{\n  a = 1;\n  b = {c = (x, y);};\n}\n', '{}', '{a=b;}'],
    words: PIECES,
    growth: 128,
    run(input) {
      const document = parseDocument(input);
      return 'kind' in document ? refused(document) : accepted(document);
    },
  }),
  target({
    name: 'networks',
    seeds: ['192.0.2.0/24', '192.0.2.1-192.0.2.9, !192.0.2.5; 2001:db8::/32\n::1', '10.0.0.1'],
    words: ['/', '-', '!', ',', ';', '\n', '::', '%eth0', '/0', '/128', '/33', '255.255.255.255'],
    octetsMax: 16 * 1024,
    growth: 128,
    run(input) {
      const networks = parseNetworks(input.toString('latin1'));
      if (networks === undefined) return refused();
      for (const host of ['192.0.2.1', '::1', '::ffff:192.0.2.1', 'x']) networks.contains(host);
      assert.ok(parseNetworks(networks.entries) !== undefined, 'its entries read again');
      return accepted(networks.entries);
    },
  }),
  target({
    name: 'addresses',
    seeds: ['192.0.2.1', '2001:db8::1', '::ffff:1.2.3.4', '[::1]:25', '192.0.2.1:25'],
    words: ['::', ':', '.', '[', ']', '%', '0', 'ffff', '65536', '256'],
    octetsMax: 4096,
    run(input) {
      const text = input.toString('latin1');
      plainAddress(text);
      return anyOf([maybe(parseAddress(text)), maybe(parseEndpoint(text))]);
    },
  }),
  target({
    name: 'proxy-header',
    seeds: [
      formatProxyV1(FOUR),
      formatProxyV1(SIX),
      formatProxyV2(FOUR, Buffer.alloc(30)),
      formatProxyV2(SIX),
      formatProxyV2(),
      'PROXY UNKNOWN anything\r\n',
    ],
    words: ['PROXY ', 'TCP4 ', 'TCP6 ', 'UNKNOWN', '\r\n', ' ', '\r\n\r\n\0\r\nQUIT\n', '65536', '\x21\x11'],
    octetsMax: PROXY_V2_OCTETS_MAX + 16,
    run(input) {
      const step = readProxyHeader(input);
      if (step.kind !== 'value') return refused(step);
      assert.ok(step.next > 0 && step.next <= input.length);
      assert.deepEqual(readProxyHeader(input.subarray(0, step.next)), step, 'it says itself where it ends');
      return accepted(step);
    },
  }),
  target({
    name: 'client-hello',
    seeds: [CLIENT_HELLO],
    words: ['\x16\x03\x01', '\x01\0\0', '\0\0', '\0\x10', 'mail.lab.example'],
    octetsMax: 20 * 1024,
    run(input) {
      const step = readServerName(input);
      if (step.kind !== 'value') return refused(step);
      if (step.value !== undefined) assert.match(step.value, /^[a-z0-9_.-]{1,253}$/);
      assert.ok(step.next > 0);
      return accepted(step);
    },
  }),
];
