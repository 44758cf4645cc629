/** SASL in the framing of POP3 (RFC 5034): `+ ` and base64 from us, base64 or `*` from the client. */
import { Failure } from '../../lib/failure.ts';
import { ClientGone } from '../../relay/client.ts';
import { decodeBase64 } from '../../sasl/base64.ts';
import { SaslCancelled, type SaslExchange } from '../../sasl/types.ts';
import type { Door } from './door.ts';

/** RFC 5034 section 4: no limit on commands binds a response; this one is that of RFC 4954 section 4. */
const SASL_LINE_OCTETS_MAX = 12_288;

export class PopSaslExchange implements SaslExchange {
  readonly #door: Door;
  readonly #untilMs: number;

  constructor(door: Door, untilMs: number) {
    this.#door = door;
    this.#untilMs = untilMs;
  }

  async challenge(octets: Buffer): Promise<Buffer> {
    await this.#door.line(`+ ${octets.toString('base64')}`);
    const read = await this.#door.reader.next(SASL_LINE_OCTETS_MAX, this.#untilMs);
    switch (read.kind) {
      case 'line':
        return readResponse(read.octets.toString('latin1'));
      case 'too-long':
        throw new Failure('invalid', 'a response is too long');
      default:
        throw new ClientGone('the client left its log-in');
    }
  }
}

/** The argument of AUTH: `=` is an empty response (RFC 5034 section 4). Failure 'invalid'. */
export function readInitialResponse(text: string): Buffer {
  return text === '=' ? Buffer.alloc(0) : decoded(text);
}

function readResponse(text: string): Buffer {
  if (text === '*') throw new SaslCancelled();
  return decoded(text);
}

function decoded(text: string): Buffer {
  const octets = decodeBase64(text);
  if (octets === undefined) throw new Failure('invalid', 'a response is not base64');
  return octets;
}
