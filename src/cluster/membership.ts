/**
 * The controller's list of members and workers: who they are, in which state, when they were heard, which version of the
 * settings they show. Pure. A member joins by its first report; it is heard when it quotes a heartbeat not older than a
 * ControlLease. Members long unheard are forgotten, so that the list stays bounded.
 */
import type { Address } from '../platform/platform.ts';
import { epochOf, type Incarnation } from '../store/ids.ts';
import type { Counted } from './control/quorum.ts';
import { MEMBERS_MAX, type Renewal, type Report, type WorkerInfo } from './messages.ts';
import type { MembersNews } from './news.ts';
import type { ClusterTimes, Role } from './types.ts';

/** A member unheard for so long is taken off the list. */
const FORGET_MS = 15 * 60_000;

export interface KnownWorker {
  readonly info: WorkerInfo;
  readonly member: string;
  /** The version of the settings that it shows; -1: none. */
  readonly settingsVersion: number;
  readonly draining: boolean;
  readonly heardAt: number;
  readonly probeAgeMs: number | undefined;
  /** Since when its probe has been fresh at every renewal. */
  readonly freshSince: number | undefined;
  /** It has read the controller's nonce through its own mount. */
  readonly nonceKnown: boolean;
}

interface Member {
  readonly name: string;
  readonly role: Role;
  readonly incarnation: Incarnation;
  readonly address: Address;
  readonly ready: boolean;
  readonly draining: boolean;
  readonly settingsVersion: number;
  readonly workers: readonly WorkerInfo[];
  readonly heardAt: number;
  /** When its newest report came, whatever it quoted. */
  readonly reportedAt: number;
  readonly wasReady: boolean;
}

export function isBackend(role: Role): boolean {
  return role !== 'frontend';
}

export class Membership {
  readonly #self: string;
  readonly #times: ClusterTimes;
  readonly #controlEpoch: number;
  readonly #members = new Map<string, Member>();
  readonly #workers = new Map<Incarnation, KnownWorker>();
  #count = 1;
  #shape = '';

  constructor(self: string, controlEpoch: number, times: ClusterTimes) {
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
    this.#members.set(report.member, {
      name: report.member,
      role: report.role,
      incarnation: report.incarnation,
      address: report.address,
      ready: report.ready,
      draining: report.draining,
      settingsVersion: report.settingsVersion,
      workers: report.workers,
      heardAt: recent ? now : again ? known.heardAt : -Infinity,
      reportedAt: now,
      wasReady: (again && known.wasReady) || report.ready,
    });
    return true;
  }

  /** A worker's renewal. */
  renewed(now: number, renewal: Renewal, recent: boolean, nonceRight: boolean): KnownWorker {
    const { worker } = renewal;
    const known = this.#workers.get(worker.incarnation);
    const fresh = renewal.probeAgeMs !== undefined && !renewal.stalled;
    const next: KnownWorker = {
      info: worker,
      member: renewal.member,
      settingsVersion: renewal.settingsVersion,
      draining: renewal.draining,
      heardAt: recent ? now : (known?.heardAt ?? -Infinity),
      probeAgeMs: renewal.probeAgeMs,
      freshSince: fresh ? (known?.freshSince ?? now) : undefined,
      nonceKnown: nonceRight || (known?.nonceKnown ?? false),
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

  /** "Another backend has had a fresh probe for 1 s." */
  anotherIsFresh(now: number, member: string, freshMs: number): boolean {
    return [...this.#workers.values()].some(
      ({ member: other, freshSince, heardAt }) =>
        other !== member &&
        freshSince !== undefined &&
        now - freshSince >= freshMs &&
        now - heardAt <= this.#times.controlLeaseMs,
    );
  }

  counted(): readonly Counted[] {
    return [...this.#members.values()].map(({ name, role, ready, heardAt }) => ({
      name,
      isBackend: isBackend(role),
      ready,
      heardAt,
    }));
  }

  /** Supervisors to send statements to. */
  supervisors(): readonly { readonly name: string; readonly address: Address }[] {
    return [...this.#members.values()];
  }

  /**
   * "A settings change is answered when every ready member shows it": its supervisor and each of its workers that is
   * there. A member unheard for `unheardMs` is not ready (it knows that itself) and not waited for.
   */
  allShow(now: number, version: number): boolean {
    for (const member of this.#members.values()) {
      if (!this.#counts(now, member)) continue;
      if (member.settingsVersion < version) return false;
      for (const { incarnation } of member.workers) {
        const worker = this.#workers.get(incarnation);
        if (worker !== undefined && worker.settingsVersion < version) return false;
      }
    }
    return true;
  }

  #counts(now: number, member: Member): boolean {
    return member.ready && now - member.heardAt < this.#times.unheardMs;
  }

  /** Each Heartbeat: forgets who is long gone, and gives the list a new version when it has changed. */
  tick(now: number, slotsOf: (incarnation: Incarnation) => number): MembersNews {
    for (const [name, member] of this.#members)
      if (name !== this.#self && now - member.reportedAt > FORGET_MS) this.#members.delete(name);
    const named = new Set([...this.#members.values()].flatMap((m) => m.workers.map((w) => w.incarnation)));
    for (const [incarnation, worker] of this.#workers)
      if (!named.has(incarnation) && now - worker.heardAt > this.#times.unheardMs)
        this.#workers.delete(incarnation);
    const members = [...this.#members.values()].map((member) => ({
      name: member.name,
      role: member.role,
      state: this.#state(now, member),
      address: member.address,
      isController: member.name === this.#self,
      workers: [],
      slots: member.workers.reduce((sum, { incarnation }) => sum + slotsOf(incarnation), 0),
      info: member.workers,
    }));
    // The number of slots changes all the time while slots move; it is sent along, and is no news of its own.
    const shape = JSON.stringify(members.map((each) => ({ ...each, slots: 0 })));
    if (shape !== this.#shape) this.#count++;
    this.#shape = shape;
    return { version: this.version, members };
  }

  #state(now: number, member: Member): 'joining' | 'ready' | 'not-ready' | 'gone' {
    if (member.heardAt === -Infinity) return 'joining';
    if (now - member.heardAt >= this.#times.unheardMs) return 'gone';
    if (member.ready) return 'ready';
    return member.wasReady ? 'not-ready' : 'joining';
  }
}
