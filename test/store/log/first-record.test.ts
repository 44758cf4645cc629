/** First records: two copies, either of which is enough; limits; octets that only look like one. */
import fc from 'fast-check';
import t from 'tap';
import type { Epoch, Incarnation } from '../../../src/store/ids.ts';
import {
  decodePayload,
  decodeReplaced,
  encodeFirstRecords,
  encodeReplaced,
  type FirstRecord,
  findFirstRecord,
} from '../../../src/store/log/first-record.ts';
import { encodeRecord } from '../../../src/store/log/record.ts';
import { Prng } from '../../support/prng.ts';

const SEED = 7;
const FIRST: FirstRecord = {
  marker: Buffer.from('MARKER!!'),
  object: '7/jörg/10000000a-3',
  incarnation: 'cafe' as Incarnation,
  epoch: 0x10_0000_0007 as Epoch,
  counts: [
    { file: 3, octets: 1000 },
    { file: 12, octets: 2 ** 40 },
  ],
  tailOctets: 99,
};

void t.test('round trip, for any list', async (t) => {
  const anyFirst = fc.record({
    object: fc.string(),
    epoch: fc.maxSafeNat(),
    gaps: fc.array(fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.maxSafeNat()), { maxLength: 40 }),
    tailOctets: fc.maxSafeNat(),
  });
  fc.assert(
    fc.property(anyFirst, ({ object, epoch, gaps, tailOctets }) => {
      let file = 0;
      const counts = gaps.map(([gap, octets]) => ({ file: (file += gap), octets }));
      const first = { ...FIRST, object, epoch: epoch as Epoch, counts, tailOctets };
      const octets = encodeFirstRecords(first);
      const found = findFirstRecord(Buffer.concat([octets, Buffer.from('behind')]));
      t.same(found, { kind: 'whole', first, start: octets.length, broken: undefined });
    }),
    { seed: SEED, numRuns: 100 },
  );
});

void t.test('one flipped octet anywhere leaves a whole copy, and says which is broken', async (t) => {
  const octets = encodeFirstRecords(FIRST);
  const half = octets.length / 2;
  for (let at = 0; at < octets.length; at++) {
    const flipped = Buffer.from(octets);
    flipped[at]! ^= 0x10;
    const broken = at < half ? { from: 0, to: half } : { from: half, to: octets.length };
    t.same(
      findFirstRecord(flipped),
      { kind: 'whole', first: FIRST, start: octets.length, broken },
      `octet ${at}`,
    );
  }
});

void t.test('every cut below the first copy is broken', async (t) => {
  const octets = encodeFirstRecords(FIRST);
  for (let cut = 0; cut < octets.length / 2; cut++)
    t.equal(findFirstRecord(octets.subarray(0, cut)).kind, 'broken', `cut at ${cut}`);
  t.equal(findFirstRecord(octets.subarray(0, octets.length / 2)).kind, 'whole');
});

void t.test(
  'with both copies broken the markers are candidates, and a forged copy in a body is none',
  async (t) => {
    const octets = encodeFirstRecords(FIRST);
    octets[20]! ^= 1;
    octets[octets.length / 2 + 20]! ^= 1;
    // A message body that holds a first record made for the very offset it lies at, with a marker of its own.
    const marker = Buffer.from('forgery!');
    const forged: Buffer[] = [];
    const payload = encodeFirstRecords({ ...FIRST, marker }).subarray(44, octets.length / 2);
    const header = { type: 1, flags: 0, epoch: FIRST.epoch, modseq: 0, durable: 0 };
    encodeRecord(forged, marker, octets.length, header, [payload], payload.length);
    const found = findFirstRecord(Buffer.concat([octets, ...forged]));
    t.equal(found.kind, 'broken');
    if (found.kind === 'broken')
      t.ok(
        found.markers.some((each) => each.equals(FIRST.marker)),
        'the true marker is among the candidates',
      );
  },
);

void t.test('more files than a first record can name are a limit, not a broken file', async (t) => {
  const counts = Array.from({ length: 6000 }, (_, i) => ({ file: i + 1, octets: 2 ** 40 }));
  t.throws(() => encodeFirstRecords({ ...FIRST, counts }), { code: 'limit' });
});

void t.test('a list that does not ascend is refused', async (t) => {
  const octets = encodeFirstRecords({ ...FIRST, counts: FIRST.counts.toReversed() });
  t.equal(findFirstRecord(octets).kind, 'broken');
});

void t.test('replaced: round trip', async (t) => {
  t.same(decodeReplaced(encodeReplaced([1, 5, 2 ** 40])), [1, 5, 2 ** 40]);
  t.equal(decodeReplaced(Buffer.from([5, 1])), undefined);
});

void t.test('fuzz: decoders take any octets', async (t) => {
  const random = new Prng(SEED);
  const payload = encodeFirstRecords(FIRST).subarray(44, encodeFirstRecords(FIRST).length / 2);
  for (let run = 0; run < 2000; run++) {
    const octets = random.chance(0.3) ? random.bytes(random.below(80)) : Buffer.from(payload);
    for (let flips = random.below(4); flips > 0 && octets.length > 0; flips--)
      octets[random.below(octets.length)] = random.below(256);
    decodePayload(octets.subarray(0, random.below(octets.length + 1)));
    decodeReplaced(octets);
    findFirstRecord(octets);
  }
  t.pass(`seed ${SEED}`);
});
