/** Joining what is small: the octets stay what they were, what is large is not copied, and there are few buffers. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { joined, LARGE_OCTETS } from '../../src/lib/joined.ts';

void t.test('the same octets, large ones where they lie, no two small ones side by side', async () => {
  const size = fc.oneof(fc.nat(50), fc.integer({ min: LARGE_OCTETS - 1, max: LARGE_OCTETS + 1 }));
  // The error says the seed.
  fc.assert(
    fc.property(fc.array(size, { maxLength: 12 }), (sizes) => {
      const parts = sizes.map((octets, index) => Buffer.alloc(octets, index + 1));
      const whole = joined(parts);
      assert.ok(Buffer.concat(whole).equals(Buffer.concat(parts)));
      const large = parts.filter(({ length }) => length >= LARGE_OCTETS);
      for (const part of large) assert.ok(whole.includes(part));
      assert.ok(whole.length <= 2 * large.length + 1);
    }),
    { numRuns: 200 },
  );
});

void t.test('a single small one is not copied either; nothing is nothing', async (t) => {
  const one = Buffer.from('one');
  t.equal(joined([one])[0], one);
  t.same(joined([]), []);
});
