/** The record's codec: round trips, cuts, flips, offsets, and octets from nowhere. */
import fc from 'fast-check';
import t from 'tap';
import type { Epoch } from '../../../src/store/ids.ts';
import { PAYLOAD_OCTETS_MAX, PIECE_OCTETS } from '../../../src/store/log/limits.ts';
import {
  encodeInPieces,
  encodeRecord,
  HEADER_OCTETS,
  type Header,
  parseRecord,
} from '../../../src/store/log/record.ts';
import { Prng } from '../../support/prng.ts';

const MARKER = Buffer.from('0123456789abcdef', 'hex');
const SEED = 20260101;

function encoded(header: Header, payload: readonly Buffer[], offset: number): Buffer {
  const chunks: Buffer[] = [];
  encodeRecord(
    chunks,
    MARKER,
    offset,
    header,
    payload,
    payload.reduce((sum, part) => sum + part.length, 0),
  );
  return Buffer.concat(chunks);
}

const safe = fc.maxSafeNat();
const anyHeader = fc.record({
  type: fc.integer({ min: 1, max: 255 }),
  flags: fc.integer({ min: 0, max: 7 }),
  epoch: safe.map((value) => value as Epoch),
  modseq: safe,
  durable: safe,
});
const anyPayload = fc.array(
  fc.uint8Array({ maxLength: 700 }).map((octets) => Buffer.from(octets)),
  { maxLength: 4 },
);

void t.test('in pieces it is the same, with a rest after each when there are several', async (t) => {
  const header = { type: 20, flags: 1, epoch: 5 as Epoch, modseq: 6, durable: 7 };
  const random = new Prng(SEED);
  for (const sizes of [
    [3 * PIECE_OCTETS],
    [PIECE_OCTETS],
    [1, PIECE_OCTETS, 7],
    [PIECE_OCTETS - 1, 2],
    [PIECE_OCTETS + 1, 0, PIECE_OCTETS],
  ]) {
    const payload = sizes.map((octets) => random.bytes(octets));
    const octets = sizes.reduce((sum, each) => sum + each, 0);
    const chunks: Buffer[] = [];
    let rests = 0;
    const rest = async () => void rests++;
    await encodeInPieces(chunks, MARKER, 99, header, payload, octets, rest);
    t.ok(Buffer.concat(chunks).equals(encoded(header, payload, 99)));
    t.equal(rests, octets > PIECE_OCTETS ? Math.floor(octets / PIECE_OCTETS) : 0);
  }
});

void t.test('what was encoded is parsed, at its own offset only', async (t) => {
  fc.assert(
    fc.property(anyHeader, anyPayload, safe, fc.nat(50), (header, payload, offset, before) => {
      const octets = encoded(header, payload, offset);
      const bytes = Buffer.concat([Buffer.alloc(before), octets, Buffer.alloc(3)]);
      const step = parseRecord(bytes, before, offset, MARKER);
      if (step.kind !== 'value') throw new Error(step.kind);
      const { payload: read, offset: at, ...rest } = step.value;
      return (
        JSON.stringify(rest) === JSON.stringify(header) &&
        at === offset &&
        read.equals(Buffer.concat(payload)) &&
        step.next === before + octets.length &&
        parseRecord(bytes, before, offset === 0 ? 1 : offset - 1, MARKER).kind === 'bad'
      );
    }),
    { seed: SEED, numRuns: 300 },
  );
  t.pass(`seed ${SEED}`);
});

void t.test('a large payload is not copied', async (t) => {
  const payload = Buffer.alloc(4096, 'x');
  const chunks: Buffer[] = [];
  const header = { type: 16, flags: 0, epoch: 1 as Epoch, modseq: 1, durable: 0 };
  encodeRecord(chunks, MARKER, 0, header, [payload], payload.length);
  t.equal(chunks.length, 2);
  t.equal(chunks[1], payload, 'the very buffer');
});

void t.test('every cut wants more, every flipped octet is seen', async (t) => {
  const header = { type: 16, flags: 1, epoch: 5 as Epoch, modseq: 6, durable: 7 };
  const octets = encoded(header, [Buffer.from('some mail')], 1000);
  for (let cut = 0; cut < octets.length; cut++)
    t.equal(parseRecord(octets.subarray(0, cut), 0, 1000, MARKER).kind, 'more', `cut at ${cut}`);
  for (let at = 0; at < octets.length; at++)
    for (const bit of [1, 128]) {
      const flipped = Buffer.from(octets);
      flipped[at]! ^= bit;
      t.not(parseRecord(flipped, 0, 1000, MARKER).kind, 'value', `octet ${at}, bit ${bit}`);
    }
});

void t.test('a length above the limit is bad at once, not waited for', async (t) => {
  const octets = encoded({ type: 16, flags: 0, epoch: 1 as Epoch, modseq: 1, durable: 0 }, [], 0);
  octets.writeUInt32LE(PAYLOAD_OCTETS_MAX + 1, 8);
  t.match(parseRecord(octets, 0, 0, MARKER), { kind: 'bad', why: 'length too large' });
});

void t.test('fuzz: no octets make the parser throw or read past the end', async (t) => {
  const random = new Prng(SEED);
  const base = encoded(
    { type: 16, flags: 0, epoch: 1 as Epoch, modseq: 1, durable: 0 },
    [Buffer.alloc(40)],
    0,
  );
  let values = 0;
  for (let run = 0; run < 3000; run++) {
    const octets = random.chance(0.5) ? random.bytes(random.below(120)) : Buffer.from(base);
    for (let flips = random.below(3); flips > 0 && octets.length > 0; flips--)
      octets[random.below(octets.length)] = random.below(256);
    if (random.chance(0.5)) octets.set(MARKER.subarray(0, octets.length), 0);
    const step = parseRecord(octets, 0, 0, MARKER);
    if (step.kind === 'value') {
      values++;
      t.ok(step.next <= octets.length && step.next >= HEADER_OCTETS);
    }
  }
  t.ok(values > 0, `${values} of the mutants were whole; seed ${SEED}`);
});
