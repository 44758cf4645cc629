/**
 * The state of the cluster settings as a function of their records. Each domain and value knows the modseq of its last
 * change, deleted ones too, so that a member's copy of any age is brought up to date by what changed since.
 */
import type { DomainRecord, SettingsDelta } from '../cluster/types.ts';
import type { DomainId } from '../store/ids.ts';
import type { SettingsRecord } from './cluster-settings-records.ts';
import { DomainsByAddress } from './domains-by-address.ts';

/** Requests remembered, so that a repeated one is answered and not done again. */
const REQUESTS_REMEMBERED_MAX = 1000;

export class SettingsState {
  /** Modseq of the last record: the version of the settings. */
  version = 0;
  readonly #domains = new Map<DomainId, { readonly record: DomainRecord; readonly modseq: number }>();
  readonly #byName = new Map<string, DomainId>();
  readonly #deleted = new Map<DomainId, number>();
  readonly #values = new Map<string, { readonly value: Buffer | null; readonly modseq: number }>();
  /** Values that are there; `#values` remembers deleted ones too. */
  #valueCount = 0;
  readonly #directories = new Set<string>();
  readonly #byAddress = new DomainsByAddress();
  readonly #requests = new Map<string, unknown>();
  #lastId = 0;

  domain(name: string): DomainRecord | undefined {
    const id = this.#byName.get(name);
    return id === undefined ? undefined : this.domainById(id);
  }

  domainById(id: DomainId): DomainRecord | undefined {
    return this.#domains.get(id)?.record;
  }

  /** Whose this address is (canonical form). */
  domainByAddress(address: string): DomainRecord | undefined {
    const id = this.#byAddress.find(address);
    return id === undefined ? undefined : this.domainById(id);
  }

  get domainCount(): number {
    return this.#domains.size;
  }

  get valueCount(): number {
    return this.#valueCount;
  }

  value(key: string): Buffer | undefined {
    return this.#values.get(key)?.value ?? undefined;
  }

  /** Never given before; also not to a domain that was deleted. */
  nextDomainId(): DomainId {
    return (this.#lastId + 1) as DomainId;
  }

  /** Whether a domain ever had this directory. */
  hadDirectory(directory: string): boolean {
    return this.#directories.has(directory);
  }

  /** What a repeated request was answered, wrapped; undefined for a new one. */
  answered(request: string): { readonly result: unknown } | undefined {
    return this.#requests.has(request) ? { result: this.#requests.get(request) } : undefined;
  }

  snapshot(): SettingsDelta {
    return {
      version: this.version,
      whole: true,
      domains: Array.from(this.#domains.values(), ({ record }) => record),
      domainsDeleted: [],
      values: [...this.#values].flatMap(([key, { value }]) =>
        value === null ? [] : [[key, value] as const],
      ),
    };
  }

  changesSince(version: number): SettingsDelta {
    const domains = [...this.#domains.values()].filter(({ modseq }) => modseq > version);
    const deleted = [...this.#deleted].filter(([, modseq]) => modseq > version);
    const values = [...this.#values].filter(([, { modseq }]) => modseq > version);
    return {
      version: this.version,
      whole: false,
      domains: domains.map(({ record }) => record),
      domainsDeleted: deleted.map(([id]) => id),
      values: values.map(([key, { value }]) => [key, value] as const),
    };
  }

  apply(modseq: number, record: SettingsRecord): void {
    this.version = Math.max(this.version, modseq);
    let result: unknown = null;
    switch (record.kind) {
      case 'domain-put':
        this.#putDomain(modseq, record.domain);
        result = record.domain.id;
        break;
      case 'domain-deleted': {
        const name = this.domainById(record.id)?.name;
        if (name !== undefined) this.#byName.delete(name);
        this.#domains.delete(record.id);
        this.#byAddress.remove(record.id);
        this.#deleted.set(record.id, modseq);
        break;
      }
      case 'value-put':
        this.#valueCount += Number(record.value !== null) - Number(this.value(record.key) !== undefined);
        this.#values.set(record.key, { value: record.value, modseq });
        break;
      default:
        record satisfies never;
    }
    this.#remember(record.request, result);
  }

  #putDomain(modseq: number, record: DomainRecord): void {
    const before = this.domainById(record.id);
    if (before !== undefined) this.#byName.delete(before.name);
    this.#domains.set(record.id, { record, modseq });
    this.#byName.set(record.name, record.id);
    this.#byAddress.put(record);
    this.#directories.add(record.directory ?? record.name);
    this.#lastId = Math.max(this.#lastId, record.id);
  }

  #remember(request: string, result: unknown): void {
    if (request === '') return;
    this.#requests.set(request, result);
    if (this.#requests.size > REQUESTS_REMEMBERED_MAX)
      for (const oldest of this.#requests.keys()) return void this.#requests.delete(oldest);
  }
}
