/**
 * An invitation as an operator carries it: one word, `postern-1-` and base64url of where to join, the authorities to believe
 * there (whole certificates, so that the first connection is TLS like any other), id and secret, and a CRC against a word cut
 * short. Whoever has it may join once; it is treated like a password.
 */
import { crc32c } from '../../lib/crc32c.ts';
import { DecodeError, Decoder, Encoder } from '../../lib/encoder.ts';
import { Failure } from '../../lib/failure.ts';
import type { Address } from '../../platform/platform.ts';
import { derOf, pemOf } from './authority.ts';

const PREFIX = 'postern-1-';
const TOKEN_LENGTH_MAX = 16_384;
const CRC_OCTETS = 4;
export const SECRET_OCTETS = 32;

export interface Token {
  readonly at: Address;
  readonly clusterId: string;
  readonly id: string;
  readonly secret: Buffer;
  /** PEM. */
  readonly authorities: readonly string[];
}

export function formatToken(token: Token): string {
  const octets = new Encoder()
    .text(token.at.host)
    .uint(token.at.port)
    .text(token.clusterId)
    .text(token.id)
    .bytes(token.secret)
    .list(token.authorities, (each, to) => to.bytes(derOf(each)))
    .done();
  const crc = Buffer.alloc(CRC_OCTETS);
  crc.writeUInt32LE(crc32c(octets));
  return `${PREFIX}${Buffer.concat([octets, crc]).toString('base64url')}`;
}

/** Failure 'invalid' with one line for who typed it. */
export function parseToken(text: string): Token {
  const word = text.trim();
  if (!word.startsWith(PREFIX)) throw new Failure('invalid', `not an invitation: it begins with ${PREFIX}`);
  const all = Buffer.from(word.slice(PREFIX.length), 'base64url');
  const octets = all.subarray(0, Math.max(0, all.length - CRC_OCTETS));
  if (
    word.length > TOKEN_LENGTH_MAX ||
    octets.length === 0 ||
    all.readUInt32LE(octets.length) !== crc32c(octets)
  )
    throw new Failure('invalid', 'the invitation is not whole: give all of the line that was printed');
  try {
    return decode(new Decoder(octets));
  } catch (error) {
    if (error instanceof DecodeError)
      throw new Failure('invalid', `the invitation makes no sense: ${error.message}`);
    throw error;
  }
}

function decode(from: Decoder): Token {
  const token = {
    at: { host: from.text(), port: from.uint() },
    clusterId: from.text(),
    id: from.text(),
    secret: Buffer.from(from.bytes()),
    authorities: from.list((each) => pemOf(each.bytes())),
  };
  const { host, port } = token.at;
  if (host === '' || port < 1 || port > 65_535) throw new DecodeError('not an address');
  if (token.secret.length !== SECRET_OCTETS || token.authorities.length === 0)
    throw new DecodeError('a field is missing');
  return token;
}
