/** The content of an account's snapshot (docs/storage-account.md): round trip, limits, and any octets. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { decodeState, encodeState } from '../../../src/store/account/snapshot.ts';
import { type AccountState, apply } from '../../../src/store/account/state.ts';
import type { Place } from '../../../src/store/log/types.ts';
import { Prng } from '../../support/prng.ts';
import { accountCorpus } from './account-corpus.ts';
import { checkConsistency, picture, WALL_MS } from './support.ts';

const PLACE: Place = { file: 1, offset: 44, octets: 1 };
/** A log of one file in which everything counts. */
const LOG = { files: [{ file: 1, octets: 1e9 }], currentPlace: (place: Place) => place };

async function someState(): Promise<AccountState> {
  return (await accountCorpus()).state;
}

void t.test('a state comes back as it was, and goes on alike', async (t) => {
  const state = await someState();
  const content = encodeState(state, LOG) as Buffer;
  const restored = decodeState(content);
  assert.ok(restored !== undefined);
  t.strictSame(picture(restored), picture(state));
  checkConsistency(restored);
  for (const one of [state, restored]) {
    apply(
      one,
      { kind: 'expunged', mailbox: 1, wallMs: WALL_MS, uids: [[1, 3]] },
      { modseq: 90, place: PLACE },
    );
    const added = { uid: 40, blob: 3, dateMs: -5, flags: 0 };
    const flagSets = [{ bits: 1, keywords: ['four', 'ONE'] }];
    const change = { kind: 'messages-added', mailbox: 1, flagSets, messages: [added] } as const;
    apply(one, change, { modseq: 91, place: PLACE });
  }
  t.strictSame(picture(restored), picture(state));
  checkConsistency(restored);
});

void t.test('places in a tail that was copied are those of the copy', async (t) => {
  const state = await someState();
  const log = {
    files: [{ file: 2, octets: 5000 }],
    currentPlace: (place: Place) => ({ ...place, file: 2, offset: place.offset + 1000 }),
  };
  const restored = decodeState(encodeState(state, log) as Buffer);
  for (const id of state.blobs.ids()) {
    const place = restored?.blobs.place(id)?.record;
    t.equal(place?.file, 2);
    t.equal(place?.offset, (state.blobs.place(id)?.record.offset ?? 0) + 1000);
  }
});

void t.test(
  'none while a large copy is not ended, with too many small parts, before the first commit',
  async (t) => {
    const state = await someState();
    const flagSets = [{ bits: 0, keywords: [] }];
    const messages = [{ blob: 1, dateMs: 0, flags: 0 }];
    const staged = { kind: 'messages-staged', staging: 80, position: 0, flagSets, messages } as const;
    apply(state, staged, { modseq: 80, place: PLACE });
    t.equal(encodeState(state, LOG), undefined);
    apply(state, { kind: 'staging-dropped', staging: 80 }, { modseq: 81, place: PLACE });
    t.ok(encodeState(state, LOG));
    for (let number = 0; number <= 20_000; number++) state.subscriptions.add(`name ${number}`);
    t.equal(encodeState(state, LOG), undefined);
    state.subscriptions.clear();
    state.initialLogged = false;
    t.equal(encodeState(state, LOG), undefined);
  },
);

void t.test('another version, another order of octets, any cut', async (t) => {
  const content = encodeState(await someState(), LOG) as Buffer;
  for (const at of [0, 4, 5, 8]) {
    const other = Buffer.from(content);
    other[at] = (other[at] as number) ^ 3;
    t.equal(decodeState(other), undefined, `octet ${at}`);
  }
  for (let cut = 0; cut < content.length; cut++)
    if (decodeState(content.subarray(0, cut)) !== undefined) t.fail(`cut at ${cut}`);
  t.equal(decodeState(Buffer.concat([content, Buffer.of(0)])), undefined, 'more behind it');
});

void t.test('any octets give a state or none, and take no memory that they do not have', async () => {
  const content = encodeState(await someState(), LOG) as Buffer;
  const fieldsEnd = 12 + content.readUInt32LE(8);
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const random = new Prng(seed);
      const broken = Buffer.from(content);
      for (let changes = 1 + random.below(5); changes > 0; changes--)
        broken[12 + random.below(fieldsEnd - 12)] = random.below(256);
      decodeState(broken);
    }),
    { numRuns: 500, seed: 12 },
  );
});

void t.test('of too many small parts there is none', async (t) => {
  const state = await someState();
  const others = 50;
  const fill = (from: number, to: number): void => {
    const values = Array.from(
      { length: to - from },
      (_, index) => [`p${from + index}`, Buffer.alloc(0)] as const,
    );
    apply(state, { kind: 'properties-changed', values }, { modseq: 99, place: PLACE });
  };
  fill(0, 20_000 - others);
  t.ok(encodeState(state, LOG));
  fill(20_000 - others, 20_001);
  t.equal(encodeState(state, LOG), undefined);
});
