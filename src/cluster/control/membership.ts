/**
 * The controller's list of members and workers: who they are, in which state, when they were heard, which version of the
 * settings they show. Pure. A member joins by its first report; it is heard when it quotes a heartbeat not older than a
 * ControlLease. Members long unheard are forgotten, so that the list stays bounded.
 */
import type { Address } from '../../platform/platform.ts';
import { epochOf, type Incarnation } from '../../store/ids.ts';
import { type MemberFacts, NO_FACTS } from '../facts.ts';
import { MEMBERS_MAX, type Renewal, type Report, type WorkerInfo } from '../messages.ts';
import { type MemberNews, type MembersNews, shown } from '../news.ts';
import { isBackendRole } from '../roles.ts';
import { withMargin } from '../times.ts';
import type { ClusterTimes, Role, WorkerLoad } from '../types.ts';
import type { Counted } from './quorum.ts';

/** A member unheard for so long is taken off the list. */
const FORGET_MS = 15 * 60_000;

export interface KnownWorker {
  readonly info: WorkerInfo;
  readonly member: string;
  /** The version of the settings that it shows; -1: none. */
  readonly settingsVersion: number;
  readonly ready: boolean;
  readonly draining: boolean;
  /** Its newest renewal, by its own count, and when that came, whatever it quoted. */
  readonly seq: number;
  readonly renewedAt: number;
  readonly heardAt: number;
  /** Since when its probe has been fresh at every renewal. */
  readonly freshSince: number | undefined;
  /** It has read the controller's nonce through its own mount. */
  readonly nonceKnown: boolean;
  /** As it told last; undefined for one of an earlier version. */
  readonly load: WorkerLoad | undefined;
}

interface Member {
  readonly name: string;
  readonly role: Role;
  readonly incarnation: Incarnation;
  readonly seq: number;
  readonly address: Address;
  readonly ready: boolean;
  readonly draining: boolean;
  readonly settingsVersion: number;
  readonly controlEpoch: number;
  readonly workers: readonly WorkerInfo[];
  readonly facts: MemberFacts;
  readonly heardAt: number;
  /** When its newest report came, whatever it quoted. */
  readonly reportedAt: number;
  readonly wasReady: boolean;
}

/** What a controller knows of the members before any of them has reported to it. */
export interface Predecessor {
  readonly members: readonly MemberNews[];
  /** Until then members may be ready by what the predecessor answered. */
  readonly readyUntil: number;
}

function withoutFigures(member: MemberNews): unknown {
  const workers = member.workers.map((each) => ({
    ...each,
    slots: 0,
    storageMs: 0,
    connections: 0,
    load: undefined,
  }));
  return { ...member, slots: 0, uptimeMs: 0, controlEpoch: 0, workers };
}

export class Membership {
  readonly #self: string;
  readonly #times: ClusterTimes;
  readonly #controlEpoch: number;
  readonly #members = new Map<string, Member>();
  readonly #workers = new Map<Incarnation, KnownWorker>();
  #count = 1;
  #shape = '';

  /** As the predecessor knew them, until they report here: who died with it is not to vanish without a word. */
  readonly #before: readonly MemberNews[];
  #startedAt: number | undefined;

  readonly #strangersUntil: number;

  constructor(
    self: string,
    controlEpoch: number,
    times: ClusterTimes,
    predecessor: Predecessor = { members: [], readyUntil: -Infinity },
  ) {
    this.#before = predecessor.members;
    this.#strangersUntil = predecessor.readyUntil;
    this.#self = self;
    this.#controlEpoch = controlEpoch;
    this.#times = times;
  }

  get version(): number {
    return epochOf(this.#controlEpoch, this.#count);
  }

  /** `recent`: the report quotes a heartbeat not older than a ControlLease. False when the list is full. */
  reported(now: number, report: Report, recent: boolean): boolean {
    const known = this.#members.get(report.member);
    if (known === undefined && this.#members.size >= MEMBERS_MAX) return false;
    const again = known !== undefined && known.incarnation === report.incarnation;
    // Overtaken: it took a detour.
    if (again && report.seq <= known.seq) return true;
    if (again) this.#notListedAnyMore(known.workers, report.workers);
    this.#members.set(report.member, {
      name: report.member,
      role: report.role,
      incarnation: report.incarnation,
      seq: report.seq,
      address: report.address,
      ready: report.ready,
      draining: report.draining,
      settingsVersion: report.settingsVersion,
      controlEpoch: report.controlEpoch,
      workers: report.workers,
      facts: report.facts ?? NO_FACTS,
      heardAt: recent ? now : again ? known.heardAt : -Infinity,
      reportedAt: now,
      wasReady: (again && known.wasReady) || report.ready,
    });
    return true;
  }

  /** Their supervisor has seen their exit, or did not hear them for so long that they are not ready. */
  #notListedAnyMore(before: readonly WorkerInfo[], now: readonly WorkerInfo[]): void {
    for (const { incarnation } of before) {
      const worker = this.#workers.get(incarnation);
      if (worker === undefined || now.some((each) => each.incarnation === incarnation)) continue;
      this.#workers.set(incarnation, { ...worker, ready: false });
    }
  }

  /** A worker's renewal. */
  renewed(now: number, renewal: Renewal, recent: boolean, nonceRight: boolean): KnownWorker {
    const { worker } = renewal;
    const known = this.#workers.get(worker.incarnation);
    if (known !== undefined && renewal.seq < known.seq) return known;
    const fresh = renewal.probeAgeMs !== undefined && !renewal.stalled;
    const next: KnownWorker = {
      info: worker,
      member: renewal.member,
      settingsVersion: renewal.settingsVersion,
      ready: renewal.ready,
      draining: renewal.draining,
      seq: renewal.seq,
      renewedAt: now,
      heardAt: recent ? now : (known?.heardAt ?? -Infinity),
      freshSince: fresh ? (known?.freshSince ?? now) : undefined,
      nonceKnown: nonceRight || (known?.nonceKnown ?? false),
      load: renewal.load,
    };
    this.#workers.set(worker.incarnation, next);
    return next;
  }

  /** A supervisor that is proven to speak for this worker: it is of the same member. */
  speaksFor(member: string, incarnation: Incarnation): boolean {
    const known = this.#workers.get(incarnation);
    return known === undefined || known.member === member;
  }

  workerGone(incarnation: Incarnation): void {
    this.#workers.delete(incarnation);
  }

  worker(incarnation: Incarnation): KnownWorker | undefined {
    return this.#workers.get(incarnation);
  }

  workers(): Iterable<KnownWorker> {
    return this.#workers.values();
  }

  isDraining(worker: KnownWorker): boolean {
    return worker.draining || (this.#members.get(worker.member)?.draining ?? false);
  }

  /** Its renewals come, whatever is in them. */
  isHeard(worker: KnownWorker, now: number): boolean {
    return now - worker.heardAt < this.#times.controlLeaseMs;
  }

  #isSilent(incarnation: Incarnation, now: number): boolean {
    const worker = this.#workers.get(incarnation);
    return worker === undefined || !this.isHeard(worker, now);
  }

  /** "Another backend has had a fresh probe for 1 s." */
  anotherIsFresh(now: number, member: string, freshMs: number): boolean {
    return [...this.#workers.values()].some(
      ({ info, member: other, freshSince, heardAt }) =>
        info.holds &&
        other !== member &&
        freshSince !== undefined &&
        now - freshSince >= freshMs &&
        now - heardAt <= this.#times.controlLeaseMs,
    );
  }

  counted(): readonly Counted[] {
    return [...this.#members.values()].map(({ name, role, ready, heardAt }) => ({
      name,
      isBackend: isBackendRole(role),
      ready,
      heardAt,
    }));
  }

  /** Supervisors to send statements to. */
  supervisors(): readonly { readonly name: string; readonly address: Address }[] {
    return [...this.#members.values()];
  }

  /**
   * "A settings change is answered when every ready member shows it": supervisors and workers alike. Who was not heard for
   * `unheardMs` is not ready, and knows that itself (readiness.ts); so are, that long after their last word to our
   * predecessor, those that it had and we do not know.
   */
  allShow(now: number, version: number): boolean {
    if (now < this.#strangersUntil) return false;
    for (const member of this.#members.values()) {
      if (!this.#mayBeReady(now, member.ready, member.reportedAt)) continue;
      if (member.settingsVersion < version) return false;
      // Listed by its supervisor, and nothing is known of what it shows.
      if (member.workers.some(({ incarnation }) => !this.#workers.has(incarnation))) return false;
    }
    return [...this.#workers.values()].every(
      ({ ready, renewedAt, settingsVersion }) =>
        settingsVersion >= version || !this.#mayBeReady(now, ready, renewedAt),
    );
  }

  /** By its newest message; its clock may be slower than ours. */
  #mayBeReady(now: number, ready: boolean, saidAt: number): boolean {
    return ready && now - saidAt < withMargin(this.#times.unheardMs, this.#times);
  }

  /** Each Heartbeat: forgets who is long gone, and gives the list a new version when it has changed. */
  tick(now: number, slotsOf: (incarnation: Incarnation) => number): MembersNews {
    for (const [name, member] of this.#members)
      if (name !== this.#self && now - member.reportedAt > FORGET_MS) this.#members.delete(name);
    const named = new Set([...this.#members.values()].flatMap((m) => m.workers.map((w) => w.incarnation)));
    for (const [incarnation, worker] of this.#workers)
      if (!named.has(incarnation) && now - worker.renewedAt > withMargin(this.#times.unheardMs, this.#times))
        this.#workers.delete(incarnation);
    const members = [...this.#members.values()].map(
      (member): MemberNews => ({
        name: member.name,
        role: member.role,
        state: this.#state(now, member),
        address: member.address,
        isController: member.name === this.#self,
        slots: member.workers.reduce((sum, { incarnation }) => sum + slotsOf(incarnation), 0),
        draining: member.draining,
        controlEpoch: member.controlEpoch,
        info: member.workers,
        silent: member.workers.map((each) => each.incarnation).filter((each) => this.#isSilent(each, now)),
        ...shown(member.workers, member.facts),
      }),
    );
    members.push(...this.#absent(now, MEMBERS_MAX - members.length));
    // Figures change all the time: they are sent along, and are no news of their own.
    const shape = JSON.stringify(members.map(withoutFigures));
    if (shape !== this.#shape) this.#count++;
    this.#shape = shape;
    return { version: this.version, members };
  }

  /** For the list alone: they count for nothing, and own nothing. */
  #absent(now: number, max: number): readonly MemberNews[] {
    this.#startedAt ??= now;
    const waitedMs = now - this.#startedAt;
    if (waitedMs > FORGET_MS) return [];
    return this.#before
      .filter(({ name }) => !this.#members.has(name))
      .slice(0, max)
      .map((member) => {
        const isGone = member.state === 'gone' || waitedMs >= this.#times.unheardMs;
        const silent = member.info.map(({ incarnation }) => incarnation);
        return { ...member, state: isGone ? 'gone' : 'joining', isController: false, slots: 0, silent };
      });
  }

  #state(now: number, member: Member): 'joining' | 'ready' | 'not-ready' | 'gone' {
    if (member.heardAt === -Infinity) return 'joining';
    if (now - member.heardAt >= this.#times.unheardMs) return 'gone';
    if (member.ready) return 'ready';
    return member.wasReady ? 'not-ready' : 'joining';
  }
}
