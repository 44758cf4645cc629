/**
 * The controller's table of leases: who holds which slot, under which epoch, until when. Pure: time and authority come
 * in with every call (docs/architecture.md, section 3, Control and Leases).
 *
 * One renewal covers all slots of a worker, so the time is kept per worker: `until` is when, by the controller's clock
 * and counted from after answering plus margin, everything that the worker was ever told has run out.
 *
 * A slot is
 * - `waiting`: of an earlier controller, nobody reported it; counts as held until the predecessor's leases have run out;
 * - `free`: nobody can hold it; `last` remembers a lapsed lease that nobody was granted since;
 * - `held`: granted by us or confirmed; `unacknowledged` while the worker has not shown that it knows;
 * - `releasing`: held, and the worker was asked to close it for a planned move.
 */
import { type Epoch, epochOf, type Incarnation, SLOTS, type Slot } from '../../store/ids.ts';
import { type Pair, pairDigest } from '../messages.ts';
import { withMargin } from '../times.ts';
import type { ClusterTimes } from '../types.ts';

export interface Entry {
  readonly state: 'waiting' | 'free' | 'held' | 'releasing';
  readonly holder: Incarnation | undefined;
  readonly epoch: Epoch;
  /** Serial of the first answer that carried the grant; 0 once the worker has shown that it knows it. */
  readonly grantedIn: number;
}

interface Holder {
  readonly incarnation: Incarnation;
  /** By our clock; everything this worker was told has run out at this time. */
  until: number;
  /** Set by a report to this controller as candidate: the reported leases surely still run before this time. */
  reportedUntil: number | undefined;
  seq: number;
  serial: number;
  /** The state of its slots is known: by a report, a list, or because it has been granted everything here. */
  known: boolean;
  slots: Set<Slot>;
}

export interface RenewInput {
  readonly incarnation: Incarnation;
  readonly seq: number;
  readonly ack: number;
  readonly stalled: boolean;
  readonly count: number;
  readonly digest: number;
  readonly released: readonly Pair[];
  readonly pairs: readonly Pair[] | undefined;
}

export interface RenewResult {
  readonly serial: number;
  readonly leftMs: number;
  readonly resync: boolean;
  /** Its leases of the predecessor are not known: ask for them. */
  readonly unreported: boolean;
  readonly grants: readonly Pair[];
  readonly release: readonly Pair[];
  readonly lost: readonly Pair[];
}

/** A worker not heard of for so many SlotLeases is forgotten. */
const FORGET_LEASES = 30;
/** Proofs of death remembered; far more than workers can die while a message of theirs is under way. */
const DEAD_MAX = 4096;

const FREE: Entry = { state: 'free', holder: undefined, epoch: 0 as Epoch, grantedIn: 0 };
const WAITING: Entry = { ...FREE, state: 'waiting' };

export interface TakenOver {
  /** Unreported slots count as held until this time of our clock; undefined when nobody was before us. */
  readonly waitUntil: number | undefined;
  /** Everybody who may hold a lease of the predecessor; undefined when that is not known. */
  readonly holders: ReadonlySet<Incarnation> | undefined;
}

export class LeaseTable {
  readonly controlEpoch: number;
  readonly #times: ClusterTimes;
  readonly #entries: Entry[];
  readonly #holders = new Map<Incarnation, Holder>();
  readonly #dead = new Set<Incarnation>();
  /** Told of every change of a slot's owner, for the map: undefined when it has none. */
  readonly #changed: (slot: Slot, owner: Incarnation | undefined) => void;
  #waitUntil: number | undefined;
  #unheard: Set<Incarnation> | undefined;
  #granted = 0;
  #free = 0;

  constructor(
    controlEpoch: number,
    times: ClusterTimes,
    before: TakenOver,
    changed: (slot: Slot, owner: Incarnation | undefined) => void,
  ) {
    this.controlEpoch = controlEpoch;
    this.#times = times;
    this.#changed = changed;
    this.#waitUntil = before.waitUntil;
    this.#unheard = before.holders === undefined ? undefined : new Set(before.holders);
    const waiting = before.waitUntil !== undefined;
    this.#entries = Array.from({ length: SLOTS }, () => (waiting ? WAITING : FREE));
    this.#free = waiting ? 0 : SLOTS;
  }

  entry(slot: Slot): Entry {
    return this.#entries[slot]!;
  }

  get freeCount(): number {
    return this.#free;
  }

  get grantCount(): number {
    return this.#granted;
  }

  /** Slots of a worker, those being released and not yet acknowledged included. */
  slotsOf(incarnation: Incarnation): ReadonlySet<Slot> {
    return this.#holders.get(incarnation)?.slots ?? new Set();
  }

  /** Everybody who may hold a lease now, for the heartbeat file: also those of the predecessor not heard of yet. */
  mayHold(now: number): ReadonlySet<Incarnation> {
    const result = new Set(this.#unheard);
    for (const holder of this.#holders.values()) if (holder.until > now) result.add(holder.incarnation);
    return result;
  }

  /** True while the leases of the predecessor are not all accounted for. */
  get isWaiting(): boolean {
    return this.#waitUntil !== undefined;
  }

  /** True while the predecessor's leases are not accounted for and their holders are not known by name either. */
  get holdersUnknown(): boolean {
    return this.#waitUntil !== undefined && this.#unheard === undefined;
  }

  /** Advances to `now`: leases run out. Gives the incarnations whose leases did. */
  lapse(now: number): readonly Incarnation[] {
    if (this.#waitUntil !== undefined && now >= this.#waitUntil) this.#endWaiting();
    const lapsed: Incarnation[] = [];
    for (const holder of this.#holders.values()) {
      if (now < holder.until) continue;
      if (holder.slots.size > 0) {
        lapsed.push(holder.incarnation);
        holder.known = false;
      }
      for (const slot of holder.slots) {
        const { epoch } = this.#entries[slot]!;
        this.#setFree(slot);
        // "A lapsed lease is renewed with unchanged epoch only by the controller that granted it and has granted it to
        // nobody since": so its holder and epoch stay in the entry, until it is granted again.
        if (Math.floor(epoch / 2 ** 32) === this.controlEpoch)
          this.#entries[slot] = { state: 'free', holder: holder.incarnation, epoch, grantedIn: 0 };
      }
      holder.slots.clear();
      if (now >= holder.until + FORGET_LEASES * this.#times.slotLeaseMs)
        this.#holders.delete(holder.incarnation);
    }
    return lapsed;
  }

  /**
   * A worker's answer to this controller as candidate: the pairs "whose lease *still runs by the worker's own clock*".
   * `askedAt` is our clock before the question was sent, `now` after the answer came.
   */
  reported(
    incarnation: Incarnation,
    pairs: readonly Pair[],
    leftMs: number,
    askedAt: number,
    now: number,
  ): void {
    if (this.#dead.has(incarnation) || this.#holders.get(incarnation)?.known) return;
    const holder = this.#holder(incarnation, now, 0);
    holder.known = true;
    if (leftMs > 0) {
      holder.until = Math.max(holder.until, now + withMargin(leftMs, this.#times));
      // The worker's clock may be the faster one: surely running only for this much of ours.
      holder.reportedUntil = askedAt + leftMs / (1 + this.#times.clockMargin);
      for (const pair of pairs) this.#takeReported(holder, pair);
    }
    this.#heardOf(incarnation);
  }

  /** "Proven dead": its leases are free at once, and nothing that comes from it later counts. */
  dead(incarnation: Incarnation): void {
    if (this.#dead.has(incarnation)) return;
    this.#dead.add(incarnation);
    for (const oldest of this.#dead) {
      if (this.#dead.size <= DEAD_MAX) break;
      this.#dead.delete(oldest);
    }
    const holder = this.#holders.get(incarnation);
    for (const slot of holder?.slots ?? []) this.#setFree(slot);
    this.#holders.delete(incarnation);
    this.#heardOf(incarnation);
  }

  isDead(incarnation: Incarnation): boolean {
    return this.#dead.has(incarnation);
  }

  /**
   * A renewal. `leaseMs` is how long a lease may last now by our authority (0: renews and grants nothing).
   * Undefined for a message that a later one has overtaken, and for the dead.
   */
  renew(input: RenewInput, leaseMs: number, now: number): RenewResult | undefined {
    if (this.#dead.has(input.incarnation)) return undefined;
    const holder = this.#holder(input.incarnation, now, input.ack);
    if (input.seq <= holder.seq) return undefined;
    holder.seq = input.seq;
    const nothing = { leftMs: 0, resync: false, unreported: false, grants: [], release: [], lost: [] };
    // Its leases are of the predecessor: only a report that was asked for says how long they surely run.
    if (!holder.known && this.isWaiting)
      return { ...nothing, serial: ++holder.serial, resync: true, unreported: true };
    this.#acknowledge(holder, input.ack);
    for (const pair of input.released) this.#release(holder, pair);

    const renews = leaseMs > 0 && !input.stalled;
    const lost = input.pairs === undefined ? [] : this.#reconcile(holder, input.pairs, now);
    const agreed = input.pairs !== undefined || this.#agrees(holder, input, now);
    const serial = ++holder.serial;
    if (!agreed || !renews) return { ...nothing, serial, resync: !agreed, lost };
    holder.reportedUntil = undefined;

    // Counted "by the controller from after answering, plus margin".
    holder.until = Math.max(holder.until, now + withMargin(leaseMs, this.#times));
    return {
      ...nothing,
      serial,
      lost,
      leftMs: leaseMs,
      grants: this.#pending(holder, serial),
      release: this.#pairsOf(holder, (entry) => entry.state === 'releasing'),
    };
  }

  /** Gives a free slot to a worker under a new epoch; it is told with its next renewal. */
  grant(slot: Slot, incarnation: Incarnation): Epoch {
    const holder = this.#holders.get(incarnation);
    if (this.#entries[slot]!.state !== 'free' || holder === undefined)
      throw new Error('slot not free to grant');
    const epoch = epochOf(this.controlEpoch, ++this.#granted);
    this.#entries[slot] = { state: 'held', holder: incarnation, epoch, grantedIn: Infinity };
    this.#free--;
    holder.slots.add(slot);
    return epoch;
  }

  /** Asks for a slot back: a planned move. */
  takeBack(slot: Slot): void {
    const entry = this.#entries[slot]!;
    if (entry.state === 'held') this.#entries[slot] = { ...entry, state: 'releasing' };
  }

  /** May be granted something: its leases are known and it renews with us. */
  isLive(incarnation: Incarnation, now: number): boolean {
    const holder = this.#holders.get(incarnation);
    return holder !== undefined && holder.known && now < holder.until;
  }

  /** Its leases of the predecessor are not known yet. */
  isUnreported(incarnation: Incarnation): boolean {
    return this.isWaiting && !this.#dead.has(incarnation) && this.#holders.get(incarnation)?.known !== true;
  }

  // ---- what the worker knows

  #acknowledge(holder: Holder, ack: number): void {
    for (const slot of holder.slots) {
      const entry = this.#entries[slot]!;
      if (entry.grantedIn === 0 || entry.grantedIn > ack) continue;
      this.#entries[slot] = { ...entry, grantedIn: 0 };
      this.#changed(slot, holder.incarnation);
    }
  }

  /** "`released` names slot and epoch": any other epoch is an old message. */
  #release(holder: Holder, { slot, epoch }: Pair): void {
    if (!holder.slots.has(slot) || this.#entries[slot]!.epoch !== epoch) return;
    holder.slots.delete(slot);
    this.#setFree(slot);
  }

  #agrees(holder: Holder, input: RenewInput, now: number): boolean {
    if (!holder.known) return false;
    const acknowledged = this.#pairsOf(holder, (entry) => entry.grantedIn === 0);
    if (acknowledged.length !== input.count) return false;
    if (acknowledged.reduce((sum, pair) => sum + pairDigest(pair), 0) !== input.digest) return false;
    if (holder.reportedUntil !== undefined && acknowledged.length > 0) {
      // "A pair is confirmed only if … the reported lease outlasts the confirmation." Else the list comes, and loses.
      if (now >= holder.reportedUntil) return false;
    }
    return true;
  }

  /** Compares all that the worker holds with the table. Gives what it must drop. */
  #reconcile(holder: Holder, pairs: readonly Pair[], now: number): Pair[] {
    const first = !holder.known;
    holder.known = true;
    const unconfirmed = holder.reportedUntil !== undefined && now >= holder.reportedUntil;
    if (first) this.#heardOf(holder.incarnation);
    const listed = new Set(pairs.map((pair) => pair.slot));
    // What it was told and does not hold any more it has given up itself.
    for (const slot of holder.slots) {
      if (listed.has(slot) || this.#entries[slot]!.grantedIn !== 0) continue;
      holder.slots.delete(slot);
      this.#setFree(slot);
    }
    return pairs.filter((pair) => !this.#keeps(holder, pair, unconfirmed));
  }

  #keeps(holder: Holder, { slot, epoch }: Pair, unconfirmed: boolean): boolean {
    const entry = this.#entries[slot]!;
    const mine = Math.floor(epoch / 2 ** 32) === this.controlEpoch;
    if (entry.holder !== holder.incarnation || entry.epoch !== epoch) return false;
    if (entry.state === 'free') {
      // Lapsed with us and granted to nobody since.
      if (!mine) return false;
      this.#entries[slot] = { ...entry, state: 'held' };
      this.#free--;
      holder.slots.add(slot);
      this.#changed(slot, holder.incarnation);
      return true;
    }
    return mine || !unconfirmed;
  }

  /** "Confirmed, with unchanged epoch, only if no larger epoch of that slot was reported." */
  #takeReported(holder: Holder, { slot, epoch }: Pair): void {
    const entry = this.#entries[slot]!;
    if (entry.state !== 'waiting') {
      // Somebody else reported the slot too: the larger epoch counts, the other one is refused with its next renewal.
      const other = entry.holder === undefined ? undefined : this.#holders.get(entry.holder);
      if (entry.state !== 'held' || other === undefined || epoch <= entry.epoch) return;
      if (Math.floor(entry.epoch / 2 ** 32) === this.controlEpoch) return;
      other.slots.delete(slot);
    }
    this.#entries[slot] = { state: 'held', holder: holder.incarnation, epoch, grantedIn: 0 };
    holder.slots.add(slot);
    this.#changed(slot, holder.incarnation);
  }

  #heardOf(incarnation: Incarnation): void {
    this.#unheard?.delete(incarnation);
    if (this.#unheard?.size === 0) this.#endWaiting();
  }

  #endWaiting(): void {
    this.#waitUntil = undefined;
    this.#unheard = undefined;
    for (let slot = 0; slot < SLOTS; slot++)
      if (this.#entries[slot]!.state === 'waiting') this.#setFree(slot as Slot);
  }

  #pending(holder: Holder, serial: number): Pair[] {
    const grants: Pair[] = [];
    for (const slot of holder.slots) {
      const entry = this.#entries[slot]!;
      if (entry.grantedIn === 0) continue;
      if (entry.grantedIn > serial) this.#entries[slot] = { ...entry, grantedIn: serial };
      grants.push({ slot, epoch: entry.epoch });
    }
    return grants;
  }

  #pairsOf(holder: Holder, wanted: (entry: Entry) => boolean): Pair[] {
    const result: Pair[] = [];
    for (const slot of holder.slots) {
      const entry = this.#entries[slot]!;
      if (wanted(entry)) result.push({ slot, epoch: entry.epoch });
    }
    return result;
  }

  #setFree(slot: Slot): void {
    if (this.#entries[slot]!.state !== 'free') this.#free++;
    this.#entries[slot] = FREE;
    this.#changed(slot, undefined);
  }

  /** `ack`: serials go on above what the worker has seen, should it have been forgotten here. */
  #holder(incarnation: Incarnation, now: number, ack: number): Holder {
    let holder = this.#holders.get(incarnation);
    if (holder === undefined) {
      holder = {
        incarnation,
        until: now,
        reportedUntil: undefined,
        seq: 0,
        serial: ack,
        known: false,
        slots: new Set(),
      };
      this.#holders.set(incarnation, holder);
    }
    return holder;
  }
}
