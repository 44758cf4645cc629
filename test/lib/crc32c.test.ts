/** CRC32C against the values of RFC 3720 appendix B.4 and against the definition, octet by octet. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { crc32c } from '../../src/lib/crc32c.ts';

const ZEROS = Buffer.alloc(32);
const ONES = Buffer.alloc(32, 0xff);
const ASCENDING = Buffer.from(Array.from({ length: 32 }, (_, n) => n));

for (const [name, octets, expected] of [
  ['nothing', Buffer.alloc(0), 0],
  ['123456789', Buffer.from('123456789'), 0xe3069283],
  // The RFC prints them in the order of transmission, least significant octet first.
  ['32 octets of zeros', ZEROS, 0x8a9136aa],
  ['32 octets of ones', ONES, 0x62a8ab43],
  ['32 octets ascending', ASCENDING, 0x46dd794e],
  ['32 octets descending', ASCENDING.toReversed(), 0x113fdb5c],
] as const)
  void t.test(name, async (t) => t.equal(crc32c(octets), expected));

void t.test('any octets, whole or in two parts', async () => {
  // The error says the seed.
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (octets, cut) => {
      assert.equal(crc32c(octets), byDefinition(octets));
      assert.equal(crc32c(octets.subarray(cut), crc32c(octets.subarray(0, cut))), crc32c(octets));
    }),
    { numRuns: 300 },
  );
});

/** One bit at a time with the reflected polynomial. */
function byDefinition(octets: Uint8Array): number {
  let crc = 0xffffffff;
  for (const octet of octets) {
    crc ^= octet;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}
