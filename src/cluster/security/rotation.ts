/**
 * `postern rotate-keys`, at the controller: a new first key in each ring and a new authority, with overlap, in two steps.
 *
 * 1. The new ones are made, written down here, and named in the settings, last in their rings: known, and not used yet.
 *    Every member that is there fetches them; the next step waits until all say that they have them.
 * 2. They become the first: what is sealed from now on is sealed under them, what was sealed is sealed anew, new certificates
 *    are signed by the new authority, and members renew theirs at once.
 *
 * The ones before stay, as what is under way still uses them; the ones before those end here. So what must be worth nothing
 * any more (a backend was revoked) takes two rotations, and members away during both are invited anew. When this is cut
 * short anywhere, everything goes on under the old keys or the new, and the next rotation begins with what is there.
 */
import { Failure } from '../../lib/failure.ts';
import type { Address, Platform } from '../../platform/platform.ts';
import type { Bus } from '../bus/types.ts';
import { fields, Service } from '../messages.ts';
import type { ClusterLogger, ClusterSettings } from '../types.ts';
import { type Decide, type Decision, type SettingsWrite } from '../types.ts';
import { fingerprint, makeAuthority } from './authority.ts';
import { holdsAll, idsOf, type StoreFiles } from './follower.ts';
import { formatKeyrings, type Keyrings, makeKey, RING_NAMES, type RingName } from './keyring.ts';
import type { MemberSecurity } from './member-security.ts';
import { saneWallMs, sealAuthority, stateOf, written } from './registrar.ts';
import { seal, sealedUnder, unseal } from './sealed.ts';
import { authorityKey, certificatesOf, pruned, type SecurityState } from './state.ts';
import type { Keyring } from './types.ts';

/** Members that are there must have the new keys within this, or the rotation stops before it uses them. */
const TAKEN_MS_MAX = 20_000;
const LOOK_MS = 50;

export interface RotationOptions {
  readonly bus: Bus;
  readonly platform: Pick<Platform, 'clock' | 'random'>;
  readonly security: MemberSecurity;
  readonly decide: Decide;
  readonly store: StoreFiles;
  /** Every member that is there: its supervisor. */
  readonly members: () => readonly {
    readonly name: string;
    readonly address: Address;
    readonly isBackend: boolean;
  }[];
  readonly settings: ClusterSettings;
  /** As `NodeView.changeSettings`. */
  readonly change: (change: unknown) => Promise<unknown>;
  readonly elsewhere: SealedElsewhere;
  readonly logger: ClusterLogger;
}

/**
 * Changes of the cluster settings that seal what is not a sealed value of its own (domains' private keys) under the first
 * keys of these rings; none when all of it is. Each is made before the next is asked for.
 */
export type SealedElsewhere = (settings: ClusterSettings, rings: Keyrings) => Iterable<unknown>;

export async function rotate(options: RotationOptions): Promise<void> {
  const { decide, logger, security, settings } = options;
  // What no key of ours opens, nobody's does; then only what is broken is passed over below.
  if (!holdsAll(security, stateOf(settings)))
    throw new Failure('unavailable', 'the keys of this member are being brought up to date: try again');
  // What an earlier one left; then nothing is sealed but under the first keys, and those behind them may end.
  await sealAnew(options);
  const made = await decide((settings) => introduce(options, settings));
  logger.info({ rings: idsOf(made.rings), authorities: made.authorities }, 'new keys are given out');
  await taken(options, made);
  await decide((settings) => use(options, settings, made));
  await sealAnew(options);
  logger.info({}, 'new keys are in use');
}

/**
 * After `rotate`: until every member that is there has a certificate of the new authority, so that the next rotation may
 * follow at once. Failure 'unavailable' names who has none; what was rotated is in use all the same.
 */
export async function renewed({ platform, settings, members, security }: RotationOptions): Promise<void> {
  const untilMs = platform.clock.monotonicMs() + TAKEN_MS_MAX;
  for (;;) {
    const names = [security.self.member, ...members().map(({ name }) => name)];
    const state = stateOf(settings);
    const late = names.filter((name) => !isSignedBy(state, name, state.authorities[0] ?? ''));
    if (late.length === 0) return;
    if (platform.clock.monotonicMs() >= untilMs)
      throw new Failure(
        'unavailable',
        `the new keys are in use, but ${late.join(', ')} has not renewed its certificate`,
      );
    await platform.clock.sleep(LOOK_MS);
  }
}

function isSignedBy(state: SecurityState, member: string, id: string): boolean {
  return certificatesOf(state, member).some(({ authority }) => authority === id);
}

interface Made {
  readonly rings: Keyrings;
  /** Fingerprints, as named. */
  readonly authorities: readonly string[];
}

/** Step 1. */
async function introduce(options: RotationOptions, settings: ClusterSettings): Promise<Decision<Made>> {
  const { platform, security, store } = options;
  const state = pruned(stateOf(settings), saneWallMs(platform.clock, security));
  const authority = await makeAuthority(security.self.clusterId, platform.clock.wallMs(), platform.random);
  const rings: Keyrings = {
    backend: withNew(security.ring('backend'), platform.random),
    frontend: withNew(security.ring('frontend'), platform.random),
  };
  const [first = ''] = state.authorities;
  const known = security.files.authorities.filter((each) => fingerprint(each) === first);
  const authorities = [...known, authority.certificate];
  mayLeave(state, first);
  // Written down here before anybody is told of them: members fetch them from us.
  await store((now) => ({ ...now, authorities, keys: formatKeyrings(rings) }));
  const ids = authorities.map(fingerprint);
  const next = { ...state, authorities: ids, rings: namesOf(rings) };
  const forgotten = state.authorities.filter((id) => !ids.includes(id)).map(forget);
  // Never under a key before: what is written stays in the log of the settings, and in backups, for whoever was a backend
  // once. Nobody signs with it before step 2, and by then every backend has the new key.
  const newKeys = { name: 'backend', keys: rings.backend?.keys.slice(-1) ?? [] } as const;
  const sealed = sealAuthority(authority, fingerprint(authority.certificate), newKeys, platform.random);
  return { writes: [sealed, written(next), ...forgotten], answer: { rings, authorities: ids } };
}

/** Step 2. */
async function use(options: RotationOptions, settings: ClusterSettings, made: Made): Promise<Decision<null>> {
  const { platform, security, store } = options;
  const state = pruned(stateOf(settings), saneWallMs(platform.clock, security));
  if (state.authorities.join() !== made.authorities.join())
    throw new Failure('unavailable', 'another rotation came between');
  const rings: Keyrings = {
    backend: newFirst(security.ring('backend')),
    frontend: newFirst(security.ring('frontend')),
  };
  const authorities = security.files.authorities.toReversed();
  await store((now) => ({ ...now, authorities, keys: formatKeyrings(rings) }));
  const next = { ...state, authorities: authorities.map(fingerprint), rings: namesOf(rings) };
  return { writes: [written(next)], answer: null };
}

/** Changes that others made meanwhile are met with another round. */
const ROUNDS_MAX = 5;

/** Everything that is sealed, under the first keys of the rings. */
async function sealAnew(options: RotationOptions): Promise<void> {
  const { security, settings, decide, elsewhere, change } = options;
  await decide(async (newest) => ({ writes: sealedAnew(options, newest), answer: null }));
  for (let round = 0; round < ROUNDS_MAX; round++) {
    let count = 0;
    for (const each of elsewhere(settings, security.keyrings)) {
      count++;
      await change(each);
    }
    if (count === 0) return;
  }
  throw new Failure('unavailable', 'what is sealed changes all the time: rotate again');
}

/**
 * The key of the authority that signs, if it is not sealed under the first key; the others' are not used any more, and one
 * that waits to be used (a rotation was cut short) must not come under an older key. All else is `elsewhere`.
 */
function sealedAnew(
  { security, platform, logger }: RotationOptions,
  settings: ClusterSettings,
): readonly SettingsWrite[] {
  const [id = ''] = stateOf(settings).authorities;
  const key = authorityKey(id);
  const value = settings.value(key);
  const ring = security.ring('backend');
  if (value === undefined || sealedUnder(value) === ring.keys[0]?.id) return [];
  try {
    return [{ key, value: seal(ring, key, unseal(ring, key, value), platform.random) }];
  } catch (err) {
    // Nobody can sign with it; a new one is what a rotation makes.
    logger.error({ err, key }, 'the key of an authority does not open and is passed over');
    return [];
  }
}

/** The first and a new one; those between end. */
function withNew({ name, keys }: Keyring, random: Platform['random']): Keyring {
  return { name, keys: [...keys.slice(0, 1), makeKey(random)] };
}

/** The last one, which is the new one, first. */
function newFirst({ name, keys }: Keyring): Keyring {
  return { name, keys: [...keys.slice(-1), ...keys.slice(0, -1)] };
}

function namesOf(rings: Keyrings): SecurityState['rings'] {
  return { backend: idsOf(rings).backend ?? [], frontend: idsOf(rings).frontend };
}

function forget(id: string): SettingsWrite {
  return { key: authorityKey(id), value: null };
}

/** All but the first authority end: whoever has no certificate of the first must renew before. Failure 'refused'. */
function mayLeave(state: SecurityState, first: string): void {
  const late = Object.keys(state.members).filter((member) => !isSignedBy(state, member, first));
  if (late.length > 0)
    throw new Failure(
      'refused',
      `${late.join(', ')}: not renewed since the last rotation: start it, or revoke it, then rotate again`,
    );
}

/** Waits until every member that is there has what was made. Failure 'unavailable' names who has not. */
async function taken(options: RotationOptions, made: Made): Promise<void> {
  const { platform, members } = options;
  const untilMs = platform.clock.monotonicMs() + TAKEN_MS_MAX;
  const waiting = new Set(members().map(({ name }) => name));
  for (;;) {
    const asked = members().filter(({ name }) => waiting.has(name));
    const have = await Promise.all(asked.map((each) => holds(options, each, made)));
    for (const [at, { name }] of asked.entries()) if (have[at] === true) waiting.delete(name);
    // One that has gone meanwhile fetches them when it comes back.
    for (const name of waiting) if (!asked.some((each) => each.name === name)) waiting.delete(name);
    if (waiting.size === 0) return;
    if (platform.clock.monotonicMs() >= untilMs)
      throw new Failure(
        'unavailable',
        `${[...waiting].join(', ')}: has not taken the new keys; nothing uses them yet: rotate again`,
      );
    await platform.clock.sleep(LOOK_MS);
  }
}

async function holds(
  { bus }: RotationOptions,
  { address, isBackend }: { readonly address: Address; readonly isBackend: boolean },
  made: Made,
): Promise<boolean> {
  try {
    const answer = fields(
      await bus.call(address, Service.securityHolds, null, { timeoutMs: LOOK_MS * 20 }),
      'answer',
    );
    const wanted: Record<RingName, readonly string[] | undefined> = {
      backend: undefined,
      ...idsOf(made.rings),
    };
    const rings = RING_NAMES.filter((name) => isBackend || name === 'frontend');
    const same = (name: string, ids: readonly string[] | undefined): boolean =>
      Array.isArray(answer[name]) && answer[name].join() === ids?.join();
    return same('authorities', made.authorities) && rings.every((name) => same(name, wanted[name]));
  } catch {
    return false; // not there, or not yet: asked again
  }
}

/** What `security.holds` answers. */
export function held(security: MemberSecurity): Record<string, unknown> {
  return { ...idsOf(security.keyrings), authorities: security.files.authorities.map(fingerprint) };
}
