/**
 * Looks at the leases themselves, beside what clients see: at no true time may two processes that run both take themselves
 * for the owner of a slot, and the epochs under which a slot is held only grow (docs/architecture.md, section 6,
 * invariant 2). A machine whose clock stood still may believe in a lease for a while longer; StorageFence is for that.
 */
import type { SlotHolder } from '../../../src/store/host/types.ts';
import type { Slot } from '../../../src/store/ids.ts';
import type { Lease } from '../../../src/store/log/types.ts';
import type { Machine, SimProcess } from '../machine.ts';

/** One in so many of the 4096 slots is looked at: all behave alike. */
const SLOTS_APART = 37;
/** So long after a clock stood still a lease may be believed by it: a lease, and what a renewal takes. */
const BELIEVED_MS = 3500;

interface Holding {
  readonly process: SimProcess;
  readonly leases: Map<Slot, Lease>;
}

export class LeaseWatch {
  readonly #holdings: Holding[] = [];
  readonly #epochs = new Map<Slot, number>();
  readonly #stillAtMs = new Map<Machine, number>();

  /** The holder of a worker's slots, with us looking on. */
  watching(holder: SlotHolder, process: SimProcess): SlotHolder {
    const leases = new Map<Slot, Lease>();
    this.#holdings.push({ process, leases });
    const isWatched = (slot: Slot): boolean => slot % SLOTS_APART === 0;
    return {
      granted: (slot, lease) => {
        if (isWatched(slot)) leases.set(slot, lease);
        holder.granted(slot, lease);
      },
      release: async (slot) => {
        await holder.release(slot);
        leases.delete(slot);
      },
      lost: (slot) => {
        leases.delete(slot);
        holder.lost(slot);
      },
    };
  }

  /** What is wrong at this instant. */
  look(nowMs: number): readonly string[] {
    const problems: string[] = [];
    const shown = new Map<Slot, { readonly by: string; readonly epoch: number }>();
    for (const { process, leases } of this.#holdings) {
      const { machine } = process;
      if (machine.clock.isStill) this.#stillAtMs.set(machine, nowMs);
      if (process.crashed || process.paused || machine.state !== 'up') continue;
      if (nowMs - (this.#stillAtMs.get(machine) ?? Number.NEGATIVE_INFINITY) < BELIEVED_MS) continue;
      for (const [slot, lease] of leases) {
        if (!lease.held()) continue;
        const { epoch } = lease;
        const other = shown.get(slot);
        if (other !== undefined) {
          const [one, two] = [`${other.by} (${other.epoch})`, `${process.label} (${epoch})`];
          problems.push(`slot ${slot} is held twice: by ${one} and ${two}`);
          continue;
        }
        shown.set(slot, { by: process.label, epoch });
        const before = this.#epochs.get(slot) ?? 0;
        if (epoch < before) problems.push(`slot ${slot} is held with epoch ${epoch} after ${before}`);
        this.#epochs.set(slot, Math.max(epoch, before));
      }
    }
    return problems;
  }
}
