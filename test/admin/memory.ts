/** An administration in memory, for the tests of commands and of the CLI. Failures can be put in the way. */

import type { AccountName, Administration, Right } from '../../src/admin/types.ts';
import { changeDomainSettings } from '../../src/certificates/domain-settings.ts';
import { makeKeyring } from '../../src/cluster/security/keyring.ts';
import type { DomainRecord } from '../../src/cluster/types.ts';
import { splitAddress } from '../../src/directory/address.ts';
import type { Directory } from '../../src/directory/types.ts';
import type { Dictionary } from '../../src/lib/dictionary/value.ts';
import { Failure } from '../../src/lib/failure.ts';
import type { AuthenticatedAs, Authenticator } from '../../src/login/types.ts';
import { decodeDomainSettings, encodeDomainSettings } from '../../src/settings/domain-settings.ts';
import type { DomainId, ObjectId, Slot } from '../../src/store/ids.ts';
import { Prng } from '../support/prng.ts';
import { MemoryNode, membersOf, status } from './memory-members.ts';

export const POSTMASTER: AuthenticatedAs = { kind: 'administrator', login: 'postmaster', object: undefined };

interface Held {
  readonly object: ObjectId;
  aliases: readonly string[];
  properties: ReadonlyMap<string, Buffer>;
}

export class MemoryAdministration implements Administration {
  clustered = true;
  mainDomain: string | undefined;
  readonly accounts = new Map<string, Held>();
  readonly rights = new Map<string, ReadonlySet<Right>>();
  /** Thrown by the next call that changes or asks anything. */
  failure: Error | undefined;
  hasController = true;
  /** Moved to each backend. */
  readonly slots = new Map<string, readonly Slot[]>([['be1', []]]);
  #domains: DomainRecord[] = [];
  #nextId = 1;
  #created = 0;
  postmasterPassword = 'secret word';
  readonly random = new Prng('administration');
  readonly node = new MemoryNode([status('be1', { isController: true }), status('fe1')]);
  readonly members = membersOf(this.node);
  readonly ring = makeKeyring('frontend', this.random);
  nowMs = Date.now();

  readonly settings = {
    domain: (name: string) => this.#domains.find((each) => each.name === name),
    domainById: (id: DomainId) => this.#domains.find((each) => each.id === id),
    domains: () => this.#domains,
  };

  readonly directory: Directory = {
    parse: (address) => {
      const split = splitAddress(address);
      const domain = split === undefined ? undefined : this.settings.domain(split.domain);
      return split === undefined || domain === undefined
        ? undefined
        : { domainId: domain.id, name: split.name };
    },
    resolve: async (domainId, name) => {
      this.#fail();
      const held = this.find({ domainId, name });
      return held === undefined ? { kind: 'unknown' } : { kind: 'account', object: held.object };
    },
    createAccount: async (domainId, name, initial) => {
      this.#fail();
      if (this.find({ domainId, name }) !== undefined) throw new Failure('exists', 'the name is taken');
      const object: ObjectId = { domainId, name, serial: `1-${++this.#created}` };
      this.accounts.set(`${domainId}/${name}`, { object, aliases: [], properties: initial });
      return object;
    },
    renameAccount: async (domainId, from, toDomainId, to) => {
      if (this.find({ domainId: toDomainId, name: to }) !== undefined)
        throw new Failure('exists', 'the name is taken');
      const held = this.#held({ domainId, name: from });
      this.accounts.delete(`${domainId}/${from}`);
      this.accounts.set(`${toDomainId}/${to}`, held);
    },
    deleteAccount: async (domainId, name) => {
      this.accounts.delete(`${domainId}/${name}`);
    },
    aliases: async (domainId, name) => this.#held({ domainId, name }).aliases,
    setAliases: async (domainId, name, aliases) => {
      const held = this.#held({ domainId, name });
      for (const alias of aliases) {
        const other = this.find({ domainId, name: alias });
        if (other !== undefined && other !== held) throw new Failure('exists', 'the name is taken');
      }
      held.aliases = aliases;
    },
    listAccounts: async (domainId) => {
      this.#fail();
      return [...this.accounts.keys()]
        .filter((key) => key.startsWith(`${domainId}/`))
        .map((key) => key.slice(key.indexOf('/') + 1))
        .sort();
    },
  };

  readonly authenticator: { -readonly [K in keyof Authenticator]: Authenticator[K] } = {
    verifyPassword: async (login, password) => {
      this.#fail();
      if (login === 'postmaster' && password === this.postmasterPassword) return POSTMASTER;
      const name = this.directory.parse(login);
      const held = name === undefined ? undefined : this.find(name);
      if (held === undefined || held.properties.get('password')?.toString() !== password)
        throw new Failure('refused', 'wrong name or password');
      return { kind: 'account', login, object: held.object };
    },
    beginScram: () => Promise.reject(new Failure('unavailable', 'no SCRAM here')),
  };

  async createDomain(
    name: string,
    { shared, settings }: { readonly shared: boolean; readonly settings: Dictionary },
  ): Promise<void> {
    this.#fail();
    if (this.settings.domain(name) !== undefined)
      throw new Failure('exists', `the domain ${name} exists already`);
    const changed = this.#changed(name, new Map(), settings, true);
    const domain = { id: this.#nextId++ as DomainId, name, shared };
    this.#domains = [...this.#domains, withSettings(domain, changed)];
  }

  async changeDomainSettings(
    name: string,
    settings: Dictionary,
    { replace }: { readonly replace: boolean },
  ): Promise<void> {
    this.#fail();
    const domain = this.settings.domain(name);
    if (domain === undefined) throw new Failure('not-found', 'no such domain');
    const changed = this.#changed(name, decodeDomainSettings(domain.settings), settings, replace);
    this.#domains = this.#domains.map((each) => (each === domain ? withSettings(each, changed) : each));
  }

  async deleteDomain(name: string, { force }: { readonly force: boolean }): Promise<void> {
    const domain = this.settings.domain(name);
    const names = domain === undefined ? [] : await this.directory.listAccounts(domain.id);
    if (names.length > 0 && !force) throw new Failure('refused', `the domain ${name} has accounts`);
    for (const each of names) this.accounts.delete(`${domain?.id}/${each}`);
    this.#domains = this.#domains.filter((each) => each.name !== name);
  }

  async credentials(password: string): Promise<ReadonlyMap<string, Buffer>> {
    return new Map([['password', Buffer.from(password)]]);
  }

  async setPassword(account: AccountName, password: string): Promise<void> {
    const held = this.#held(account);
    held.properties = new Map([...held.properties, ['password', Buffer.from(password)]]);
  }

  async setOwnPassword(who: AuthenticatedAs, password: string): Promise<void> {
    this.#fail();
    const held = [...this.accounts.values()].find((each) => each.object === who.object);
    if (held === undefined) this.postmasterPassword = password;
    else held.properties = new Map([...held.properties, ['password', Buffer.from(password)]]);
  }

  async rightsOf(who: AuthenticatedAs): Promise<ReadonlySet<Right>> {
    if (who.kind === 'administrator') return new Set(['Master']);
    return this.rights.get(who.login) ?? new Set();
  }

  async accountRights(account: AccountName): Promise<ReadonlySet<Right>> {
    return this.rights.get(this.#login(account)) ?? new Set();
  }

  async setAccountRights(account: AccountName, rights: ReadonlySet<Right>): Promise<void> {
    this.rights.set(this.#login(account), rights);
  }

  async moveSlot(slot: Slot, member: string): Promise<void> {
    this.#fail();
    if (!this.slots.has(member)) throw new Failure('not-found', `no backend ${member} is there`);
    this.slots.set(member, [...this.slots.get(member)!, slot]);
  }

  controller(): { readonly host: string; readonly port: number } | undefined {
    return this.hasController && this.clustered ? { host: '10.0.1.10', port: 7600 } : undefined;
  }

  find({ domainId, name }: AccountName): Held | undefined {
    const direct = this.accounts.get(`${domainId}/${name}`);
    if (direct !== undefined) return direct;
    return [...this.accounts.values()].find(
      (each) => each.object.domainId === domainId && each.aliases.includes(name),
    );
  }

  #changed(domain: string, stored: Dictionary, given: Dictionary, replace: boolean): Dictionary {
    const { nowMs, random } = this;
    return changeDomainSettings(stored, given, { domain, replace, nowMs, random, ring: () => this.ring });
  }

  #login({ domainId, name }: AccountName): string {
    return `${name}@${this.settings.domainById(domainId)?.name}`;
  }

  #held(account: AccountName): Held {
    this.#fail();
    const held = this.find(account);
    if (held === undefined) throw new Failure('not-found', 'no such account');
    return held;
  }

  #fail(): void {
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
  }
}

function withSettings({ id, name, shared }: DomainRecord, changed: Dictionary): DomainRecord {
  const settings = encodeDomainSettings(changed);
  return { id, name, shared, ...(settings === undefined ? {} : { settings }) };
}
