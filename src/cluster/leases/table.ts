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
import { Newest } from '../newest.ts';
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
  /** Held, releasing, unacknowledged: everything of its. */
  readonly slots: Set<Slot>;
  readonly unacknowledged: Set<Slot>;
  readonly releasing: Set<Slot>;
  /** Sum of the digests of what it has acknowledged. */
  digest: number;
}

export interface RenewInput {
  readonly incarnation: Incarnation;
  /** The controller's file names it, so that it may come to hold something that it does not hold now. */
  readonly named: boolean;
  readonly seq: number;
  readonly ack: number;
  readonly stalled: boolean;
  readonly count: number;
  readonly digest: number;
  readonly released: readonly Pair[];
  /** Those of `released` that it could not take. */
  readonly returned: readonly Pair[];
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
/** The overtaken remembered, the newest of them. */
const OVERTAKEN_MAX = 4096;

/** Who could not take a slot is not given it again for so long, if anybody else can have it … */
const RETURNED_MS = 30_000;
/** … and for so long if nobody can. */
const RETURNED_ALONE_MS = 1000;

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
  readonly #dead = new Newest<Incarnation>(DEAD_MAX);
  /**
   * Whose lapsed slots were granted to others since, until they renew again. Should we be lost before, our successor must
   * not believe such a worker, whose clock may have stood still, that its lease runs: the heartbeat file does not name it.
   */
  readonly #overtaken = new Newest<Incarnation>(OVERTAKEN_MAX);
  /** Slots that their holder could not take, and when it said so. */
  readonly #returned = new Map<Slot, { readonly by: Incarnation; readonly at: number }>();
  /** Told of every change of a slot's owner, for the map: undefined when it has none. */
  readonly #changed: (slot: Slot, owner: Incarnation | undefined) => void;
  #waitUntil: number | undefined;
  #unheard: Set<Incarnation> | undefined;
  /** Everybody whose lease ran with the predecessor; undefined when that is not known. */
  readonly #namedBefore: ReadonlySet<Incarnation> | undefined;
  #granted = 0;
  #free = 0;
  #releasing = 0;

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
    this.#namedBefore = before.holders;
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

  /** Slots that their holders were asked to close. */
  get releasingCount(): number {
    return this.#releasing;
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

  /** Every lease was released, has run out, or its holder is dead; those of the predecessor too. */
  get nothingHeld(): boolean {
    return !this.isWaiting && [...this.#holders.values()].every(({ slots }) => slots.size === 0);
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
      for (const slot of Array.from(holder.slots)) {
        const { epoch } = this.#entries[slot]!;
        this.#setFree(slot);
        // "A lapsed lease is renewed with unchanged epoch only by the controller that granted it and has granted it to
        // nobody since": so its holder and epoch stay in the entry, until it is granted again. Those of a lease that was
        // only confirmed stay too: whoever is granted the slot overtakes that holder.
        this.#write(slot, { state: 'free', holder: holder.incarnation, epoch, grantedIn: 0 });
      }
      // That it was overtaken is not forgotten: it may thaw at any time.
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
    // "A lapsed lease is never confirmed by a new controller": where the predecessor did not name the worker, its lease
    // had lapsed there, and its slots may have been granted to somebody who is not here to report the larger epoch. A
    // machine whose clock stood still says that it runs; confirmed, it would show what was, for ever.
    const ranBefore = this.#namedBefore?.has(incarnation) !== false;
    if (leftMs > 0 && ranBefore) {
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
    const holder = this.#holders.get(incarnation);
    for (const slot of Array.from(holder?.slots ?? [])) this.#setFree(slot);
    this.#holders.delete(incarnation);
    this.#overtaken.delete(incarnation);
    this.#heardOf(incarnation);
  }

  isOvertaken(incarnation: Incarnation): boolean {
    return this.#overtaken.has(incarnation);
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
    for (const { slot, epoch } of input.returned)
      if (this.#mayRelease(holder, slot, epoch))
        this.#returned.set(slot, { by: holder.incarnation, at: now });
    for (const { slot, epoch } of input.released)
      if (this.#mayRelease(holder, slot, epoch)) this.#setFree(slot);

    const renews = leaseMs > 0 && !input.stalled;
    const lost = input.pairs === undefined ? [] : this.#reconcile(holder, input.pairs, input.named, now);
    const agreed = input.pairs !== undefined || this.#agrees(holder, input, now);
    const serial = ++holder.serial;
    if (!agreed || !renews) return { ...nothing, serial, resync: !agreed, lost };
    holder.reportedUntil = undefined;

    // Counted "by the controller from after answering, plus margin".
    holder.until = Math.max(holder.until, now + withMargin(leaseMs, this.#times));
    this.#overtaken.delete(holder.incarnation);
    return {
      ...nothing,
      serial,
      lost,
      leftMs: leaseMs,
      grants: this.#pending(holder, serial),
      release: [...holder.releasing].map((slot) => ({ slot, epoch: this.#entries[slot]!.epoch })),
    };
  }

  /** Gives a free slot to a worker under a new epoch; it is told with its next renewal. */
  grant(slot: Slot, incarnation: Incarnation): Epoch {
    const holder = this.#holders.get(incarnation);
    if (this.#entries[slot]!.state !== 'free' || holder === undefined)
      throw new Error('slot not free to grant');
    const lapsed = this.#entries[slot]!.holder;
    if (lapsed !== undefined && lapsed !== incarnation) this.overtake(lapsed);
    const epoch = epochOf(this.controlEpoch, ++this.#granted);
    this.#write(slot, { state: 'held', holder: incarnation, epoch, grantedIn: Infinity });
    return epoch;
  }

  /** To whom a slot is not to be granted now, `alone` when there is nobody else: it could not take it a while ago. */
  notTo(slot: Slot, now: number, alone: boolean): Incarnation | undefined {
    const returned = this.#returned.get(slot);
    if (returned === undefined) return undefined;
    if (now - returned.at >= RETURNED_MS) this.#returned.delete(slot);
    return now - returned.at < (alone ? RETURNED_ALONE_MS : RETURNED_MS) ? returned.by : undefined;
  }

  /** Asks for a slot back: a planned move. */
  takeBack(slot: Slot): void {
    const entry = this.#entries[slot]!;
    if (entry.state === 'held') this.#write(slot, { ...entry, state: 'releasing' });
  }

  /** Everybody whose leases are known and running. */
  live(now: number): readonly Incarnation[] {
    return [...this.#holders.keys()].filter((incarnation) => this.isLive(incarnation, now));
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
    for (const slot of Array.from(holder.unacknowledged)) {
      const entry = this.#entries[slot]!;
      if (entry.grantedIn > ack) continue;
      this.#write(slot, { ...entry, grantedIn: 0 });
      this.#changed(slot, holder.incarnation);
    }
  }

  /** "`released` names slot and epoch": any other epoch is an old message. */
  #mayRelease(holder: Holder, slot: Slot, epoch: Epoch): boolean {
    return holder.slots.has(slot) && this.#entries[slot]!.epoch === epoch;
  }

  #agrees(holder: Holder, input: RenewInput, now: number): boolean {
    if (!holder.known) return false;
    const acknowledged = holder.slots.size - holder.unacknowledged.size;
    if (acknowledged !== input.count || holder.digest !== input.digest) return false;
    // "A pair is confirmed only if … the reported lease outlasts the confirmation." Else the list comes, and loses.
    return holder.reportedUntil === undefined || acknowledged === 0 || now < holder.reportedUntil;
  }

  /** Compares all that the worker holds with the table. Gives what it must drop. */
  #reconcile(holder: Holder, pairs: readonly Pair[], named: boolean, now: number): Pair[] {
    const first = !holder.known;
    holder.known = true;
    const unconfirmed = holder.reportedUntil !== undefined && now >= holder.reportedUntil;
    if (first) this.#heardOf(holder.incarnation);
    const listed = new Set(pairs.map((pair) => pair.slot));
    // What it was told and does not hold any more it has given up itself.
    for (const slot of Array.from(holder.slots)) {
      if (listed.has(slot) || this.#entries[slot]!.grantedIn !== 0) continue;
      this.#setFree(slot);
    }
    return pairs.filter((pair) => !this.#keeps(holder, pair, named, unconfirmed));
  }

  #keeps(holder: Holder, { slot, epoch }: Pair, named: boolean, unconfirmed: boolean): boolean {
    const entry = this.#entries[slot]!;
    const mine = Math.floor(epoch / 2 ** 32) === this.controlEpoch;
    if (entry.holder !== holder.incarnation || entry.epoch !== epoch) return false;
    if (entry.state === 'free') {
      // Lapsed with us and granted to nobody since.
      if (!mine || !named) return false;
      this.#write(slot, { ...entry, state: 'held' });
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
    }
    this.#write(slot, { state: 'held', holder: holder.incarnation, epoch, grantedIn: 0 });
    this.#changed(slot, holder.incarnation);
  }

  /** Somebody who was overtaken, has not renewed since, and would be believed by our successor. */
  isBelieved(now: number, mayBeNamed: (incarnation: Incarnation) => boolean): boolean {
    return [...this.#overtaken].some((each) => mayBeNamed(each) && !this.isLive(each, now));
  }

  /** Somebody else is about to be granted its lapsed slots: the next heartbeat does not name it. */
  overtake(incarnation: Incarnation): void {
    this.#overtaken.add(incarnation);
  }

  #heardOf(incarnation: Incarnation): void {
    this.#unheard?.delete(incarnation);
    if (this.#unheard?.size === 0) this.#endWaiting();
  }

  #endWaiting(): void {
    // Their slots are granted to others from now on, whatever a clock that stood still tells them.
    for (const incarnation of this.#unheard ?? []) this.overtake(incarnation);
    for (const { known, incarnation } of this.#holders.values()) if (!known) this.overtake(incarnation);
    this.#waitUntil = undefined;
    this.#unheard = undefined;
    for (let slot = 0; slot < SLOTS; slot++)
      if (this.#entries[slot]!.state === 'waiting') this.#setFree(slot as Slot);
  }

  #pending(holder: Holder, serial: number): Pair[] {
    const grants: Pair[] = [];
    for (const slot of Array.from(holder.unacknowledged)) {
      const entry = this.#entries[slot]!;
      if (entry.grantedIn > serial) this.#write(slot, { ...entry, grantedIn: serial });
      grants.push({ slot, epoch: entry.epoch });
    }
    return grants;
  }

  #setFree(slot: Slot): void {
    this.#write(slot, FREE);
    this.#changed(slot, undefined);
  }

  /** The one place where an entry changes, and with it what is kept per holder. Never while those sets are walked. */
  #write(slot: Slot, entry: Entry): void {
    const before = this.#entries[slot]!;
    this.#entries[slot] = entry;
    this.#free += Number(entry.state === 'free') - Number(before.state === 'free');
    this.#releasing += Number(entry.state === 'releasing') - Number(before.state === 'releasing');
    const left = this.#holderOf(before);
    if (left !== undefined) {
      left.slots.delete(slot);
      left.releasing.delete(slot);
      if (!left.unacknowledged.delete(slot)) left.digest -= pairDigest({ slot, epoch: before.epoch });
    }
    const taken = this.#holderOf(entry);
    if (taken === undefined) return;
    taken.slots.add(slot);
    if (entry.state === 'releasing') taken.releasing.add(slot);
    if (entry.grantedIn === 0) taken.digest += pairDigest({ slot, epoch: entry.epoch });
    else taken.unacknowledged.add(slot);
  }

  #holderOf(entry: Entry): Holder | undefined {
    const isHeld = entry.state === 'held' || entry.state === 'releasing';
    return isHeld && entry.holder !== undefined ? this.#holders.get(entry.holder) : undefined;
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
        unacknowledged: new Set(),
        releasing: new Set(),
        digest: 0,
      };
      this.#holders.set(incarnation, holder);
    }
    return holder;
  }
}
