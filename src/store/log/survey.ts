/**
 * Which files count (docs/architecture.md, section 3, rule 2): lists the directory, lets every file speak for itself and
 * picks the head. First records never change once they are whole, so they are kept between surveys; what was void is
 * looked at again each time, as a late write may have finished it.
 */
import { errorCode, Failure } from '../../lib/failure.ts';
import type { Logger } from '../../lib/logging.ts';
import type { Fs } from '../../platform/platform.ts';
import { firstWriteWhole, type Inspected, inspectFile, type WholeFile } from './inspect.ts';
import { SURVEY_PARALLEL_MAX } from './limits.ts';
import { fileName } from './names.ts';
import type { Seals } from './seals.ts';
import type { Lease } from './types.ts';

export interface SurveyOptions {
  readonly fs: Fs;
  readonly directory: string;
  readonly object: string;
  readonly lease: Lease;
  readonly seals: Seals;
  readonly logger: Logger;
}

export interface Head {
  readonly file: WholeFile;
  /** It is ours, of this grant, and failed: so many of its octets count. */
  readonly seal: number | undefined;
}

export class Survey {
  readonly #options: SurveyOptions;
  readonly #whole = new Map<number, WholeFile>();
  readonly #damaged = new Map<number, number>();
  readonly #foreign = new Set<number>();
  /** Heads whose first write is known to be finished. */
  readonly #finished = new Set<number>();

  constructor(options: SurveyOptions) {
    this.#options = options;
  }

  /** Files with a whole first record of this object, whether they count or not. */
  get whole(): ReadonlyMap<number, WholeFile> {
    return this.#whole;
  }

  /** The file is of this object, and what it says of itself can be read; or it is void. */
  isSound(number: number): boolean {
    return !this.#foreign.has(number) && !this.#damaged.has(number);
  }

  /**
   * The head among these numbers, or undefined when none counts. Failure 'unavailable' when a file says that somebody
   * else owns the object, 'damaged' when the head cannot be told.
   */
  async head(numbers: readonly number[]): Promise<Head | undefined> {
    await this.#inspect(numbers);
    this.#refuseLargerEpoch();
    const head = await this.#pick();
    for (const [number, epoch] of this.#damaged) {
      const later =
        head === undefined ||
        epoch > head.file.first.epoch ||
        (epoch === head.file.first.epoch && number > head.file.number);
      const counts = head?.file.first.counts.some((count) => count.file === number) ?? false;
      if (later || counts)
        throw new Failure('damaged', `${this.#name(number)}: both copies of the first record are broken`);
    }
    return head;
  }

  async #inspect(numbers: readonly number[]): Promise<void> {
    const unknown = numbers.filter((number) => !this.#whole.has(number) && !this.#foreign.has(number));
    for (let i = 0; i < unknown.length; i += SURVEY_PARALLEL_MAX) {
      const some = unknown.slice(i, i + SURVEY_PARALLEL_MAX);
      for (const file of await Promise.all(some.map((number) => this.#inspectOne(number)))) this.#note(file);
    }
  }

  async #inspectOne(number: number): Promise<Inspected> {
    try {
      return await inspectFile(this.#options.fs, this.#options.directory, number);
    } catch (error) {
      // Listed a moment ago and gone: purged by an owner, which does that only to files that no longer count.
      if (errorCode(error) === 'ENOENT') return { kind: 'void', number };
      throw error;
    }
  }

  #note(file: Inspected): void {
    this.#damaged.delete(file.number);
    if (file.kind === 'damaged') {
      this.#damaged.set(file.number, file.epoch);
      this.#report(file.number, 'damaged log file: both copies of its first record are broken');
    } else if (file.kind === 'whole') {
      if (file.first.object !== this.#options.object) {
        this.#foreign.add(file.number);
        this.#report(file.number, 'log file of another object', { belongsTo: file.first.object });
        return;
      }
      this.#whole.set(file.number, file);
      if (file.broken !== undefined)
        this.#report(file.number, 'damaged log file: a copy of its first record is broken', file.broken);
    }
  }

  /** Rule 2: who finds an epoch larger than its own lease's writes nothing and tells the controller. */
  #refuseLargerEpoch(): void {
    const { lease } = this.#options;
    for (const { number, first } of this.#whole.values()) {
      const isOurs = first.epoch === lease.epoch && first.incarnation === lease.incarnation;
      if (first.epoch < lease.epoch || isOurs) continue;
      lease.reportLargerEpoch(first.epoch);
      throw new Failure(
        'unavailable',
        `${this.#name(number)} has epoch ${first.epoch}, our lease ${lease.epoch}`,
      );
    }
  }

  /** The largest epoch, of those the highest number, whose first write is finished. */
  async #pick(): Promise<Head | undefined> {
    const candidates = [...this.#whole.values()].toSorted(
      (a, b) => b.first.epoch - a.first.epoch || b.number - a.number,
    );
    for (const file of candidates) {
      const seal = this.#seal(file);
      // Our own file that failed before anything in it was known to be good is void, whatever lands in it late.
      if (seal !== undefined && seal < file.start + file.first.tailOctets) continue;
      if (seal === undefined && !(await this.#isFinished(file))) continue;
      return { file, seal };
    }
    return undefined;
  }

  /** A seal holds only under the grant in which the file was written: under a later one others may have counted more. */
  #seal(file: WholeFile): number | undefined {
    return file.first.epoch === this.#options.lease.epoch ? this.#options.seals.get(file.number) : undefined;
  }

  async #isFinished(file: WholeFile): Promise<boolean> {
    if (this.#finished.has(file.number)) return true;
    const finished = await firstWriteWhole(this.#options.fs, this.#options.directory, file);
    if (finished) this.#finished.add(file.number);
    return finished;
  }

  #report(number: number, message: string, fields: object = {}): void {
    this.#options.logger.error(
      { object: this.#options.object, file: this.#name(number), ...fields },
      message,
    );
  }

  #name(number: number): string {
    return `${this.#options.directory}/${fileName(number)}`;
  }
}
