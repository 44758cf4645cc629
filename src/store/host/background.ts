/**
 * Opens granted slots in the background, a few at a time, so that intents left open by a lost owner are carried on and
 * the first who asks need not wait. Only those that exist are opened: one listing a burst tells. What somebody asked for
 * goes before. What fails is tried again as long as the slot is held.
 */
import { errorCode } from '../../lib/failure.ts';
import type { Clock, Fs } from '../../platform/platform.ts';
import type { Slot } from '../ids.ts';
import { SLOTS_DIRECTORY, slotPath } from '../slot/path.ts';

export interface BackgroundOptions {
  readonly fs: Fs;
  readonly clock: Clock;
  /** Root of the shared storage. */
  readonly root: string;
  /** Openings at a time. */
  readonly atOnce: number;
  readonly isHeld: (slot: Slot) => boolean;
  /** Resolves when nothing that somebody asked for is being opened, or after a while all the same. */
  yield(): Promise<void>;
  /** Opens a slot if it is still held; false when that failed and shall be tried again. Never rejects. */
  open(slot: Slot): Promise<boolean>;
}

const RETRY_MS = 1000;
/** Slots that move come one by one for seconds: the folder of all of them is listed no more often than this. */
export const LIST_EVERY_MS = 100;

export class BackgroundOpener {
  readonly #options: BackgroundOptions;
  readonly #waiting = new Set<Slot>();
  #running = false;
  #listedMs = -Infinity;

  constructor(options: BackgroundOptions) {
    this.#options = options;
  }

  add(slot: Slot): void {
    this.#waiting.add(slot);
    if (!this.#running) void this.#run();
  }

  #addAgain(slot: Slot): void {
    if (this.#options.isHeld(slot)) this.add(slot);
  }

  async #run(): Promise<void> {
    this.#running = true;
    // Grants come many in one turn: they share the listing.
    await Promise.resolve();
    while (this.#waiting.size > 0) {
      await this.#listAgain();
      const batch = [...this.#waiting];
      this.#waiting.clear();
      const again = await this.#openBatch(batch);
      if (again.length > 0)
        this.#options.clock.timer(RETRY_MS, () => again.forEach((slot) => this.#addAgain(slot)));
    }
    this.#running = false;
  }

  /** Resolves when the folder may be listed again. */
  async #listAgain(): Promise<void> {
    const { clock } = this.#options;
    const waitMs = this.#listedMs + LIST_EVERY_MS - clock.monotonicMs();
    if (waitMs > 0) await clock.sleep(waitMs);
    this.#listedMs = clock.monotonicMs();
  }

  /** Gives those to be tried again. */
  async #openBatch(batch: readonly Slot[]): Promise<readonly Slot[]> {
    const { fs, root, atOnce } = this.#options;
    await this.#options.yield();
    let existing: ReadonlySet<string>;
    try {
      existing = await existingSlots(fs, root);
    } catch {
      return batch; // the storage is away; its own probe reports that
    }
    const next = batch.filter((slot) => existing.has(slotPath(slot))).values();
    const again: Slot[] = [];
    const openEach = async () => {
      for (const slot of next) {
        await this.#options.yield();
        if (!(await this.#options.open(slot))) again.push(slot);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, openEach));
    return again;
  }
}

/** Paths, relative to the root, of the slots that have a directory; none before the first name of all. */
export async function existingSlots(fs: Fs, root: string): Promise<ReadonlySet<string>> {
  try {
    const names = await fs.list(`${root}/${SLOTS_DIRECTORY}`);
    return new Set(names.map((name) => `${SLOTS_DIRECTORY}/${name}`));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return new Set();
    throw error;
  }
}
