/**
 * Open read handles of a log's files, the least recently used closed first. A handle in use is closed when its last use
 * ends. One that gave an error is not used again: on NFS it may be stale while the name is fine.
 */
import { Failure } from '../../lib/failure.ts';
import type { Fs, ReadFile } from '../../platform/platform.ts';
import { filePath } from './names.ts';

interface Handle {
  readonly file: Promise<ReadFile>;
  uses: number;
  dropped: boolean;
}

export class ReadHandles {
  readonly #fs: Fs;
  readonly #directory: string;
  readonly #max: number;
  /** In order of last use. */
  readonly #handles = new Map<number, Handle>();
  #ended = false;

  constructor(fs: Fs, directory: string, max: number) {
    this.#fs = fs;
    this.#directory = directory;
    this.#max = max;
  }

  /** Failure 'unavailable' after `end`. */
  async use<T>(number: number, work: (file: ReadFile) => Promise<T>): Promise<T> {
    if (this.#ended) throw new Failure('unavailable', 'the log is not open any more');
    const handle = this.#handles.get(number) ?? {
      file: this.#fs.open(filePath(this.#directory, number)),
      uses: 0,
      dropped: false,
    };
    this.#handles.delete(number);
    this.#handles.set(number, handle);
    handle.uses++;
    this.#evict();
    try {
      return await work(await handle.file);
    } catch (error) {
      await this.#drop(number, handle);
      throw error;
    } finally {
      handle.uses--;
      if (handle.dropped && handle.uses === 0) await closeQuietly(handle.file);
    }
  }

  /** Closes what is not in use now, and what is as soon as it no longer is. */
  async closeAll(): Promise<void> {
    const closing = [...this.#handles].map(([number, handle]) => this.#drop(number, handle));
    await Promise.all(closing);
  }

  /** Closes all, for good: a read in pieces that goes on opens nothing that nobody would close. */
  end(): Promise<void> {
    this.#ended = true;
    return this.closeAll();
  }

  #evict(): void {
    for (const [number, handle] of this.#handles) {
      if (this.#handles.size <= this.#max) return;
      // Not awaited: nobody waits for a handle that is no longer used, and its close cannot fail.
      void this.#drop(number, handle);
    }
  }

  async #drop(number: number, handle: Handle): Promise<void> {
    if (this.#handles.get(number) === handle) this.#handles.delete(number);
    const first = !handle.dropped;
    handle.dropped = true;
    if (first && handle.uses === 0) await closeQuietly(handle.file);
  }
}

/** A handle for reading holds nothing that an error at its close could lose; one that never opened has nothing to close. */
async function closeQuietly(file: Promise<ReadFile>): Promise<void> {
  await file.then((open) => open.close()).catch(() => undefined);
}
