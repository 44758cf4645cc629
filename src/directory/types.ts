/**
 * Names and what they lead to. Two kinds of entries live in slot logs (docs/architecture.md, names):
 * - a **name entry** in the slot of (domain id, name): this name is an account, an alias … and leads to an object id;
 * - an **object entry** in the slot of (domain id, name it was created with): path, present name, aliases, state.
 * The object entry's log is the first log of every operation on an account: intents are written there.
 */
import type { DomainId, ObjectId } from '../store/ids.ts';

/** What a local part leads to. */
export type Resolved = { readonly kind: 'account'; readonly object: ObjectId } | { readonly kind: 'unknown' };

/** Finds, makes and changes names; works on any member, through the owners of the slots. */
export interface Directory {
  /**
   * `user@domain` (case folded, NFC, domain as A-labels) or undefined when the domain is not ours. Failure 'unavailable'
   * when that cannot be told now.
   */
  parse(address: string): { readonly domainId: DomainId; readonly name: string } | undefined;
  /** Failure 'unavailable' when no owner answered in time. */
  resolve(domainId: DomainId, name: string, timeoutMs: number): Promise<Resolved>;

  createAccount(domainId: DomainId, name: string, initial: ReadonlyMap<string, Buffer>): Promise<ObjectId>;
  renameAccount(domainId: DomainId, from: string, toDomainId: DomainId, to: string): Promise<void>;
  deleteAccount(domainId: DomainId, name: string): Promise<void>;
  aliases(domainId: DomainId, name: string): Promise<readonly string[]>;
  setAliases(domainId: DomainId, name: string, aliases: readonly string[]): Promise<void>;
  /** Names of accounts of a domain, from every owner. */
  listAccounts(domainId: DomainId): Promise<readonly string[]>;
}
