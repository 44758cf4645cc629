/**
 * A file server, or the disk of one machine: the one truth that clients see through their caches. It carries out one
 * call at a time. It may be full, or stopped, with every call hanging until it is back.
 */
import { type DirectoryInode, type FileInode, FileTree, fsError, parentOf } from '../../support/file-tree.ts';
import type { World } from '../world.ts';
import type { DiskClient } from './client.ts';

export class StorageServer {
  readonly tree = new FileTree();
  /** Calls that need space fail with ENOSPC. */
  isFull = false;
  readonly #world: World;
  readonly #clients = new Set<DiskClient>();
  readonly #changedMs = new WeakMap<DirectoryInode, number>();
  /** Clients that opened a file for reading and so hold a delegation on it (shared facts: NFS, section 3). */
  readonly #readers = new Map<FileInode, Set<DiskClient>>();
  #isRunning = true;

  constructor(world: World) {
    this.#world = world;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  attach(client: DiskClient): void {
    this.#clients.add(client);
  }

  /** All storage gone: every call hangs. */
  stop(): void {
    this.#world.note('storage stops');
    this.#world.counters.add('storage-stop');
    this.#isRunning = false;
  }

  start(): void {
    if (this.#isRunning) return;
    this.#world.note('storage is back');
    this.#isRunning = true;
    for (const client of this.#clients) client.changed();
  }

  needSpace(call: string, path: string): void {
    if (this.isFull) throw fsError('ENOSPC', call, path);
  }

  /** A name was added to or taken from the directory of this path. */
  touched(path: string): void {
    this.#changedMs.set(this.tree.directory(parentOf(path), 'stat'), this.#world.nowMs);
  }

  /** The server's clock tick of the last change of a directory, as NFSv3 shows it. */
  tickOf(directory: DirectoryInode): number {
    return Math.floor((this.#changedMs.get(directory) ?? 0) / this.#world.faults.serverTickMs);
  }

  opened(file: FileInode, client: DiskClient): void {
    const readers = this.#readers.get(file) ?? new Set();
    this.#readers.set(file, readers.add(client));
  }

  /**
   * Takes back the delegations on files that another client wants gone; true when one is held by a machine that does not
   * answer, so that the caller has to wait until its NFS lease is over.
   */
  recall(files: readonly FileInode[], by: DiskClient): boolean {
    let mustWait = false;
    for (const file of files) {
      for (const reader of this.#readers.get(file) ?? [])
        if (reader !== by && !reader.reaches) mustWait = true;
      this.#readers.delete(file);
    }
    return mustWait;
  }
}
