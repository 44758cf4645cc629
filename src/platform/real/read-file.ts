/** A file opened for reading only. `read` gives short only at the end of the file, whatever pread(2) does. */
import { constants } from 'node:fs';
import type { ReadFile } from '../platform.ts';
import { systemError } from './errors.ts';
import type { Gate, Lane } from './gate.ts';
import * as sys from './syscalls.ts';

/** A request for more than this asks for the size first, so that `read(0, a lot)` allocates what is there. */
const TRUSTED_OCTETS = 1024 * 1024;

export class ReadOnlyFile implements ReadFile {
  readonly #fd: number;
  readonly #gate: Gate;
  readonly #lane: Lane;
  /** Calls that use the descriptor; it is closed after the last. */
  readonly #running = new Set<Promise<unknown>>();
  #openIsFresh = true;
  #closed: Promise<void> | undefined;

  constructor(fd: number, gate: Gate, lane: Lane = 'usual') {
    this.#fd = fd;
    this.#gate = gate;
    this.#lane = lane;
  }

  size(): Promise<number> {
    return this.#run(() => this.#freshSize());
  }

  read(position: number, octets: number): Promise<Buffer> {
    return this.#run(() => this.#readAll(position, octets));
  }

  close(): Promise<void> {
    this.#closed ??= Promise.allSettled(this.#running).then(() =>
      this.#gate.run(() => sys.close(this.#fd), this.#lane),
    );
    return this.#closed;
  }

  /**
   * An NFS client believes the size of an open file for up to a minute; opening it again, which also works when its
   * name is gone, makes the client ask the server (shared facts: NFS, section 1). The open just done counts once.
   */
  async #freshSize(): Promise<number> {
    if (!this.#openIsFresh) {
      const again = await sys.open(`/proc/self/fd/${this.#fd}`, constants.O_RDONLY).catch(withoutProc);
      if (again !== undefined) await sys.close(again);
    }
    this.#openIsFresh = false;
    return sys.sizeOf(this.#fd);
  }

  async #readAll(position: number, octets: number): Promise<Buffer> {
    const wanted =
      octets <= TRUSTED_OCTETS
        ? octets
        : Math.min(octets, Math.max(0, (await sys.sizeOf(this.#fd)) - position));
    const bytes = Buffer.allocUnsafe(wanted);
    let filled = 0;
    while (filled < wanted) {
      const got = await sys.read(this.#fd, bytes, filled, position + filled);
      if (got === 0) break;
      filled += got;
    }
    return bytes.subarray(0, filled);
  }

  async #run<T>(act: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw systemError('EBADF', 'the file is closed');
    const running = this.#gate.run(act, this.#lane);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }
}

/** A system without /proc has no NFS of ours either: the plain size is as fresh as can be. */
function withoutProc(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
