/**
 * What a member's certificate says: one SAN URI `urn:postern:<cluster id>:<role>:<member>` (RFC 5280 section 4.2.1.6;
 * URN, RFC 8141), and nothing else of it is believed. Whether it was signed by an authority of ours, TLS has checked.
 */
import { X509Certificate } from 'node:crypto';
import { ROLES } from '../roles.ts';
import type { Role } from '../types.ts';
import type { MemberIdentity } from './types.ts';

/** As members' names are in settings, and what `encodeURIComponent` leaves as it is of them. */
const MEMBER = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/;
const CLUSTER_ID = /^[0-9a-f]{32}$/;
const URI = new RegExp(`^URI:urn:postern:([0-9a-f]{32}):(${ROLES.join('|')}):([A-Za-z0-9._-]{1,64})$`);

/** A certificate as this program reads it. */
export interface MemberCertificate extends MemberIdentity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** The name in the certificate. Failure of ours, not a peer's, when the parts are none. */
export function memberUri(clusterId: string, role: Role, member: string): string {
  if (!CLUSTER_ID.test(clusterId)) throw new TypeError(`not a cluster id: ${clusterId}`);
  if (!isMemberName(member)) throw new TypeError(`not a member's name: ${member}`);
  return `urn:postern:${clusterId}:${role}:${member}`;
}

export function isMemberName(name: string): boolean {
  return MEMBER.test(name);
}

/** What a certificate (DER or PEM) says; undefined when it is no member's, or none at all. */
export function readMemberCertificate(certificate: Buffer | string): MemberCertificate | undefined {
  let x509: X509Certificate;
  try {
    x509 = new X509Certificate(certificate);
  } catch {
    return undefined;
  }
  // An authority is nobody, whatever name it gives itself.
  if (x509.ca) return undefined;
  const [, clusterId, role, member] = URI.exec(x509.subjectAltName ?? '') ?? [];
  if (clusterId === undefined || role === undefined || member === undefined || !isMemberName(member))
    return undefined;
  return {
    clusterId,
    member,
    role: role as Role,
    serial: x509.serialNumber.toLowerCase(),
    notBeforeMs: Date.parse(x509.validFrom),
    notAfterMs: Date.parse(x509.validTo),
  };
}
