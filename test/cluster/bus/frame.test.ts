/** The frame codec: every cut of a byte stream gives the same frames; headers that lie are refused before their payload. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import {
  CONTROL_OCTETS_MAX,
  encodeFrame,
  FrameFlag,
  FrameReader,
  FrameType,
  HEADER_OCTETS,
} from '../../../src/cluster/bus/frame.ts';

const FRAME_MAX = 256;

function read(pieces: readonly Buffer[]): { frames: unknown[]; why: string | undefined } {
  const frames: unknown[] = [];
  const reader = new FrameReader(FRAME_MAX, (frame) => {
    frames.push({ ...frame, payload: frame.payload.toString('hex') });
    return undefined;
  });
  for (const piece of pieces) {
    const why = reader.push(piece);
    if (why !== undefined) return { frames, why };
  }
  return { frames, why: undefined };
}

void t.test('every cut in two and in single octets gives the same frames', async (t) => {
  const bytes = Buffer.concat([
    encodeFrame(FrameType.hello, 0, 0, Buffer.from('hello')),
    encodeFrame(FrameType.call, FrameFlag.first | FrameFlag.last, 4_294_967_295, Buffer.alloc(FRAME_MAX, 7)),
    encodeFrame(FrameType.fin, 0, 9, Buffer.alloc(0)),
    encodeFrame(FrameType.message, FrameFlag.last, 9, Buffer.from([1])),
  ]);
  const whole = read([bytes]);
  t.equal(whole.frames.length, 4);
  t.equal(whole.why, undefined);
  for (let cut = 0; cut <= bytes.length; cut++)
    t.same(read([bytes.subarray(0, cut), bytes.subarray(cut)]), whole, `cut at ${cut}`);
  t.same(read(Array.from(bytes, (octet) => Buffer.from([octet]))), whole);
});

const header = (change: (octets: Buffer) => void): Buffer => {
  const octets = encodeFrame(FrameType.call, FrameFlag.first, 1, Buffer.alloc(0));
  change(octets);
  return octets;
};

for (const [name, octets] of [
  ['a type nobody knows', header((h) => h.writeUInt8(99, 4))],
  ['type 0', header((h) => h.writeUInt8(0, 4))],
  ['a payload above the limit', header((h) => h.writeUInt32LE(FRAME_MAX + 1, 0))],
  ['4 GiB', header((h) => h.writeUInt32LE(0xffffffff, 0))],
  ['an unknown flag', header((h) => h.writeUInt8(8, 5))],
  ['flags on a control frame', header((h) => h.writeUInt8(FrameType.ping, 4))],
  ['reserved octets', header((h) => h.writeUInt8(1, 7))],
  [
    'a control frame above its limit',
    header((h) => {
      h.writeUInt8(FrameType.credit, 4);
      h.writeUInt8(0, 5);
      h.writeUInt32LE(CONTROL_OCTETS_MAX + 1, 0);
    }),
  ],
] as const)
  void t.test(`refused by the header alone: ${name}`, async (t) => {
    t.type(read([octets]).why, 'string');
    t.type(read(Array.from(octets, (octet) => Buffer.from([octet]))).why, 'string');
    t.equal(read([octets.subarray(0, HEADER_OCTETS - 1)]).why, undefined, 'not before the header is whole');
  });

void t.test('a stop of the receiver ends reading', async (t) => {
  let frames = 0;
  const reader = new FrameReader(FRAME_MAX, () => {
    frames++;
    return 'enough';
  });
  const frame = encodeFrame(FrameType.fin, 0, 1, Buffer.alloc(0));
  t.equal(reader.push(Buffer.concat([frame, frame])), 'enough');
  t.equal(frames, 1);
});

void t.test('any bytes in any pieces: the same result as in one piece, and no throw', async () => {
  // The error says the seed.
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          type: fc.constantFrom(...Object.values(FrameType), 99),
          payload: fc.uint8Array({ maxLength: 40 }),
          junkAt: fc.nat({ max: 200 }),
          junk: fc.nat({ max: 255 }),
        }),
        { maxLength: 6 },
      ),
      fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 20 }),
      (parts, cuts) => {
        const bytes = Buffer.concat(
          parts.map((part) => {
            const message = part.type >= 16 && part.type !== 19 && part.type !== 20 && part.type < 26;
            const frame = encodeFrame(part.type as FrameType, message ? 1 : 0, 5, Buffer.from(part.payload));
            // Mostly behind the end, so that most frames are whole.
            if (part.junkAt < frame.length) frame[part.junkAt] = part.junk;
            return frame;
          }),
        );
        const pieces: Buffer[] = [];
        let at = 0;
        for (const cut of cuts) {
          pieces.push(bytes.subarray(at, at + cut));
          at += cut;
        }
        pieces.push(bytes.subarray(at));
        assert.deepEqual(read(pieces), read([bytes]));
      },
    ),
    { numRuns: 300 },
  );
});
