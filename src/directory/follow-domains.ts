/**
 * An index over domains in step with a member's copy of the settings, from what the copy holds now on: what it says of a
 * domain is put in, again at each change, and removed when the domain is gone.
 */
import type { DomainRecord, WatchedSettings } from '../cluster/types.ts';
import type { DomainId } from '../store/ids.ts';

export interface DomainIndex {
  /** Of which it holds something. */
  ids(): Iterable<DomainId>;
  /** New, or another than before. */
  put(domain: DomainRecord): void;
  remove(id: DomainId): void;
}

/** Ends by the result. */
export function followDomains(settings: WatchedSettings, index: DomainIndex): () => void {
  for (const domain of settings.domains()) index.put(domain);
  return settings.onChange(({ whole, domains, domainsDeleted }) => {
    if (whole) {
      const there = new Set(domains.map(({ id }) => id));
      for (const id of Array.from(index.ids())) if (!there.has(id)) index.remove(id);
    }
    for (const id of domainsDeleted) index.remove(id);
    for (const domain of domains) index.put(domain);
  });
}
