import fc from 'fast-check';
import t from 'tap';
import { decodeUtf8 } from '../../src/lib/utf8.ts';

const SEED = 20261122;

void t.test('what is UTF-8 (RFC 3629), and what only looks like it', async (t) => {
  for (const text of ['', 'a', 'é', '€', '😀', '\ufeffa', '\ufffd', '\0'])
    t.equal(decodeUtf8(Buffer.from(text)), text, JSON.stringify(text));
  const wrong = {
    'a continuation alone': [0x80],
    'cut short': [0xe2, 0x82],
    'longer than need be': [0xc0, 0x80],
    'a surrogate': [0xed, 0xa0, 0x80],
    'above U+10FFFF': [0xf4, 0x90, 0x80, 0x80],
  };
  for (const [name, octets] of Object.entries(wrong))
    t.equal(decodeUtf8(Buffer.from([0x61, ...octets, 0x61])), undefined, name);
});

void t.test('a view is read from where it begins', async (t) => {
  const octets = new Uint8Array(Buffer.from('abc'));
  t.equal(decodeUtf8(octets.subarray(1, 2)), 'b');
});

void t.test('property: as the decoder of the platform that refuses', async (t) => {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const expected = (octets: Uint8Array): string | undefined => {
    try {
      return decoder.decode(octets);
    } catch {
      return undefined;
    }
  };
  const octet = fc.constantFrom(0x41, 0x80, 0xbf, 0xc3, 0xe2, 0xed, 0xef, 0xf0, 0xf4, 0xff, 0x9f, 0x82);
  fc.assert(
    fc.property(fc.array(octet, { maxLength: 6 }), (list) => {
      const octets = Uint8Array.from(list);
      return decodeUtf8(octets) === expected(octets);
    }),
    { seed: SEED, numRuns: 500 },
  );
  t.pass(`seed ${SEED}`);
});
