/** Cluster settings that every worker of a test sees at once. */
import type { ClusterSettings, DomainRecord } from '../../src/cluster/types.ts';
import type { DomainId } from '../../src/store/ids.ts';

export class FakeSettings implements ClusterSettings {
  version = 1;
  readonly #domains = new Map<DomainId, DomainRecord>();
  readonly #values = new Map<string, Buffer>();

  constructor() {
    this.put({ id: 1 as DomainId, name: 'one.example', shared: true });
    this.put({ id: 2 as DomainId, name: 'two.example', shared: true });
  }

  put(record: DomainRecord): void {
    this.#domains.set(record.id, record);
    this.version++;
  }

  remove(id: DomainId): void {
    this.#domains.delete(id);
    this.version++;
  }

  setValue(key: string, value: Buffer): void {
    this.#values.set(key, value);
    this.version++;
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
