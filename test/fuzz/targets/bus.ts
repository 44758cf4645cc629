/** The bus below its services: frames and messages of several frames, the hello, bodies; and the heartbeat file. */
import assert from 'node:assert/strict';
import { Assembler } from '../../../src/cluster/bus/assembler.ts';
import {
  decodeBody,
  decodeFailure,
  decodeRequest,
  encodeBody,
  encodeFailure,
  encodeRequest,
} from '../../../src/cluster/bus/body.ts';
import { encodeFrame, FrameFlag, FrameReader, FrameType, isMessage } from '../../../src/cluster/bus/frame.ts';
import { BUS_VERSION, decodeHello, encodeHello } from '../../../src/cluster/bus/hello.ts';
import { decodeHeartbeat, encodeHeartbeat } from '../../../src/cluster/control/heartbeat-file.ts';
import { Failure } from '../../../src/lib/failure.ts';
import type { Incarnation } from '../../../src/store/ids.ts';
import { accepted, anyOf, assertSame, type FuzzTarget, halves, maybe, refused, target } from '../target.ts';

const INCARNATION = 'a'.repeat(32) as Incarnation;
const ADDRESS = { host: '192.0.2.1', port: 7600 };
/** First octets of msgpack's values, with lengths that lie. */
export const BODY_WORDS = [
  '\xc0',
  '\xc1',
  '\xcf\xff\xff\xff\xff\xff\xff\xff\xff',
  '\xdd\xff\xff\xff\xff',
  '\xdf\xff\xff\xff\xff',
  '\x9f',
  '\x8f',
  '\x91',
  '\x81',
  '\xd4\x72',
  '\xc7\0\x73',
  '\xc9',
  '\xa4name',
  '\xa9__proto__',
];

const hello = encodeHello({
  version: BUS_VERSION,
  clusterId: '0123456789abcdef0123456789abcdef',
  peer: { member: 'be1', role: 'worker', incarnation: INCARNATION, address: ADDRESS },
  featureLevel: 1,
  frameOctetsMax: 65_536,
  callOctetsMax: 1 << 20,
  streamMessageOctetsMax: 1 << 20,
  urgentOctetsMax: 65_536,
  begunOctetsMax: 1 << 20,
  connectionCredit: 1 << 20,
  streamCredit: 1 << 18,
});

const FRAME_OCTETS_MAX = 4096;
const MESSAGE_OCTETS_MAX = 32 * 1024;

function counted(octets: number): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(octets);
  return length;
}

/** All messages of a stream of octets, put together from their frames, as a link does it. */
function messages(pieces: readonly Buffer[]): {
  readonly found: readonly string[];
  readonly why: string | undefined;
} {
  const found: string[] = [];
  const assembler = new Assembler();
  const reader = new FrameReader(FRAME_OCTETS_MAX, (frame) => {
    if (!isMessage(frame.type)) {
      found.push(`${frame.type} ${frame.payload.toString('hex')}`);
      return undefined;
    }
    const step = assembler.take(frame, MESSAGE_OCTETS_MAX);
    assert.ok(assembler.filledOctets <= MESSAGE_OCTETS_MAX);
    if (step.kind === 'bad') return step.why;
    if (step.kind === 'value') found.push(step.value.toString('hex'));
    return undefined;
  });
  for (const piece of pieces) {
    const why = reader.push(piece);
    if (why !== undefined) return { found, why };
  }
  return { found, why: undefined };
}

export const TARGETS: readonly FuzzTarget[] = [
  target({
    name: 'bus-frames',
    seeds: [
      Buffer.concat([
        encodeFrame(FrameType.hello, 0, 0, hello),
        encodeFrame(FrameType.call, FrameFlag.first | FrameFlag.last, 1, Buffer.from('request')),
        encodeFrame(FrameType.ping, 0, 0, Buffer.alloc(8)),
      ]),
      Buffer.concat([
        encodeFrame(FrameType.call, FrameFlag.first, 1, Buffer.concat([counted(6), Buffer.from('abc')])),
        encodeFrame(FrameType.call, FrameFlag.last, 1, Buffer.from('def')),
      ]),
    ],
    words: [
      '\x10\x01',
      '\x10\x02',
      '\x10\x03',
      '\0\0\0\0',
      '\xff\xff\xff\xff',
      '\x04\0\0\0\x10\x01\0\0\x01\0\0\0',
    ],
    run(input) {
      const whole = messages([input]);
      return whole.why === undefined ? accepted(whole) : refused(whole);
    },
    check: (input, { value }) => assertSame(messages(halves(input)), value, 'the cut changes the frames'),
  }),
  target({
    name: 'bus-hello',
    seeds: [hello],
    words: ['POSTBUS', '\x01', '\xff\xff\xff\xff\x0f', '\x80'],
    octetsMax: 8192,
    run(input) {
      const read = decodeHello(input);
      return typeof read === 'string' ? refused(read) : accepted(read);
    },
  }),
  target({
    name: 'bus-body',
    seeds: [
      encodeBody({ a: [1, -5, 0.5, null, undefined, 'é', Buffer.from([1])], 'b c': { d: { e: true } } }),
      encodeBody(Array.from({ length: 40 }, (_, n) => 2 ** n)),
      encodeRequest('cluster.report', { x: 1 }),
      encodeFailure(new Failure('moved', 'to another')),
    ],
    words: BODY_WORDS,
    run(input) {
      const failure = decodeFailure(input);
      const body = decodeBody(input);
      const request = decodeRequest(input);
      return anyOf([
        maybe(typeof failure === 'string' ? undefined : failure.message),
        maybe(typeof body === 'string' ? undefined : body),
        maybe(typeof request === 'string' ? undefined : request),
      ]);
    },
  }),
  target({
    name: 'heartbeat-file',
    seeds: [
      encodeHeartbeat({
        controlEpoch: 7,
        counter: 300,
        state: 'running',
        member: 'be1',
        address: ADDRESS,
        nonce: 'aa55',
        holders: [INCARNATION, 'f'.repeat(32) as Incarnation],
      }),
    ],
    run: (input) => maybe(decodeHeartbeat(input)),
  }),
];
