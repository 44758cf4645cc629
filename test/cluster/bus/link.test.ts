/**
 * What a bus does with a peer that breaks the rules of docs/bus.md: one close frame with a reason, then the end; and with
 * one that sends garbage: the same, never more. Every case is a transcript of frames.
 */
import t from 'tap';
import { decodeFailure, encodeRequest } from '../../../src/cluster/bus/body.ts';
import { encodeFrame, FrameFlag, FrameType } from '../../../src/cluster/bus/frame.ts';
import { encodeHello } from '../../../src/cluster/bus/hello.ts';
import { BUS_LIMITS } from '../../../src/cluster/bus/limits.ts';
import type { MemoryPlatform } from '../../support/memory-platform.ts';
import { memoryPlatform } from '../../support/memory-platform.ts';
import { Prng } from '../../support/prng.ts';
import { HELLO, HELLO_FRAME, makeBus, RawPeer, settle } from './support.ts';

const ONE = FrameFlag.first | FrameFlag.last;
const { first: FIRST, last: LAST } = FrameFlag;

const u32 = (value: number): Buffer => {
  const octets = Buffer.alloc(4);
  octets.writeUInt32LE(value);
  return octets;
};
const call = (id: number, flags = ONE, payload = encodeRequest('echo', id)): Buffer =>
  encodeFrame(FrameType.call, flags, id, payload);
const begun = (
  type: 17 | 24 | 25 | typeof FrameType.notice,
  id: number,
  length: number,
  octets = 10,
): Buffer => encodeFrame(type, FIRST, id, Buffer.concat([u32(length), Buffer.alloc(octets)]));

async function fresh(
  limits = {},
): Promise<{ platform: MemoryPlatform; peer: RawPeer; stop: () => Promise<void> }> {
  const platform = memoryPlatform();
  const { bus } = await makeBus(platform, { limits });
  bus.serve('echo', (body) => body);
  bus.onNotice('note', () => undefined);
  bus.onStream('stream', () => undefined);
  const peer = await RawPeer.dial(platform, bus.self.address);
  return {
    platform,
    peer,
    stop: async () => {
      peer.destroy();
      const closing = bus.close();
      await platform.clock.advance(BUS_LIMITS.closeGraceMs);
      await closing;
    },
  };
}

for (const [name, why, octets] of [
  ['a frame before the hello', /before the hello/, call(1)],
  ['a hello of another program', /not a bus/, encodeFrame(FrameType.hello, 0, 0, Buffer.from('\x04POST'))],
  ['a later version', /version 2/, encodeFrame(FrameType.hello, 0, 0, encodeHello({ ...HELLO, version: 2 }))],
  [
    'limits below any use',
    /limit of 1/,
    encodeFrame(FrameType.hello, 0, 0, encodeHello({ ...HELLO, frameOctetsMax: 1 })),
  ],
  [
    'no port',
    /address/,
    encodeFrame(
      FrameType.hello,
      0,
      0,
      encodeHello({ ...HELLO, peer: { ...HELLO.peer, address: { host: 'x', port: 0 } } }),
    ),
  ],
  [
    'a member name of 300 octets',
    /too long/,
    encodeFrame(
      FrameType.hello,
      0,
      0,
      encodeHello({ ...HELLO, peer: { ...HELLO.peer, member: 'x'.repeat(300) } }),
    ),
  ],
] as const)
  void t.test(`hello: ${name}`, async (t) => {
    const { peer, stop } = await fresh();
    peer.write(octets);
    await settle();
    t.same(peer.types(), [FrameType.close], 'nothing but the reason');
    t.match(decodeFailure(peer.frames[0]?.payload ?? Buffer.alloc(0)), { message: why });
    t.ok(peer.closed);
    await stop();
  });

for (const [name, why, frames] of [
  ['two hellos', /type 1/, [HELLO_FRAME]],
  ['an unknown type', /unknown type/, [Buffer.from('0000000063000000000000', 'hex'), Buffer.alloc(1)]],
  ['an answer from the side that asks', /type 18/, [encodeFrame(FrameType.answer, ONE, 1, Buffer.alloc(1))]],
  ['a call that began twice', /twice/, [begun(17, 1, 100), begun(17, 1, 100)]],
  ['a message of more than it said', /longer/, [begun(17, 1, 12), call(1, 0, Buffer.alloc(5))]],
  ['a message of less than it said', /where announced/, [begun(17, 1, 100), call(1, LAST, Buffer.alloc(5))]],
  [
    'a message that goes on after its end',
    /where announced/,
    [begun(17, 1, 12), call(1, 0, Buffer.alloc(2))],
  ],
  ['a message without length', /length/, [encodeFrame(FrameType.call, FIRST, 1, Buffer.alloc(2))]],
  ['an empty piece', /empty/, [begun(17, 1, 100), call(1, 0, Buffer.alloc(0))]],
  ['a call above the limit', /message of/, [begun(17, 1, BUS_LIMITS.callOctetsMax + 1)]],
  ['too many large calls', /too many large/, [1, 2, 3].map((id) => begun(17, id, BUS_LIMITS.callOctetsMax))],
  ['a stream opened twice', /twice/, [begun(24, 1, 100), begun(24, 1, 100)]],
  ['a stream message above the limit', /message of/, [begun(24, 1, BUS_LIMITS.streamMessageOctetsMax + 1)]],
  ['a stream opened without a service', /service/, [encodeFrame(FrameType.open, ONE, 1, Buffer.alloc(1))]],
  [
    'a message after the end of its stream',
    /after the end/,
    [
      encodeFrame(FrameType.open, ONE, 1, encodeRequest('stream', 1)),
      encodeFrame(FrameType.fin, 0, 1, Buffer.alloc(0)),
      encodeFrame(FrameType.message, ONE, 1, Buffer.from([1])),
    ],
  ],
  [
    'more than the credit of a stream',
    /credit of a stream/,
    [
      encodeFrame(FrameType.open, ONE, 1, encodeRequest('stream', 1)),
      ...Array.from({ length: 6 }, () => encodeFrame(FrameType.message, ONE, 1, Buffer.alloc(65_000, 1))),
    ],
  ],
  [
    'credit above what was said at first',
    /more credit/,
    [encodeFrame(FrameType.credit, 0, 0, u32(0xffffffff))],
  ],
  ['credit of a wrong length', /wrong length/, [encodeFrame(FrameType.credit, 0, 0, Buffer.alloc(3))]],
  ['a notice without a body', /body/, [encodeFrame(FrameType.notice, ONE, 1, Buffer.from('\x04note'))]],
] as const)
  void t.test(`closed with a reason: ${name}`, async (t) => {
    const { peer, stop } = await fresh();
    peer.write(HELLO_FRAME);
    for (const frame of frames) peer.write(frame);
    await settle();
    t.equal(peer.types()[0], FrameType.hello);
    const last = peer.frames.at(-1);
    t.equal(last?.type, FrameType.close);
    t.match(decodeFailure(last?.payload ?? Buffer.alloc(0)), { message: why });
    t.ok(peer.closed);
    await stop();
  });

void t.test('passed over: frames of calls and streams that are over, or never were', async (t) => {
  const { peer, stop } = await fresh();
  peer.write(HELLO_FRAME);
  for (const frame of [
    call(7, 0, Buffer.alloc(3)),
    encodeFrame(FrameType.cancel, 0, 7, Buffer.alloc(0)),
    encodeFrame(FrameType.message, ONE, 8, Buffer.from([1])),
    encodeFrame(FrameType.fin, 0, 8, Buffer.alloc(0)),
    encodeFrame(FrameType.reset, 0, 8, Buffer.from('\x05moved\x00')),
    encodeFrame(FrameType.credit, 0, 8, u32(5)),
    encodeFrame(FrameType.notice, ONE, 9, encodeRequest('nobody', 1)),
    encodeFrame(FrameType.pong, 0, 0, Buffer.alloc(0)),
    encodeFrame(FrameType.ping, 0, 0, Buffer.from('abc')),
    call(9),
  ])
    peer.write(frame);
  await settle();
  t.same(peer.types(), [FrameType.hello, FrameType.pong, FrameType.answer]);
  t.equal(peer.frames[1]?.payload.toString(), 'abc');
  await stop();
});

void t.test('a call whose body makes no sense fails alone', async (t) => {
  const { peer, stop } = await fresh();
  peer.write(HELLO_FRAME);
  peer.write(call(1, ONE, Buffer.from('\x04echo\xc1', 'latin1')));
  peer.write(call(2));
  await settle();
  t.same(peer.types(), [FrameType.hello, FrameType.failure, FrameType.answer]);
  t.match(decodeFailure(peer.frames[1]?.payload ?? Buffer.alloc(0)), { code: 'invalid' });
  await stop();
});

void t.test('credit comes back for calls, and answers wait for ours', async (t) => {
  const { peer, stop } = await fresh({ connectionCredit: 100_000 });
  peer.write(encodeFrame(FrameType.hello, 0, 0, encodeHello({ ...HELLO, connectionCredit: 50_000 })));
  const answers = (): number => peer.types().filter((type) => type === FrameType.answer).length;
  for (let id = 1; id <= 20; id++) {
    peer.write(call(id, ONE, encodeRequest('echo', Buffer.alloc(20_000))));
    await settle();
  }
  t.equal(answers(), 3, 'the last one overdraws');
  const returned = peer.frames.filter((frame) => frame.type === FrameType.credit);
  const octets = returned.reduce((sum, frame) => sum + frame.payload.readUInt32LE(0), 0);
  t.ok(octets > 375_000 && octets <= 401_000, `${octets} octets returned`);
  peer.write(encodeFrame(FrameType.credit, 0, 0, u32(60_000)));
  await settle();
  t.equal(answers(), 6);
  await stop();
});

void t.test('more than the credit of the connection', async (t) => {
  const platform = memoryPlatform();
  const { bus } = await makeBus(platform, { limits: { connectionCredit: 100_000, heldCallOctetsMax: 1000 } });
  bus.serve('hold', () => new Promise(() => undefined));
  const peer = await RawPeer.dial(platform, bus.self.address);
  peer.write(HELLO_FRAME);
  for (let id = 1; id <= 20; id++) peer.write(call(id, ONE, encodeRequest('hold', Buffer.alloc(20_000))));
  await settle();
  t.match(decodeFailure(peer.frames.at(-1)?.payload ?? Buffer.alloc(0)), { message: /more than the credit/ });
  const closing = bus.close();
  await platform.clock.advance(BUS_LIMITS.closeGraceMs);
  await closing;
});

void t.test(
  'broken streams of frames: at worst the connection ends, and the bus serves others',
  async (t) => {
    const platform = memoryPlatform();
    const { bus } = await makeBus(platform, {});
    bus.serve('echo', (body) => body);
    bus.onNotice('note', () => undefined);
    bus.onStream('stream', (_, stream) => {
      stream.send('hi').catch(() => undefined);
    });
    const seed = 'bus link';
    const random = new Prng(seed);
    const frames = [
      call(1),
      begun(17, 2, 14),
      call(2, LAST, Buffer.alloc(4)),
      encodeFrame(FrameType.notice, ONE, 3, encodeRequest('note', { a: 1 })),
      encodeFrame(FrameType.open, ONE, 4, encodeRequest('stream', null)),
      encodeFrame(FrameType.message, ONE, 4, Buffer.from([1])),
      encodeFrame(FrameType.credit, 0, 4, u32(3)),
      encodeFrame(FrameType.fin, 0, 4, Buffer.alloc(0)),
      encodeFrame(FrameType.reset, 0, 4, Buffer.from('\x05moved\x00')),
      encodeFrame(FrameType.cancel, 0, 1, Buffer.alloc(0)),
      encodeFrame(FrameType.ping, 0, 0, Buffer.from('x')),
      encodeFrame(FrameType.close, 0, 0, Buffer.from('\x05moved\x00')),
    ];
    for (let round = 0; round < 200; round++) {
      const peer = await RawPeer.dial(platform, bus.self.address);
      peer.write(HELLO_FRAME);
      for (let n = random.between(1, 12); n > 0; n--) {
        const frame = Buffer.from(random.pick(frames));
        if (random.chance(0.3)) frame[random.below(frame.length)] = random.below(256);
        peer.write(random.chance(0.1) ? frame.subarray(0, random.below(frame.length)) : frame);
      }
      await settle();
      peer.destroy();
    }
    const peer = await RawPeer.dial(platform, bus.self.address);
    peer.write(HELLO_FRAME);
    peer.write(call(1));
    await settle();
    t.same(peer.types(), [FrameType.hello, FrameType.answer], seed);
    const closing = bus.close();
    await platform.clock.advance(BUS_LIMITS.closeGraceMs);
    await closing;
  },
);

void t.test(
  'notices that begin and never end are bounded by number too: two octets each cost more here',
  async (t) => {
    const { peer, stop } = await fresh({ callsMax: 4 });
    peer.write(HELLO_FRAME);
    for (let id = 1; id <= 4; id++) peer.write(begun(FrameType.notice, id, 2, 1));
    await settle();
    t.notOk(peer.types().includes(FrameType.close));
    peer.write(begun(FrameType.notice, 5, 2, 1));
    await settle();
    t.match(decodeFailure(peer.frames.at(-1)?.payload ?? Buffer.alloc(0)), { message: /too many notices/ });
    t.ok(peer.closed);
    await stop();
  },
);

void t.test('streams count from their first octet', async (t) => {
  const { peer, stop } = await fresh({ streamsMax: 4 });
  peer.write(HELLO_FRAME);
  for (let id = 1; id <= 6; id++) peer.write(begun(24, id, 100));
  peer.write(encodeFrame(FrameType.open, LAST, 6, Buffer.alloc(90)));
  await settle();
  t.equal(
    peer.types().filter((type) => type === FrameType.reset).length,
    2,
    'the rest of a refused one is passed over',
  );
  t.notOk(peer.closed);
  await stop();
});
