/**
 * What the administration commands act on, as a member has it: domains and administrators in the cluster settings, accounts
 * through the directory. Rights of an account are a cluster setting under its object id: a rename keeps them, and a new
 * account of the same name does not inherit them.
 */
import { ClusterMembers } from '../admin/members.ts';
import { type AccountName, type Administration, RIGHTS, type Right } from '../admin/types.ts';
import { changeDomainSettings } from '../certificates/domain-settings.ts';
import type { Keyring } from '../cluster/security/types.ts';
import type { ClusterSettings, NodeView } from '../cluster/types.ts';
import type { SettingsChange } from '../directory/cluster-settings.ts';
import { Domains } from '../directory/domains.ts';
import type { Names } from '../directory/names.ts';
import type { Dictionary } from '../lib/dictionary/value.ts';
import { DecodeError } from '../lib/encoder.ts';
import { Failure } from '../lib/failure.ts';
import { administratorKey, type ClusterAuthenticator } from '../login/authenticator.ts';
import { CREDENTIALS_PROPERTY } from '../login/credentials.ts';
import type { AuthenticatedAs } from '../login/types.ts';
import type { Address, Random } from '../platform/platform.ts';
import { decodeDomainSettings, encodeDomainSettings } from '../settings/domain-settings.ts';
import { type ObjectId, objectKey, type Slot } from '../store/ids.ts';

export interface AdministrationOptions {
  readonly node: Pick<
    NodeView,
    'settings' | 'controller' | 'changeSettings' | 'status' | 'refreshStatus' | 'moveSlot'
  >;
  readonly names: Names;
  readonly authenticator: ClusterAuthenticator;
  readonly random: Random;
  /** Keys that frontends have, as of now; a member without any cannot take private keys. */
  readonly ring?: () => Keyring;
  /** False where the member stands alone. */
  readonly clustered: boolean;
}

const CHANGE_TIMEOUT_MS = 15_000;
/** A slot moves within a moment, unless others move or something does not let go of it. */
const MOVE_TIMEOUT_MS = 10_000;
const REQUEST_OCTETS = 16;

export class MemberAdministration implements Administration {
  readonly clustered: boolean;
  readonly mainDomain = undefined;
  readonly settings: ClusterSettings;
  readonly directory: Names;
  readonly members: ClusterMembers;
  readonly #options: AdministrationOptions;
  readonly #domains: Domains;

  constructor(options: AdministrationOptions) {
    const { node, names, random } = options;
    this.#options = options;
    this.clustered = options.clustered;
    this.settings = node.settings;
    this.directory = names;
    this.members = new ClusterMembers({ node, clock: names.clock, random, clustered: options.clustered });
    this.#domains = new Domains({
      settings: node.settings,
      changeSettings: (change, { timeoutMs }) => node.changeSettings(change, { timeoutMs }),
      directory: names,
      random,
    });
  }

  async createDomain(
    name: string,
    options: { readonly shared: boolean; readonly settings: Dictionary },
  ): Promise<void> {
    const settings = this.#changed(name, undefined, options.settings, true);
    // Alone, the one member's storage is the cluster's: a domain is shared by all of it.
    await this.#domains.create(name, options.shared || !this.clustered, settings);
  }

  changeDomainSettings(
    name: string,
    settings: Dictionary,
    { replace }: { readonly replace: boolean },
  ): Promise<void> {
    return this.#domains.changeSettings(name, (stored) => this.#changed(name, stored, settings, replace));
  }

  deleteDomain(name: string, options: { readonly force: boolean }): Promise<void> {
    return this.#domains.delete(name, options.force);
  }

  async credentials(password: string): Promise<ReadonlyMap<string, Buffer>> {
    return new Map([[CREDENTIALS_PROPERTY, await this.#options.authenticator.makeCredentials(password)]]);
  }

  setPassword(account: AccountName, password: string): Promise<void> {
    return this.#options.authenticator.setPassword(account.domainId, account.name, password);
  }

  async setOwnPassword(who: AuthenticatedAs, password: string): Promise<void> {
    if (who.kind === 'administrator') {
      const record = await this.#options.authenticator.makeCredentials(password);
      await this.#change({ kind: 'setValue', key: administratorKey(who.login), value: record });
      return;
    }
    if (who.object === undefined) throw new Failure('not-found', `no account ${who.login}`);
    await this.#options.authenticator.setPasswordOf(who.object, password);
  }

  async rightsOf(who: AuthenticatedAs): Promise<ReadonlySet<Right>> {
    if (who.kind === 'administrator') return new Set(RIGHTS);
    return who.object === undefined ? new Set() : this.#rights(who.object);
  }

  async accountRights(account: AccountName): Promise<ReadonlySet<Right>> {
    return this.#rights(await this.directory.find(account.domainId, account.name));
  }

  async setAccountRights(account: AccountName, rights: ReadonlySet<Right>): Promise<void> {
    const object = await this.directory.find(account.domainId, account.name);
    const value = rights.size === 0 ? null : Buffer.from([...rights].join('\n'));
    await this.#change({ kind: 'setValue', key: rightsKey(object), value });
  }

  async moveSlot(slot: Slot, member: string): Promise<void> {
    if (!this.clustered)
      throw new Failure('refused', 'this member stands alone: there is nowhere to move a slot to');
    await this.#options.node.moveSlot(slot, member, { timeoutMs: MOVE_TIMEOUT_MS });
  }

  controller(): Address | undefined {
    return this.clustered ? this.#options.node.controller()?.address : undefined;
  }

  /** The settings of a domain as they are to be stored. */
  #changed(
    domain: string,
    stored: Buffer | undefined,
    given: Dictionary,
    replace: boolean,
  ): Buffer | undefined {
    const { random, names } = this.#options;
    const options = { domain, replace, random, ring: () => this.#ring(), nowMs: names.clock.wallMs() };
    return encodeDomainSettings(changeDomainSettings(readStored(domain, stored), given, options));
  }

  #ring(): Keyring {
    const ring = this.#options.ring?.();
    if (ring === undefined)
      throw new Failure('unavailable', 'this member has no keys of the cluster to seal a private key with');
    return ring;
  }

  #rights(object: ObjectId): ReadonlySet<Right> {
    const words = this.settings.value(rightsKey(object))?.toString('utf8').split('\n') ?? [];
    return new Set(RIGHTS.filter((right) => words.includes(right)));
  }

  async #change(change: SettingsChange): Promise<void> {
    const request = this.#options.random.bytes(REQUEST_OCTETS).toString('hex');
    await this.#options.node.changeSettings({ ...change, request }, { timeoutMs: CHANGE_TIMEOUT_MS });
  }
}

function readStored(domain: string, stored: Buffer | undefined): Dictionary {
  try {
    return decodeDomainSettings(stored);
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    // Written by a newer version of this program, as the controller stores nothing that it cannot read.
    throw new Failure('damaged', `the settings of ${domain} cannot be read here: ${cause.message}`, {
      cause,
    });
  }
}

/** The cluster settings' value that holds an account's rights, one a line. */
function rightsKey(object: ObjectId): string {
  return `rights/${objectKey(object)}`;
}
