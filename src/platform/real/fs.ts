/**
 * The file calls on Node. What each is made of is chosen by what NFS clients were measured to do (shared facts: NFS):
 * - names that other members created are found after the directory was opened or read, so `open` opens the parent first;
 * - creation is exclusive, the server decides; a created file is write-only, so a dead member holds no delegation on it;
 * - O_DSYNC makes a commit one pwritev: one trip through libuv's pool, one stable WRITE to the server;
 * - a file that failed once is never written again: what it holds is not known.
 * Every call waits at the gate of its mount, so that a dead mount holds its share of the pool and nothing else. Creations,
 * writes and listings are urgent there: commits, fences and probes are made of them; opening and reading are not, but for
 * the controller's heartbeat.
 */
import { constants } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errorCode } from '../../lib/failure.ts';
import type { AppendFile, Fs, Random, ReadFile } from '../platform.ts';
import { AppendOnlyFile } from './append-file.ts';
import { Gate } from './gate.ts';
import { ReadOnlyFile } from './read-file.ts';
import * as sys from './syscalls.ts';

/** statfs(2): NFS_SUPER_MAGIC, the same for versions 3 and 4. */
const NFS_MAGIC = 0x6969;
/** What an NFS client leaves in place of an open file that was removed. */
const NFS_LEFTOVER = '.nfs';
/** Octets of mail are nobody else's. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
const CALLS_IN_FLIGHT_MAX = 2;
const CALLS_WAITING_MAX = 100_000;
/** A share of the pool of so many has a place that only urgent calls take. */
const RESERVE_FROM = 4;
const RESERVED_FOR_URGENT = 1;
/** Where the controller's heartbeats are: a backup that reads them late would take it for dead. */
const HEARTBEATS = '/.cluster/control';
/** How often a directory that others still write to is emptied again before its removal is given up. */
const REMOVE_ROUNDS_MAX = 3;
const TEMPORARY_NAME_OCTETS = 6;

const { O_CREAT, O_DIRECTORY, O_DSYNC, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

export interface RealFsOptions {
  readonly random: Random;
  /** Where mounts begin; what lies below none of them shares one more gate. */
  readonly mounts?: readonly string[];
  /** Calls in flight at each mount: less than `UV_THREADPOOL_SIZE` divided by the number of mounts. */
  readonly callsInFlightMax?: number;
  /** Calls that may wait at each mount; more are refused with EAGAIN. */
  readonly callsWaitingMax?: number;
}

export class RealFs implements Fs {
  readonly #random: Random;
  /** Longest path first, so that the first match is the innermost mount. */
  readonly #gates: readonly (readonly [prefix: string, gate: Gate])[];

  constructor(options: RealFsOptions) {
    this.#random = options.random;
    const inFlight = options.callsInFlightMax ?? CALLS_IN_FLIGHT_MAX;
    const reserved = inFlight < RESERVE_FROM ? 0 : RESERVED_FOR_URGENT;
    const gate = () => new Gate(inFlight, options.callsWaitingMax ?? CALLS_WAITING_MAX, reserved);
    this.#gates = [...(options.mounts ?? []), '/']
      .map((path) => (path.endsWith('/') ? path : `${path}/`))
      .toSorted((a, b) => b.length - a.length)
      .map((prefix) => [prefix, gate()] as const);
  }

  async createExclusive(path: string): Promise<AppendFile> {
    const gate = this.#gate(path);
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_DSYNC;
    const fd = await gate.run(() => sys.open(path, flags, FILE_MODE), 'urgent');
    return new AppendOnlyFile(fd, path, gate);
  }

  async open(path: string): Promise<ReadFile> {
    const gate = this.#gate(path);
    const lane = dirname(path).endsWith(HEARTBEATS) ? 'urgent' : 'usual';
    const fd = await gate.run(async () => {
      // Opening the directory makes the client ask the server whether it changed; only then are names believed.
      await sys.close(await sys.open(dirname(path), O_RDONLY | O_DIRECTORY));
      return sys.open(path, O_RDONLY);
    }, lane);
    return new ReadOnlyFile(fd, gate, lane);
  }

  async list(path: string): Promise<string[]> {
    const names = await this.#gate(path).run(() => sys.names(path), 'urgent');
    return names.filter((name) => !name.startsWith(NFS_LEFTOVER));
  }

  async makeDirectory(path: string): Promise<void> {
    const gate = this.#gate(path);
    const first = await gate.run(() => sys.makeDirectory(path, DIRECTORY_MODE));
    // It was there already; but who made it may have crashed, or failed, before what follows.
    if (first === undefined) return gate.run(() => syncDirectory(dirname(path)).catch(unlessForbidden));
    // On a local file system a new directory is durable when its parent was synced; on NFS this is one GETATTR each.
    for (let made = path; made.length >= first.length && made !== '/'; made = dirname(made))
      await gate.run(() => syncDirectory(dirname(made)));
  }

  syncDirectory(path: string): Promise<void> {
    return this.#gate(path).run(() => syncDirectory(path));
  }

  async replace(path: string, bytes: Buffer): Promise<void> {
    const unique = this.#random.bytes(TEMPORARY_NAME_OCTETS).toString('hex');
    const temporary = join(dirname(path), `.${basename(path)}.${unique}.tmp`);
    const file = await this.createExclusive(temporary);
    try {
      try {
        await file.writeDurably([bytes], 0);
      } finally {
        await file.close();
      }
      await this.#gate(path).run(() => sys.rename(temporary, path));
    } catch (error) {
      // The first error is the one that counts; a leftover temporary file harms nobody.
      await this.remove(temporary).catch(() => undefined);
      throw error;
    }
  }

  remove(path: string): Promise<void> {
    return this.#gate(path).run(() => sys.unlink(path).catch(unlessGone));
  }

  async removeTree(path: string): Promise<void> {
    for (let round = 1; ; round++) {
      try {
        await this.#empty(path);
        return await this.#gate(path).run(() => sys.removeDirectory(path));
      } catch (error) {
        const code = errorCode(error);
        if (code === 'ENOENT') return;
        if (code === 'ENOTDIR') return this.remove(path);
        // Somebody created a name after we had listed.
        if ((code !== 'ENOTEMPTY' && code !== 'EEXIST') || round >= REMOVE_ROUNDS_MAX) throw error;
      }
    }
  }

  async kind(path: string): Promise<'nfs' | 'local'> {
    return (await this.#gate(path).run(() => sys.fileSystemType(path))) === NFS_MAGIC ? 'nfs' : 'local';
  }

  /** One name after another, so that a purge takes one place at the gate and other calls pass between. */
  async #empty(path: string): Promise<void> {
    const entries = await this.#gate(path).run(async () => {
      // A symbolic link is no directory here: it fails with ENOTDIR and is removed itself, never followed.
      await sys.close(await sys.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
      return sys.entries(path);
    });
    for (const entry of entries) {
      const inner = join(path, entry.name);
      if (entry.isDirectory()) await this.removeTree(inner);
      else await this.remove(inner);
    }
  }

  #gate(path: string): Gate {
    for (const [prefix, gate] of this.#gates)
      if (path.startsWith(prefix) || `${path}/` === prefix) return gate;
    throw new TypeError(`not an absolute path: ${path}`);
  }
}

async function syncDirectory(path: string): Promise<void> {
  const fd = await sys.open(path, O_RDONLY | O_DIRECTORY);
  try {
    await sys.fsync(fd);
  } finally {
    await sys.close(fd);
  }
}

/** A parent that we may not read is not one in which we make directories. */
function unlessForbidden(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EACCES' && error.code !== 'EPERM') throw error;
}

function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
