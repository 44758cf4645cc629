/**
 * Whether what keeps this process from being ready is gone for everybody, or for this member alone: a balancer should send
 * clients elsewhere only when elsewhere is better. A member that hears no controller asks the other supervisors; when those
 * that answer, at least half of them, hear none either, there is none, and nobody serves better than we do. Who reaches
 * nobody is cut off.
 */
import { formatEndpoint } from '../../lib/ip.ts';
import type { Address } from '../../platform/platform.ts';
import { sameAddress } from '../addresses.ts';
import type { Bus } from '../bus/types.ts';
import { readAskAnswer, Service } from '../messages.ts';
import type { ClusterTimes } from '../types.ts';
import type { Missing } from './view.ts';

/** An answer counts for so many `unheardMs`; they are asked every one of these. */
const ANSWER_LASTS = 2;

interface Answer {
  readonly at: number;
  /** It heard a controller less than `unheardMs` ago. */
  readonly hears: boolean;
}

export class Outage {
  readonly #bus: Bus;
  readonly #times: ClusterTimes;
  /** Our own member's, which knows no more than we do. */
  readonly #own: Address;
  readonly #supervisors: () => readonly Address[];
  readonly #answers = new Map<string, Answer>();
  #askedAt = -Infinity;
  #wasReady = false;

  constructor(bus: Bus, times: ClusterTimes, own: Address, supervisors: () => readonly Address[]) {
    this.#bus = bus;
    this.#times = times;
    this.#own = own;
    this.#supervisors = supervisors;
  }

  /** Each Heartbeat. */
  tick(now: number, missing: Missing | undefined): void {
    this.#wasReady ||= missing === undefined;
    if (missing !== 'controller') {
      this.#answers.clear();
      this.#askedAt = -Infinity;
      return;
    }
    if (now - this.#askedAt < this.#times.unheardMs / ANSWER_LASTS) return;
    this.#askedAt = now;
    for (const to of this.#others()) void this.#ask(now, to);
  }

  /** Never for a process that has not served yet: it has nothing to serve from. */
  isForAll(now: number, missing: Missing): boolean {
    if (!this.#wasReady) return false;
    // A controller is heard and nobody owns a slot: no storage is well anywhere.
    if (missing === 'owners') return true;
    if (missing !== 'controller') return false;
    const others = this.#others();
    const recent = others
      .map((each) => this.#answers.get(formatEndpoint(each)))
      .filter((each) => each !== undefined && now - each.at < ANSWER_LASTS * this.#times.unheardMs);
    return recent.length * 2 >= others.length && recent.every((each) => each?.hears === false);
  }

  #others(): readonly Address[] {
    return this.#supervisors().filter((each) => !sameAddress(each, this.#own));
  }

  async #ask(at: number, to: Address): Promise<void> {
    const { controlLeaseMs, unheardMs } = this.#times;
    try {
      const body = await this.#bus.call(to, Service.ask, { controlEpoch: 0 }, { timeoutMs: controlLeaseMs });
      const { heardAgoMs } = readAskAnswer(body);
      this.#answers.set(formatEndpoint(to), {
        at,
        hears: heardAgoMs !== undefined && heardAgoMs < unheardMs,
      });
    } catch {
      // Not reached: it says nothing, and is one of those that do not answer.
      this.#answers.delete(formatEndpoint(to));
    }
  }
}
