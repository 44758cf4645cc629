/**
 * The cluster's first keys, and certificates for members that need no invitation: the first member of a cluster, one that
 * stands alone, the members of a lab. Made while nobody controls, in the cluster settings opened under a control epoch of
 * our own (`init.ts`); in a running cluster members are invited instead.
 */

import { isBackendRole } from '../cluster/roles.ts';
import { type Authority, fingerprint, makeAuthority, makeMember } from '../cluster/security/authority.ts';
import { readMemberCertificate } from '../cluster/security/identity.ts';
import {
  formatKeyrings,
  type Keyrings,
  makeKeyring,
  parseKeyrings,
  RING_NAMES,
} from '../cluster/security/keyring.ts';
import type { SecurityFiles } from '../cluster/security/member-security.ts';
import { openAuthority, sealAuthority, written } from '../cluster/security/registrar.ts';
import {
  certificatesOf,
  emptyState,
  parseState,
  pruned,
  revokedSerials,
  type SecurityState,
  STATE_KEY,
  withCertificate,
} from '../cluster/security/state.ts';
import type { Role } from '../cluster/types.ts';
import { type SettingsWrite } from '../cluster/types.ts';
import { Failure } from '../lib/failure.ts';
import type { Platform } from '../platform/platform.ts';
import { readKeys, readSecurityFiles, writeKeys, writeSecurityFiles } from './security-files.ts';

export interface FirstMember {
  readonly name: string;
  readonly role: Role;
  readonly base: string;
}

/** The cluster settings, opened by who alone has them. */
export interface OpenSettingsValues {
  value(key: string): Buffer | undefined;
  set(write: SettingsWrite): Promise<void>;
}

/** Whether everybody has what it starts with. */
export async function haveKeys(members: readonly FirstMember[], clusterId: string): Promise<boolean> {
  const found = await Promise.all(members.map((member) => isFitted(member, clusterId)));
  return found.every(Boolean);
}

/**
 * Makes authority and rings where the cluster has none, and certificates for those who have none. Safe to repeat wherever it
 * was cut short: the rings lie in a member's base folder before the settings name them, as nobody else has them then.
 */
export async function makeKeys(
  platform: Platform,
  clusterId: string,
  members: readonly FirstMember[],
  settings: OpenSettingsValues,
): Promise<void> {
  const known = parseState(settings.value(STATE_KEY));
  const opened =
    known === undefined
      ? await begin(platform, clusterId, members, settings)
      : await reopen(known, members, settings);
  let { state } = opened;
  const { rings, authority, authorities } = opened;
  const wallMs = platform.clock.wallMs();
  for (const member of members) {
    if (await isFitted(member, clusterId, state)) continue;
    const { name, role, base } = member;
    const { identity, issued } = await makeMember(
      authority,
      { clusterId, member: name, role },
      wallMs,
      platform.random,
    );
    const { serial, notAfterMs } = issued;
    const signedBy = state.authorities[0] ?? '';
    state = withCertificate(pruned(state, wallMs), name, {
      serial,
      role,
      notAfterMs,
      fingerprint: fingerprint(issued.certificate),
      authority: signedBy,
    });
    // Listed before it is there: a certificate that nobody lists would be nobody's.
    await settings.set(written(state));
    const keys = formatKeyrings({ ...rings, backend: isBackendRole(role) ? rings.backend : undefined });
    const files: SecurityFiles = {
      certificate: identity.chain,
      key: identity.key,
      authorities,
      keys,
      revoked: revokedSerials(state),
    };
    await writeSecurityFiles(base, files);
  }
}

interface Opened {
  readonly state: SecurityState;
  readonly rings: Keyrings;
  readonly authority: Authority;
  readonly authorities: readonly string[];
}

async function begin(
  platform: Platform,
  clusterId: string,
  members: readonly FirstMember[],
  settings: OpenSettingsValues,
): Promise<Opened> {
  const { clock, random } = platform;
  const backend = makeKeyring('backend', random);
  const frontend = makeKeyring('frontend', random);
  const authority = await makeAuthority(clusterId, clock.wallMs(), random);
  const id = fingerprint(authority.certificate);
  const ids = { backend: backend.keys.map((key) => key.id), frontend: frontend.keys.map((key) => key.id) };
  const state = { ...emptyState(), authorities: [id], rings: ids };
  const rings = { backend, frontend };
  const authorities = [authority.certificate];
  const keeper = members.find(({ role }) => isBackendRole(role));
  if (keeper === undefined) throw new Failure('invalid', 'the first member of a cluster is a backend');
  await writeKeys(keeper.base, { authorities, keys: formatKeyrings(rings) });
  await settings.set(sealAuthority(authority, id, backend, random));
  return { state, rings, authority, authorities };
}

/** By the keys of a backend's base folder, also one that has no certificate yet. Failure 'refused' when none is here. */
async function reopen(
  state: SecurityState,
  members: readonly FirstMember[],
  settings: OpenSettingsValues,
): Promise<Opened> {
  const [first = ''] = state.authorities;
  for (const { base } of members) {
    const files = await readKeys(base);
    const rings = files && parseKeyrings(files.keys);
    if (files === undefined || rings?.backend === undefined || !areOf(state, files.authorities, rings))
      continue;
    const authority = openAuthority(settings, first, rings.backend);
    return { state, rings, authority, authorities: files.authorities };
  }
  throw new Failure(
    'refused',
    'the storage belongs to a cluster whose keys are not here: invite this member at a running backend (postern invite)',
  );
}

/** All that the settings name; more may be left of a rotation or a first start that was cut short. */
function areOf(
  { authorities, rings }: SecurityState,
  certificates: readonly string[],
  here: Keyrings,
): boolean {
  const prints = certificates.map(fingerprint);
  return (
    authorities.every((id) => prints.includes(id)) &&
    RING_NAMES.every((name) => rings[name].every((id) => here[name]?.keys.some((key) => key.id === id)))
  );
}

async function isFitted(
  { name, role, base }: FirstMember,
  clusterId: string,
  state?: SecurityState,
): Promise<boolean> {
  const files = await readSecurityFiles(base);
  const own = files && readMemberCertificate(files.certificate);
  if (own === undefined || own.member !== name || own.role !== role || own.clusterId !== clusterId)
    return false;
  return state === undefined || certificatesOf(state, name).some(({ serial }) => serial === own.serial);
}
