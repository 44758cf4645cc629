/** Messages of streams: a large Buffer in a field is sent from where it lies, and the peer gets what any other body gives. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { decodeBody, encodeBody, encodeMessage } from '../../../src/cluster/bus/body.ts';
import { Payload } from '../../../src/cluster/bus/outbox.ts';
import { LARGE_OCTETS } from '../../../src/lib/joined.ts';

const LARGE = Buffer.alloc(LARGE_OCTETS, 'mail');

void t.test('a large field is not copied, and comes back', async (t) => {
  for (const body of [
    { bytes: LARGE },
    { kind: 'output', bytes: LARGE, whole: true, told: { uid: 1 }, progress: undefined },
    { [`a key of ${'many '.repeat(20)}octets`]: LARGE },
    { ...Object.fromEntries(Array.from({ length: 14 }, (_, i) => [`k${i}`, i])), bytes: LARGE },
  ]) {
    const parts = encodeMessage(body);
    t.same(decodeBody(Buffer.concat(parts)), { body });
    if (Object.values(body).includes(LARGE)) t.equal(parts.at(-1), LARGE);
  }
});

void t.test('everything else is one part, as ever', async (t) => {
  for (const body of [
    LARGE,
    [LARGE],
    { deep: { bytes: LARGE } },
    { bytes: LARGE.subarray(1) },
    'text',
    null,
    { ...Object.fromEntries(Array.from({ length: 15 }, (_, i) => [`k${i}`, i])), bytes: LARGE },
  ]) {
    const parts = encodeMessage(body);
    t.equal(parts.length, 1);
    t.ok(parts[0]!.equals(encodeBody(body)));
  }
  const two = { first: LARGE, second: LARGE };
  t.same(decodeBody(Buffer.concat(encodeMessage(two))), { body: two });
});

void t.test('any slices of a payload are its octets', async () => {
  const sizes = fc.array(fc.nat(6), { maxLength: 5 });
  // The error says the seed.
  fc.assert(
    fc.property(sizes, fc.nat(30), fc.nat(30), (lengths, from, octets) => {
      let next = 0;
      const parts = lengths.map((length) => Buffer.from(Array.from({ length }, () => next++)));
      const payload = new Payload(parts);
      const all = Buffer.concat(parts);
      assert.equal(payload.length, all.length);
      const slices = payload.slice(from, from + octets);
      assert.ok(Buffer.concat(slices).equals(all.subarray(from, from + octets)));
      assert.ok(slices.every(({ length }) => length > 0));
    }),
    { numRuns: 300 },
  );
});
