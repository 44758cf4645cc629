/**
 * What the handshakes of a process share. What OpenSSL needs to begin one is made once for each certificate: reading a
 * private key takes up to a millisecond, and the event loop waits for it. It is made anew when ticket keys or authorities
 * have changed. And signing takes the loop too, so handshakes begin at a pace.
 */
import { constants, createHash, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { TlsIdentity } from '../platform.ts';
import { serverEndPoint } from './end-point.ts';
import { Pace } from './pace.ts';

type MinVersion = 'TLSv1.2' | 'TLSv1.3';

export interface ServerTerms {
  readonly minVersion: MinVersion;
  readonly ticketKeys: Buffer | undefined;
  /** Undefined where clients are not asked for a certificate. */
  readonly clientAuthorities: readonly string[] | undefined;
}

export interface ServerContext {
  readonly context: SecureContext;
  /** RFC 5929 section 4. */
  readonly endPoint: Buffer | undefined;
}

export interface ClientTerms {
  readonly minVersion: MinVersion;
  readonly authorities: readonly string[];
}

/** How long a client may resume a session; not longer than its keys are kept. */
const SESSION_S = 2 * 3600;

/**
 * "Intermediate" of Mozilla's server side TLS recommendations: forward secrecy and AEAD only. Without finite-field
 * Diffie-Hellman, whose cost is the server's.
 */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** OpenSSL takes up to 32 octets to tell sessions of one context from those of another. */
const SESSION_CONTEXT_LENGTH = 32;

/** Identities that are kept ready, 32 KiB each for OpenSSL. */
export const IDENTITIES_MAX = 2000;

/** A signature by RSA with 4096 bits, the dearest, takes 5 ms: a turn of the event loop stays below 50. */
const HANDSHAKES_A_TURN = 8;

interface Made<Terms, Result> {
  readonly terms: Terms;
  readonly result: Result;
}

export class TlsContexts {
  readonly #servers = new Kept<ServerTerms, ServerContext>(makeServer, isSameServer);
  readonly #clients = new Kept<ClientTerms, SecureContext>(makeClient, isSameClient);
  readonly #pace = new Pace(HANDSHAKES_A_TURN);
  /** Stands for no certificate. */
  readonly #nobody: TlsIdentity = { chain: '', key: '' };

  /** Throws when certificate or key make no sense to OpenSSL. */
  server(identity: TlsIdentity, terms: ServerTerms): ServerContext {
    return this.#servers.get(identity, terms);
  }

  /** Resolves when one more server may begin a handshake. */
  turn(): Promise<void> {
    return this.#pace.next();
  }

  client(identity: TlsIdentity | undefined, terms: ClientTerms): SecureContext {
    return this.#clients.get(identity ?? this.#nobody, terms);
  }
}

/**
 * The last thing made for each identity and least version: gone with the identity, and at the latest when so many others
 * have been asked for since. Two generations: what is used moves to the young one, the old one is let go as a whole.
 */
class Kept<Terms extends { readonly minVersion: MinVersion }, Result> {
  readonly #make: (identity: TlsIdentity, terms: Terms) => Result;
  readonly #isSame: (a: Terms, b: Terms) => boolean;
  #young: Generation<Terms, Result> = new WeakMap();
  #old: Generation<Terms, Result> = new WeakMap();
  #count = 0;

  constructor(
    make: (identity: TlsIdentity, terms: Terms) => Result,
    isSame: (a: Terms, b: Terms) => boolean,
  ) {
    this.#make = make;
    this.#isSame = isSame;
  }

  get(identity: TlsIdentity, terms: Terms): Result {
    const kept = this.#of(identity);
    const found = kept.get(terms.minVersion);
    if (found !== undefined && this.#isSame(found.terms, terms)) return found.result;
    const result = this.#make(identity, terms);
    kept.set(terms.minVersion, { terms, result });
    return result;
  }

  #of(identity: TlsIdentity): Map<MinVersion, Made<Terms, Result>> {
    const young = this.#young.get(identity);
    if (young !== undefined) return young;
    if (this.#count === IDENTITIES_MAX / 2) {
      this.#old = this.#young;
      this.#young = new WeakMap();
      this.#count = 0;
    }
    const kept = this.#old.get(identity) ?? new Map<MinVersion, Made<Terms, Result>>();
    this.#young.set(identity, kept);
    this.#count++;
    return kept;
  }
}

type Generation<Terms, Result> = WeakMap<TlsIdentity, Map<MinVersion, Made<Terms, Result>>>;

function makeServer(identity: TlsIdentity, terms: ServerTerms): ServerContext {
  const { minVersion, ticketKeys, clientAuthorities } = terms;
  const leaf = new X509Certificate(identity.chain).raw;
  // Whom a client is, and whether its authority still counts, is looked at anew each time.
  const mayResume = clientAuthorities === undefined;
  const context = createSecureContext({
    cert: identity.chain,
    key: identity.key,
    // Never the public authorities of Node's own list; reading these takes as long as a hundred handshakes.
    ca: [...(clientAuthorities ?? [])],
    minVersion,
    ciphers: CIPHERS,
    honorCipherOrder: false,
    secureOptions:
      constants.SSL_OP_NO_RENEGOTIATION |
      constants.SSL_OP_NO_COMPRESSION |
      (mayResume ? 0 : constants.SSL_OP_NO_TICKET),
    // A session is resumed only under the certificate it was made with: channel binding is to that one.
    sessionIdContext: createHash('sha256').update(leaf).digest('hex').slice(0, SESSION_CONTEXT_LENGTH),
    sessionTimeout: SESSION_S,
    ...(mayResume && ticketKeys !== undefined ? { ticketKeys } : {}),
  });
  return { context, endPoint: serverEndPoint(leaf) };
}

function makeClient(identity: TlsIdentity, terms: ClientTerms): SecureContext {
  const own = identity.chain === '' ? {} : { cert: identity.chain, key: identity.key };
  return createSecureContext({
    ...own,
    ca: [...terms.authorities],
    minVersion: terms.minVersion,
    ciphers: CIPHERS,
  });
}

function isSameServer(a: ServerTerms, b: ServerTerms): boolean {
  const isSameKeys =
    a.ticketKeys === b.ticketKeys ||
    (a.ticketKeys !== undefined && b.ticketKeys !== undefined && a.ticketKeys.equals(b.ticketKeys));
  return isSameKeys && isSameList(a.clientAuthorities, b.clientAuthorities);
}

function isSameClient(a: ClientTerms, b: ClientTerms): boolean {
  return isSameList(a.authorities, b.authorities);
}

function isSameList(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  return a.length === b.length && a.every((entry, index) => entry === b[index]);
}
