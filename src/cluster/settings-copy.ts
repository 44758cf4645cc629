/** A process's copy of the cluster settings, brought up to date by snapshots and deltas. No I/O. */
import type { DomainId } from '../store/ids.ts';
import type { ClusterSettings, DomainRecord, SettingsDelta } from './types.ts';

export class SettingsCopy implements ClusterSettings {
  readonly #byId = new Map<DomainId, DomainRecord>();
  readonly #byName = new Map<string, DomainRecord>();
  readonly #values = new Map<string, Buffer>();
  #version = -1;
  #sorted: readonly DomainRecord[] | undefined;

  /** -1 until the first snapshot. */
  get version(): number {
    return this.#version;
  }

  domain(name: string): DomainRecord | undefined {
    return this.#byName.get(name);
  }

  domainById(id: DomainId): DomainRecord | undefined {
    return this.#byId.get(id);
  }

  domains(): readonly DomainRecord[] {
    this.#sorted ??= [...this.#byId.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return this.#sorted;
  }

  value(key: string): Buffer | undefined {
    return this.#values.get(key);
  }

  /** Older news than the copy, and a delta for a copy that has nothing, are left alone. */
  apply(delta: SettingsDelta): void {
    if (delta.version <= this.#version || (!delta.whole && this.#version < 0)) return;
    if (delta.whole) {
      this.#byId.clear();
      this.#byName.clear();
      this.#values.clear();
    }
    for (const id of delta.domainsDeleted) this.#forget(id);
    for (const domain of delta.domains) {
      this.#forget(domain.id);
      this.#byId.set(domain.id, domain);
      this.#byName.set(domain.name, domain);
    }
    for (const [key, value] of delta.values) {
      if (value === null) this.#values.delete(key);
      else this.#values.set(key, value);
    }
    this.#sorted = undefined;
    this.#version = delta.version;
  }

  #forget(id: DomainId): void {
    const known = this.#byId.get(id);
    if (known === undefined) return;
    this.#byId.delete(id);
    if (this.#byName.get(known.name) === known) this.#byName.delete(known.name);
  }
}
