/**
 * What every process of the cluster, supervisor or worker, knows and does alike: it hears the controller, keeps copies
 * of map, settings and members up to date (asked for when a statement names a newer version), and says whether it is
 * ready. The driver calls `tick` each Heartbeat and `statement` for each one received.
 */
import { Failure, failureCode } from '../../lib/failure.ts';
import type { Address, Clock } from '../../platform/platform.ts';
import { type Incarnation, SLOTS, type Slot } from '../../store/ids.ts';
import { sameAddress } from '../addresses.ts';
import type { Bus } from '../bus/types.ts';
import { type AskAnswer, readAskAnswer, Service, type Statement } from '../messages.ts';
import {
  type MemberNews,
  type MembersNews,
  readMapDelta,
  readMembers,
  readSettings,
  type SettingsCursor,
} from '../news.ts';
import { notReadyOf } from '../not-ready.ts';
import { isBackendRole } from '../roles.ts';
import type { ClusterLogger, ClusterTimes, MemberStatus, SlotMoves } from '../types.ts';
import { Detour } from './detour.ts';
import { type Heard, Hearing } from './hearing.ts';
import { ownedBy } from './owned-by.ts';
import { Readiness, type Said } from './readiness.ts';
import { SettingsCopy } from './settings-copy.ts';
import { SlotMapCopy } from './slot-map.ts';

type Copy = 'map' | 'members' | 'settings';

/** The controller's answer may be behind a disk, and is large: a copy that cannot be fetched is never up to date. */
const SETTINGS_PAGE_MS_MAX = 30_000;

export interface ViewOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly times: ClusterTimes;
  readonly logger: ClusterLogger;
  /** Further conditions for being ready. */
  readonly alsoReady: () => boolean;
  /** What this process has to say of its being ready is another than before: tell the controller now. */
  readonly changed: () => void;
  /** The supervisors that are asked first, before any member is known. */
  readonly seeds: readonly Address[];
  /** Of a worker. */
  readonly ownSupervisor?: Address;
}

/** `own`: a condition of this process itself. */
export type Missing = 'stopped' | 'controller' | 'settings' | 'owners' | 'own';

export class View {
  readonly map = new SlotMapCopy();
  readonly settings = new SettingsCopy();
  readonly hearing = new Hearing();
  readonly detour: Detour;
  readonly ready: Promise<void>;
  readonly #o: ViewOptions;
  readonly #becameReady: () => void;
  readonly #readiness: Readiness;
  #saidReady = false;
  #toldAt = -Infinity;
  /** What is asked for, and of which control epoch: one that does not answer must not hold up its successor. */
  readonly #asking = new Map<Copy, number>();
  #news: MembersNews = { version: 0, members: [] };
  /** Since when a newer version of the settings has been stated than the one shown here. */
  #behindSince: number | undefined;
  #stopped = false;

  constructor(options: ViewOptions) {
    this.#o = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#becameReady = resolve;
    this.#readiness = new Readiness(options.times.unheardMs);
    this.detour = new Detour(
      options.bus,
      () => this.relays(),
      (to) => this.#isMember(to),
    );
  }

  get members(): readonly MemberNews[] {
    return this.#news.members;
  }

  /** Supervisors' addresses known, without our own. */
  otherSupervisors(): readonly Address[] {
    const known = this.members.filter(({ state }) => state !== 'gone').map(({ address }) => address);
    const all = [...known, ...this.#o.seeds.filter((seed) => !known.some((each) => sameAddress(each, seed)))];
    return all.filter((each) => !sameAddress(each, this.#o.bus.self.address));
  }

  /**
   * Other supervisors that may pass calls on for us, and point to the controller: with certificates those of backends, as
   * a frontend could answer as it likes (docs/doors.md, "Rights").
   */
  relays(): readonly Address[] {
    const others = this.otherSupervisors();
    const { ownSupervisor, bus } = this.#o;
    const { proven } = bus.self;
    if (proven === undefined) return others;
    // What a frontend says of its address takes no backend off the list.
    const backends = [
      ...this.members.filter(({ role }) => isBackendRole(role)).map(({ address }) => address),
      ...this.#o.seeds.filter((seed) => ownSupervisor === undefined || !sameAddress(seed, ownSupervisor)),
    ];
    const frontends = this.members
      .filter(({ role }) => !isBackendRole(role))
      .map(({ address }) => address)
      .filter((each) => !backends.some((backend) => sameAddress(backend, each)));
    // Before the first news there is no list of members: who is asked then are backends, and our own supervisor.
    if (ownSupervisor !== undefined && proven.role === 'frontend') frontends.push(ownSupervisor);
    return others.filter((each) => !frontends.some((frontend) => sameAddress(frontend, each)));
  }

  /** Neither the controller hears it, as far as we were told: its slots will be another's. */
  isSilent(incarnation: Incarnation): boolean {
    return !this.members.some(
      ({ state, info, silent }) =>
        state !== 'gone' &&
        !silent.includes(incarnation) &&
        info.some((worker) => worker.incarnation === incarnation),
    );
  }

  /** Our place among the backends without the present controller, in the order of their names. */
  rank(): number {
    const controller = this.hearing.lastMember;
    const self = this.#o.bus.self.member;
    return this.members.filter(
      ({ name, role, state }) =>
        isBackendRole(role) && name < self && name !== controller && state !== 'gone',
    ).length;
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
    this.#look();
    if (this.isReady()) this.#becameReady();
  }

  /** Told once a Heartbeat at most: what keeps it from being ready may come and go with every answer. */
  #look(): void {
    const now = this.#now();
    if (this.#stopped || this.wouldServe() === this.#saidReady) return;
    if (now - this.#toldAt < this.#o.times.heartbeatMs) return;
    this.#toldAt = now;
    this.#o.changed();
  }

  /** Before a report or renewal is sent. */
  say(): Said {
    this.#saidReady = this.wouldServe();
    return this.#readiness.say(this.#now(), this.#saidReady);
  }

  /** The controller has taken note of what was said, and answered with this statement. */
  counted(said: Said, statement: Statement): void {
    this.#readiness.answered(this.#now(), said, {
      hasAuthority: statement.authorityLeftMs > 0,
      statedVersion: statement.settingsVersion,
      shownVersion: this.settings.version,
    });
    if (this.isReady()) this.#becameReady();
  }

  /** The one that is heard. */
  controller(): Heard | undefined {
    const agoMs = this.hearing.heardAgoMs(this.#now());
    return agoMs !== undefined && agoMs < this.#o.times.unheardMs ? this.hearing.controller() : undefined;
  }

  /** "A member that has heard no controller for 3 s is not ready"; nor is one that cannot get the newest settings. */
  isReady(): boolean {
    return this.missing() === undefined;
  }

  /** What keeps this process from being ready, the worst first. */
  missing(): Missing | undefined {
    return this.#lacks() ?? (this.#readiness.isCounted(this.#now()) ? undefined : 'controller');
  }

  /** Ready but for the controller's knowing it. */
  wouldServe(): boolean {
    return this.#lacks() === undefined;
  }

  #lacks(): Missing | undefined {
    const { unheardMs } = this.#o.times;
    if (this.#stopped) return 'stopped';
    const now = this.#now();
    const agoMs = this.hearing.heardAgoMs(now);
    if (agoMs === undefined || agoMs >= unheardMs) return 'controller';
    const isBehind = this.#behindSince !== undefined && now - this.#behindSince >= unheardMs;
    if (isBehind || this.settings.version < 0) return 'settings';
    if (this.map.owners().length === 0) return 'owners';
    return this.#o.alsoReady() ? undefined : 'own';
  }

  status(): readonly MemberStatus[] {
    const controller = this.hearing.controller()?.member;
    const slots = new Map<string, number>();
    const count = (of: string): void => void slots.set(of, (slots.get(of) ?? 0) + 1);
    for (let slot = 0; slot < SLOTS; slot++) {
      const owner = this.map.owner(slot as Slot);
      if (owner === undefined) continue;
      count(owner.member);
      count(owner.incarnation);
    }
    // Of slots the map is the newer news.
    return this.members.map((member) => ({
      ...member,
      workers: member.workers.map((each) => ({ ...each, slots: slots.get(each.incarnation) ?? 0 })),
      isController: member.name === controller,
      slots: slots.get(member.name) ?? 0,
      notReady: notReadyOf(this.settings, member.name),
    }));
  }

  async refreshStatus(timeoutMs: number): Promise<boolean> {
    const controller = this.controller();
    if (controller === undefined) return false;
    try {
      this.#take('members', await this.detour.call(controller.address, Service.members, {}, { timeoutMs }));
      return true;
    } catch (error) {
      this.#o.logger.info({ err: error }, 'no list of members from the controller');
      return false;
    }
  }

  async changeSettings(
    change: unknown,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<unknown> {
    const controller = this.controller();
    if (controller === undefined) throw new Failure('unavailable', 'no controller');
    return this.detour.call(controller.address, Service.change, { change }, options);
  }

  get moves(): SlotMoves | undefined {
    return this.#news.moves;
  }

  /** See NodeView. */
  async moveSlot(slot: Slot, member: string, timeoutMs: number): Promise<void> {
    const controller = this.controller();
    if (controller === undefined) throw new Failure('unavailable', 'no controller');
    await this.detour.call(controller.address, Service.moveSlot, { slot, member }, { timeoutMs });
    await ownedBy(this.map, this.#o.clock, slot, member, timeoutMs);
  }

  /** While no controller is heard: asks every supervisor that may know where it is. */
  seek(answered: (answer: AskAnswer) => void): void {
    const { controlLeaseMs } = this.#o.times;
    const agoMs = this.hearing.heardAgoMs(this.#now());
    if (agoMs !== undefined && agoMs < controlLeaseMs) return;
    for (const seed of this.relays())
      this.detour.insist(
        seed,
        Service.ask,
        { controlEpoch: 0 },
        {
          timeoutMs: controlLeaseMs,
          detour: false,
          read: readAskAnswer,
          answered,
          // Not there: another seed will answer.
          unanswered: (error) => this.unanswered(error),
        },
      );
  }

  /** No answer, which is asked for again, or one that a peer should never have given, which is told. */
  unanswered(error: unknown): void {
    if (failureCode(error) === 'invalid') this.#o.logger.error({ err: error }, 'answer makes no sense');
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
    const fetched =
      copy === 'settings' ? this.#fetchSettings(controller) : this.#fetch(copy, controller.address);
    fetched
      .catch((error: unknown) => this.#o.logger.info({ err: error, copy }, 'no news from the controller'))
      .finally(() => {
        if (this.#asking.get(copy) === controlEpoch) this.#asking.delete(copy);
      });
  }

  async #fetch(copy: 'map' | 'members', from: Address): Promise<void> {
    const body = { since: Math.max(0, this.#version(copy)) };
    const timeoutMs = this.#o.times.controlLeaseMs;
    this.#take(copy, await this.detour.call(from, Service[copy], body, { timeoutMs }));
  }

  /** Page after page, as long as this controller is the one to ask. */
  async #fetchSettings({ address, controlEpoch }: Heard): Promise<void> {
    const since = this.settings.version;
    let cursor: SettingsCursor | undefined;
    do {
      const body = { since, cursor: cursor ?? null };
      const timeoutMs = SETTINGS_PAGE_MS_MAX;
      const answer = await this.detour.call(address, Service.settings, body, { timeoutMs });
      // Another control epoch's question is under way by now, and builds its own.
      if (this.#asking.get('settings') !== controlEpoch) return;
      const page = readSettings(answer);
      this.settings.page(page, cursor === undefined);
      cursor = page.next;
    } while (cursor !== undefined && !this.#stopped);
    this.#look();
  }

  #version(copy: Copy): number {
    return { map: this.map.version, members: this.#news.version, settings: this.settings.version }[copy];
  }

  #take(copy: 'map' | 'members', answer: unknown): void {
    if (copy === 'map') this.map.apply(readMapDelta(answer));
    else {
      const news = readMembers(answer);
      if (news.version >= this.#news.version) this.#news = news;
    }
    this.#look();
  }

  #now(): number {
    return this.#o.clock.monotonicMs();
  }
}
