/**
 * A file that this process created and alone writes, opened with O_DSYNC: when a write returns, it is durable. After the
 * first failure it takes nothing more: the next sync of a kernel that lost pages says that all is well (shared facts: NFS, section 4), so the
 * owner seals what it knows to be good elsewhere (docs/architecture.md, section 3, rule 3).
 */
import { strict as assert } from 'node:assert';
import type { AppendFile } from '../platform.ts';
import { systemError } from './errors.ts';
import type { Gate } from './gate.ts';
import * as sys from './syscalls.ts';

export class AppendOnlyFile implements AppendFile {
  readonly #fd: number;
  readonly #path: string;
  readonly #gate: Gate;
  #failed = false;
  #writing: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(fd: number, path: string, gate: Gate) {
    this.#fd = fd;
    this.#path = path;
    this.#gate = gate;
  }

  async writeDurably(chunks: readonly Buffer[], position: number): Promise<void> {
    assert(this.#writing === undefined, `two writes at a time to ${this.#path}`);
    if (this.#failed || this.#closed !== undefined) throw this.#error('EBADF', 'the file was given up');
    this.#writing = this.#gate.run(() => this.#writeAll(chunks, position), 'urgent');
    try {
      await this.#writing;
    } catch (error) {
      this.#failed = true;
      throw error;
    } finally {
      this.#writing = undefined;
    }
  }

  /** Waits for the write in flight: the number of a closed descriptor may soon be another file's. */
  close(): Promise<void> {
    const writing = this.#writing ?? Promise.resolve();
    this.#closed ??= writing.catch(() => undefined).then(() => this.#gate.run(() => sys.close(this.#fd)));
    return this.#closed;
  }

  /** pwritev(2) may take fewer octets than it was given: near a full disk, after a signal, above 2 GiB. */
  async #writeAll(chunks: readonly Buffer[], position: number): Promise<void> {
    let rest = chunks.filter((chunk) => chunk.length > 0);
    let at = position;
    while (rest.length > 0) {
      const taken = await sys.writev(this.#fd, rest, at);
      if (taken === 0) throw this.#error('EIO', 'the kernel took nothing');
      at += taken;
      rest = without(rest, taken);
    }
  }

  #error(code: string, why: string): NodeJS.ErrnoException {
    return systemError(code, `${why}, write '${this.#path}'`);
  }
}

/** What is left of some chunks after their first octets. */
export function without(chunks: readonly Buffer[], octets: number): Buffer[] {
  let index = 0;
  let skip = octets;
  while (index < chunks.length && skip >= chunks[index]!.length) skip -= chunks[index++]!.length;
  const rest = chunks.slice(index);
  if (skip > 0) rest[0] = rest[0]!.subarray(skip);
  return rest;
}
