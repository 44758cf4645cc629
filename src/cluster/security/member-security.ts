/**
 * The security of one process: its member's certificate and key, the authorities it believes, the keyrings it may have, and
 * whose certificates are good. All of it is replaced as a whole while the process runs (renewal, rotation); nobody keeps a
 * part of it.
 *
 * A certificate is good when TLS found it signed by an authority and the cluster settings list it, this very one, by its hash.
 * A process that has no settings yet, as it needs the bus to get them, goes by the authorities and by who it knew to be
 * revoked when it last ran; meanwhile it hands out no keys (`hasList`).
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { Failure } from '../../lib/failure.ts';
import type { TlsIdentity } from '../../platform/platform.ts';
import { fingerprintOf } from './authority.ts';
import { type MemberCertificate, readMemberCertificate } from './identity.ts';
import { type Keyrings, parseKeyrings } from './keyring.ts';
import { revokedSerials, type SecurityState } from './state.ts';
import type { BusSecurity, Keyring, MemberIdentity } from './types.ts';

/** As it lies in `<base>/Settings/Cluster/`, and as a supervisor gives it to its workers. Secret. */
export interface SecurityFiles {
  /** `member.pem` */
  readonly certificate: string;
  /** `member.key` */
  readonly key: string;
  /** `ca.pem`, one text a certificate, newest first. */
  readonly authorities: readonly string[];
  /** `keys.json` */
  readonly keys: string;
  /** `revoked.json`: serials known to be revoked when it was written; a start without the settings begins with these. */
  readonly revoked: readonly string[];
}

export class MemberSecurity implements BusSecurity {
  #files: SecurityFiles;
  #certificate: MemberCertificate;
  #identity: TlsIdentity;
  #keyrings: Keyrings;
  #revoked: ReadonlySet<string>;
  /** What the cluster settings list: fingerprints by serial; undefined before there are settings. */
  #listed: ReadonlyMap<string, string> | undefined;
  readonly #revocations = new Set<() => void>();

  /** Failure 'invalid' when the files do not hold what they should. */
  constructor(files: SecurityFiles) {
    this.#files = files;
    this.#certificate = certificateOf(files);
    this.#identity = { chain: files.certificate, key: files.key };
    this.#keyrings = parseKeyrings(files.keys);
    this.#revoked = new Set(files.revoked);
  }

  get self(): MemberIdentity {
    return this.#certificate;
  }

  /** Our own certificate's words, its times among them. */
  get certificate(): MemberCertificate {
    return this.#certificate;
  }

  get files(): SecurityFiles {
    return this.#files;
  }

  /** As of now: ask again at each use, as keys are rotated. */
  get keyrings(): Keyrings {
    return this.#keyrings;
  }

  /** The ring as of now. Failure 'unavailable' for `backend` on a frontend. */
  ring(name: Keyring['name']): Keyring {
    const ring = this.#keyrings[name];
    if (ring === undefined) throw new Failure('unavailable', `this member has no keyring ${name}`);
    return ring;
  }

  identity(): TlsIdentity {
    return this.#identity;
  }

  authorities(): readonly string[] {
    return this.#files.authorities;
  }

  identify(certificate: Buffer): MemberIdentity | undefined {
    const read = readMemberCertificate(certificate);
    if (read === undefined || this.#revoked.has(read.serial)) return undefined;
    const isGood = this.#listed === undefined || this.#listed.get(read.serial) === fingerprintOf(certificate);
    return isGood ? read : undefined;
  }

  /** False before there are settings: then whoever has ever had an authority's key may pass for anybody. */
  get hasList(): boolean {
    return this.#listed !== undefined;
  }

  onRevoked(listener: () => void): () => void {
    this.#revocations.add(listener);
    return () => this.#revocations.delete(listener);
  }

  /** Whether `replace` would take these. Failure 'invalid'; ask before they are written down. */
  mayReplace(files: SecurityFiles): MemberCertificate {
    const certificate = certificateOf(files);
    const { clusterId, member, role } = this.#certificate;
    if (certificate.clusterId !== clusterId || certificate.member !== member || certificate.role !== role)
      throw new Failure(
        'invalid',
        `a certificate for ${certificate.member} (${certificate.role}), not for ${member} (${role})`,
      );
    if (!isKeyOf(files)) throw new Failure('invalid', 'a certificate for another key');
    parseKeyrings(files.keys);
    return certificate;
  }

  /** Takes new files over; the member and its cluster stay. */
  replace(files: SecurityFiles): void {
    const certificate = this.mayReplace(files);
    this.#keyrings = parseKeyrings(files.keys);
    // The same object is the same TLS context: a new one only for a new certificate.
    if (files.certificate !== this.#files.certificate)
      this.#identity = { chain: files.certificate, key: files.key };
    this.#files = files;
    this.#certificate = certificate;
  }

  /** What the cluster settings say now; connections are looked at again when fewer certificates are good. */
  follow(state: SecurityState): void {
    const before = this.#listed;
    this.#revoked = new Set(revokedSerials(state));
    const certificates = Object.values(state.members).flat();
    const listed = new Map(certificates.map((each) => [each.serial, each.fingerprint]));
    this.#listed = listed;
    const lost = before === undefined || [...before].some(([serial, print]) => listed.get(serial) !== print);
    if (lost) for (const listener of this.#revocations) listener();
  }
}

function isKeyOf({ certificate, key }: SecurityFiles): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

function certificateOf({ certificate }: SecurityFiles): MemberCertificate {
  const read = readMemberCertificate(certificate);
  if (read === undefined) throw new Failure('invalid', 'member.pem: not a certificate of a member');
  return read;
}
