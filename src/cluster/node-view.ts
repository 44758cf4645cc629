/**
 * What every process of the cluster, supervisor or worker, knows and does alike: it hears the controller, keeps copies
 * of map, settings and members up to date (asked for when a statement names a newer version), and says whether it is
 * ready. The driver calls `tick` each Heartbeat and `statement` for each one received.
 */
import { Failure } from '../lib/failure.ts';
import type { Address, Clock } from '../platform/platform.ts';
import { SLOTS, type Slot } from '../store/ids.ts';
import type { Bus } from './bus/types.ts';
import { type Heard, Hearing } from './hearing.ts';
import { Link } from './link.ts';
import { Service, type Statement } from './messages.ts';
import { type MembersNews, readMapDelta, readMembers, readSettings } from './news.ts';
import { SettingsCopy } from './settings-copy.ts';
import { SlotMapCopy, sameAddress } from './slot-map.ts';
import type { ClusterLogger, ClusterTimes, MemberStatus } from './types.ts';

type Copy = 'map' | 'members' | 'settings';

export interface NodeViewOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly times: ClusterTimes;
  readonly logger: ClusterLogger;
  /** Further conditions for being ready. */
  readonly alsoReady: () => boolean;
  /** The supervisors that are asked first, before any member is known. */
  readonly seeds: readonly Address[];
}

export class View {
  readonly map = new SlotMapCopy();
  readonly settings = new SettingsCopy();
  readonly hearing = new Hearing();
  readonly link: Link;
  readonly ready: Promise<void>;
  readonly #o: NodeViewOptions;
  readonly #becameReady: () => void;
  /** What is asked for, and of which control epoch: one that does not answer must not hold up its successor. */
  readonly #asking = new Map<Copy, number>();
  #news: MembersNews = { version: 0, members: [] };
  /** Since when a newer version of the settings has been stated than the one shown here. */
  #behindSince: number | undefined;
  #stopped = false;

  constructor(options: NodeViewOptions) {
    this.#o = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#becameReady = resolve;
    this.link = new Link(
      options.bus,
      () => this.otherSupervisors(),
      (to) => this.#isMember(to),
    );
  }

  get members(): MembersNews['members'] {
    return this.#news.members;
  }

  /** Supervisors' addresses known, without our own. */
  otherSupervisors(): readonly Address[] {
    const known = this.members.filter(({ state }) => state !== 'gone').map(({ address }) => address);
    const all = [...known, ...this.#o.seeds.filter((seed) => !known.some((each) => sameAddress(each, seed)))];
    return all.filter((each) => !sameAddress(each, this.#o.bus.self.address));
  }

  #isMember(to: Address): boolean {
    if (this.#o.seeds.some((seed) => sameAddress(seed, to))) return true;
    return this.members.some(
      ({ address, workers }) => sameAddress(address, to) || workers.some((w) => sameAddress(w.address, to)),
    );
  }

  /** False when it was refused for its control epoch. */
  statement(statement: Statement): boolean {
    if (!this.hearing.statement(this.#now(), statement)) return false;
    this.#pull();
    return true;
  }

  tick(): void {
    this.#pull();
    const stated = this.hearing.last?.settingsVersion ?? -1;
    if (stated <= this.settings.version) this.#behindSince = undefined;
    else this.#behindSince ??= this.#now();
    if (this.isReady()) this.#becameReady();
  }

  heard(): Heard | undefined {
    const agoMs = this.hearing.heardAgoMs(this.#now());
    return agoMs !== undefined && agoMs < this.#o.times.unheardMs ? this.hearing.controller() : undefined;
  }

  /** "A member that has heard no controller for 3 s is not ready"; nor is one that cannot get the newest settings. */
  isReady(): boolean {
    const { unheardMs } = this.#o.times;
    const now = this.#now();
    const agoMs = this.hearing.heardAgoMs(now);
    if (this.#stopped || agoMs === undefined || agoMs >= unheardMs) return false;
    if (this.#behindSince !== undefined && now - this.#behindSince >= unheardMs) return false;
    return this.settings.version >= 0 && this.map.owners().length > 0 && this.#o.alsoReady();
  }

  status(): readonly MemberStatus[] {
    const controller = this.hearing.controller()?.member;
    const slots = new Map<string, number>();
    for (let slot = 0; slot < SLOTS; slot++) {
      const owner = this.map.owner(slot as Slot)?.member;
      if (owner !== undefined) slots.set(owner, (slots.get(owner) ?? 0) + 1);
    }
    return this.members.map(({ name, role, state, address, workers }) => ({
      name,
      role,
      state,
      address,
      workers,
      isController: name === controller,
      slots: slots.get(name) ?? 0,
    }));
  }

  async changeSettings(
    change: unknown,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<unknown> {
    const controller = this.heard();
    if (controller === undefined) throw new Failure('unavailable', 'no controller');
    return this.link.call(controller.address, Service.change, { change }, options);
  }

  refreshMap(): void {
    this.#ask('map', true);
  }

  stop(): void {
    this.#stopped = true;
  }

  #pull(): void {
    for (const copy of ['map', 'members', 'settings'] as const) this.#ask(copy, false);
  }

  /** One question at a time for each copy, to the controller; the next statement asks again. */
  #ask(copy: Copy, anyway: boolean): void {
    const stated = this.hearing.last;
    const controller = this.hearing.controller();
    if (stated === undefined || controller === undefined || this.#stopped) return;
    const { controlEpoch } = controller;
    if (this.#asking.get(copy) === controlEpoch) return;
    const wanted = {
      map: stated.mapVersion,
      members: stated.membersVersion,
      settings: stated.settingsVersion,
    }[copy];
    if (!anyway && wanted <= this.#version(copy)) return;
    this.#asking.set(copy, controlEpoch);
    const since = Math.max(0, this.#version(copy));
    const timeoutMs = this.#o.times.controlLeaseMs;
    const body = { since: copy === 'settings' ? this.settings.version : since };
    this.link
      .call(controller.address, Service[copy], body, { timeoutMs })
      .then((answer) => this.#take(copy, answer))
      .catch((error: unknown) => this.#o.logger.info({ err: error, copy }, 'no news from the controller'))
      .finally(() => {
        if (this.#asking.get(copy) === controlEpoch) this.#asking.delete(copy);
      });
  }

  #version(copy: Copy): number {
    return { map: this.map.version, members: this.#news.version, settings: this.settings.version }[copy];
  }

  #take(copy: Copy, answer: unknown): void {
    if (copy === 'map') this.map.apply(readMapDelta(answer));
    else if (copy === 'settings') this.settings.apply(readSettings(answer));
    else {
      const news = readMembers(answer);
      if (news.version >= this.#news.version) this.#news = news;
    }
  }

  #now(): number {
    return this.#o.clock.monotonicMs();
  }
}
