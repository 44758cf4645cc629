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
import type { SettingsChange } from './cluster-settings.ts';
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
const REQUEST_OCTETS = 16;

export class Domains {
  readonly #options: DomainsOptions;

  constructor(options: DomainsOptions) {
    this.#options = options;
  }

  /** Failure 'exists', 'invalid'. */
  async create(name: string, shared: boolean): Promise<void> {
    const stored = domainName(name);
    if (stored === undefined) throw new Failure('invalid', `${JSON.stringify(name)} is not a domain name`);
    await this.#change({ kind: 'createDomain', name: stored, shared });
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
    const next = accounts.values();
    const deleteEach = async () => {
      for (const name of next)
        await directory.deleteAccount(id, name).catch((error: unknown) => {
          // Gone, or held by a change that the next round finds finished.
          const code = failureCode(error);
          if (code !== 'not-found' && code !== 'unavailable') throw error;
        });
    };
    await Promise.all(Array.from({ length: DELETES_AT_ONCE }, deleteEach));
  }

  #change(change: SettingsChange): Promise<unknown> {
    const request = this.#options.random.bytes(REQUEST_OCTETS).toString('hex');
    return this.#options.changeSettings({ ...change, request }, { timeoutMs: CHANGE_TIMEOUT_MS });
  }
}
