/**
 * The certificates that this member shows, from its copy of the cluster settings and in step with it: a change is in force
 * in the turn in which the copy takes it over. Keys are opened, and certificates written as PEM, at the first handshake
 * that needs them, so that 100,000 domains cost a start next to nothing.
 *
 * Invariants: the same certificate is the same object as long as it does not change, also when its key is sealed anew, as
 * TLS contexts are kept by it; a certificate that cannot be opened is logged once and stops nobody: one that the domain
 * showed before is shown where our keys are older than the settings, else the cluster's own.
 */
import { X509Certificate } from 'node:crypto';
import type { Keyring } from '../cluster/security/types.ts';
import type { DomainRecord, WatchedSettings } from '../cluster/types.ts';
import { type WatchedAddresses, watchAddresses } from '../directory/domains-by-address.ts';
import { followDomains } from '../directory/follow-domains.ts';
import { Failure, failureCode } from '../lib/failure.ts';
import { plainAddress } from '../lib/ip.ts';
import type { Logger } from '../lib/logging.ts';
import type { Address, TlsIdentity } from '../platform/platform.ts';
import { decodeDomainSettings, domainSetting } from '../settings/domain-settings.ts';
import type { DomainId } from '../store/ids.ts';
import { type StoredCertificate, storedCertificate } from './certificate-change.ts';
import {
  CLUSTER_CERTIFICATE,
  decodeClusterCertificate,
  openTicketKey,
  TICKET_KEY,
} from './cluster-values.ts';
import { type Ending, type Expiring, expiringOf } from './expiry.ts';
import { type Named, NameIndex } from './name-index.ts';
import { openKey, storedKeyHash } from './stored-key.ts';

export interface CertificatesOptions {
  readonly settings: WatchedSettings;
  /** Keys that frontends have, as of now. */
  readonly ring: () => Keyring;
  readonly logger: Logger;
}

export class Certificates {
  readonly #options: CertificatesOptions;
  readonly #byDomain = new Map<DomainId, Held>();
  readonly #byName = new NameIndex<Held>();
  readonly #byAddress: WatchedAddresses;
  readonly #stops: readonly (() => void)[];
  #own: Held | undefined;
  #tickets: Tickets | undefined;

  constructor(options: CertificatesOptions) {
    this.#options = options;
    const { settings } = options;
    this.#byAddress = watchAddresses(settings);
    this.#readOwn();
    this.#stops = [
      this.#byAddress.stop,
      followDomains(settings, {
        ids: () => this.#byDomain.keys(),
        put: (domain) => this.#put(domain),
        remove: (id) => this.#forget(id),
      }),
      settings.onChange(({ whole, values }) => {
        if (whole || values.some(([key]) => key === CLUSTER_CERTIFICATE)) this.#readOwn();
      }),
    ];
  }

  /**
   * The certificate that names `serverName`; else, and for clients that name nothing, that of the domain which owns the
   * address they called, or which names the address; else the cluster's own. Failure 'unavailable' when there is none.
   */
  identity(serverName: string | undefined, local: Address): TlsIdentity {
    const held =
      (serverName === undefined ? undefined : this.#byName.find(serverName)) ?? this.#at(local.host);
    const identity = held === undefined ? undefined : this.#open(held);
    if (identity !== undefined) return identity;
    const own = this.#own === undefined ? undefined : this.#open(this.#own);
    if (own !== undefined) return own;
    throw new Failure('unavailable', 'the cluster has no certificate yet');
  }

  /** Whether every client can be shown something: there is a certificate of the cluster, and it opens. */
  get isUsable(): boolean {
    return this.#own !== undefined && this.#open(this.#own) !== undefined;
  }

  /** 48 octets under which session tickets are sealed, the same at all members; undefined when there are none. */
  ticketKeys(): Buffer | undefined {
    const value = this.#options.settings.value(TICKET_KEY);
    if (value === undefined) return undefined;
    const ring = this.#options.ring();
    // The copy keeps its buffers: another value is another object.
    if (this.#tickets?.value !== value || (this.#tickets.octets === undefined && this.#tickets.ring !== ring))
      this.#tickets = { value, ring, octets: this.#openTickets(value, ring) };
    return this.#tickets.octets;
  }

  /** Certificates that end within 30 days, or have ended, the first to end first. */
  expiring(nowMs: number): readonly Expiring[] {
    return expiringOf(this.#endings(), nowMs);
  }

  /** Takes no more notice of the settings. */
  close(): void {
    for (const stop of this.#stops) stop();
  }

  *#endings(): Generator<Ending> {
    for (const { domain, names, stored } of this.#byDomain.values())
      yield { domain, names, endsMs: stored.endsMs };
    if (this.#own !== undefined)
      yield { domain: undefined, names: this.#own.names, endsMs: this.#own.stored.endsMs };
  }

  #put(record: DomainRecord): void {
    const before = this.#byDomain.get(record.id);
    const after = this.#read(record, before);
    if (before === after) return;
    this.#forget(record.id);
    if (after === undefined) return;
    this.#byDomain.set(record.id, after);
    this.#byName.add(after);
  }

  #forget(id: DomainId): void {
    const held = this.#byDomain.get(id);
    if (held !== undefined) this.#byName.remove(held);
    this.#byDomain.delete(id);
  }

  /** What a domain shows; `before` when nothing of that has changed. */
  #read({ id, name, settings }: DomainRecord, before: Held | undefined): Held | undefined {
    if (settings === undefined) return undefined;
    try {
      const decoded = decodeDomainSettings(settings);
      if (domainSetting(decoded, 'CertificateType') === 'Test') return undefined;
      const stored = storedCertificate(decoded);
      if (stored === undefined) return undefined;
      const isSame = before !== undefined && before.domain === name && isSamePair(before.stored, stored);
      return isSame && before.stored.key.equals(stored.key) ? before : new Held(id, name, stored, before);
    } catch (err) {
      this.#options.logger.warn({ err, domain: name }, `${BROKEN}; ${remedy(name)}`);
      return undefined;
    }
  }

  #readOwn(): void {
    const value = this.#options.settings.value(CLUSTER_CERTIFICATE);
    if (value === undefined) {
      this.#own = undefined;
      return;
    }
    try {
      const { certificate, key } = decodeClusterCertificate(value);
      const stored = {
        leaf: certificate.raw,
        chain: [],
        key,
        names: [],
        endsMs: certificate.validToDate.getTime(),
      };
      this.#own = new Held(CLUSTER.id, CLUSTER.domain, stored, this.#own);
    } catch (err) {
      this.#options.logger.warn(
        { err },
        "the cluster's own certificate cannot be read; the controller makes a new one",
      );
    }
  }

  #at(host: string): Held | undefined {
    const owner = this.#byAddress.find(host);
    const held = owner === undefined ? undefined : this.#byDomain.get(owner);
    return held ?? this.#byName.findExactly(plainAddress(host));
  }

  #open(held: Held): TlsIdentity | undefined {
    if (held.identity !== undefined) return held.identity;
    const ring = this.#options.ring();
    // Its key was not in this very ring: it is there when members have fetched a newer one.
    if (held.failedWith === ring) return held.previous;
    try {
      held.identity = identityOf(held.stored, ring);
      held.previous = undefined;
      return held.identity;
    } catch (err) {
      held.failedWith = ring;
      if (failureCode(err) !== 'unavailable') held.previous = undefined;
      const { domain } = held;
      if (domain === CLUSTER.domain) this.#options.logger.warn({ err }, `the cluster's own: ${BROKEN}`);
      else this.#options.logger.warn({ err, domain }, `${BROKEN}; ${remedy(domain)}`);
      return held.previous;
    }
  }

  #openTickets(value: Buffer, ring: Keyring): Buffer | undefined {
    try {
      return openTicketKey(value, ring).octets;
    } catch (err) {
      this.#options.logger.warn(
        { err },
        'the key of TLS session tickets cannot be opened: sessions resume at one process only',
      );
      return undefined;
    }
  }
}

const BROKEN = 'the certificate cannot be opened and is not shown';

function remedy(domain: string): string {
  return `if this goes on, install it again: postern certificate ${domain} cert.pem key.pem`;
}

interface Tickets {
  readonly value: Buffer;
  readonly ring: Keyring;
  readonly octets: Buffer | undefined;
}

/** A certificate as this member has it. */
class Held implements Named {
  readonly id: DomainId;
  readonly domain: string;
  readonly stored: StoredCertificate;
  /** Set when it was opened. */
  identity: TlsIdentity | undefined;
  /** What the domain showed before, while this one cannot be opened. */
  previous: TlsIdentity | undefined;
  /** The ring that did not open it. */
  failedWith: Keyring | undefined;

  constructor(id: DomainId, domain: string, stored: StoredCertificate, before: Held | undefined) {
    this.id = id;
    this.domain = domain;
    this.stored = stored;
    this.previous = before?.identity ?? before?.previous;
    // Only the seal is another, or the domain's name.
    if (before !== undefined && isSamePair(before.stored, stored)) this.identity = before.identity;
  }

  get names(): readonly string[] {
    return this.stored.names;
  }
}

/** The cluster itself: no domain has this id, nor an empty name. */
const CLUSTER = { id: 0 as DomainId, domain: '' } as const;

/** Whether the same would be shown, whatever its key is sealed under. */
function isSamePair(a: StoredCertificate, b: StoredCertificate): boolean {
  return (
    a.leaf.equals(b.leaf) &&
    a.chain.length === b.chain.length &&
    a.chain.every((each, index) => each.equals(b.chain[index] as Buffer)) &&
    storedKeyHash(a.key).equals(storedKeyHash(b.key))
  );
}

/** Failure 'unavailable', 'damaged'. */
function identityOf({ leaf, chain, key }: StoredCertificate, ring: Keyring): TlsIdentity {
  const open = openKey(ring, key);
  if (!new X509Certificate(leaf).checkPrivateKey(open))
    throw new Failure('damaged', 'the private key is not that of the certificate');
  return {
    chain: [leaf, ...chain].map((der) => new X509Certificate(der).toString()).join(''),
    key: open.export({ type: 'pkcs8', format: 'pem' }),
  };
}
