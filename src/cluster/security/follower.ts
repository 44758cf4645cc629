/**
 * Keeps a member's keys as the cluster settings want them, in its supervisor: fetches rings and authorities when the
 * settings name others than it has, renews its certificate after two thirds of its life or when another authority signs
 * now, and hands everything new to `store`, which writes it down and tells the workers.
 *
 * Who is revoked is written down before anything that may fail: a process that starts goes by that. A renewal that fails is
 * tried again less and less often: each one that is answered is another certificate on the cluster's list.
 */
import { X509Certificate } from 'node:crypto';
import { Failure } from '../../lib/failure.ts';
import type { Address, Clock, Timer } from '../../platform/platform.ts';
import type { Bus } from '../bus/types.ts';
import { fields, Service } from '../messages.ts';
import { isBackendRole } from '../roles.ts';
import type { ClusterLogger, ClusterSettings, SettingsDelta, WatchedSettings } from '../types.ts';
import { fingerprint, makeRequest } from './authority.ts';
import { formatKeyrings, type Keyrings, parseKeyrings, RING_NAMES, type RingName } from './keyring.ts';
import type { MemberSecurity, SecurityFiles } from './member-security.ts';
import { certificatesOf, parseState, revokedSerials, type SecurityState, STATE_KEY } from './state.ts';
import type { Keyring } from './types.ts';

/** "Renewed by the member itself over the bus after two thirds of it." */
const RENEW_AFTER = 2 / 3;
/** What could not be done now is tried again so long after. */
const RETRY_MS = 1000;
/** A renewal is tried again after RETRY_MS, then twice as long as before, up to this. */
const RENEW_RETRY_MS_MAX = 10 * 60_000;
/** The times of our own certificate are looked at so often. */
const LOOK_MS = 3_600_000;
const ASK_TIMEOUT_MS = 10_000;
const AUTHORITIES_MAX = 8;

export interface FollowerOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly security: MemberSecurity;
  /** Supervisors of backends, the controller's first. */
  readonly backends: () => readonly Address[];
  readonly store: StoreFiles;
  readonly logger: ClusterLogger;
}

/**
 * Changes the files: writes them durably, takes them over in this process and tells the workers; one change after another,
 * each made of what the one before has left.
 */
export type StoreFiles = (change: (now: SecurityFiles) => SecurityFiles) => Promise<void>;

export class Follower {
  readonly #o: FollowerOptions;
  #state: SecurityState | undefined;
  /** What is being done now; never rejects. */
  #running: Promise<void> | undefined;
  #again = false;
  /** Renewals that failed one after the other, and before when none is tried. */
  #renewsFailed = 0;
  #renewAtMs = -Infinity;
  /** Rotations under way here. */
  #held = 0;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: FollowerOptions) {
    this.#o = options;
    this.#later(LOOK_MS);
  }

  /** The settings have changed. Never waits. */
  settings(settings: ClusterSettings): void {
    const before = this.#state;
    this.#state = readState(settings, this.#o.logger) ?? before;
    if (this.#state === undefined || this.#state === before) return;
    this.#o.security.follow(this.#state);
    this.#look();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /**
   * Nothing is fetched or renewed while this runs, what was begun is over before: a rotation has keys here first that the
   * settings do not name yet.
   */
  async without<T>(work: () => Promise<T>): Promise<T> {
    this.#held++;
    try {
      await this.#running;
      return await work();
    } finally {
      this.#held--;
      this.#look();
    }
  }

  /** Does what is to be done, one thing at a time; never rejects. */
  #look(): void {
    if (this.#stopped) return;
    if (this.#running !== undefined || this.#held > 0) {
      this.#again = true;
      return;
    }
    this.#again = false;
    this.#running = this.#catchUp().then(
      () => this.#done(LOOK_MS),
      (err: unknown) => {
        this.#o.logger.warn({ err }, 'keys of the cluster are not up to date, trying again');
        this.#done(RETRY_MS);
      },
    );
  }

  #done(laterMs: number): void {
    this.#running = undefined;
    const renewInMs = this.#renewAtMs - this.#o.clock.monotonicMs();
    if (this.#again && this.#held === 0) this.#look();
    else this.#later(renewInMs > 0 ? Math.min(renewInMs, laterMs) : laterMs);
  }

  #later(ms: number): void {
    if (this.#stopped) return;
    this.#timer?.cancel();
    this.#timer = this.#o.clock.timer(ms, () => this.#look());
  }

  async #catchUp(): Promise<void> {
    const state = this.#state;
    if (state === undefined) return;
    const { security, store, clock } = this.#o;
    const revoked = revokedSerials(state);
    if (revoked.join() !== security.files.revoked.join()) await store((now) => ({ ...now, revoked }));
    if (!holdsAll(security, state)) {
      const kept = await this.#fetch(state);
      await store((now) => ({ ...now, ...kept }));
      this.#o.logger.info({ rings: idsOf(security.keyrings) }, 'keys of the cluster taken over');
    }
    // A change of the settings brings us here too, before a timer would.
    if (this.#isDue(state) && clock.monotonicMs() >= this.#renewAtMs) await this.#renewOrWait();
  }

  async #renewOrWait(): Promise<void> {
    try {
      await this.#renew();
      this.#renewsFailed = 0;
    } catch (error) {
      const waitMs = Math.min(RETRY_MS * 2 ** this.#renewsFailed++, RENEW_RETRY_MS_MAX);
      this.#renewAtMs = this.#o.clock.monotonicMs() + waitMs;
      throw error;
    }
  }

  /** From the first backend that has all of what the settings name. */
  async #fetch(state: SecurityState): Promise<Pick<SecurityFiles, 'authorities' | 'keys'>> {
    const { security } = this.#o;
    const own = { authorities: security.files.authorities, rings: security.keyrings };
    try {
      return asNamed([own], state, security); // only their order is another, or some have ended
    } catch {
      // Something is new.
    }
    const read = (answer: unknown) => asNamed([own, readKeys(answer)], state, security);
    return this.#askBackends(Service.securityKeys, null, read);
  }

  #isDue(state: SecurityState): boolean {
    const { member, serial, notBeforeMs, notAfterMs } = this.#o.security.certificate;
    const own = certificatesOf(state, member).find((each) => each.serial === serial);
    // Revoked: nobody would give us another.
    if (own === undefined) return false;
    const renewAt = notBeforeMs + (notAfterMs - notBeforeMs) * RENEW_AFTER;
    return own.authority !== state.authorities[0] || this.#o.clock.wallMs() >= renewAt;
  }

  async #renew(): Promise<void> {
    const { security, store, logger } = this.#o;
    const { key, request } = await makeRequest();
    const certificate = await this.#askForCertificate(request, key);
    await store((now) => ({ ...now, certificate, key }));
    logger.info({ serial: security.self.serial }, 'own certificate renewed');
  }

  /** From the first backend that gives one which is for us, and good now. */
  #askForCertificate(request: string, key: string): Promise<string> {
    const { security, clock } = this.#o;
    // Connections may have been made with one before it: they do not say what is in use.
    const body = { request, serial: security.self.serial };
    return this.#askBackends(Service.securityRenew, body, (answer) => {
      const certificate = readPem(fields(answer, 'answer').certificate);
      mayUse(security, { ...security.files, certificate, key }, clock.wallMs());
      return certificate;
    });
  }

  /** One after another, until `read` takes what one answers; fails as the last one did. */
  async #askBackends<T>(service: string, body: unknown, read: (answer: unknown) => T): Promise<T> {
    const { bus, backends } = this.#o;
    let last: unknown = new Failure('unavailable', 'no backend is known');
    for (const to of backends())
      try {
        return read(await bus.call(to, service, body, { timeoutMs: ASK_TIMEOUT_MS }));
      } catch (error) {
        last = error;
      }
    throw last;
  }
}

/** Before it replaces one that works. Failure 'invalid'. */
function mayUse(security: MemberSecurity, files: SecurityFiles, wallMs: number): void {
  const { notBeforeMs, notAfterMs } = security.mayReplace(files);
  if (wallMs < notBeforeMs || wallMs > notAfterMs)
    throw new Failure(
      'invalid',
      'the certificate given is not good at this time: a clock is wrong, here or at the controller',
    );
  const x509 = new X509Certificate(files.certificate);
  const isBelieved = files.authorities.some((each) => x509.verify(new X509Certificate(each).publicKey));
  if (!isBelieved) throw new Failure('invalid', 'the certificate given is signed by no authority of ours');
}

/** In a worker: whose certificates are good is as its copy of the settings says. Its supervisor does all else. */
export function followState(
  security: MemberSecurity,
  settings: WatchedSettings,
  logger: ClusterLogger,
): () => void {
  return settings.onChange((delta) => {
    if (!touchesState(delta)) return;
    const state = readState(settings, logger);
    if (state !== undefined) security.follow(state);
  });
}

/** Most changes of the settings are about something else, and the state of a large cluster is large. */
export function touchesState({ whole, values }: SettingsDelta): boolean {
  return whole || values.some(([key]) => key === STATE_KEY);
}

/** What cannot be read changes nothing. */
function readState(settings: ClusterSettings, logger: ClusterLogger): SecurityState | undefined {
  try {
    return parseState(settings.value(STATE_KEY));
  } catch (err) {
    logger.error({ err }, 'keys of the cluster: their settings cannot be read');
    return undefined;
  }
}

/** Ids of rings and authorities, in their order: what of them the settings name and what a member says it has. */
export function idsOf(rings: Keyrings): {
  readonly backend?: readonly string[];
  readonly frontend: readonly string[];
} {
  const ids = (ring: Keyrings['frontend']): readonly string[] => ring.keys.map(({ id }) => id);
  return { ...(rings.backend && { backend: ids(rings.backend) }), frontend: ids(rings.frontend) };
}

/** Whether a member has all that the settings name, in that order, as far as its role may have it. */
export function holdsAll(security: MemberSecurity, state: SecurityState): boolean {
  const own = security.files.authorities.map(fingerprint);
  return own.join() === state.authorities.join() && ringsAre(security.keyrings, security, state);
}

function ringsAre(rings: Keyrings, security: MemberSecurity, state: SecurityState): boolean {
  const ids = idsOf(rings);
  return RING_NAMES.every((name) => {
    if (name === 'backend' && !isBackendRole(security.self.role)) return ids.backend === undefined;
    return ids[name]?.join() === state.rings[name].join();
  });
}

/** What the bus service `security.keys` answers to a member of this role. */
export function keysFor(security: MemberSecurity, isBackend: boolean): Record<string, unknown> {
  const { backend, frontend } = security.keyrings;
  return {
    authorities: security.files.authorities,
    keys: formatKeyrings({ backend: isBackend ? backend : undefined, frontend }),
  };
}

export interface ReceivedKeys {
  readonly authorities: readonly string[];
  readonly rings: Keyrings;
}

/** Failure 'invalid' when an answer is none. */
export function readKeys(answer: unknown): ReceivedKeys {
  const it = fields(answer, 'keys');
  if (
    !Array.isArray(it.authorities) ||
    it.authorities.length === 0 ||
    it.authorities.length > AUTHORITIES_MAX
  )
    throw new Failure('invalid', 'keys: authorities');
  if (typeof it.keys !== 'string') throw new Failure('invalid', 'keys: rings');
  return { authorities: it.authorities.map(readPem), rings: parseKeyrings(it.keys) };
}

/** In the order of the settings. Failure 'unavailable' when something that they name is in none of these. */
function asNamed(
  from: readonly ReceivedKeys[],
  state: SecurityState,
  security: MemberSecurity,
): Pick<SecurityFiles, 'authorities' | 'keys'> {
  const authorities = state.authorities.map((id) =>
    named(
      id,
      from.flatMap((each) => each.authorities).find((each) => fingerprint(each) === id),
    ),
  );
  const ring = (name: RingName): Keyring => {
    const known = from.flatMap((each) => each.rings[name]?.keys ?? []);
    return {
      name,
      keys: state.rings[name].map((id) =>
        named(
          id,
          known.find((key) => key.id === id),
        ),
      ),
    };
  };
  const backend = isBackendRole(security.self.role) ? ring('backend') : undefined;
  return { authorities, keys: formatKeyrings({ backend, frontend: ring('frontend') }) };
}

function named<T>(id: string, found: T | undefined): T {
  if (found === undefined) throw new Failure('unavailable', `nobody has ${id} that was asked`);
  return found;
}

/** Longer texts are no certificate of ours. */
const PEM_LENGTH_MAX = 8192;

function readPem(value: unknown): string {
  if (typeof value !== 'string' || value.length > PEM_LENGTH_MAX || !value.includes('BEGIN CERTIFICATE'))
    throw new Failure('invalid', 'not a certificate');
  return value;
}

/** Of one text with several certificates, as `ca.pem` is. */
export function splitPem(text: string): readonly string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? [];
}
