/**
 * The minority rule. "A controller that hears fewer than half of the members that were ready one ControlLease ago,
 * itself included (exactly half is enough), *while another backend was among them*, gives up control. A member unheard
 * for SlotLease plus margin is no longer counted." Pure.
 */
import { withMargin } from '../times.ts';
import type { ClusterTimes } from '../types.ts';

export interface Counted {
  readonly name: string;
  readonly isBackend: boolean;
  readonly ready: boolean;
  /** When it was last heard (a message that quoted a recent heartbeat). */
  readonly heardAt: number;
}

interface Sample {
  readonly at: number;
  readonly ready: ReadonlyMap<string, boolean>;
}

export class Quorum {
  readonly #self: string;
  readonly #times: ClusterTimes;
  #samples: Sample[] = [];
  #lastAt = -Infinity;

  constructor(self: string, times: ClusterTimes) {
    this.#self = self;
    this.#times = times;
  }

  /** One look, every Heartbeat. False when control must be given up. */
  check(now: number, members: readonly Counted[]): boolean {
    const ready = new Map(members.filter((m) => m.ready).map((m) => [m.name, m.isBackend]));
    this.#samples.push({ at: now, ready });
    const then = now - this.#times.controlLeaseMs;
    const late = now - this.#lastAt > this.#times.controlLeaseMs / 2;
    this.#lastAt = now;
    // The newest sample that is at least a ControlLease old stands for "one ControlLease ago".
    while (this.#samples[1] !== undefined && this.#samples[1].at <= then) this.#samples.shift();
    const past = this.#samples[0]!;
    // After a pause of this process the messages that came meanwhile have not been read yet: judged at the next look.
    if (past.at > then || late) return true;

    const heardAt = new Map(members.map((m) => [m.name, m.heardAt]));
    const forgotten = now - withMargin(this.#times.slotLeaseMs, this.#times);
    const counted = [...past.ready].filter(
      ([name]) => name === this.#self || (heardAt.get(name) ?? -Infinity) >= forgotten,
    );
    if (!counted.some(([name, isBackend]) => isBackend && name !== this.#self)) return true;
    const heard = counted.filter(([name]) => name === this.#self || (heardAt.get(name) ?? -Infinity) >= then);
    return heard.length * 2 >= counted.length;
  }
}
