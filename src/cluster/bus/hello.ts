/** The first frame of each side: who it is and what it can take. Fields of a later version follow the known ones. */
import { DecodeError, Decoder, Encoder } from '../../lib/encoder.ts';
import type { Incarnation } from '../../store/ids.ts';
import type { Peer } from './types.ts';

export const BUS_VERSION = 1;
const MAGIC = 'POSTBUS';
const TEXT_OCTETS_MAX = 255;
const INCARNATION = /^[0-9A-Za-z_.:-]{1,64}$/;

export interface Hello {
  readonly version: number;
  /** Of the storage; empty while this process does not know it (a frontend that just started). */
  readonly clusterId: string;
  readonly peer: Peer;
  readonly featureLevel: number;
  /** What the sender of this hello can take. */
  readonly frameOctetsMax: number;
  readonly callOctetsMax: number;
  readonly streamMessageOctetsMax: number;
  readonly urgentOctetsMax: number;
  readonly begunOctetsMax: number;
  readonly connectionCredit: number;
  readonly streamCredit: number;
}

export function encodeHello(hello: Hello): Buffer {
  return new Encoder()
    .text(MAGIC)
    .uint(hello.version)
    .text(hello.clusterId)
    .text(hello.peer.member)
    .text(hello.peer.role)
    .text(hello.peer.incarnation)
    .text(hello.peer.address.host)
    .uint(hello.peer.address.port)
    .uint(hello.featureLevel)
    .uint(hello.frameOctetsMax)
    .uint(hello.callOctetsMax)
    .uint(hello.streamMessageOctetsMax)
    .uint(hello.urgentOctetsMax)
    .uint(hello.begunOctetsMax)
    .uint(hello.connectionCredit)
    .uint(hello.streamCredit)
    .done();
}

/** The hello in a payload, or why it is none. */
export function decodeHello(payload: Buffer): Hello | string {
  try {
    return decode(new Decoder(payload));
  } catch (error) {
    if (error instanceof DecodeError) return `hello: ${error.message}`;
    throw error;
  }
}

/** Why these two may not talk, or undefined. */
export function refuseHello(own: Hello, other: Hello): string | undefined {
  if (other.clusterId !== own.clusterId && other.clusterId !== '' && own.clusterId !== '')
    return `cluster ${other.clusterId}, this one is ${own.clusterId}`;
  return undefined;
}

function decode(from: Decoder): Hello | string {
  if (shortText(from) !== MAGIC) return 'hello: not a bus of ours';
  const version = from.uint();
  if (version !== BUS_VERSION) return `hello: bus version ${version}, this one speaks ${BUS_VERSION}`;
  const clusterId = shortText(from);
  const member = shortText(from);
  const role = shortText(from);
  if (role !== 'supervisor' && role !== 'worker') return 'hello: unknown role';
  const incarnation = shortText(from);
  if (!INCARNATION.test(incarnation)) return 'hello: not an incarnation';
  const host = shortText(from);
  const port = from.uint();
  if (port < 1 || port > 65_535 || host === '') return 'hello: not an address';
  return {
    version,
    clusterId,
    peer: { member, role, incarnation: incarnation as Incarnation, address: { host, port } },
    featureLevel: from.uint(),
    frameOctetsMax: positive(from),
    callOctetsMax: positive(from),
    streamMessageOctetsMax: positive(from),
    urgentOctetsMax: positive(from),
    begunOctetsMax: positive(from),
    connectionCredit: positive(from),
    streamCredit: positive(from),
  };
}

/** Smaller than that a frame could not even carry the length of its message. */
const LIMIT_MIN = 64;

function positive(from: Decoder): number {
  const value = from.uint();
  if (value < LIMIT_MIN) throw new DecodeError(`limit of ${value}`);
  return value;
}

function shortText(from: Decoder): string {
  const octets = from.bytes();
  if (octets.length > TEXT_OCTETS_MAX) throw new DecodeError('text too long');
  return octets.toString('utf8');
}
