/**
 * A process's copy of the cluster settings, brought up to date by snapshots and deltas. No I/O. A snapshot of several pages
 * is built beside the copy, a page a turn, and takes its place as a whole: nobody sees half of one.
 */
import type { DomainId } from '../../store/ids.ts';
import type { SettingsPage } from '../news.ts';
import type { DomainRecord, SettingsDelta, WatchedSettings } from '../types.ts';

class Tables {
  readonly byId = new Map<DomainId, DomainRecord>();
  readonly byName = new Map<string, DomainRecord>();
  readonly values = new Map<string, Buffer>();

  take(delta: SettingsDelta): void {
    for (const id of delta.domainsDeleted) this.#forget(id);
    for (const domain of delta.domains) {
      this.#forget(domain.id);
      this.byId.set(domain.id, domain);
      this.byName.set(domain.name, domain);
    }
    for (const [key, value] of delta.values) {
      if (value === null) this.values.delete(key);
      else this.values.set(key, value);
    }
  }

  #forget(id: DomainId): void {
    const known = this.byId.get(id);
    if (known === undefined) return;
    this.byId.delete(id);
    if (this.byName.get(known.name) === known) this.byName.delete(known.name);
  }
}

export class SettingsCopy implements WatchedSettings {
  readonly #listeners = new Set<(delta: SettingsDelta) => void>();
  #tables = new Tables();
  #version = -1;
  #sorted: readonly DomainRecord[] | undefined;
  /** A snapshot whose last page is still to come. */
  #building: { readonly version: number; readonly tables: Tables } | undefined;

  /** -1 until the first snapshot. */
  get version(): number {
    return this.#version;
  }

  domain(name: string): DomainRecord | undefined {
    return this.#tables.byName.get(name);
  }

  domainById(id: DomainId): DomainRecord | undefined {
    return this.#tables.byId.get(id);
  }

  domains(): readonly DomainRecord[] {
    this.#sorted ??= [...this.#tables.byId.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return this.#sorted;
  }

  value(key: string): Buffer | undefined {
    return this.#tables.values.get(key);
  }

  onChange(listener: (delta: SettingsDelta) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Keys of all values. */
  keys(): readonly string[] {
    return [...this.#tables.values.keys()];
  }

  /** The next page of what was asked for; `isFirst`: what was built from pages before is dropped. */
  page({ next, ...delta }: SettingsPage, isFirst: boolean): void {
    if (isFirst && next === undefined) return this.apply(delta);
    if (isFirst) this.#building = { version: delta.version, tables: new Tables() };
    const { version, tables } = this.#building ?? {};
    if (tables === undefined || version !== delta.version) return;
    tables.take(delta);
    if (next !== undefined) return;
    this.#building = undefined;
    if (version <= this.#version) return;
    this.#tables = tables;
    this.#changed({
      version,
      whole: true,
      domains: [...tables.byId.values()],
      domainsDeleted: [],
      values: [...tables.values],
    });
  }

  /** Older news than the copy, and a delta for a copy that has nothing, are left alone. */
  apply(delta: SettingsDelta): void {
    if (delta.version <= this.#version || (!delta.whole && this.#version < 0)) return;
    if (delta.whole) this.#tables = new Tables();
    this.#tables.take(delta);
    this.#changed(delta);
  }

  #changed(delta: SettingsDelta): void {
    this.#sorted = undefined;
    this.#version = delta.version;
    // Before this process reports the version as shown: what is built from the settings is in force by then.
    for (const listener of this.#listeners) listener(delta);
  }
}
