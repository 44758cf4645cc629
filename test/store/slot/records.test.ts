/** Slot records: what is written is read back; octets of any kind give a value or a DecodeError, nothing else. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { DecodeError } from '../../../src/lib/encoder.ts';
import type { DomainId, Epoch, Slot } from '../../../src/store/ids.ts';
import {
  decodeChange,
  encodeChange,
  SLOT_RECORD_TYPES,
  type SlotChange,
  typeOf,
} from '../../../src/store/slot/records.ts';

const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
const uint = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const text = fc.string({ unit: 'grapheme' });
const domainId = uint.map((id) => id as DomainId);
const name = record({ domainId, name: text });
const object = record({ domainId, name: text, serial: text });
const intent = record({
  slot: fc.nat(4095).map((slot) => slot as Slot),
  epoch: uint.map((epoch) => epoch as Epoch),
  modseq: uint,
});
const step = record({ intent, epoch: uint.map((epoch) => epoch as Epoch), lowestOpen: uint });
const octets = fc.uint8Array().map((bytes) => Buffer.from(bytes));
const names = fc.array(name);

const change: fc.Arbitrary<SlotChange> = fc.oneof(
  record({
    kind: fc.constant('object-created' as const),
    request: text,
    object: record({ id: object, path: text, initial: fc.array(fc.tuple(text, octets)) }).map((given) => ({
      ...given,
      initial: new Map(given.initial),
      state: 'active' as const,
      present: { domainId: given.id.domainId, name: given.id.name },
      aliases: [],
      requests: [],
    })),
  }),
  record({
    kind: fc.constant('name-put' as const),
    entry: record({ domainId, name: text, kind: fc.constant('account' as const), object }),
  }),
  record({
    kind: fc.constant('intent-opened' as const),
    intent: record({
      id: intent,
      object,
      request: text,
      add: names,
      drop: names,
      state: fc.constant('open' as const),
      change: fc.oneof(
        record({ kind: fc.constant('delete' as const) }),
        record({ kind: fc.constant('names' as const), present: name, aliases: fc.array(text) }),
      ),
    }),
  }),
  record({ kind: fc.constantFrom('intent-decided' as const, 'intent-closed' as const), intent }),
  record({ kind: fc.constant('reserved' as const), step, object, add: names, drop: names }),
  record({ kind: fc.constant('finished' as const), step }),
  record({ kind: fc.constant('undone' as const), step, object }),
);

const SEED = 4711;

void t.test('every record is read as it was written, also by a reader that knows fewer fields', async () => {
  const property = fc.property(change, octets, (change, later) => {
    const payload = encodeChange(change);
    if (!isDeepStrictEqual(decodeChange(typeOf(change), payload), change)) return false;
    const longer = Buffer.concat([payload, later]);
    return isDeepStrictEqual(decodeChange(typeOf(change), longer), change);
  });
  fc.assert(property, { numRuns: 200, seed: SEED });
});

void t.test('what is kept does not share the octets of the payload', async (t) => {
  const id = { domainId: 1 as DomainId, name: 'joe', serial: '1-1' };
  const present = { domainId: 1 as DomainId, name: 'joe' };
  const initial = new Map([['k', Buffer.from('value')]]);
  const object = { id, path: 'p', state: 'active', present, aliases: [], initial, requests: [] } as const;
  const payload = encodeChange({ kind: 'object-created', object, request: 'r' });
  const read = decodeChange(16, payload);
  payload.fill(0);
  t.match(read, { object: { initial } });
});

void t.test(`fuzz (seed ${SEED}): broken payloads are DecodeErrors`, async (t) => {
  let refused = 0;
  const property = fc.property(change, fc.nat(), fc.nat(255), fc.boolean(), (change, at, octet, cut) => {
    const payload = encodeChange(change);
    const place = payload.length === 0 ? 0 : at % payload.length;
    const broken = cut ? payload.subarray(0, place) : Buffer.from(payload);
    if (!cut && broken.length > 0) broken[place] = octet;
    for (const type of SLOT_RECORD_TYPES) {
      try {
        decodeChange(type, broken);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        refused++;
      }
    }
  });
  fc.assert(property, { numRuns: 300, seed: SEED });
  t.ok(refused > 100);
  t.throws(() => decodeChange(99, Buffer.alloc(0)), { message: /unknown record type/ }, 'an unknown type');
});
