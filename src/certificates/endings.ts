/**
 * When the certificates of domains end, in step with the settings: so that a daily look costs the controller's supervisor
 * a walk over the domains that have one, not a listing of all, which would hold up its heartbeats. Those that are not shown
 * (CertificateType=Test) are not in it.
 */
import type { DomainRecord, WatchedSettings } from '../cluster/types.ts';
import { followDomains } from '../directory/follow-domains.ts';
import { DecodeError } from '../lib/encoder.ts';
import { failureCode } from '../lib/failure.ts';
import { decodeDomainSettings, domainSetting } from '../settings/domain-settings.ts';
import type { DomainId } from '../store/ids.ts';
import { storedCertificate } from './certificate-change.ts';
import type { Ending } from './expiry.ts';

export class Endings implements Iterable<Ending> {
  readonly #byDomain = new Map<DomainId, Ending>();
  readonly #stop: () => void;

  constructor(settings: WatchedSettings) {
    this.#stop = followDomains(settings, {
      ids: () => this.#byDomain.keys(),
      put: (domain) => this.#put(domain),
      remove: (id) => void this.#byDomain.delete(id),
    });
  }

  [Symbol.iterator](): Iterator<Ending> {
    return this.#byDomain.values();
  }

  close(): void {
    this.#stop();
  }

  #put({ id, name, settings }: DomainRecord): void {
    const ending = settings === undefined ? undefined : endingOf(name, settings);
    if (ending === undefined) this.#byDomain.delete(id);
    else this.#byDomain.set(id, ending);
  }
}

function endingOf(domain: string, settings: Buffer): Ending | undefined {
  try {
    const decoded = decodeDomainSettings(settings);
    if (domainSetting(decoded, 'CertificateType') === 'Test') return undefined;
    const stored = storedCertificate(decoded);
    return stored === undefined ? undefined : { domain, names: stored.names, endsMs: stored.endsMs };
  } catch (error) {
    // Each member that shows certificates says so.
    if (error instanceof DecodeError || failureCode(error) !== undefined) return undefined;
    throw error;
  }
}
