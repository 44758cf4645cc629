/**
 * What the controller's supervisor does for the certificates of the cluster: it makes the self-signed one and the key of
 * session tickets where there is none, replaces both in time, and says daily in the log which certificates end soon.
 *
 * It looks once a minute, and once a second while this process is not the controller: a first start has its certificate
 * at once. All it makes goes through the cluster settings, so another controller goes on with what it finds. A value that
 * cannot be opened because our keys are older is left alone; one that is damaged is made anew.
 */
import type { Keyring } from '../cluster/security/types.ts';
import type { WatchedSettings } from '../cluster/types.ts';
import type { SettingsChange } from '../directory/cluster-settings.ts';
import { newRequest } from '../directory/request.ts';
import { failureCode } from '../lib/failure.ts';
import type { Logger } from '../lib/logging.ts';
import type { Clock, Random } from '../platform/platform.ts';
import {
  CLUSTER_CERTIFICATE,
  decodeClusterCertificate,
  encodeClusterCertificate,
  openTicketKey,
  sealTicketKey,
  TICKET_KEY,
  TICKET_KEY_OCTETS,
} from './cluster-values.ts';
import { Endings } from './endings.ts';
import { type Expiring, expiringOf } from './expiry.ts';
import { day, listed } from './identity.ts';
import { SELF_SIGNED_MS, SELF_SIGNED_RENEW_MS, TICKET_KEYS_MS } from './limits.ts';
import { makeSelfSigned } from './self-signed.ts';
import { openKey } from './stored-key.ts';

export interface KeepOptions {
  readonly settings: WatchedSettings;
  /** `NodeView.changeSettings` with a time limit: resolves when every ready member shows it. */
  readonly change: (change: SettingsChange) => Promise<unknown>;
  /** Keys that frontends have, as of now. */
  readonly ring: () => Keyring;
  /** Whether this process is the controller and its copy of the settings is up to date. */
  readonly inCharge: () => boolean;
  /** Names in the self-signed certificate: at least one. */
  readonly names: readonly string[];
  /** Told in one line for people when a self-signed certificate was made: the console of a first start. */
  readonly said: (line: string) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface Keeping {
  /** Ends it; resolves when a change under way is over. */
  stop(): Promise<void>;
}

const LOOK_MS = 60_000;
/** Until this process is in charge. */
const WAIT_MS = 1000;
/** After a change that failed: the controller may be on its way out, or the storage full. */
const RETRY_MS = 10_000;
const DAY_MS = 86_400_000;
/** A clock set back must not keep a key for ever. */
const CLOCK_SLACK_MS = 3_600_000;

export function keepCertificates(options: KeepOptions): Keeping {
  const stopping = new AbortController();
  const keeper = new Keeper(options);
  const running = keeper.run(stopping.signal);
  return {
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}

class Keeper {
  readonly #options: KeepOptions;
  readonly #endings: Endings;
  /** Days since 1970, of the last look at all certificates. */
  #lookedOn: number | undefined;
  /** The cluster's certificate whose key was seen to open: the same octets stay what they are. */
  #opened: Buffer | undefined;
  #ticket: { readonly value: Buffer; readonly madeMs: number } | undefined;

  constructor(options: KeepOptions) {
    this.#options = options;
    this.#endings = new Endings(options.settings);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      let waitMs: number;
      try {
        waitMs = (await this.#look()) ? LOOK_MS : WAIT_MS;
      } catch (err) {
        if (!signal.aborted) logger.warn({ err }, 'the certificates of the cluster are not looked after now');
        waitMs = RETRY_MS;
      }
      await clock.sleep(waitMs, signal).catch(() => undefined);
    }
    this.#endings.close();
  }

  /** False while another process is in charge. */
  async #look(): Promise<boolean> {
    const { settings, inCharge, clock } = this.#options;
    if (settings.version < 0 || !inCharge()) return false;
    if (this.#needsCertificate()) await this.#makeCertificate();
    if (this.#needsTicketKey()) await this.#makeTicketKey();
    const today = Math.floor(clock.wallMs() / DAY_MS);
    if (this.#lookedOn !== today) this.#warn();
    this.#lookedOn = today;
    return true;
  }

  #needsCertificate(): boolean {
    const { settings, ring, clock } = this.#options;
    const value = settings.value(CLUSTER_CERTIFICATE);
    if (value === undefined) return true;
    return isDamagedOr(() => {
      const { certificate, key } = decodeClusterCertificate(value);
      if (certificate.validToDate.getTime() - clock.wallMs() < SELF_SIGNED_RENEW_MS) return true;
      if (this.#opened !== value) openKey(ring(), key);
      this.#opened = value;
      return false;
    });
  }

  async #makeCertificate(): Promise<void> {
    const { ring, random, clock, logger, names, said } = this.#options;
    const nowMs = clock.wallMs();
    // From a day ago on: clocks of clients go wrong too.
    const times = { notBeforeMs: nowMs - DAY_MS, notAfterMs: nowMs + SELF_SIGNED_MS };
    const { certificate, key } = await makeSelfSigned({ names, random, ...times });
    const value = encodeClusterCertificate(certificate, key, ring(), random);
    // A copy of the settings that is behind must not replace a certificate that people have accepted already.
    const isFirst = this.#options.settings.value(CLUSTER_CERTIFICATE) === undefined;
    await this.#set(CLUSTER_CERTIFICATE, value, isFirst ? `first ${CLUSTER_CERTIFICATE}` : undefined);
    const line =
      'made a self-signed certificate for the cluster, which clients do not trust; ' +
      'for each domain install its own: postern certificate DOMAIN cert.pem key.pem';
    logger.warn({}, line);
    said(line);
  }

  #needsTicketKey(): boolean {
    const { settings, ring, clock } = this.#options;
    const value = settings.value(TICKET_KEY);
    if (value === undefined) return true;
    return isDamagedOr(() => {
      if (this.#ticket?.value !== value)
        this.#ticket = { value, madeMs: openTicketKey(value, ring()).madeMs };
      const ageMs = clock.wallMs() - this.#ticket.madeMs;
      return ageMs >= TICKET_KEYS_MS || ageMs < -CLOCK_SLACK_MS;
    });
  }

  async #makeTicketKey(): Promise<void> {
    const { ring, random, clock, logger } = this.#options;
    const key = { madeMs: Math.max(0, Math.floor(clock.wallMs())), octets: random.bytes(TICKET_KEY_OCTETS) };
    await this.#set(TICKET_KEY, sealTicketKey(key, ring(), random));
    logger.info({}, 'made a new key for TLS session tickets');
  }

  /** `request`: the second change of this id, within the last thousand of all, is answered and not done. */
  async #set(key: string, value: Buffer, request = newRequest(this.#options.random)): Promise<void> {
    await this.#options.change({ kind: 'setValue', key, value, request });
  }

  #warn(): void {
    const { logger, clock } = this.#options;
    for (const each of expiringOf(this.#endings, clock.wallMs())) {
      const { domain, names, within } = each;
      logger.warn({ domain, names: listed(names), within }, warningOf(each));
    }
  }
}

/** What an operator reads: what ends when, and what to do. */
function warningOf({ domain, within, endsMs }: Expiring): string {
  const when = day(new Date(endsMs));
  if (domain === undefined) return `the cluster's own certificate ends on ${when}; it is replaced by itself`;
  const what =
    within === 'over'
      ? `ended on ${when}: clients refuse it`
      : `ends on ${when}, in less than ${within} days`;
  return `the certificate of ${domain} ${what}; install a new one: postern certificate ${domain} cert.pem key.pem`;
}

/** True when the value is damaged; false when our keys are older than it. */
function isDamagedOr(look: () => boolean): boolean {
  try {
    return look();
  } catch (error) {
    const code = failureCode(error);
    if (code === 'damaged') return true;
    if (code === 'unavailable') return false;
    throw error;
  }
}
