/** Readers of coordination messages: what is sent comes back, and nothing else gets in. */
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import t from 'tap';
import {
  address,
  fields,
  flat,
  incarnation,
  pairDigest,
  pairs,
  type Renewal,
  readControlEpoch,
  readRenewal,
  renewalBody,
} from '../../src/cluster/messages.ts';
import { readMapDelta } from '../../src/cluster/news.ts';
import { type Epoch, epochOf, SLOTS, type Slot } from '../../src/store/ids.ts';
import { COORDINATION_READERS, INCARNATION, RENEWAL } from './bodies.ts';

const SEED = 20261120;
const packr = new Packr({ useRecords: false });
const READERS: readonly ((body: unknown) => unknown)[] = [
  ...Object.values(COORDINATION_READERS).map(({ read }) => read),
  address,
  incarnation,
  pairs,
  (value) => fields(value, 'x'),
];

const renewal: Renewal = {
  ...readRenewal(RENEWAL),
  released: [{ slot: 1 as Slot, epoch: epochOf(2 ** 21 - 1, 2 ** 32 - 1) }],
  largerEpoch: epochOf(5, 1),
};

void t.test('every reader takes what it is for, through the bus encoding too', async (t) => {
  for (const [name, { read, bodies }] of Object.entries(COORDINATION_READERS))
    for (const body of bodies) t.same(read(packr.unpack(packr.pack(body))), read(body), name);
});

void t.test('a renewal comes back through the bus encoding, the largest epoch too', async (t) => {
  t.same(readRenewal(packr.unpack(packr.pack(renewalBody(renewal)))), renewal);
});

void t.test('a renewal without a list is small', async (t) => {
  t.ok(packr.pack(renewalBody({ ...renewal, released: [], pairs: undefined })).length < 600);
});

void t.test('every missing or wrong field is refused with "invalid"', async (t) => {
  const body = renewalBody(renewal);
  const optional = new Set(['probeAgeMs', 'pairs', 'largerEpoch', 'load']);
  for (const key of Object.keys(body)) {
    t.throws(() => readRenewal({ ...body, [key]: { wrong: true } }), { code: 'invalid' }, `${key} wrong`);
    if (!optional.has(key))
      t.throws(() => readRenewal({ ...body, [key]: undefined }), { code: 'invalid' }, `${key} missing`);
  }
});

void t.test('limits', async (t) => {
  t.throws(() => pairs([SLOTS, 1]), { code: 'invalid' }, 'no such slot');
  t.throws(() => pairs([1]), { code: 'invalid' }, 'half a pair');
  t.throws(() => pairs(Array.from({ length: 2 * SLOTS + 2 }, () => 1)), { code: 'invalid' }, 'too many');
  t.throws(() => address({ host: 'h', port: 65536 }), { code: 'invalid' });
  t.throws(() => address({ host: 'h'.repeat(256), port: 1 }), { code: 'invalid' });
  t.throws(() => incarnation('A'.repeat(32)), { code: 'invalid' });
});

void t.test('no control epoch that does not exist: to accept it would be to refuse all others', async (t) => {
  const body = renewalBody(renewal);
  t.equal(readRenewal(body).controlEpoch, 2 ** 21 - 1);
  t.throws(() => readRenewal({ ...body, controlEpoch: 2 ** 21 }), { code: 'invalid' });
  t.equal(readControlEpoch(7), 7);
  t.throws(() => readControlEpoch(2 ** 21), { code: 'invalid' });
});

void t.test('news of the map name slots that exist and owners that are listed', async (t) => {
  const owners = [{ incarnation: INCARNATION, address: { host: 'h', port: 1 }, member: 'be1' }];
  const delta = (slots: number[]) => readMapDelta({ since: 0, version: 9, owners, slots });
  t.same(delta([0, 0, SLOTS - 1, -1]).slots, [0, 0, SLOTS - 1, -1]);
  for (const slots of [[0], [SLOTS, 0], [2 ** 40, 0], [-1, 0], [0, 1]])
    t.throws(() => delta(slots), { code: 'invalid' }, slots.join());
});

void t.test('fuzz: any value at all is read or refused with a Failure', async () => {
  const value = fc.anything({ withBigInt: true, withNullPrototype: true, withTypedArray: true });
  fc.assert(
    fc.property(value, fc.constantFrom(...READERS), (input, read) => {
      try {
        read(input);
      } catch (error) {
        if ((error as { code?: string }).code !== 'invalid') throw error;
      }
    }),
    { seed: SEED, numRuns: 800 },
  );
});

void t.test('property: the digest depends on the set, not on its order', async () => {
  const pair = fc.record({ slot: fc.nat(SLOTS - 1), epoch: fc.integer({ min: 1, max: 2 ** 52 }) });
  fc.assert(
    fc.property(fc.array(pair, { maxLength: 50 }), (list) => {
      const all = list.map((each) => ({ slot: each.slot as Slot, epoch: each.epoch as Epoch }));
      const digest = (some: typeof all) => some.reduce((sum, each) => sum + pairDigest(each), 0);
      if (digest(all) !== digest([...all].reverse())) throw new Error('order matters');
      if (JSON.stringify(pairs(flat(all))) !== JSON.stringify(all)) throw new Error('not the same pairs');
    }),
    { seed: SEED, numRuns: 200 },
  );
});

void t.test('neighbours differ', async (t) => {
  const seen = new Set<number>();
  for (let slot = 0; slot < 64; slot++)
    for (let count = 1; count <= 64; count++)
      for (const control of [1, 2])
        seen.add(pairDigest({ slot: slot as Slot, epoch: epochOf(control, count) }));
  t.ok(seen.size > 64 * 64 * 2 - 8, `${seen.size} of ${64 * 64 * 2}`);
});
