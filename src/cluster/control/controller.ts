/**
 * The acting controller of one control epoch: performs its heartbeats, keeps members and leases, answers reports and
 * renewals from memory alone ("no message handler awaits storage before answering"), gives slots away, sends the
 * statement, and owns the cluster settings. Ends for good when a larger epoch is listed, its file fails, or the minority
 * rule says so; its supervisor is then a backup again.
 */
import { Failure } from '../../lib/failure.ts';
import type { Address, AppendFile, Platform, Timer } from '../../platform/platform.ts';
import { type Epoch, epochOf, type Incarnation, SLOTS, type Slot } from '../../store/ids.ts';
import type { Lease } from '../../store/log/types.ts';
import type { Bus } from '../bus/types.ts';
import { Assigner } from '../leases/assign.ts';
import { LeaseTable } from '../leases/table.ts';
import { isBackend, type KnownWorker, Membership } from '../membership.ts';
import {
  type LeasesAnswer,
  type MembersNews,
  type Renewal,
  type RenewalAnswer,
  type Report,
  readLeasesAnswer,
  Service,
  type Statement,
} from '../messages.ts';
import { MapBook } from '../slot-map.ts';
import { withMargin } from '../times.ts';
import type { ClusterLogger, ClusterTimes, OpenSettings, Owner, SettingsDelta, SlotMap } from '../types.ts';
import { Authority } from './authority.ts';
import { encodeHeartbeat, listControlEpochs } from './heartbeat-file.ts';
import { Quorum } from './quorum.ts';
import { SettingsKeeper } from './settings-keeper.ts';
import { nobodyBefore, type Seen } from './watch.ts';

const NONCE_OCTETS = 16;
/** A fresh controller gives its members so many Heartbeats to join before it gives slots away. */
const GATHER_HEARTBEATS = 2;
/** "Another backend has had a fresh probe for 1 s." */
const FRESH_ELSEWHERE_MS = 1000;
/** While slots move, plans are made so often. */
const MOVE_PACE_MS = 10;
/** News of the map go out so long after a change, so that many changes make one statement. */
const ANNOUNCE_MS = 5;

export interface Collected {
  readonly answer: LeasesAnswer;
  readonly askedAt: number;
  readonly receivedAt: number;
}

export type Over =
  | { readonly kind: 'deposed' }
  | { readonly kind: 'gave-up' }
  | { readonly kind: 'larger-found'; readonly controlEpoch: number };

export interface ControllerOptions {
  readonly platform: Platform;
  readonly bus: Bus;
  readonly times: ClusterTimes;
  readonly root: string;
  readonly clusterId: string;
  readonly controlEpoch: number;
  readonly file: AppendFile;
  readonly predecessor: Seen;
  readonly collected: Iterable<Collected>;
  /** This process's copy of the predecessor's map. */
  readonly mapBefore: SlotMap;
  readonly lifeProofs: boolean;
  readonly openSettings: OpenSettings | undefined;
  readonly logger: ClusterLogger;
  /** Told once, when it is over. */
  readonly over: (over: Over) => void;
}

export class Controller {
  readonly #o: ControllerOptions;
  readonly #authority: Authority;
  readonly #quorum: Quorum;
  readonly #members: Membership;
  readonly #table: LeaseTable;
  readonly #map: MapBook;
  readonly #assigner: Assigner;
  readonly #nonce: string;
  readonly #startedAt: number;
  readonly #gatherUntil: number;
  /** Where those are that reported leases before they were members here. */
  readonly #reportedOwners = new Map<Incarnation, Owner>();
  readonly #collecting = new Set<Incarnation>();
  /** Workers whose leases the newest heartbeat that gave authority covers: only they are granted anything. */
  #named: ReadonlySet<Incarnation> = new Set();
  #news: MembersNews;
  #beating = false;
  #ended = false;
  #assignTimer: Timer | undefined;
  #announceTimer: Timer | undefined;
  #lapseTimer: Timer | undefined;
  readonly #settings: SettingsKeeper;
  readonly #confirms = new Set<(held: boolean | undefined) => void>();

  constructor(options: ControllerOptions) {
    this.#o = options;
    const { platform, bus, times, controlEpoch, predecessor } = options;
    const now = platform.clock.monotonicMs();
    const fresh = nobodyBefore(predecessor);
    this.#startedAt = now;
    this.#gatherUntil = fresh ? now + GATHER_HEARTBEATS * times.heartbeatMs : now;
    this.#nonce = platform.random.bytes(NONCE_OCTETS).toString('hex');
    this.#authority = new Authority(controlEpoch, times);
    this.#quorum = new Quorum(bus.self.member, times);
    this.#members = new Membership(bus.self.member, controlEpoch, times);
    this.#map = new MapBook(controlEpoch, options.mapBefore);
    const known = predecessor.heartbeat?.holders;
    this.#table = new LeaseTable(
      controlEpoch,
      times,
      {
        waitUntil: fresh ? undefined : predecessor.firstSeenAt + withMargin(times.slotLeaseMs, times),
        holders: known === undefined ? undefined : new Set(known),
      },
      (slot, owner) => this.#ownerChanged(slot, owner),
    );
    this.#assigner = new Assigner(now, times);
    this.#news = this.#members.tick(now, () => 0);
    for (const { answer, askedAt, receivedAt } of options.collected) this.#took(answer, askedAt, receivedAt);
    this.#settings = new SettingsKeeper(options, () => this.#settingsLease());
  }

  get controlEpoch(): number {
    return this.#authority.controlEpoch;
  }

  get isOver(): boolean {
    return this.#ended;
  }

  hasAuthority(): boolean {
    return this.#authority.leftMs(this.#now()) > 0;
  }

  // ---- heartbeats

  /** One heartbeat, unless one is under way: note the clock, write and sync, *then* list. */
  async beat(): Promise<void> {
    if (this.#beating || this.#ended) return;
    this.#beating = true;
    const waiting = [...this.#confirms];
    const named = this.#holders();
    const counter = this.#authority.begin(this.#now());
    try {
      await this.#o.file.writeDurably([this.#octets(counter, 'running', named)], 0);
      const epochs = await listControlEpochs(this.#o.platform.fs, this.#o.root);
      this.#authority.finish(epochs.at(-1) ?? 0);
    } catch (error) {
      this.#o.logger.warn(
        { err: error, controlEpoch: this.controlEpoch },
        'heartbeat failed, control given up',
      );
      this.#authority.end();
    } finally {
      this.#beating = false;
    }
    if (this.#ended) return this.#closeFile();
    if (this.#authority.over) return this.#finish({ kind: 'deposed' });
    this.#named = named;
    for (const settle of waiting) settle(true);
    if (counter === 1) this.#firstAuthority();
    this.#settings.open();
    this.#watchAuthority();
  }

  /** Each Heartbeat, from the timer; needs no storage. */
  tick(): void {
    if (this.#ended) return;
    const now = this.#now();
    this.#news = this.#members.tick(now, (incarnation) => this.#table.slotsOf(incarnation).size);
    if (!this.#quorum.check(now, this.#members.counted())) {
      this.#o.logger.warn({ controlEpoch: this.controlEpoch }, 'hears a minority only, control given up');
      return this.#finish({ kind: 'gave-up' });
    }
    this.#assign();
    this.announce();
    for (const worker of this.#members.workers())
      if (this.#table.isUnreported(worker.info.incarnation)) this.#collect(worker);
    this.#settings.shown(now, this.#members);
  }

  /** Sends the statement to everybody: "states counter and remaining authority; without authority it says so at once". */
  announce(): void {
    const statement = this.statement();
    for (const { name, address } of this.#members.supervisors())
      if (name !== this.#o.bus.self.member)
        this.#o.bus.notify(address, Service.supervisorStatement, statement);
    for (const { info } of this.#members.workers())
      this.#o.bus.notify(info.address, Service.workerStatement, statement);
  }

  statement(poke = false): Statement {
    const { self } = this.#o.bus;
    return {
      controlEpoch: this.controlEpoch,
      counter: this.#authority.counter,
      authorityLeftMs: this.#ended ? 0 : this.#authority.leftMs(this.#now()),
      member: self.member,
      address: self.address,
      clusterId: this.#o.clusterId,
      mapVersion: this.#map.version,
      settingsVersion: this.#settings.version,
      membersVersion: this.#members.version,
      poke,
    };
  }

  // ---- messages, answered from memory

  report(report: Report): Statement {
    const now = this.#now();
    const recent = this.#isRecent(report.controlEpoch, report.quote);
    if (!this.#members.reported(now, report, recent)) throw new Failure('limit', 'too many members');
    for (const incarnation of report.dead) {
      const speaks = this.#members.speaksFor(report.member, incarnation);
      if (speaks || (this.#o.lifeProofs && isBackend(report.role))) this.#died(incarnation);
    }
    this.#settings.shown(now, this.#members);
    return this.statement();
  }

  renew(renewal: Renewal): RenewalAnswer {
    const now = this.#now();
    const { incarnation } = renewal.worker;
    const none = {
      leftMs: 0,
      resync: false,
      grants: [],
      release: [],
      lost: [],
      giveUp: false,
      nonceKnown: false,
    };
    // Addressed to another controller: its worker gets to know us by the statement and comes again.
    if (renewal.controlEpoch !== this.controlEpoch || this.#table.isDead(incarnation))
      return { ...none, statement: this.statement(), seq: renewal.seq, serial: 0 };
    const recent = this.#isRecent(renewal.controlEpoch, renewal.quote);
    const worker = this.#members.renewed(now, renewal, recent, renewal.nonce === this.#nonce);
    const free = this.#table.freeCount;
    const live = this.#table.isLive(incarnation, now);
    const result = this.#table.renew({ incarnation, ...renewal }, this.#leaseMs(now), now);
    if (renewal.largerEpoch !== undefined) this.#largerEpoch(renewal.largerEpoch);
    if (result?.unreported) this.#collect(worker);
    if (this.#table.freeCount > free || (!live && this.#table.freeCount > 0)) this.#assignSoon();
    this.#settings.shown(now, this.#members);
    const giveUp =
      renewal.stalled &&
      this.hasAuthority() &&
      this.#members.anotherIsFresh(now, worker.member, FRESH_ELSEWHERE_MS);
    const { unreported: _, ...answer } = result ?? { ...none, serial: 0, unreported: false };
    return {
      ...none,
      ...answer,
      statement: this.statement(),
      seq: renewal.seq,
      giveUp,
      nonceKnown: worker.nonceKnown,
    };
  }

  mapSince(version: number): ReturnType<MapBook['since']> {
    return this.#map.since(version);
  }

  members(): MembersNews {
    return this.#news;
  }

  settingsSince(version: number): Promise<SettingsDelta> {
    return this.#settings.since(version);
  }

  async change(change: unknown, signal: AbortSignal): Promise<unknown> {
    const result = await this.#settings.change(change, signal);
    this.announce();
    this.#settings.shown(this.#now(), this.#members);
    await result.shown;
    return result.value;
  }

  /** Orderly end. With no lease left the file says so, and nobody needs to wait for anything. */
  async stop(): Promise<void> {
    if (this.#ended) return;
    const now = this.#now();
    this.#table.lapse(now);
    const nothingLeft = !this.#table.isWaiting && this.#table.mayHold(now).size === 0;
    const { counter } = this.#authority;
    this.#end();
    await this.#settings.close();
    if (nothingLeft && !this.#beating && counter > 0)
      await this.#o.file.writeDurably([this.#octets(this.#authority.begun + 1, 'ended', new Set())], 0);
    await this.#closeFile();
  }

  /** A larger control epoch was listed, heard or answered: this one is over. */
  depose(): void {
    this.#finish({ kind: 'deposed' });
  }

  // ---- leases

  #took(answer: LeasesAnswer, askedAt: number, receivedAt: number): void {
    const { worker, member, pairs, leftMs } = answer;
    // Before the table shows its slots on the map it must be known where it is.
    this.#reportedOwners.set(worker.incarnation, {
      incarnation: worker.incarnation,
      address: worker.address,
      member,
    });
    this.#table.reported(worker.incarnation, pairs, leftMs, askedAt, receivedAt);
  }

  #ownerChanged(slot: Slot, incarnation: Incarnation | undefined): void {
    this.#map.set(slot, incarnation === undefined ? undefined : this.#ownerOf(incarnation));
    this.#announceSoon();
  }

  #ownerOf(incarnation: Incarnation): Owner | undefined {
    const worker = this.#members.worker(incarnation);
    if (worker === undefined) return this.#reportedOwners.get(incarnation);
    return { incarnation, address: worker.info.address, member: worker.member };
  }

  #collect(worker: KnownWorker): void {
    const { incarnation, address } = worker.info;
    if (this.#collecting.has(incarnation)) return;
    this.#collecting.add(incarnation);
    const askedAt = this.#now();
    this.#o.bus
      .call(
        address,
        Service.leases,
        { controlEpoch: this.controlEpoch },
        { timeoutMs: this.#o.times.controlLeaseMs },
      )
      .then((body) => {
        const answer = readLeasesAnswer(body);
        if (!this.#ended && answer.worker.incarnation === incarnation)
          this.#took(answer, askedAt, this.#now());
      })
      .catch((error: unknown) => this.#o.logger.warn({ err: error, incarnation }, 'leases not reported'))
      .finally(() => this.#collecting.delete(incarnation));
  }

  #died(incarnation: Incarnation): void {
    if (this.#table.isDead(incarnation)) return;
    this.#o.logger.info({ incarnation }, 'worker proven dead, its slots are free');
    this.#table.dead(incarnation);
    this.#members.workerGone(incarnation);
    this.#assignSoon();
  }

  #assign(): void {
    const now = this.#now();
    this.#table.lapse(now);
    if (this.#ended || this.#leaseMs(now) === 0 || now < this.#gatherUntil) return;
    const workers = [...this.#members.workers()].filter((worker) => this.#eligible(worker, now));
    const { free, moving } = this.#slots();
    const plan = this.#assigner.plan(
      now,
      workers.map((worker) => ({
        incarnation: worker.info.incarnation,
        slots: this.#table.slotsOf(worker.info.incarnation).size,
        draining: this.#members.isDraining(worker),
      })),
      free,
      moving,
    );
    const poked = new Set<Incarnation>();
    for (const [slot, to] of plan.grants) {
      this.#table.grant(slot, to);
      poked.add(to);
    }
    for (const [from, count] of plan.takeBack) {
      const held = [...this.#table.slotsOf(from)].filter((slot) => this.#table.entry(slot).state === 'held');
      for (const slot of held.slice(0, count)) this.#table.takeBack(slot);
      poked.add(from);
    }
    for (const incarnation of poked) this.#poke(incarnation);
    if (plan.more) this.#assignSoon(MOVE_PACE_MS);
  }

  /** It may be given slots: its storage is ours and answers, it renews, and the heartbeat file names it. */
  #eligible(worker: KnownWorker, now: number): boolean {
    const { incarnation, holds } = worker.info;
    return (
      holds &&
      worker.nonceKnown &&
      worker.freshSince !== undefined &&
      this.#named.has(incarnation) &&
      this.#table.isLive(incarnation, now)
    );
  }

  #slots(): { free: Slot[]; moving: number } {
    const free: Slot[] = [];
    let moving = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      const { state } = this.#table.entry(slot as Slot);
      if (state === 'free') free.push(slot as Slot);
      else if (state === 'releasing') moving++;
    }
    return { free, moving };
  }

  #poke(incarnation: Incarnation): void {
    const worker = this.#members.worker(incarnation);
    if (worker) this.#o.bus.notify(worker.info.address, Service.workerStatement, this.statement(true));
  }

  #assignSoon(delayMs = 0): void {
    if (delayMs === 0) this.#assignTimer?.cancel();
    else if (this.#assignTimer !== undefined) return;
    this.#assignTimer = this.#o.platform.clock.timer(delayMs, () => {
      this.#assignTimer = undefined;
      this.#assign();
    });
  }

  #announceSoon(): void {
    this.#announceTimer ??= this.#o.platform.clock.timer(ANNOUNCE_MS, () => {
      this.#announceTimer = undefined;
      if (!this.#ended) this.announce();
    });
  }

  /** "Which, if it never granted it, takes a control epoch above it." */
  #largerEpoch(epoch: Epoch): void {
    const largest = epochOf(this.controlEpoch, this.#table.grantCount);
    if (epoch <= largest || this.#ended) return;
    const controlEpoch = Math.floor(epoch / 2 ** 32);
    this.#o.logger.error(
      { epoch, largest },
      'a file with an epoch that was never granted: taking a larger one',
    );
    this.#finish({ kind: 'larger-found', controlEpoch: Math.max(controlEpoch, this.controlEpoch) });
  }

  // ---- authority

  #leaseMs(now: number): number {
    return this.#ended ? 0 : this.#authority.leaseMs(now);
  }

  #isRecent(controlEpoch: number, quote: number): boolean {
    return controlEpoch === this.controlEpoch && this.#authority.isRecent(quote, this.#now());
  }

  #holders(): Set<Incarnation> {
    const named = new Set(this.#table.mayHold(this.#now()));
    for (const { info } of this.#members.workers())
      if (info.holds && !this.#table.isDead(info.incarnation)) named.add(info.incarnation);
    return named;
  }

  #octets(counter: number, state: 'running' | 'ended', holders: ReadonlySet<Incarnation>): Buffer {
    const { member, address } = this.#o.bus.self;
    return encodeHeartbeat({
      controlEpoch: this.controlEpoch,
      counter,
      state,
      member,
      address: address satisfies Address,
      nonce: this.#nonce,
      holders: this.#table.holdersUnknown ? undefined : [...holders],
    });
  }

  #firstAuthority(): void {
    const { controlEpoch } = this;
    const tookMs = this.#now() - this.#startedAt;
    this.#o.logger.info({ controlEpoch, tookMs }, 'in control');
    this.announce();
  }

  /** Tells everybody at once when authority runs out. */
  #watchAuthority(): void {
    this.#lapseTimer?.cancel();
    this.#lapseTimer = this.#o.platform.clock.timer(this.#authority.leftMs(this.#now()), () => {
      if (!this.#ended && !this.hasAuthority()) this.announce();
    });
  }

  /** The authority as a lease, for the log of the cluster settings: epoch (control epoch, 0). */
  #settingsLease(): Lease {
    return {
      incarnation: this.#o.bus.self.incarnation,
      epoch: epochOf(this.controlEpoch, 0),
      held: () => this.hasAuthority(),
      confirm: () => this.#confirmation(),
      reportLargerEpoch: (epoch) => this.#largerEpoch(epoch),
    };
  }

  /** By a heartbeat begun after this call. */
  #confirmation(): Promise<boolean> {
    if (this.#ended) return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const settle = (held: boolean | undefined) => {
      this.#confirms.delete(settle);
      resolve(held === true && this.hasAuthority());
    };
    this.#confirms.add(settle);
    return promise;
  }

  #finish(over: Over): void {
    if (this.#ended) return;
    this.#end();
    // Without authority it says so at once; a controller that gives up makes "no counter, no statement".
    if (over.kind !== 'gave-up') this.announce();
    void this.#settings.close();
    void this.#closeFile();
    this.#o.over(over);
  }

  /** Never while a write is under way: that one closes it when it has returned. */
  async #closeFile(): Promise<void> {
    if (this.#beating) return;
    await this.#o.file
      .close()
      .catch((error: unknown) => this.#o.logger.warn({ err: error }, 'heartbeat file not closed'));
  }

  #end(): void {
    this.#ended = true;
    this.#authority.end();
    for (const timer of [this.#assignTimer, this.#announceTimer, this.#lapseTimer]) timer?.cancel();
    for (const settle of [...this.#confirms]) settle(false);
  }

  #now(): number {
    return this.#o.platform.clock.monotonicMs();
  }
}
