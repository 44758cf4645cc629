/**
 * Who is at the other end of a connection, and what it may ask: the certificate's word against the hello's, the table of
 * rights before each handler, and calls that are passed on for somebody else. A bus without certificates has no gate.
 */
import { Failure } from '../../lib/failure.ts';
import { formatEndpoint } from '../../lib/ip.ts';
import type { Logger } from '../../lib/logging.ts';
import type { Address, Clock } from '../../platform/platform.ts';
import { isBackendRole, isRole } from '../roles.ts';
import { isMemberName } from '../security/identity.ts';
import { refuseAnswerer, refuseAsker } from '../security/rights.ts';
import type { BusSecurity, MemberIdentity } from '../security/types.ts';
import { Seldom } from './seldom.ts';
import type { Body, Peer } from './types.ts';

/** The name under which a call is passed on; no service can be registered under it. */
export const FOR_ANOTHER = '@for';

/** What came, and in whose name. */
export interface Asked {
  readonly service: string;
  readonly body: Body;
  readonly from: Peer;
}

const SERIAL = /^[0-9a-f]{1,40}$/;

export class Gate {
  readonly #security: BusSecurity;
  readonly #logger: Logger;
  readonly #seldom: Seldom;

  constructor(security: BusSecurity, clock: Clock, logger: Logger) {
    this.#security = security;
    this.#logger = logger;
    this.#seldom = new Seldom(clock);
  }

  /** Whose connection this is, or why it is nobody's: the hello must say what the certificate proves. */
  prove(
    certificate: Buffer | undefined,
    stated: { readonly member: string; readonly clusterId: string },
    remote: Address,
  ): MemberIdentity | string {
    const proven = certificate && this.#security.identify(certificate);
    const why = this.#refuse(proven, stated);
    if (why === undefined && proven !== undefined) return proven;
    const { member, clusterId, serial } = proven ?? {};
    // Not by the port, which is another one at each attempt.
    if (this.#seldom.may(`hello ${remote.host} ${stated.member}`))
      this.#logger.warn(
        {
          remote: formatEndpoint(remote),
          stated: stated.member,
          proven: member,
          statedCluster: stated.clusterId,
          clusterId,
          serial,
        },
        `connection refused: ${why}`,
      );
    return why ?? 'no certificate';
  }

  #refuse(
    proven: MemberIdentity | undefined,
    stated: { readonly member: string; readonly clusterId: string },
  ): string | undefined {
    const { self } = this.#security;
    if (proven === undefined) return 'the certificate is no member’s of this cluster, or revoked';
    if (proven.clusterId !== self.clusterId)
      return `a certificate of cluster ${proven.clusterId}, this one is ${self.clusterId}`;
    if (proven.member !== stated.member)
      return `the certificate of ${proven.member}, the hello of ${stated.member}`;
    // Empty: it does not know its storage's yet, and its certificate's is right.
    if (stated.clusterId !== '' && stated.clusterId !== proven.clusterId)
      return `the certificate of cluster ${proven.clusterId}, the hello of ${stated.clusterId}`;
    return undefined;
  }

  /** True while the certificate of a connection that stands is good. */
  stillGood(certificate: Buffer | undefined): boolean {
    return certificate !== undefined && this.#security.identify(certificate) !== undefined;
  }

  /** What is asked and for whom, or why not. A refusal is logged with who asked and for what. */
  admit(service: string, body: Body, peer: Peer): Asked | Failure {
    const asked = service === FOR_ANOTHER ? forAnother(body, peer) : { service, body, from: peer };
    if (asked instanceof Failure) {
      this.#refused(peer, peer, FOR_ANOTHER, asked.message);
      return asked;
    }
    const { proven } = asked.from;
    const why =
      proven === undefined ? 'nobody proven' : refuseAsker(asked.service, proven, this.#security.self);
    if (why === undefined) return asked;
    this.#refused(asked.from, peer, asked.service, why);
    return new Failure('refused', why);
  }

  /** Why this peer must not be asked that: its answer would not be believed. */
  refuseAnswerer(service: string, peer: Peer | undefined): string | undefined {
    if (peer?.proven === undefined) return 'nobody proven';
    const why = refuseAnswerer(service, peer.proven, this.#security.self);
    if (why !== undefined) this.#refused(peer, peer, service, why);
    return why;
  }

  #refused(from: Peer, over: Peer, service: string, why: string): void {
    if (!this.#seldom.may(`${from.member} ${over.member} ${service}`)) return;
    this.#logger.warn(
      {
        member: from.member,
        role: from.proven?.role,
        service,
        over: over.member,
        at: formatEndpoint(over.address),
      },
      `refused: ${why}`,
    );
  }
}

/** As `FOR_ANOTHER` travels. */
export function passedOn(asker: MemberIdentity, service: string, body: Body): Body {
  return { asker, service, body };
}

/**
 * A backend says for whom it asks. It is believed: it has the authority's key, and could make itself any certificate.
 * Nobody else is, and nothing is passed on twice.
 */
function forAnother(body: Body, peer: Peer): Asked | Failure {
  if (peer.proven === undefined || !isBackendRole(peer.proven.role))
    return new Failure('refused', `${peer.member} has no right to ask for another`);
  const {
    asker,
    service,
    body: inner,
  } = (typeof body === 'object' && body !== null ? body : {}) as {
    readonly asker?: unknown;
    readonly service?: unknown;
    readonly body?: unknown;
  };
  const identity = readIdentity(asker, peer.proven.clusterId);
  if (identity === undefined || typeof service !== 'string' || service === FOR_ANOTHER)
    return new Failure('invalid', 'a call for another without who and what');
  return { service, body: inner, from: { ...peer, member: identity.member, proven: identity } };
}

function readIdentity(value: unknown, clusterId: string): MemberIdentity | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { member, role, serial } = value as Record<string, unknown>;
  if (typeof member !== 'string' || !isMemberName(member) || !isRole(role)) return undefined;
  if (typeof serial !== 'string' || !SERIAL.test(serial)) return undefined;
  return { clusterId, member, role, serial };
}
