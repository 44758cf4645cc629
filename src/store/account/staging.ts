/**
 * The messages of a large COPY before anybody sees them: columns that grow slice by slice, each message holding its blob.
 * When it ends they become rows of the target in one turn that copies arrays and looks nothing up, so that even hundreds
 * of thousands hold the event loop for milliseconds only (docs/architecture.md section 6, invariant 8).
 */
import type { MessagesStaged } from './changes.ts';
import { DELETED, type FlagSet, SEEN } from './flags.ts';
import { resized } from './grow.ts';
import { keyOf } from './keywords.ts';

const CAPACITY_MIN = 1024;

interface StagedFlags {
  readonly flagSet: FlagSet;
  messages: number;
}

export class Staging {
  /** One above the position of each message, ascending. */
  position = new Uint32Array(CAPACITY_MIN);
  blob = new Float64Array(CAPACITY_MIN);
  dateMs = new Float64Array(CAPACITY_MIN);
  /** Index into `flags`. */
  flagsIndex = new Uint32Array(CAPACITY_MIN);
  readonly flags: StagedFlags[] = [];
  readonly #byKey = new Map<string, number>();
  count = 0;
  octets = 0;

  get unseen(): number {
    return this.#messagesWith(({ bits }) => (bits & SEEN) === 0);
  }

  get deleted(): number {
    return this.#messagesWith(({ bits }) => (bits & DELETED) !== 0);
  }

  /** `retained` holds a blob for one message more and gives its octets, undefined when there is no such blob. */
  add(staged: MessagesStaged, retained: (blob: number) => number | undefined): void {
    const indexes = staged.flagSets.map((flagSet) => this.#indexOf(flagSet));
    for (const [index, { blob, dateMs, flags }] of staged.messages.entries()) {
      const octets = retained(blob);
      if (octets === undefined) continue;
      if (this.count === this.position.length) this.#grow();
      this.position[this.count] = staged.position + index + 1;
      this.blob[this.count] = blob;
      this.dateMs[this.count] = dateMs;
      const flagsIndex = indexes[flags] as number;
      this.flagsIndex[this.count] = flagsIndex;
      (this.flags[flagsIndex] as StagedFlags).messages++;
      this.octets += octets;
      this.count++;
    }
  }

  #indexOf(flagSet: FlagSet): number {
    const key = `${flagSet.bits} ${keyOf(flagSet.keywords)}`;
    let index = this.#byKey.get(key);
    if (index === undefined) {
      index = this.flags.push({ flagSet, messages: 0 }) - 1;
      this.#byKey.set(key, index);
    }
    return index;
  }

  #messagesWith(test: (flagSet: FlagSet) => boolean): number {
    return this.flags.reduce((sum, { flagSet, messages }) => sum + (test(flagSet) ? messages : 0), 0);
  }

  #grow(): void {
    const room = this.count * 2;
    this.position = resized(this.position, room, 0, this.count);
    this.flagsIndex = resized(this.flagsIndex, room, 0, this.count);
    this.blob = resized(this.blob, room, 0, this.count);
    this.dateMs = resized(this.dateMs, room, 0, this.count);
  }
}
