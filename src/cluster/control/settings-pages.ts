/**
 * What a copy of the cluster settings needs, in pages: a body on the bus and a turn of the event loop hold so much and no
 * more. What changed since a version goes in one page, or it is everything anew.
 *
 * Everything is a snapshot of one version that stays as it is while it is fetched, and is given to all who ask meanwhile:
 * what has changed since then is for the next question. It holds references only.
 */
import { Failure } from '../../lib/failure.ts';
import { SETTINGS_PAGE_ENTRIES_MAX, type SettingsCursor, type SettingsPage } from '../news.ts';
import type { DomainRecord, SettingsDelta, SettingsObject } from '../types.ts';

/** Octets of a page, roughly; the last entry of it may go beyond. */
const PAGE_OCTETS = 4 * 1024 * 1024;
/** Of an entry besides its texts and octets. */
const ENTRY_OCTETS = 64;
/** A snapshot that nobody has asked for so long is dropped. */
const SNAPSHOT_KEPT_MS = 60_000;

type Source = Pick<SettingsObject, 'version' | 'snapshot' | 'changesSince'>;

export interface SettingsQuestion {
  /** The version that the asker has; -1: none. */
  readonly since: number;
  /** Where the page before ended. */
  readonly cursor: SettingsCursor | undefined;
}

export class SettingsPages {
  #snapshot: SettingsDelta | undefined;
  #usedAt = 0;
  /** The newest answer to "what changed": most members ask from the same version. */
  #changes: { readonly since: number; readonly delta: SettingsDelta } | undefined;

  page(now: number, source: Source, { since, cursor }: SettingsQuestion): SettingsPage {
    if (cursor !== undefined) {
      if (cursor.version !== this.#snapshot?.version)
        throw new Failure('not-found', 'the snapshot is gone: begin anew');
      this.#usedAt = now;
      return cut(this.#snapshot, cursor.from);
    }
    const changes = since >= 0 ? this.#changesSince(source, since) : undefined;
    if (changes !== undefined && fits(changes)) return { ...changes, next: undefined };
    this.#usedAt = now;
    // One that the asker has already would be asked for again and again. One of a single page is shared with nobody, so it
    // is of now: by an old list of certificates who begins would refuse our own, and never hear more.
    const kept = this.#snapshot;
    const isGood = kept !== undefined && kept.version > since && cut(kept, 0).next !== undefined;
    const snapshot = isGood ? kept : source.snapshot();
    this.#snapshot = snapshot;
    return cut(snapshot, 0);
  }

  /** Each Heartbeat. */
  tick(now: number): void {
    if (now - this.#usedAt >= SNAPSHOT_KEPT_MS) this.#snapshot = undefined;
  }

  /** The source is another one, or closed. */
  clear(): void {
    this.#snapshot = undefined;
    this.#changes = undefined;
  }

  #changesSince(source: Source, since: number): SettingsDelta | undefined {
    if (this.#changes?.since !== since || this.#changes.delta.version !== source.version) {
      const delta = source.changesSince(since);
      this.#changes = delta && { since, delta };
    }
    return this.#changes?.delta;
  }
}

function fits(delta: SettingsDelta): boolean {
  return delta.domainsDeleted.length <= SETTINGS_PAGE_ENTRIES_MAX && cut(delta, 0).next === undefined;
}

/** Domains first, then values, counted through. */
function cut(all: SettingsDelta, from: number): SettingsPage {
  const { domains, values } = all;
  const end = Math.min(from + SETTINGS_PAGE_ENTRIES_MAX, domains.length + values.length);
  let at = from;
  for (let octets = 0; at < end && octets < PAGE_OCTETS; at++)
    octets += at < domains.length ? domainOctets(domains[at]!) : valueOctets(values[at - domains.length]!);
  const isLast = at >= domains.length + values.length;
  return {
    ...all,
    domains: domains.slice(from, at),
    values: values.slice(Math.max(0, from - domains.length), Math.max(0, at - domains.length)),
    next: isLast ? undefined : { version: all.version, from: at },
  };
}

function domainOctets({ name, directory, settings }: DomainRecord): number {
  return ENTRY_OCTETS + name.length + (directory?.length ?? 0) + (settings?.length ?? 0);
}

function valueOctets([key, value]: SettingsDelta['values'][number]): number {
  return ENTRY_OCTETS + key.length + (value?.length ?? 0);
}
