/**
 * The server name in a ClientHello (RFC 6066 section 3), read before TLS sees it: so the certificate is chosen before the
 * handshake begins, a session is resumed only under the certificate it was made with, and the server always knows which
 * one that is (RFC 5929 section 4), also for a resumed session of TLS 1.2, where OpenSSL does not say.
 * What makes no sense here is OpenSSL's to refuse, with the right alert.
 */
import { isAddress } from './ip.ts';
import type { Step } from './step.ts';

/** A longer hello is answered without having been looked into. Post-quantum key shares take two thousand octets. */
export const CLIENT_HELLO_OCTETS_MAX = 16 * 1024;

/** The name in lower case, or undefined where none was sent; `next` is the end of the records that hold the hello. */
export function readServerName(bytes: Buffer): Step<string | undefined> {
  const hello = readHello(bytes);
  if (hello.kind !== 'value') return hello;
  try {
    return { kind: 'value', value: nameIn(new Reader(hello.value)), next: hello.next };
  } catch (error) {
    if (error instanceof Short) return { kind: 'bad', why: 'ClientHello makes no sense' };
    throw error;
  }
}

const HANDSHAKE_RECORD = 22;
const RECORD_HEADER_OCTETS = 5;
/** A hello in more pieces than that is somebody's test of our patience. */
const RECORDS_MAX = 32;
const CLIENT_HELLO = 1;
const HANDSHAKE_HEADER_OCTETS = 4;
const VERSION_AND_RANDOM_OCTETS = 34;
const SERVER_NAME_EXTENSION = 0;
const HOST_NAME = 0;
const HOST_NAME_TEXT = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;
const HOST_NAME_OCTETS_MAX = 253;

/** The body of the hello, which may come in several records (RFC 8446 section 5.1). */
function readHello(bytes: Buffer): Step<Buffer> {
  const fragments: Buffer[] = [];
  let octets = 0;
  let position = 0;
  for (;;) {
    if (bytes.length > position && bytes[position] !== HANDSHAKE_RECORD)
      return { kind: 'bad', why: 'no TLS' };
    if (bytes.length < position + RECORD_HEADER_OCTETS) return { kind: 'more' };
    const end = position + RECORD_HEADER_OCTETS + bytes.readUInt16BE(position + 3);
    // RFC 8446 section 5.1: no fragment of a handshake message is empty.
    if (end === position + RECORD_HEADER_OCTETS) return { kind: 'bad', why: 'empty record' };
    const fragment = bytes.subarray(position + RECORD_HEADER_OCTETS, end);
    fragments.push(fragment);
    if (fragments.length > RECORDS_MAX) return { kind: 'bad', why: 'too many records' };
    octets += fragment.length;
    const first = fragments[0]![0];
    if (first !== undefined && first !== CLIENT_HELLO) return { kind: 'bad', why: 'no ClientHello' };
    if (octets >= HANDSHAKE_HEADER_OCTETS) {
      const body = fragments.length === 1 ? fragment : Buffer.concat(fragments);
      const length = body.readUIntBE(1, 3);
      if (length > CLIENT_HELLO_OCTETS_MAX) return { kind: 'bad', why: 'ClientHello too long' };
      if (octets >= HANDSHAKE_HEADER_OCTETS + length) {
        const value = body.subarray(HANDSHAKE_HEADER_OCTETS, HANDSHAKE_HEADER_OCTETS + length);
        return { kind: 'value', value, next: end };
      }
    }
    if (bytes.length < end) return { kind: 'more' };
    position = end;
  }
}

/** RFC 8446 section 4.1.2; that of RFC 5246 section 7.4.1.2 has the same shape. */
function nameIn(hello: Reader): string | undefined {
  hello.take(VERSION_AND_RANDOM_OCTETS);
  hello.vector(1); // session id
  hello.vector(2); // cipher suites
  hello.vector(1); // compression methods
  if (hello.isAtEnd) return undefined;
  const extensions = hello.vector(2);
  while (!extensions.isAtEnd) {
    const type = extensions.uint(2);
    const content = extensions.vector(2);
    if (type === SERVER_NAME_EXTENSION) return hostNameIn(content.vector(2));
  }
  return undefined;
}

function hostNameIn(list: Reader): string | undefined {
  while (!list.isAtEnd) {
    const type = list.uint(1);
    const name = list.vector(2).rest.toString('latin1').toLowerCase();
    if (type !== HOST_NAME) continue;
    // "Literal IPv4 and IPv6 addresses are not permitted"; who sends one all the same has named nothing.
    const isName = name.length <= HOST_NAME_OCTETS_MAX && HOST_NAME_TEXT.test(name) && !isAddress(name);
    return isName ? name : undefined;
  }
  return undefined;
}

class Short extends Error {}

/** Takes octets from the front of a buffer; throws Short when they are not there. */
class Reader {
  #left: Buffer;

  constructor(bytes: Buffer) {
    this.#left = bytes;
  }

  get isAtEnd(): boolean {
    return this.#left.length === 0;
  }

  get rest(): Buffer {
    return this.#left;
  }

  take(octets: number): Buffer {
    if (this.#left.length < octets) throw new Short();
    const taken = this.#left.subarray(0, octets);
    this.#left = this.#left.subarray(octets);
    return taken;
  }

  uint(octets: number): number {
    return this.take(octets).readUIntBE(0, octets);
  }

  /** Octets behind their count. */
  vector(countOctets: number): Reader {
    return new Reader(this.take(this.uint(countOctets)));
  }
}
