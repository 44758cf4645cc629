/** Cluster settings that every worker of a test sees at once. */
import type { DomainRecord, SettingsDelta, WatchedSettings } from '../../src/cluster/types.ts';
import type { DomainId } from '../../src/store/ids.ts';

export class FakeSettings implements WatchedSettings {
  version = 1;
  readonly #domains = new Map<DomainId, DomainRecord>();
  readonly #values = new Map<string, Buffer>();

  constructor() {
    this.put({ id: 1 as DomainId, name: 'one.example', shared: true });
    this.put({ id: 2 as DomainId, name: 'two.example', shared: true });
  }

  readonly #listeners = new Set<(delta: SettingsDelta) => void>();

  put(record: DomainRecord): void {
    this.#domains.set(record.id, record);
    this.#tell({ domains: [record] });
  }

  remove(id: DomainId): void {
    this.#domains.delete(id);
    this.#tell({ domainsDeleted: [id] });
  }

  setValue(key: string, value: Buffer | null): void {
    if (value === null) this.#values.delete(key);
    else this.#values.set(key, value);
    this.#tell({ values: [[key, value]] });
  }

  /** Tells everything again, as a member is told that has missed too much. */
  tellWhole(): void {
    this.#tell({ whole: true, domains: this.domains(), values: [...this.#values] });
  }

  onChange(listener: (delta: SettingsDelta) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #tell(delta: Partial<SettingsDelta>): void {
    this.version++;
    const nothing = { version: this.version, whole: false, domains: [], domainsDeleted: [], values: [] };
    for (const listener of this.#listeners) listener({ ...nothing, ...delta });
  }

  domain(name: string): DomainRecord | undefined {
    return this.domains().find((record) => record.name === name);
  }

  domainById(id: DomainId): DomainRecord | undefined {
    return this.#domains.get(id);
  }

  domains(): readonly DomainRecord[] {
    return [...this.#domains.values()];
  }

  value(key: string): Buffer | undefined {
    return this.#values.get(key);
  }
}
