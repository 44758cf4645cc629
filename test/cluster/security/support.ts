/** A cluster's authority and members' certificates for tests, made by the code that makes them in earnest. */

import { isBackendRole } from '../../../src/cluster/roles.ts';
import {
  type Authority,
  fingerprint,
  issue,
  makeAuthority,
  makeRequest,
} from '../../../src/cluster/security/authority.ts';
import { formatKeyrings, type Keyrings, makeKeyring } from '../../../src/cluster/security/keyring.ts';
import { MemberSecurity, type SecurityFiles } from '../../../src/cluster/security/member-security.ts';
import { emptyState, type SecurityState, withCertificate } from '../../../src/cluster/security/state.ts';
import type { Role } from '../../../src/cluster/types.ts';
import type { Random } from '../../../src/platform/platform.ts';
import { realPlatform } from '../../../src/platform/real/platform.ts';

export const CLUSTER_ID = 'c1'.repeat(16);
export const DAY_MS = 86_400_000;
/** Old enough to have signed a certificate that is over. */
const AUTHORITY_AGE_MS = 500 * DAY_MS;

export class TestCluster {
  readonly clusterId: string;
  readonly authority: Authority;
  readonly rings: Keyrings;
  state: SecurityState;
  readonly #random: Random;

  static async make(clusterId = CLUSTER_ID, random: Random = realPlatform().random): Promise<TestCluster> {
    return new TestCluster(
      clusterId,
      await makeAuthority(clusterId, Date.now() - AUTHORITY_AGE_MS, random),
      random,
    );
  }

  private constructor(clusterId: string, authority: Authority, random: Random) {
    this.clusterId = clusterId;
    this.authority = authority;
    this.#random = random;
    this.rings = { backend: makeKeyring('backend', random), frontend: makeKeyring('frontend', random) };
    this.state = {
      ...emptyState(),
      authorities: [fingerprint(authority.certificate)],
      rings: {
        backend: this.rings.backend!.keys.map(({ id }) => id),
        frontend: this.rings.frontend.keys.map(({ id }) => id),
      },
    };
  }

  /** A member's files; its certificate is listed in `state`. `at`: when it is issued. */
  async files(member: string, role: Role, at = Date.now()): Promise<SecurityFiles> {
    const { key, request } = await makeRequest();
    const { clusterId, authority } = this;
    const issued = await issue(authority, { clusterId, member, role, request }, at, this.#random);
    const { serial, notAfterMs, certificate } = issued;
    const [signedBy = ''] = this.state.authorities;
    this.state = withCertificate(this.state, member, {
      serial,
      role,
      notAfterMs,
      fingerprint: fingerprint(certificate),
      authority: signedBy,
    });
    const backend = isBackendRole(role) ? this.rings.backend : undefined;
    const keys = formatKeyrings({ backend, frontend: this.rings.frontend });
    return { certificate, key, authorities: [authority.certificate], keys, revoked: [] };
  }

  async member(member: string, role: Role, at?: number): Promise<MemberSecurity> {
    return new MemberSecurity(await this.files(member, role, at));
  }
}
