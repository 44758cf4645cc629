/**
 * The directory as any member uses it: every question goes to the owner of the slot that can answer it, through the
 * router. A change carries a request id, so that a lost answer can be asked for again without doing the work twice.
 */
import type { Bus } from '../cluster/bus/types.ts';
import type { ClusterSettings, SlotMap, SlotRouter } from '../cluster/types.ts';
import { Failure, failureCode } from '../lib/failure.ts';
import type { Clock, Random } from '../platform/platform.ts';
import { INITIAL_MAILBOXES, newAccount } from '../store/account/initial.ts';
import { type DomainId, type ObjectId, SLOTS } from '../store/ids.ts';
import type { Name } from '../store/slot/types.ts';
import { slotOf, slotOfObject } from '../store/slots.ts';
import { localPart, splitAddress } from './address.ts';
import { readSlot } from './bodies.ts';
import type { Change } from './changes.ts';
import { newRequest } from './request.ts';
import { sortedInTurns } from './sorted.ts';
import type { Directory, Resolved } from './types.ts';
import { readCount, readFields, readList, readObjectId, readText } from './wire.ts';

export interface NamesOptions {
  readonly router: SlotRouter;
  readonly map: SlotMap;
  /** For listings, which go to workers, not to slots. */
  readonly bus: Pick<Bus, 'call'>;
  readonly settings: ClusterSettings;
  /** False while this member may have missed changes of the settings: then no domain is called unknown. */
  readonly isCurrent?: () => boolean;
  readonly clock: Clock;
  readonly random: Random;
}

/** A change waits so long for an owner and for the participants of its intent. */
const CHANGE_TIMEOUT_MS = 15_000;
const READ_TIMEOUT_MS = 5000;
/** Listing a domain of millions takes its time; one page does not. */
const LIST_TIMEOUT_MS = 60_000;
const PAGE_TIMEOUT_MS = 5000;
/** Between two rounds over the owners while slots move. */
const LIST_PAUSE_MS = 200;
/** Names of one listing; beyond that the administrator's tools page through by other means. */
const LIST_NAMES_MAX = 5_000_000;

export class Names implements Directory {
  readonly #options: NamesOptions;

  constructor(options: NamesOptions) {
    this.#options = options;
  }

  /** The clock by which it waits for owners. */
  get clock(): Clock {
    return this.#options.clock;
  }

  parse(address: string): Name | undefined {
    const parts = splitAddress(address);
    if (parts === undefined) return undefined;
    const { settings, isCurrent } = this.#options;
    const domain = settings.domain(parts.domain);
    if (domain !== undefined) return { domainId: domain.id, name: parts.name };
    // A process that has just started has no settings yet, and one that is cut off may have old ones: from "not ours"
    // would follow `550` and "wrong password" for what is there.
    if (settings.version < 0 || isCurrent?.() === false)
      throw new Failure('unavailable', 'the domains of the cluster are not known here now');
    return undefined;
  }

  async resolve(domainId: DomainId, name: string, timeoutMs: number): Promise<Resolved> {
    const stored = localPart(name);
    if (stored === undefined) return { kind: 'unknown' };
    const body = { domainId, name: stored };
    const options = { timeoutMs, repeatable: true };
    const answer = await this.#options.router.call(
      slotOf(domainId, stored),
      'directory.resolve',
      body,
      options,
    );
    const { object } = readFields(answer);
    return object === null ? { kind: 'unknown' } : { kind: 'account', object: readObjectId(object) };
  }

  async createAccount(
    domainId: DomainId,
    name: string,
    initial: ReadonlyMap<string, Buffer>,
  ): Promise<ObjectId> {
    const stored = assertName(name);
    // Whoever creates it decides what it begins with, once: every owner tells clients the same (RFC 6154 section 2).
    const { clock } = this.#options;
    const all = initial.has(INITIAL_MAILBOXES) ? initial : newAccount(clock.wallMs(), initial);
    const body = { domainId, name: stored, initial: [...all], request: newRequest(this.#options.random) };
    const options = { timeoutMs: CHANGE_TIMEOUT_MS, repeatable: true };
    const answer = await this.#options.router.call(
      slotOf(domainId, stored),
      'directory.create',
      body,
      options,
    );
    return readObjectId(readFields(answer).object);
  }

  async renameAccount(domainId: DomainId, from: string, toDomainId: DomainId, to: string): Promise<void> {
    const target = { domainId: toDomainId, name: assertName(to) };
    await this.#change(domainId, from, { kind: 'rename', to: target });
  }

  async deleteAccount(domainId: DomainId, name: string): Promise<void> {
    await this.#change(domainId, name, { kind: 'delete' });
  }

  async aliases(domainId: DomainId, name: string): Promise<readonly string[]> {
    return (await this.entry(await this.find(domainId, name))).aliases;
  }

  async setAliases(domainId: DomainId, name: string, aliases: readonly string[]): Promise<void> {
    await this.#change(domainId, name, { kind: 'aliases', aliases: aliases.map(assertName) });
  }

  async listAccounts(domainId: DomainId): Promise<readonly string[]> {
    const { clock, map } = this.#options;
    const untilMs = clock.monotonicMs() + LIST_TIMEOUT_MS;
    const names = new Set<string>();
    const covered = new Set<number>();
    for (;;) {
      await Promise.all(
        map.owners().map((owner) => this.#listOwner(owner.address, domainId, names, covered)),
      );
      if (covered.size === SLOTS) return sortedInTurns(names, clock);
      if (clock.monotonicMs() >= untilMs) throw new Failure('unavailable', 'not every slot has an owner');
      await clock.sleep(LIST_PAUSE_MS);
    }
  }

  /** The account's object; Failure 'not-found'. */
  async find(domainId: DomainId, name: string): Promise<ObjectId> {
    const resolved = await this.resolve(domainId, name, READ_TIMEOUT_MS);
    if (resolved.kind === 'unknown') throw new Failure('not-found', `no account ${name}`);
    return resolved.object;
  }

  /** Present name and aliases of an object. */
  async entry(object: ObjectId): Promise<Name & { readonly aliases: readonly string[] }> {
    const options = { timeoutMs: READ_TIMEOUT_MS, repeatable: true };
    const answer = readFields(
      await this.#options.router.call(slotOfObject(object), 'directory.entry', { object }, options),
    );
    return {
      domainId: readCount(answer.domainId, 'domain id') as DomainId,
      name: readText(answer.name, 'name'),
      aliases: readList(answer.aliases, 'aliases', (alias) => readText(alias, 'alias')),
    };
  }

  async #change(domainId: DomainId, name: string, change: Change): Promise<void> {
    const stored = assertName(name);
    const object = await this.find(domainId, stored);
    const body = { object, domainId, name: stored, request: newRequest(this.#options.random), change };
    const options = { timeoutMs: CHANGE_TIMEOUT_MS, repeatable: true };
    await this.#options.router.call(slotOfObject(object), 'directory.change', body, options);
  }

  async #listOwner(
    address: Parameters<Bus['call']>[0],
    domainId: DomainId,
    names: Set<string>,
    covered: Set<number>,
  ): Promise<void> {
    try {
      for (let after: unknown = null; ; ) {
        const body = { domainId, after };
        const options = { timeoutMs: PAGE_TIMEOUT_MS };
        const page = readFields(await this.#options.bus.call(address, 'directory.list', body, options));
        for (const name of readList(page.names, 'names', (each) => readText(each, 'name'))) names.add(name);
        for (const slot of readList(page.covered, 'covered slots', readSlot)) covered.add(slot);
        if (names.size > LIST_NAMES_MAX) throw new Failure('limit', 'too many accounts to list at once');
        if (page.next === null || page.next === undefined) return;
        after = page.next;
      }
    } catch (error) {
      // Its slots stay uncovered, and whoever owns them in the next round is asked.
      if (failureCode(error) === undefined || failureCode(error) === 'limit') throw error;
    }
  }
}

function assertName(name: string): string {
  const stored = localPart(name);
  if (stored === undefined)
    throw new Failure('invalid', `an account cannot be called ${JSON.stringify(name)}`);
  return stored;
}
