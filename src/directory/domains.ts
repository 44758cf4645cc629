/**
 * Domains as an administrator makes and deletes them, over the cluster settings. Deleting marks the domain first: when
 * that change is answered, every ready member shows it (invariant 5) and nobody adds a name any more, so the listing
 * that follows is complete. Stopped half way, it can be asked for again.
 */
import type { ClusterSettings, DomainRecord } from '../cluster/types.ts';
import { Failure, failureCode } from '../lib/failure.ts';
import type { Random } from '../platform/platform.ts';
import type { DomainId } from '../store/ids.ts';
import { domainName } from './address.ts';
import { type SettingsChange, STALE } from './cluster-settings.ts';
import { settingsDigest } from './domains-by-address.ts';
import { newRequest } from './request.ts';
import { someAtOnce } from './some-at-once.ts';
import type { Directory } from './types.ts';

export interface DomainsOptions {
  readonly settings: ClusterSettings;
  /** `NodeView.changeSettings`: answered when every ready member shows the change. */
  changeSettings(change: SettingsChange, options: { readonly timeoutMs: number }): Promise<unknown>;
  readonly directory: Directory;
  readonly random: Random;
}

const CHANGE_TIMEOUT_MS = 15_000;
/** Accounts deleted at once. */
const DELETES_AT_ONCE = 16;
/** Listings until a domain must be empty: a name that was on its way in needs a second look. */
const ROUNDS_MAX = 5;
/** Merges of one change of settings until somebody else's changes have been in the way too often. */
const MERGES_MAX = 8;

export class Domains {
  readonly #options: DomainsOptions;

  constructor(options: DomainsOptions) {
    this.#options = options;
  }

  /** With the settings it starts with, as stored. Failure 'exists', 'invalid'. */
  async create(name: string, shared: boolean, settings?: Buffer): Promise<void> {
    const stored = domainName(name);
    if (stored === undefined) throw new Failure('invalid', `${JSON.stringify(name)} is not a domain name`);
    const base = { kind: 'createDomain', name: stored, shared } as const;
    await this.#change(settings === undefined ? base : { ...base, settings });
  }

  /**
   * Replaces the settings by what `merge` makes of them. When somebody else has changed them meanwhile it is asked again,
   * so it has no effects. Failure 'not-found', 'exists' (an address is another domain's), those of `merge`.
   */
  async changeSettings(
    name: string,
    merge: (settings: Buffer | undefined) => Buffer | undefined,
  ): Promise<void> {
    for (let merges = 0; merges < MERGES_MAX; merges++) {
      const { id, settings } = this.#find(name);
      const expected = settingsDigest(settings);
      const merged = merge(settings) ?? null;
      // When STALE is answered our copy shows what we did not know: it is an answer as any other (invariant 5).
      if ((await this.#change({ kind: 'setDomainSettings', id, expected, settings: merged })) !== STALE)
        return;
    }
    throw new Failure('unavailable', `the settings of ${name} are being changed by others all the time`);
  }

  /** With `force` its accounts are deleted too; without, Failure 'refused' when there are any. */
  async delete(name: string, force: boolean): Promise<void> {
    const domain = this.#find(name);
    const { id } = domain;
    await this.#change({ kind: 'deleteDomain', id });
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const accounts = await this.#options.directory.listAccounts(id);
      if (accounts.length === 0) {
        await this.#change({ kind: 'removeDomain', id });
        return;
      }
      if (!force) {
        // One marked by an earlier FORCE stays marked: it has begun to lose its accounts.
        if (!domain.deleting) await this.#change({ kind: 'keepDomain', id });
        throw new Failure('refused', `domain ${domain.name} has accounts`);
      }
      await this.#deleteAccounts(id, accounts);
    }
    throw new Failure('unavailable', `domain ${domain.name} still has accounts that cannot be deleted now`);
  }

  #find(name: string): DomainRecord {
    const stored = domainName(name);
    const domain = stored === undefined ? undefined : this.#options.settings.domain(stored);
    if (domain === undefined) throw new Failure('not-found', `no domain ${name}`);
    return domain;
  }

  async #deleteAccounts(id: DomainId, accounts: readonly string[]): Promise<void> {
    const { directory } = this.#options;
    await someAtOnce(DELETES_AT_ONCE, accounts, async (name) => {
      try {
        await directory.deleteAccount(id, name);
      } catch (error) {
        // Gone, or held by a change that the next round finds finished.
        const code = failureCode(error);
        if (code !== 'not-found' && code !== 'unavailable') throw error;
      }
    });
  }

  #change(change: SettingsChange): Promise<unknown> {
    const request = newRequest(this.#options.random);
    return this.#options.changeSettings({ ...change, request }, { timeoutMs: CHANGE_TIMEOUT_MS });
  }
}
