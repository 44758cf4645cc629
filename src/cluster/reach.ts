/**
 * Which owners of slots this process reaches: directly, over one hop, or not at all. "A frontend that reaches an owner
 * neither directly nor over one hop reports not-ready." An owner that died leaves the map before the time is over.
 */
import type { Clock } from '../platform/platform.ts';
import type { Incarnation } from '../store/ids.ts';
import type { Link } from './link.ts';
import { Service } from './messages.ts';
import type { ClusterTimes, Owner, SlotMap } from './types.ts';

interface Reached {
  directAt: number;
  anyAt: number;
  pinging: number;
}

/** Pings to one owner that may be unanswered. */
const PINGS_MAX = 4;

export class Reach {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #map: SlotMap;
  readonly #times: ClusterTimes;
  readonly #owners = new Map<Incarnation, Reached>();

  constructor(link: Link, clock: Clock, map: SlotMap, times: ClusterTimes) {
    this.#link = link;
    this.#clock = clock;
    this.#map = map;
    this.#times = times;
  }

  /** Each Heartbeat: asks every owner whether it is there, and those that were silent over a hop too. */
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
      }
      this.#ping(owner, reached, now);
    }
  }

  /** False while the owner has not answered directly for a ControlLease: calls take the detour. */
  isDirect(incarnation: Incarnation): boolean {
    const reached = this.#owners.get(incarnation);
    return reached === undefined || this.#clock.monotonicMs() - reached.directAt < this.#times.controlLeaseMs;
  }

  /** Every owner on the map was reached in the last `unheardMs`. */
  all(): boolean {
    const now = this.#clock.monotonicMs();
    return [...this.#owners.values()].every(({ anyAt }) => now - anyAt < this.#times.unheardMs);
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
    count(this.#link.direct(address, Service.workerPing, null, options).then(pong('direct')));
    if (now - reached.directAt >= this.#times.controlLeaseMs)
      count(this.#link.relayed(address, Service.workerPing, null, options).then(pong('relayed')));
  }
}
