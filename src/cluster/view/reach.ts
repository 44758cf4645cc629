/**
 * Which owners of slots this process reaches: directly, over one hop, or not at all. "A frontend that reaches an owner
 * neither directly nor over one hop reports not-ready." Not so when the controller does not hear that owner either: then
 * nobody serves better, and its slots move to others when their leases have run out, however long these are.
 */
import type { Clock } from '../../platform/platform.ts';
import type { Incarnation } from '../../store/ids.ts';
import { Service } from '../messages.ts';
import type { ClusterTimes, Owner, SlotMap } from '../types.ts';
import type { Detour } from './detour.ts';

interface Reached {
  directAt: number;
  anyAt: number;
  pinging: number;
}

/** Pings to one owner that may be unanswered. */
const PINGS_MAX = 4;

export class Reach {
  readonly #detour: Detour;
  readonly #clock: Clock;
  readonly #map: SlotMap;
  readonly #times: ClusterTimes;
  readonly #isSilent: (owner: Incarnation) => boolean;
  readonly #owners = new Map<Incarnation, Reached>();

  /** `isSilent`: the controller does not hear it. */
  constructor(
    detour: Detour,
    clock: Clock,
    map: SlotMap,
    times: ClusterTimes,
    isSilent: (owner: Incarnation) => boolean,
  ) {
    this.#detour = detour;
    this.#clock = clock;
    this.#map = map;
    this.#times = times;
    this.#isSilent = isSilent;
  }

  /** Each Heartbeat: asks every owner not heard for one whether it is there, and those that were silent over a hop too. */
  tick(): void {
    const now = this.#clock.monotonicMs();
    const owners = this.#map.owners();
    const there = new Set(owners.map(({ incarnation }) => incarnation));
    for (const incarnation of this.#owners.keys())
      if (!there.has(incarnation)) this.#owners.delete(incarnation);
    for (const owner of owners) {
      let reached = this.#owners.get(owner.incarnation);
      if (reached === undefined) {
        reached = { directAt: now, anyAt: now, pinging: 0 };
        this.#owners.set(owner.incarnation, reached);
      } else if (now - reached.directAt < this.#times.heartbeatMs) continue;
      this.#ping(owner, reached, now);
    }
  }

  /** False while the owner has not answered directly for a ControlLease: calls take the detour. */
  isDirect(incarnation: Incarnation): boolean {
    const reached = this.#owners.get(incarnation);
    return reached === undefined || this.#clock.monotonicMs() - reached.directAt < this.#times.controlLeaseMs;
  }

  /** Every owner on the map that is there was reached in the last `unheardMs`. */
  all(): boolean {
    const now = this.#clock.monotonicMs();
    return [...this.#owners].every(
      ([owner, { anyAt }]) => now - anyAt < this.#times.unheardMs || this.#isSilent(owner),
    );
  }

  /** The owner has answered a call directly. */
  answered(incarnation: Incarnation): void {
    const reached = this.#owners.get(incarnation);
    if (reached !== undefined) reached.directAt = reached.anyAt = this.#clock.monotonicMs();
  }

  #ping({ incarnation, address }: Owner, reached: Reached, now: number): void {
    if (reached.pinging >= PINGS_MAX) return;
    const options = { timeoutMs: this.#times.controlLeaseMs };
    const pong = (way: 'direct' | 'relayed') => (answer: unknown) => {
      // Another process may listen there by now.
      if (answer !== incarnation) return;
      reached.anyAt = this.#clock.monotonicMs();
      if (way === 'direct') reached.directAt = reached.anyAt;
    };
    const count = (call: Promise<void>) => {
      reached.pinging++;
      void call.catch(() => undefined).finally(() => reached.pinging--);
    };
    count(this.#detour.direct(address, Service.workerPing, null, options).then(pong('direct')));
    if (now - reached.directAt >= this.#times.controlLeaseMs)
      count(this.#detour.relayed(address, Service.workerPing, null, options).then(pong('relayed')));
  }
}
