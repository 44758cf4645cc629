/**
 * Tells the log what an acting controller decides (events.ts), and counts it for the metrics. Watches: it is told of every
 * change of a slot's owner and of every list of members, and makes one line of what belongs together. Slots move by the
 * hundred, so they are collected and told per worker.
 */
import { type Incarnation, SLOTS, type Slot } from '../../store/ids.ts';
import { type ClusterEvent, logEvent } from '../events.ts';
import type { MemberNews, MembersNews } from '../news.ts';
import type { ClusterLogger, MemberStatus, SlotMap } from '../types.ts';
import type { Over } from './types.ts';

/** How often each was told, over all controllers of this process. */
export type EventCounts = Map<ClusterEvent, number>;

/** How a slot came to a worker. */
type Way = 'slots-granted' | 'slots-confirmed' | 'take-over';

interface Batch {
  readonly event: Way;
  readonly worker: Incarnation;
  readonly from: Incarnation | undefined;
  slots: number;
}

type Seen = Pick<MemberStatus, 'state' | 'draining'> & { readonly drained: boolean };

export interface JournalOptions {
  readonly logger: ClusterLogger;
  readonly controlEpoch: number;
  readonly counts: EventCounts;
  /** Who had the slots when this controller came. */
  readonly mapBefore: SlotMap;
  readonly membersBefore: () => readonly MemberNews[];
}

/** Slots that move are collected for so long. */
const BATCH_MS = 1000;

const REASONS = {
  deposed: 'a larger control epoch, or the control file failed',
  'larger-found': 'a file with an epoch that was never granted',
  'gave-up': 'hears a minority only',
  stopped: 'stopping',
} as const satisfies Record<Over['kind'] | 'stopped', string>;

export class Journal {
  readonly #logger: ClusterLogger;
  readonly #controlEpoch: number;
  readonly #counts: EventCounts;
  /** The last holder of each slot that has not given it back. */
  readonly #holders = new Map<Slot, Incarnation>();
  readonly #members = new Map<string, Seen>();
  readonly #memberOf = new Map<Incarnation, string>();
  #granted = new Map<string, Batch>();
  #released = new Map<Incarnation, number>();
  #confirming = false;
  /** When the first of what was collected was seen. */
  #collectingSince: number | undefined;

  constructor({ logger, controlEpoch, counts, mapBefore, membersBefore }: JournalOptions) {
    this.#logger = logger;
    this.#controlEpoch = controlEpoch;
    this.#counts = counts;
    for (let slot = 0; slot < SLOTS; slot++) {
      const owner = mapBefore.owner(slot as Slot);
      if (owner === undefined) continue;
      this.#holders.set(slot as Slot, owner.incarnation);
      this.#memberOf.set(owner.incarnation, owner.member);
    }
    for (const { name, state, draining, slots } of membersBefore())
      this.#members.set(name, { state, draining, drained: draining && slots === 0 });
  }

  tell(event: ClusterEvent, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#counts.set(event, (this.#counts.get(event) ?? 0) + 1);
    logEvent(this.#logger, event, { controlEpoch: this.#controlEpoch, ...fields });
  }

  /** The controller's end, told once. */
  over(over: Over | { readonly kind: 'stopped' }): void {
    this.#flush();
    const isOwnAct = over.kind === 'gave-up' || over.kind === 'stopped';
    this.tell(isOwnAct ? 'control-given-up' : 'control-lost', { reason: REASONS[over.kind] });
  }

  /** Owners that become known within `work` had their slots before this controller. */
  confirming(work: () => void): void {
    this.#confirming = true;
    try {
      work();
    } finally {
      this.#confirming = false;
    }
  }

  /** The slot's owner is another one; undefined: nobody, for whatever reason. */
  owner(slot: Slot, worker: Incarnation | undefined): void {
    if (worker === undefined) return;
    const before = this.#holders.get(slot);
    this.#holders.set(slot, worker);
    const event = this.#wayOf(before, worker);
    const from = event === 'take-over' ? before : undefined;
    const key = `${event} ${worker} ${from ?? ''}`;
    const batch = this.#granted.get(key);
    if (batch === undefined) this.#granted.set(key, { event, worker, from, slots: 1 });
    else batch.slots++;
  }

  /** The worker has said that it closed this slot: whoever is next takes nothing over. */
  released(slot: Slot, worker: Incarnation): void {
    if (this.#holders.get(slot) !== worker) return;
    this.#holders.delete(slot);
    this.#released.set(worker, (this.#released.get(worker) ?? 0) + 1);
  }

  /** Each Heartbeat: tells what was collected, and what is new in the list of members. */
  tick(now: number, news: MembersNews): void {
    for (const { name, info } of news.members)
      for (const { incarnation } of info) this.#memberOf.set(incarnation, name);
    this.#flushWhenDue(now);
    const there = new Set<string>();
    for (const member of news.members) {
      there.add(member.name);
      this.#member(member);
    }
    for (const name of this.#members.keys()) if (!there.has(name)) this.#members.delete(name);
    this.#forgetWorkers(news);
  }

  #wayOf(before: Incarnation | undefined, worker: Incarnation): Way {
    if (this.#confirming) return 'slots-confirmed';
    return before !== undefined && before !== worker ? 'take-over' : 'slots-granted';
  }

  /** Planned moves go on for seconds and are told in between; who was taken over from is told at once. */
  #flushWhenDue(now: number): void {
    if (this.#granted.size === 0 && this.#released.size === 0) {
      this.#collectingSince = undefined;
      return;
    }
    this.#collectingSince ??= now;
    const isUrgent = [...this.#granted.values()].some(({ event }) => event !== 'slots-granted');
    if (isUrgent || now - this.#collectingSince >= BATCH_MS) this.#flush();
  }

  #flush(): void {
    this.#collectingSince = undefined;
    const [granted, released] = [this.#granted, this.#released];
    this.#granted = new Map();
    this.#released = new Map();
    for (const [worker, slots] of released) this.tell('slots-released', { ...this.#named(worker), slots });
    for (const { event, worker, from, slots } of granted.values())
      this.tell(event, {
        ...this.#named(worker),
        slots,
        ...(from === undefined ? {} : { from, fromMember: this.#memberOf.get(from) }),
      });
  }

  #named(worker: Incarnation): { readonly member: string | undefined; readonly worker: Incarnation } {
    return { member: this.#memberOf.get(worker), worker };
  }

  #member({ name, role, state, draining, slots, refusal }: MemberNews): void {
    const before = this.#members.get(name);
    const drained = draining && slots === 0;
    // Who joins a new controller is what it was until it is heard there.
    this.#members.set(name, {
      state: state === 'joining' ? (before?.state ?? state) : state,
      draining,
      drained,
    });
    if (before === undefined) this.tell('member-joined', { member: name, role });
    if (before?.state !== state && state !== 'joining')
      this.tell(`member-${state}`, { member: name, role, ...(refusal === undefined ? {} : { refusal }) });
    if (draining && before?.draining !== true) this.tell('drain-begun', { member: name, slots });
    if (drained && before?.drained !== true) this.tell('drain-ended', { member: name });
  }

  /** Bounded by who is a member or holds a slot. */
  #forgetWorkers(news: MembersNews): void {
    const named = new Set(news.members.flatMap(({ info }) => info.map(({ incarnation }) => incarnation)));
    const known = this.#memberOf.size;
    if (known <= named.size) return;
    for (const holder of this.#holders.values()) named.add(holder);
    for (const incarnation of this.#memberOf.keys())
      if (!named.has(incarnation)) this.#memberOf.delete(incarnation);
  }
}
