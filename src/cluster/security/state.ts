/**
 * What the whole cluster knows of its keys: the value `security/state` of the cluster settings, JSON. Nothing in it is
 * secret: ids of keys, never keys. Pure: `registrar.ts` changes it, at the controller only, one change at a time.
 */
import { Failure } from '../../lib/failure.ts';
import type { Role } from '../types.ts';
import { RING_NAMES, type RingName } from './keyring.ts';

/** Values below it are changed by the registrar alone. */
export const SECURITY_PREFIX = 'security/';
export const STATE_KEY = `${SECURITY_PREFIX}state`;

/** An authority's certificate and key, sealed for backends; sealed under this very name. */
export function authorityKey(id: string): string {
  return `${SECURITY_PREFIX}authority/${id}`;
}

export interface SecurityState {
  /** Fingerprints; the first signs, certificates of all are good. */
  readonly authorities: readonly string[];
  /** Ids of the keys of each ring; the first seals. */
  readonly rings: Readonly<Record<RingName, readonly string[]>>;
  /** Certificates given and not over, by member. */
  readonly members: Readonly<Record<string, readonly Certificate[]>>;
  /** Revoked and not over. */
  readonly revoked: readonly RevokedCertificate[];
  readonly invitations: readonly Invitation[];
}

export interface Certificate {
  readonly serial: string;
  /**
   * SHA-256 of the certificate (DER). Serials are no secret, and who has been a backend may have the authority's key: what is
   * listed is this certificate, not every one with its serial and names.
   */
  readonly fingerprint: string;
  readonly role: Role;
  readonly notAfterMs: number;
  /** Fingerprint of who signed it. */
  readonly authority: string;
}

export interface RevokedCertificate {
  readonly serial: string;
  readonly member: string;
  readonly notAfterMs: number;
}

export interface Invitation {
  readonly id: string;
  /** SHA-256 of the secret, hexadecimal. */
  readonly secretHash: string;
  readonly member: string;
  readonly role: Role;
  readonly expiresMs: number;
  /** Who gave it, and where that member listens for who joins. */
  readonly by: string;
  readonly host: string;
  readonly port: number;
}

export function emptyState(): SecurityState {
  return { authorities: [], rings: { backend: [], frontend: [] }, members: {}, revoked: [], invitations: [] };
}

export function formatState(state: SecurityState): Buffer {
  return Buffer.from(JSON.stringify({ version: 1, ...state }));
}

/** Undefined for a cluster that has none. Failure 'damaged' when it is not what this program wrote. */
export function parseState(value: Buffer | undefined): SecurityState | undefined {
  if (value === undefined) return undefined;
  try {
    const state = JSON.parse(value.toString('utf8')) as SecurityState & { readonly version: number };
    const lists = [
      state.authorities,
      state.revoked,
      state.invitations,
      ...RING_NAMES.map((name) => state.rings[name]),
    ];
    if (state.version !== 1 || !lists.every(Array.isArray) || typeof state.members !== 'object')
      throw new TypeError('fields');
    if (!Object.values(state.members).flat().every(isCertificate)) throw new TypeError('certificates');
    const { authorities, rings, members, revoked, invitations } = state;
    return { authorities, rings, members, revoked, invitations };
  } catch (cause) {
    throw new Failure('damaged', `cluster settings: ${STATE_KEY} cannot be read`, { cause });
  }
}

function isCertificate({ serial, fingerprint }: Partial<Certificate>): boolean {
  return typeof serial === 'string' && typeof fingerprint === 'string';
}

/**
 * Without what is over; but each member keeps its newest certificate, whatever the clock says: who is a member is no question
 * of time, and one wrong clock at one decision must not put everybody out.
 */
export function pruned(state: SecurityState, nowMs: number): SecurityState {
  const members = Object.entries(state.members).map(
    ([name, given]) =>
      [name, given.filter(({ notAfterMs }, at) => notAfterMs > nowMs || at === given.length - 1)] as const,
  );
  return {
    ...state,
    members: Object.fromEntries(members),
    revoked: state.revoked.filter(({ notAfterMs }) => notAfterMs > nowMs),
    invitations: state.invitations.filter(({ expiresMs }) => expiresMs > nowMs),
  };
}

export function withCertificate(
  state: SecurityState,
  member: string,
  certificate: Certificate,
): SecurityState {
  const given = certificatesOf(state, member);
  return { ...state, members: { ...state.members, [member]: [...given, certificate] } };
}

/** All certificates of this member are revoked, and its invitations are withdrawn. Failure 'not-found'. */
export function withoutMember(state: SecurityState, member: string): SecurityState {
  const invited = state.invitations.some((each) => each.member === member);
  if (certificatesOf(state, member).length === 0 && !invited)
    throw new Failure('not-found', `there is no member ${member}`);
  const next = withoutCertificates(state, member);
  return { ...next, invitations: next.invitations.filter((each) => each.member !== member) };
}

/** All certificates of this member, if it has any, are revoked. */
export function withoutCertificates(state: SecurityState, member: string): SecurityState {
  const { [member]: _, ...members } = state.members;
  const revoked = certificatesOf(state, member).map(({ serial, notAfterMs }) => ({
    serial,
    member,
    notAfterMs,
  }));
  return { ...state, members, revoked: [...state.revoked, ...revoked] };
}

/** Before the one in use: connections that stand were made with them. */
const OLDER_KEPT = 2;
/** After it: given, and as far as we know neither received nor kept; a question that was overtaken may have been for one. */
const LATER_KEPT = 4;
/** Of one member; renewals leave so many, the new one included. */
export const CERTIFICATES_MAX = OLDER_KEPT + 1 + LATER_KEPT + 1;

/** With room for another certificate of a member that uses this one: who cannot store what it is given may ask for ever. */
export function withRoom(state: SecurityState, member: string, serial: string): SecurityState {
  const given = certificatesOf(state, member);
  const at = given.findIndex((each) => each.serial === serial);
  const kept = [
    ...given.slice(Math.max(0, at - OLDER_KEPT), at + 1),
    ...given.slice(at + 1).slice(-LATER_KEPT),
  ];
  return { ...state, members: { ...state.members, [member]: kept } };
}

/** `constructor` may be a member's name, and every object has one. */
export function certificatesOf(state: SecurityState, member: string): readonly Certificate[] {
  return Object.hasOwn(state.members, member) ? (state.members[member] ?? []) : [];
}

export function revokedSerials(state: SecurityState): readonly string[] {
  return state.revoked.map(({ serial }) => serial);
}
