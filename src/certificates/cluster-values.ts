/**
 * What the cluster itself has for TLS, as values of the cluster settings: one self-signed certificate, shown where no domain
 * has one, and the key under which session tickets are sealed, the same at all frontends. Both are sealed for frontends.
 *
 * `tls/certificate`: uint version, bytes certificate (DER), bytes key (src/certificates/stored-key.ts). `tls/ticket-key`:
 * sealed under that name: uint version, uint milliseconds since 1970 when it was made, bytes key (48).
 */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { seal, unseal } from '../cluster/security/sealed.ts';
import type { Keyring } from '../cluster/security/types.ts';
import { DecodeError, Decoder, Encoder } from '../lib/encoder.ts';
import { Failure } from '../lib/failure.ts';
import type { Random } from '../platform/platform.ts';
import { storeKey } from './stored-key.ts';

/** Keys of the cluster settings. */
export const CLUSTER_CERTIFICATE = 'tls/certificate';
export const TICKET_KEY = 'tls/ticket-key';

/** What `TlsServerOptions.ticketKeys` gives: name, HMAC key and AES key of tickets (RFC 5077 section 4). */
export const TICKET_KEY_OCTETS = 48;
const VERSION = 1;

export interface ClusterCertificate {
  readonly certificate: X509Certificate;
  /** As `storeKey` made it. */
  readonly key: Buffer;
}

export function encodeClusterCertificate(
  certificate: Buffer,
  key: KeyObject,
  ring: Keyring,
  random: Random,
): Buffer {
  return encodeStored(certificate, storeKey(ring, key, random));
}

/** With a key that is stored already. */
export function encodeStored(certificate: Buffer, key: Buffer): Buffer {
  return new Encoder().uint(VERSION).bytes(certificate).bytes(key).done();
}

/** Failure 'damaged'. */
export function decodeClusterCertificate(value: Buffer): ClusterCertificate {
  return reading(CLUSTER_CERTIFICATE, () => {
    const from = decoderOf(value);
    return { certificate: new X509Certificate(from.bytes()), key: Buffer.from(from.bytes()) };
  });
}

export interface TicketKey {
  readonly madeMs: number;
  readonly octets: Buffer;
}

export function sealTicketKey(key: TicketKey, ring: Keyring, random: Random): Buffer {
  const open = new Encoder().uint(VERSION).uint(key.madeMs).bytes(key.octets).done();
  return seal(ring, TICKET_KEY, open, random);
}

/** Failure 'unavailable' when the ring does not have its key (yet), 'damaged'. */
export function openTicketKey(value: Buffer, ring: Keyring): TicketKey {
  const open = unseal(ring, TICKET_KEY, value);
  return reading(TICKET_KEY, () => {
    const from = decoderOf(open);
    const key = { madeMs: from.uint(), octets: Buffer.from(from.bytes()) };
    if (key.octets.length !== TICKET_KEY_OCTETS) throw new DecodeError('a key of another length');
    return key;
  });
}

function decoderOf(octets: Buffer): Decoder {
  const from = new Decoder(octets);
  if (from.uint() !== VERSION) throw new DecodeError('an unknown version');
  return from;
}

/** Whatever the decoder or OpenSSL says: the value is none of ours. */
function reading<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new Failure('damaged', `the cluster's value ${name} cannot be read`, { cause });
  }
}
