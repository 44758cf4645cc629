/**
 * Bodies: MessagePack through msgpackr, without records and extensions (undefined, as msgpackr writes it, excepted). What a
 * peer sent is walked before msgpackr sees it: a small body that claims a large array would take memory for it, and deep
 * nesting the stack.
 */
import { Packr, RESERVE_START_SPACE } from 'msgpackr';
import { DecodeError, Decoder, Encoder } from '../../lib/encoder.ts';
import { Failure, type FailureCode } from '../../lib/failure.ts';
import { LARGE_OCTETS } from '../../lib/joined.ts';
import type { Body } from './types.ts';

/** Arrays and objects within each other. */
export const BODY_DEPTH_MAX = 64;
/** Values in one body: what is decoded in one go must not hold up the event loop. */
export const BODY_VALUES_MAX = 1 << 20;
/** Octets of a service's name: name and length fit into the room that msgpackr leaves in front of a body. */
export const SERVICE_OCTETS_MAX = 254;
/** Octets of a failure's message; the rest is cut off. */
const REASON_OCTETS_MAX = 1024;

/** What msgpackr writes into; it makes a larger one for a larger body. */
const PACK_BUFFER_OCTETS = 64 * 1024;

const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'number' });

/** Throws Failure 'invalid' for what is no plain value, 'limit' for one of more values than a peer takes. */
export function encodeBody(body: Body): Buffer {
  return pack(body, 0);
}

/**
 * The same in parts: a large Buffer that is a field of the body itself comes last and is not copied, so it must not be
 * written to any more. Message bodies cross the bus like this.
 */
export function encodeMessage(body: Body): readonly Buffer[] {
  const key = largeField(body);
  if (key === undefined) return [encodeBody(body)];
  const { [key]: octets, ...rest } = body as Readonly<Record<string, Buffer>>;
  const fields = encodeBody(rest);
  const map = fields[0];
  // Only a map whose head is one octet has room for one more field without moving all others.
  if (octets === undefined || map === undefined || map < FIXMAP || map >= FIXMAP + FIXMAP_FIELDS_MAX)
    return [encodeBody(body)];
  fields[0] = map + 1;
  const head = Buffer.alloc(BIN_32_HEAD_OCTETS);
  head[0] = BIN_32;
  head.writeUInt32BE(octets.length, 1);
  return [Buffer.concat([fields, encodeBody(key), head]), octets];
}

/** MessagePack specification, formats: fixmap and bin 32. */
const FIXMAP = 0x80;
const FIXMAP_FIELDS_MAX = 15;
const BIN_32 = 0xc6;
const BIN_32_HEAD_OCTETS = 5;

/** The name of the first field of a plain object that holds a large Buffer. */
function largeField(body: Body): string | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return undefined;
  const isLarge = (value: unknown): boolean => Buffer.isBuffer(value) && value.length >= LARGE_OCTETS;
  return Object.keys(body).find((key) => isLarge((body as Readonly<Record<string, unknown>>)[key]));
}

/** The body behind so many octets that are not written yet. */
function pack(body: Body, roomOctets: number): Buffer {
  const octets = packed(body, roomOctets);
  // Every value takes an octet at least, so that only large bodies need a look: the peer would close the connection.
  const why = octets.length > BODY_VALUES_MAX ? refuseBody(octets.subarray(roomOctets)) : undefined;
  if (why !== undefined) throw new Failure('limit', why);
  return octets;
}

function packed(body: Body, roomOctets: number): Buffer {
  try {
    const octets = packr.pack(body, RESERVE_START_SPACE + roomOctets);
    // Each body is a view of what msgpackr writes into: a small one must not hold what was made for a large one.
    if (octets.length > PACK_BUFFER_OCTETS) packr.useBuffer(Buffer.allocUnsafeSlow(PACK_BUFFER_OCTETS));
    return octets;
  } catch (cause) {
    throw new Failure('invalid', 'body cannot be sent over the bus', { cause });
  }
}

/** The value, or why the octets hold none. The octets must belong to the caller: Buffers in the value are views of them. */
export function decodeBody(octets: Buffer): { readonly body: Body } | string {
  const why = refuseBody(octets);
  if (why !== undefined) return why;
  try {
    return { body: packr.unpack(octets) as Body };
  } catch (error) {
    return `body: ${String(error)}`;
  }
}

/** Name of the service (length in one octet), then the body. */
export function encodeRequest(service: string, body: Body): Buffer {
  const nameOctets = Buffer.byteLength(service);
  if (nameOctets === 0 || nameOctets > SERVICE_OCTETS_MAX)
    throw new Failure('invalid', `not a service's name: ${service}`);
  const request = pack(body, 1 + nameOctets);
  request[0] = nameOctets;
  request.write(service, 1);
  return request;
}

export function decodeRequest(octets: Buffer): { readonly service: string; readonly body: Body } | string {
  const length = octets[0] ?? 0;
  if (length === 0 || octets.length < 1 + length) return 'request without a service';
  const decoded = decodeBody(octets.subarray(1 + length));
  if (typeof decoded === 'string') return decoded;
  return { service: octets.toString('utf8', 1, 1 + length), body: decoded.body };
}

const CODES: Readonly<Record<FailureCode, true>> = {
  unavailable: true,
  moved: true,
  unknown: true,
  'no-space': true,
  'not-found': true,
  exists: true,
  refused: true,
  limit: true,
  invalid: true,
  damaged: true,
};

/** A Failure as it crosses the bus; anything else is 'unknown', and its message stays here. */
export function encodeFailure(error: unknown): Buffer {
  const code = error instanceof Failure ? error.code : 'unknown';
  const message = error instanceof Failure ? error.message : 'failed';
  const octets = Buffer.from(message);
  return new Encoder().text(code).bytes(octets.subarray(0, REASON_OCTETS_MAX)).done();
}

/** The Failure in a payload; a code of a later version is 'unknown'. A payload that makes no sense gives a string. */
export function decodeFailure(payload: Buffer): Failure | string {
  try {
    const from = new Decoder(payload);
    const code = from.text();
    const message = from.text();
    return new Failure(Object.hasOwn(CODES, code) ? (code as FailureCode) : 'unknown', message);
  } catch (error) {
    if (error instanceof DecodeError) return `failure: ${error.message}`;
    throw error;
  }
}

/** Why these octets are not one plain value, or undefined. Linear, no recursion, no memory but the nesting. */
export function refuseBody(octets: Buffer): string | undefined {
  /** Values still to come of each open array or object. */
  const open: number[] = [];
  /** Whether it is an object: keys and values take turns, and a key comes when the count left is even. */
  const kinds: boolean[] = [];
  let at = 0;
  let values = 0;
  for (;;) {
    if (++values > BODY_VALUES_MAX) return 'body: too many values';
    const isKey =
      kinds.length > 0 && kinds[kinds.length - 1] === true && (open[open.length - 1] ?? 0) % 2 === 0;
    const head = readHead(octets, at);
    if (typeof head === 'string') return head;
    if (isKey && !head.text) return 'body: a key that is no text';
    at = head.next;
    if (at > octets.length) return 'body: cut short';
    if (head.children > 0) {
      // Every value takes an octet at least.
      if (head.children > octets.length - at) return 'body: more elements than octets';
      if (open.length >= BODY_DEPTH_MAX) return 'body: nested too deep';
      open.push(head.children);
      kinds.push(head.map);
      continue;
    }
    for (;;) {
      if (open.length === 0) return at === octets.length ? undefined : 'body: octets after the value';
      const left = (open[open.length - 1] ?? 0) - 1;
      open[open.length - 1] = left;
      if (left > 0) break;
      open.pop();
      kinds.pop();
    }
  }
}

interface Head {
  /** After the value, or after the head of an array or object. */
  readonly next: number;
  /** Values inside: elements, or keys and values. */
  readonly children: number;
  readonly map: boolean;
  readonly text: boolean;
}

/** Octets after the first one of each fixed-size type (MessagePack specification, formats). */
const FIXED: Readonly<Record<number, number>> = {
  0xc0: 0, // nil
  0xc2: 0, // false
  0xc3: 0, // true
  0xca: 4, // float 32
  0xcb: 8, // float 64
  0xcc: 1, // uint 8
  0xcd: 2, // uint 16
  0xce: 4, // uint 32
  0xcf: 8, // uint 64
  0xd0: 1, // int 8
  0xd1: 2, // int 16
  0xd2: 4, // int 32
  0xd3: 8, // int 64
};

function readHead(octets: Buffer, at: number): Head | string {
  const first = octets[at];
  if (first === undefined) return 'body: cut short';
  if (first <= 0x7f || first >= 0xe0) return plain(at + 1);
  if (first <= 0x8f) return nest(at + 1, (first & 15) * 2, true);
  if (first <= 0x9f) return nest(at + 1, first & 15, false);
  if (first <= 0xbf) return text(at + 1 + (first & 31));
  const fixed = FIXED[first];
  if (fixed !== undefined) return plain(at + 1 + fixed);
  if (first === 0xd4)
    return octets[at + 1] === 0 && octets[at + 2] === 0 ? plain(at + 3) : 'body: an extension type';
  const width = WIDTHS[first];
  if (width === undefined) return `body: type ${first.toString(16)}`;
  if (at + 1 + width > octets.length) return 'body: cut short';
  const length = octets.readUIntBE(at + 1, width);
  const next = at + 1 + width;
  if (first >= 0xde) return nest(next, length * 2, true);
  if (first >= 0xdc) return nest(next, length, false);
  return first >= 0xd9 ? text(next + length) : plain(next + length);
}

/** Octets of the length: bin 8/16/32, str 8/16/32, array 16/32, map 16/32. */
const WIDTHS: Readonly<Record<number, number>> = {
  0xc4: 1,
  0xc5: 2,
  0xc6: 4,
  0xd9: 1,
  0xda: 2,
  0xdb: 4,
  0xdc: 2,
  0xdd: 4,
  0xde: 2,
  0xdf: 4,
};

function plain(next: number): Head {
  return { next, children: 0, map: false, text: false };
}

function text(next: number): Head {
  return { next, children: 0, map: false, text: true };
}

function nest(next: number, children: number, map: boolean): Head {
  return { next, children, map, text: false };
}
