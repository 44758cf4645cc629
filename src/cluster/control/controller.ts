/**
 * The acting controller of one control epoch: beats, keeps members and leases, answers reports and
 * renewals from memory alone ("no message handler awaits storage before answering"), gives slots away, sends the
 * statement, and owns the cluster settings. Ends for good when a larger epoch is listed, its file fails, or the minority
 * rule says so; its supervisor is then a backup again.
 */
import { Failure } from '../../lib/failure.ts';
import type { Timer } from '../../platform/platform.ts';
import { type Epoch, epochOf, type Incarnation, type Slot } from '../../store/ids.ts';
import type { Lease } from '../../store/log/types.ts';
import { FRESH_ELSEWHERE_MS, Giver } from '../leases/giver.ts';
import { LeaseTable } from '../leases/table.ts';
import { type Renewal, type RenewalAnswer, type Report, Service, type Statement } from '../messages.ts';
import type { MembersNews, SettingsPage } from '../news.ts';
import { isBackendRole } from '../roles.ts';
import { withMargin } from '../times.ts';
import type { ClusterTimes, Owner } from '../types.ts';
import { MapBook } from '../view/slot-map.ts';
import { Announcer } from './announcer.ts';
import { Authority } from './authority.ts';
import { CONTROL_EPOCH_MAX } from './heartbeat-file.ts';
import { Heartbeats, type Stated } from './heartbeats.ts';
import { Journal } from './journal.ts';
import { LeaseCollector } from './lease-collector.ts';
import { type KnownWorker, Membership } from './membership.ts';
import { Quorum } from './quorum.ts';
import { SettingsKeeper } from './settings-keeper.ts';
import type { SettingsQuestion } from './settings-pages.ts';
import type { Collected, ControllerOptions, Over } from './types.ts';
import { longerTimes, nobodyBefore, readyUntil } from './watch.ts';

/** A fresh controller gives its members so many Heartbeats to join before it gives slots away. */
const GATHER_HEARTBEATS = 2;
/** After a gap in its authority leases have lapsed that their holders are about to renew, each with its next two Heartbeats. */
const REGATHER_HEARTBEATS = 4;
/** A file with a larger control epoch than this is broken, and following it would use up all that are left for ever. */
const FOUND_EPOCH_MAX = CONTROL_EPOCH_MAX / 2;
/** While slots move, plans are made so often. */
const MOVE_PACE_MS = 10;

export class Controller {
  readonly #o: ControllerOptions;
  readonly #authority: Authority;
  readonly #quorum: Quorum;
  readonly #members: Membership;
  readonly #table: LeaseTable;
  readonly #map: MapBook;
  readonly #giver: Giver;
  readonly #heartbeats: Heartbeats;
  /** The longer of our times and those that the predecessor's leases go by. */
  readonly #timesBefore: ClusterTimes;
  /** Where those are that reported leases before they were members here. */
  readonly #reportedOwners = new Map<Incarnation, Owner>();
  readonly #collector: LeaseCollector;
  #extraBeatAt = -Infinity;
  #news: MembersNews;
  #ended = false;
  #assignTimer: Timer | undefined;
  readonly #announcer: Announcer;
  readonly #journal: Journal;
  readonly #settings: SettingsKeeper;

  constructor(options: ControllerOptions) {
    this.#o = options;
    const { platform, bus, times, controlEpoch, predecessor, before } = options;
    const now = platform.clock.monotonicMs();
    const fresh = nobodyBefore(predecessor);
    this.#timesBefore = longerTimes(times, predecessor.times);
    this.#authority = new Authority(controlEpoch, times);
    this.#heartbeats = new Heartbeats({
      ...options,
      authority: this.#authority,
      self: bus.self,
      stated: () => this.#stated(),
      beaten: (beat) => this.#beaten(beat),
      lost: () => this.#finish({ kind: 'deposed' }),
    });
    this.#quorum = new Quorum(bus.self.member, times);
    this.#members = new Membership(bus.self.member, controlEpoch, times, {
      members: before.membersBefore(),
      readyUntil: options.alone ? -Infinity : readyUntil(predecessor, times),
    });
    this.#map = new MapBook(controlEpoch, options.mapBefore);
    this.#announcer = new Announcer(platform.clock, () => this.#state());
    this.#journal = new Journal({ ...options, ...before });
    const known = predecessor.heartbeat?.holders;
    this.#table = new LeaseTable(
      controlEpoch,
      times,
      {
        waitUntil: fresh
          ? undefined
          : predecessor.firstSeenAt + withMargin(this.#timesBefore.slotLeaseMs, this.#timesBefore),
        holders: known === undefined ? undefined : new Set(known),
      },
      (slot, owner) => this.#ownerChanged(slot, owner),
    );
    this.#giver = new Giver(now, times, this.#table, this.#members, before.moves, options.reserves);
    this.#giver.gather(now + GATHER_HEARTBEATS * times.heartbeatMs, fresh ? 'time' : 'all live');
    this.#news = this.#members.tick(now, () => 0);
    for (const collected of options.collected) this.#took(collected);
    this.#collector = new LeaseCollector({
      ...options,
      clock: platform.clock,
      timeoutMs: times.controlLeaseMs,
    });
    this.#settings = new SettingsKeeper(options, () => this.#settingsLease());
  }

  get controlEpoch(): number {
    return this.#authority.controlEpoch;
  }

  hasAuthority(): boolean {
    return this.#authority.leftMs(this.#now()) > 0;
  }

  // ---- heartbeats

  /** One heartbeat, unless one is under way. Never rejects. */
  beat(): Promise<void> {
    return this.#heartbeats.beat();
  }

  /** A heartbeat has given authority. */
  #beaten({ isFirst, afterGap }: { readonly isFirst: boolean; readonly afterGap: boolean }): void {
    const now = this.#now();
    if (afterGap) this.#giver.gather(now + REGATHER_HEARTBEATS * this.#o.times.heartbeatMs, 'time');
    if (isFirst) this.#firstAuthority();
    this.#settings.open();
    // Tells everybody at once when authority runs out.
    this.#announcer.after(this.#authority.leftMs(now), () => !this.hasAuthority());
  }

  /** Each Heartbeat, from the timer; needs no storage. */
  tick(): void {
    if (this.#ended) return;
    const now = this.#now();
    this.#news = {
      ...this.#members.tick(now, (incarnation) => this.#table.slotsOf(incarnation).size),
      moves: { ...this.#giver.counts, underWay: this.#table.releasingCount },
    };
    this.#journal.tick(now, this.#news);
    if (!this.#quorum.check(now, this.#members.counted())) return this.#finish({ kind: 'gave-up' });
    this.#assign();
    this.announce();
    for (const worker of this.#members.workers())
      if (this.#table.isUnreported(worker.info.incarnation)) this.#collect(worker);
    this.#settings.shown(now, this.#members);
  }

  /** Sends the statement to everybody: "states counter and remaining authority; without authority it says so at once". */
  announce(): void {
    this.#announcer.now();
  }

  #state(): void {
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
    const knowsLess = this.#o.level.refuse(report.member, report.facts?.level ?? 0);
    if (knowsLess !== undefined) throw new Failure('refused', knowsLess);
    const recent = this.#isRecent(report.controlEpoch, report.quote);
    if (!this.#members.reported(now, report, recent)) throw new Failure('limit', 'too many members');
    for (const incarnation of report.dead) {
      const speaks = this.#members.speaksFor(report.member, incarnation);
      if (speaks || (this.#o.lifeProofs && isBackendRole(report.role))) this.#died(incarnation);
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
    const wasKnown = this.#members.worker(incarnation)?.nonceKnown ?? false;
    const worker = this.#members.renewed(now, renewal, recent, renewal.nonce === this.#heartbeats.nonce);
    this.#table.lapse(now);
    const free = this.#table.freeCount;
    const joins = worker.info.holds && !(wasKnown && this.#table.isLive(incarnation, now));
    const named = this.#heartbeats.written.named.has(incarnation);
    // Who is not heard is not renewed: its messages arrive, our answers may not, and others wait for its slots.
    const leaseMs = recent ? this.#leaseMs(now) : 0;
    const result = this.#table.renew({ incarnation, named, ...renewal }, leaseMs, now);
    for (const { slot } of renewal.released)
      if (this.#table.entry(slot).holder !== incarnation) this.#journal.released(slot, incarnation);
    if (renewal.largerEpoch !== undefined) this.#largerEpoch(renewal.largerEpoch);
    if (result?.unreported) this.#collect(worker);
    if (this.#table.freeCount > free || (joins && this.#table.freeCount > 0)) this.#assignSoon();
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

  /** An operator wants a slot at a member. Failure 'not-found', 'refused', 'unavailable'. */
  moveSlot(slot: Slot, member: string): void {
    const why = this.hasAuthority()
      ? this.#giver.wish(this.#now(), slot, member, this.#heartbeats.written)
      : 'not held';
    if (why === 'no such member') throw new Failure('not-found', `no backend ${member} is there`);
    if (why === 'takes no slots') throw new Failure('refused', `${member} takes no slots now`);
    if (why === 'not held') throw new Failure('unavailable', `who holds slot ${slot} is not known yet`);
    this.#assign();
  }

  settingsPage(question: SettingsQuestion): Promise<SettingsPage> {
    return this.#settings.page(question);
  }

  async change(change: unknown, signal: AbortSignal): Promise<unknown> {
    const refused = this.#o.level.refuseChange(change, this.#news.members);
    if (refused !== undefined) throw new Failure('refused', refused);
    const result = await this.#settings.change(change, signal);
    this.#journal.tell('settings-changed', { version: this.#settings.version });
    this.announce();
    this.#settings.shown(this.#now(), this.#members);
    await result.shown;
    return result.value;
  }

  /** Orderly end. With no lease left the file says so, and nobody needs to wait for anything. */
  async stop(): Promise<void> {
    if (this.#ended) return;
    this.#table.lapse(this.#now());
    const nothingLeft = this.#table.nothingHeld;
    this.#journal.over({ kind: 'stopped' });
    this.#end();
    await this.#settings.close();
    await this.#heartbeats.close(nothingLeft);
  }

  /** A larger control epoch was listed, heard or answered: this one is over. */
  depose(): void {
    this.#finish({ kind: 'deposed' });
  }

  // ---- leases

  #took({ answer, askedAt, receivedAt }: Collected): void {
    const { worker, member, pairs, leftMs } = answer;
    // Before the table shows its slots on the map it must be known where it is.
    this.#reportedOwners.set(worker.incarnation, {
      incarnation: worker.incarnation,
      address: worker.address,
      member,
    });
    this.#journal.confirming(() =>
      this.#table.reported(worker.incarnation, pairs, leftMs, askedAt, receivedAt),
    );
    if (this.#table.freeCount > 0) this.#assignSoon();
  }

  #ownerChanged(slot: Slot, incarnation: Incarnation | undefined): void {
    this.#map.set(slot, incarnation === undefined ? undefined : this.#ownerOf(incarnation));
    this.#journal.owner(slot, incarnation);
    // That it has none is of use to nobody, and would put off the news of the next one, which comes within some milliseconds.
    if (incarnation !== undefined) this.#announcer.soon();
  }

  #ownerOf(incarnation: Incarnation): Owner | undefined {
    const worker = this.#members.worker(incarnation);
    if (worker === undefined) return this.#reportedOwners.get(incarnation);
    return { incarnation, address: worker.info.address, member: worker.member };
  }

  #collect({ info }: KnownWorker): void {
    // Who may own nothing has nothing to report, and no right to (docs/doors.md, "Rights").
    if (!info.holds) return;
    this.#collector.ask(info, this.controlEpoch, (collected) => {
      if (!this.#ended) this.#took(collected);
    });
  }

  #died(incarnation: Incarnation): void {
    if (this.#table.isDead(incarnation)) return;
    this.#journal.tell('worker-dead', { worker: incarnation });
    this.#table.dead(incarnation);
    this.#members.workerGone(incarnation);
    this.#assignSoon();
  }

  #assign(): void {
    const now = this.#now();
    this.#table.lapse(now);
    if (this.#ended || this.#leaseMs(now) === 0) return;
    const given = this.#giver.give(now, this.#heartbeats.written);
    if (given.unsaid) this.#beatSoon(now);
    for (const { slot, from, to, reason } of given.directed)
      this.#journal.tell('slot-moves', {
        slot,
        reason,
        ...this.#named('from', from),
        ...this.#named('to', to),
      });
    for (const incarnation of given.tell) this.#poke(incarnation);
    if (given.more) this.#assignSoon(MOVE_PACE_MS);
  }

  #named(role: 'from' | 'to', incarnation: Incarnation): Readonly<Record<string, unknown>> {
    return { [role]: incarnation, [`${role}Member`]: this.#members.worker(incarnation)?.member };
  }

  /** Free slots wait for a heartbeat that begins now: once in a while it need not wait for the timer. */
  #beatSoon(now: number): void {
    if (now - this.#extraBeatAt < this.#o.times.heartbeatMs) return;
    this.#extraBeatAt = now;
    void this.#heartbeats.beatAnew().then(() => this.#assign());
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

  /** "Which, if it never granted it, takes a control epoch above it." */
  #largerEpoch(epoch: Epoch): void {
    const largest = epochOf(this.controlEpoch, this.#table.grantCount);
    if (epoch <= largest || this.#ended) return;
    const controlEpoch = Math.floor(epoch / 2 ** 32);
    if (controlEpoch > FOUND_EPOCH_MAX) {
      this.#o.logger.error(
        { epoch, largest },
        'a file with an epoch that nobody can have granted: left alone',
      );
      return;
    }
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

  /** Who may hold a lease under the heartbeat that begins now; frontends' workers never do. */
  #holders(): Set<Incarnation> {
    const named = new Set(this.#table.mayHold(this.#now()));
    for (const { info } of this.#members.workers())
      if (!info.holds) named.delete(info.incarnation);
      else if (!this.#table.isDead(info.incarnation) && !this.#table.isOvertaken(info.incarnation))
        named.add(info.incarnation);
    return named;
  }

  #stated(): Stated {
    return {
      holders: this.#holders(),
      isUnknown: this.#table.holdersUnknown,
      // Leases of the predecessor's longer times may run: should we be lost, our successor waits for them too.
      times: this.#table.isWaiting ? this.#timesBefore : this.#o.times,
    };
  }

  /** Nobody has reported yet, as nobody knows of this controller: everybody that was known before is told. */
  #firstAuthority(): void {
    const { bus, supervisors, workers } = this.#o;
    this.#journal.tell('control-taken');
    const statement = this.statement();
    for (const address of supervisors()) bus.notify(address, Service.supervisorStatement, statement);
    for (const { address } of workers()) bus.notify(address, Service.workerStatement, statement);
    this.announce();
    this.#assignSoon();
  }

  /** The authority as a lease, for the log of the cluster settings: epoch (control epoch, 0). */
  #settingsLease(): Lease {
    return {
      incarnation: this.#o.bus.self.incarnation,
      epoch: epochOf(this.controlEpoch, 0),
      held: () => this.hasAuthority(),
      confirm: () => this.#heartbeats.confirmation(),
      reportLargerEpoch: (epoch) => this.#largerEpoch(epoch),
    };
  }

  #finish(over: Over): void {
    if (this.#ended) return;
    this.#journal.over(over);
    this.#end();
    // Without authority it says so at once; a controller that gives up makes "no counter, no statement".
    if (over.kind !== 'gave-up') this.announce();
    void this.#settings.close();
    void this.#heartbeats.close(false);
    this.#o.over(over);
  }

  #end(): void {
    this.#ended = true;
    this.#heartbeats.end();
    this.#assignTimer?.cancel();
    this.#announcer.stop();
  }

  #now(): number {
    return this.#o.platform.clock.monotonicMs();
  }
}
