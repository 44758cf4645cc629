/** Keys of the cluster and what members may do (docs/doors.md). */
import type { KeyObject } from 'node:crypto';
import type { TlsIdentity } from '../../platform/platform.ts';
import type { Role } from '../types.ts';

/** Secret keys for one purpose. The first seals; all unseal, so that rotation has an overlap. */
export interface Keyring {
  readonly name: 'backend' | 'frontend';
  readonly keys: readonly { readonly id: string; readonly key: KeyObject }[];
}

/** What a member's certificate proves. */
export interface MemberIdentity {
  readonly clusterId: string;
  readonly member: string;
  readonly role: Role;
  /** Hexadecimal; what revocation names. */
  readonly serial: string;
}

/** What the bus of a member needs to know others. */
export interface BusSecurity {
  /** What our own certificate proves. */
  readonly self: MemberIdentity;
  /** Our own, as of now: renewed while running. */
  identity(): TlsIdentity;
  /** CA certificates in PEM, newest first. */
  authorities(): readonly string[];
  /** Whose certificate this is (DER, signature checked by TLS); undefined when it is none of ours or revoked. */
  identify(certificate: Buffer): MemberIdentity | undefined;
  /** Told when somebody was revoked: links are looked at again. */
  onRevoked(listener: () => void): () => void;
}
