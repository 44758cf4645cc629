/**
 * What the owners' logs promised: every commit that was settled, by object, with its records as they must be found for
 * ever (docs/storage.md, invariant 4: same type, epoch, modseq and payload). It stands between the host and the log.
 */
import type { HostedLog, OpenLog } from '../../../src/store/host/types.ts';
import type { Epoch } from '../../../src/store/ids.ts';
import type { Log, Place, RecordInput } from '../../../src/store/log/types.ts';
import { hashText } from '../../support/prng.ts';

export interface Promised {
  readonly type: number;
  readonly epoch: Epoch;
  readonly modseq: number;
  readonly payload: number;
}

export interface Settled extends Promised {
  /** Where its payload was written first. */
  readonly place: Place;
  /** Commits that settled before it, of this object: those of one commit share the number. */
  readonly commit: number;
}

export class Promises {
  /** In the order in which they settled, by object key. */
  readonly settled = new Map<string, Settled[]>();
  readonly directories = new Map<string, string>();
  /** Objects that a compaction was begun of: what they hold is said anew, in records of another order. */
  readonly compacted = new Set<string>();
  /** The highest file that a compaction has replaced, by object: an owner that stood still may hear of its commits there later. */
  readonly #replacedUpTo = new Map<string, number>();
  /** Commits that octets which rotted were a part of, as `object commit`: they may count or not. */
  readonly rotten = new Set<string>();
  commits = 0;

  /** Opens logs that tell this of every commit that settled. */
  watching(openLog: OpenLog): OpenLog {
    return async (options) => {
      const { object, directory, lease } = options;
      this.directories.set(object, directory);
      const log = await openLog(options);
      return new WatchedLog(
        log,
        (records, places) => {
          const known = this.settled.get(object) ?? [];
          this.settled.set(object, known);
          const commit = this.commits++;
          for (const [index, { type, modseq, payload }] of records.entries()) {
            const place = places[index]!;
            if (place.file <= (this.#replacedUpTo.get(object) ?? 0)) continue;
            known.push({ type, modseq, epoch: lease.epoch, payload: hashPayload(payload), place, commit });
          }
        },
        (numbers) => this.#replaced(object, numbers),
        () => this.compacted.add(object),
      );
    };
  }

  /** The records of these files are no longer looked for; what they said is, by the clients. */
  #replaced(object: string, numbers: readonly number[]): void {
    const highest = Math.max(...numbers, this.#replacedUpTo.get(object) ?? 0);
    this.#replacedUpTo.set(object, highest);
    const settled = this.settled.get(object) ?? [];
    this.settled.set(
      object,
      settled.filter(({ place }) => place.file > highest),
    );
  }
}

export function hashPayload(payload: readonly Buffer[]): number {
  return hashText(Buffer.concat(payload).toString('latin1'));
}

type Tell = (records: readonly RecordInput[], places: readonly Place[]) => void;

class WatchedLog implements HostedLog {
  readonly failed: Promise<Error>;
  readonly #inner: HostedLog;
  readonly #tell: Tell;
  readonly #rotated: () => void;
  readonly #replaced: (numbers: readonly number[]) => void;
  readonly #waiting: { readonly records: readonly RecordInput[]; readonly places: readonly Place[] }[] = [];
  #appended = 0;
  #told = 0;

  constructor(
    inner: HostedLog,
    tell: Tell,
    replaced: (numbers: readonly number[]) => void,
    rotated: () => void,
  ) {
    this.#inner = inner;
    this.#tell = tell;
    this.#replaced = replaced;
    this.#rotated = rotated;
    this.failed = inner.failed;
  }

  get maintenance(): NonNullable<Log['maintenance']> {
    const inner = this.#inner.maintenance!;
    return {
      get files() {
        return inner.files;
      },
      get countedOctets() {
        return inner.countedOctets;
      },
      get replayed() {
        return inner.replayed;
      },
      get isDamaged() {
        return inner.isDamaged;
      },
      rotate: () => {
        this.#rotated();
        return inner.rotate();
      },
      // Looked for no longer from here on: the record may be on the storage before it is known to be.
      replaced: (numbers) => {
        inner.replaced(numbers);
        this.#replaced(numbers);
      },
      currentPlace: (place) => inner.currentPlace(place),
      readRecord: (place) => inner.readRecord(place),
      writeSnapshot: (...args) => inner.writeSnapshot(...args),
    };
  }

  writable(): ReturnType<Log['writable']> {
    return this.#inner.writable();
  }

  append(records: readonly RecordInput[]): ReturnType<Log['append']> {
    const places = this.#inner.append(records);
    this.#waiting.push({ records, places });
    this.#appended++;
    return places;
  }

  async settled(): Promise<void> {
    const appended = this.#appended;
    await this.#inner.settled();
    for (; this.#told < appended; this.#told++) {
      const { records, places: at } = this.#waiting.shift()!;
      this.#tell(records, at);
    }
  }

  read(...args: Parameters<Log['read']>): ReturnType<Log['read']> {
    return this.#inner.read(...args);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  abandon(reason: string): void {
    this.#inner.abandon(reason);
  }
}
