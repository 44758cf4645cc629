/**
 * What the administration commands act on. The commands (commands.ts) are the same on every face: the text CLI now, the
 * JSON API and the console later; a member gives them its cluster through this interface.
 */
import type { ClusterSettings } from '../cluster/types.ts';
import type { Directory } from '../directory/types.ts';
import type { Dictionary } from '../lib/dictionary/value.ts';
import type { AuthenticatedAs } from '../login/types.ts';
import type { Address } from '../platform/platform.ts';
import type { DomainId, Slot } from '../store/ids.ts';
import type { ClusterMembers } from './members.ts';

/** What an account may do for the whole cluster. An administrator of the cluster settings has all. */
export const RIGHTS = ['Master'] as const;
export type Right = (typeof RIGHTS)[number];

/** An account by name: domain and local part, in stored form. */
export interface AccountName {
  readonly domainId: DomainId;
  readonly name: string;
}

export interface Administration {
  /** False where the member stands alone: a domain need not be called SHARED then. */
  readonly clustered: boolean;
  /** The domain of names without `@`; undefined where the member has none. */
  readonly mainDomain: string | undefined;
  readonly settings: Pick<ClusterSettings, 'domain' | 'domains' | 'domainById'>;
  readonly directory: Directory;

  /** `name` in stored form; `settings` as given. Failure 'exists', 'invalid', 'limit', 'unavailable', 'unknown'. */
  createDomain(
    name: string,
    options: { readonly shared: boolean; readonly settings: Dictionary },
  ): Promise<void>;
  /**
   * `settings` as given, of a domain that is there; with `replace` the others go. Failure 'not-found', 'exists' (an address
   * is another domain's), 'invalid', 'limit', 'unavailable', 'unknown'.
   */
  changeDomainSettings(
    name: string,
    settings: Dictionary,
    options: { readonly replace: boolean },
  ): Promise<void>;
  /** With its accounts when `force`. Failure 'not-found', 'refused' (there are accounts), 'unavailable', 'unknown'. */
  deleteDomain(name: string, options: { readonly force: boolean }): Promise<void>;

  /** The properties that a new account starts with so that this password opens it. Failure 'limit', 'unavailable'. */
  credentials(password: string): Promise<ReadonlyMap<string, Buffer>>;
  /** Failure 'not-found', 'limit', 'unavailable', 'unknown'. */
  setPassword(account: AccountName, password: string): Promise<void>;
  /** Of whoever is logged in, an administrator too. Failures as `setPassword`. */
  setOwnPassword(who: AuthenticatedAs, password: string): Promise<void>;

  /** The rights that somebody logged in has at this moment. */
  rightsOf(who: AuthenticatedAs): Promise<ReadonlySet<Right>>;
  /** Failure 'not-found', 'unavailable'. */
  accountRights(account: AccountName): Promise<ReadonlySet<Right>>;
  /** Failure 'not-found', 'unavailable', 'unknown'. */
  setAccountRights(account: AccountName, rights: ReadonlySet<Right>): Promise<void>;

  /** Readiness of members, feature level. */
  readonly members: Pick<ClusterMembers, 'members' | 'makeNotReady' | 'makeReady' | 'level' | 'raiseLevel'>;
  /**
   * Resolves when the slot is at that member. Failure 'not-found' (no such backend), 'refused' (it takes no slots, or the member
   * stands alone), 'unavailable', 'unknown' (it may come yet).
   */
  moveSlot(slot: Slot, member: string): Promise<void>;
  /** The cluster address of the controller's supervisor; undefined while none is heard or the member stands alone. */
  controller(): Address | undefined;
}

/** Why a command was not done; each face has its code for it (src/cli/codec.ts for the PWD protocol). */
export type Reason =
  | 'unknown-command'
  | 'syntax'
  | 'no-right'
  | 'unknown-domain'
  | 'unknown-account'
  | 'account-exists'
  | 'invalid'
  /** Nothing happened; the same command may work later. */
  | 'temporary'
  /** It may have happened. */
  | 'unknown-outcome'
  | 'failed';

/** Thrown by a command that is not done, caught once, where commands are run. */
export class Refusal extends Error {
  readonly reason: Reason;
  constructor(reason: Reason, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'Refusal';
    this.reason = reason;
  }
}
