/**
 * `Fs` of one simulated process: its calls pass the gate of the mount, as on the real platform, then need a thread of the
 * process's pool (libuv's), for as long as they last, then go to the machine's disk.
 */
import type { AppendFile, Fs, ReadFile } from '../../../src/platform/platform.ts';
import { Gate, type Lane } from '../../../src/platform/real/gate.ts';
import { type FileInode, type Inode, nameOf, parentOf } from '../../support/file-tree.ts';
import type { SimProcess } from '../machine.ts';
import type { DiskCall, DiskClient } from './client.ts';
import { SimAppendFile, SimReadFile } from './files.ts';

/** The gate as src/platform/real/fs.ts has it with a pool of eight; waiting calls are not limited here. */
const CALLS_IN_FLIGHT_MAX = 4;
const RESERVED_FOR_URGENT = 1;
/** Threads of the pool. Other mounts, name look-ups and the like take some of them at times (`holdThreads`). */
const THREADS = 8;
const HEARTBEATS = '/.cluster/control';

type Call<T> = Omit<DiskCall<T>, 'process'>;

export class SimFs implements Fs {
  readonly #process: SimProcess;
  readonly #gate = new Gate(CALLS_IN_FLIGHT_MAX, Number.POSITIVE_INFINITY, RESERVED_FOR_URGENT);
  readonly #pool: Pool;

  constructor(process: SimProcess) {
    this.#process = process;
    this.#pool = new Pool(THREADS, () => process.machine.world.counters.add('pool-full'));
  }

  /** So many threads are held by calls that have nothing to do with this storage; gives their end. */
  holdThreads(threads: number): () => void {
    const ends = Array.from({ length: threads }, () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      void this.#pool.run(() => promise);
      return resolve;
    });
    return () => {
      for (const end of ends) end();
    };
  }

  get #disk(): DiskClient {
    return this.#process.machine.disk;
  }

  async createExclusive(path: string): Promise<AppendFile> {
    const { server } = this.#disk;
    const file = await this.#named('createExclusive', path, 'space', () => {
      const made = server.tree.createExclusive(path);
      this.#disk.named(path);
      return made;
    });
    return new SimAppendFile(this, path, file);
  }

  async open(path: string): Promise<ReadFile> {
    const disk = this.#disk;
    const file = await this.#named('open', path, 'look', () => {
      const found = disk.server.tree.file(path, 'open');
      disk.refresh(found);
      disk.server.opened(found, disk);
      return found;
    });
    return new SimReadFile(this, path, file);
  }

  async list(path: string): Promise<string[]> {
    const disk = this.#disk;
    return this.#directory('list', path, () => {
      const names = disk.names(path);
      disk.revalidate(path);
      return names.filter((name) => !name.startsWith('.nfs'));
    });
  }

  makeDirectory(path: string): Promise<void> {
    const disk = this.#disk;
    return this.call({
      name: 'makeDirectory',
      path,
      nature: 'space',
      act: () => {
        for (const made of disk.server.tree.makeDirectory(path)) disk.server.touched(made);
        // mkdir(2) is decided by the server and drops what was believed of the name.
        for (let at = path; at !== '/'; at = parentOf(at)) disk.revalidate(at);
      },
    });
  }

  syncDirectory(path: string): Promise<void> {
    return this.#directory('syncDirectory', path, () => {
      this.#disk.server.tree.directory(path, 'fsync');
      this.#disk.synced(path);
    });
  }

  replace(path: string, bytes: Buffer): Promise<void> {
    const { tree } = this.#disk.server;
    return this.#named(
      'replace',
      path,
      'space',
      () => {
        tree.replace(path, bytes);
        this.#disk.server.touched(path);
      },
      {
        torn: (random) => {
          // The rename did not happen; what is left has another name.
          const temporary = `${parentOf(path)}/.${nameOf(path)}.${random.uint32().toString(16)}.tmp`;
          if (ignoreErrors(() => tree.replace(temporary, bytes.subarray(0, random.below(bytes.length + 1)))))
            this.#disk.server.touched(temporary);
        },
        takesAway: () => filesAt(() => tree.lookup(path, 'rename')),
      },
    );
  }

  async remove(path: string): Promise<void> {
    const { server } = this.#disk;
    await this.#named('remove', path, 'change', () => this.#removeAt(path, () => server.tree.remove(path)), {
      torn: () => undefined,
      takesAway: () => filesAt(() => server.tree.lookup(path, 'unlink')),
    }).catch(unlessGone);
  }

  async removeTree(path: string): Promise<void> {
    const { server } = this.#disk;
    const below = () => namesBelow(path, () => server.tree.lookup(path, 'rmdir'));
    await this.#named(
      'removeTree',
      path,
      'change',
      () => this.#removeAt(path, () => server.tree.removeTree(path)),
      {
        torn: (random) => {
          for (const inner of below()) if (random.chance(0.5)) ignoreErrors(() => server.tree.remove(inner));
        },
        takesAway: () => below().flatMap((inner) => filesAt(() => server.tree.lookup(inner, 'unlink'))),
      },
    ).catch(unlessGone);
  }

  kind(path: string): Promise<'nfs' | 'local'> {
    return this.#directory('kind', path, () => {
      this.#disk.server.tree.lookup(path, 'statfs');
      return this.#disk.kind;
    });
  }

  /** One call through the gate to the disk and back; never settles for a process that has crashed. */
  call<T>(call: Call<T>): Promise<T> {
    const process = this.#process;
    if (process.crashed) return new Promise(() => undefined);
    const onDisk = (): Promise<T> =>
      new Promise<T>((resolve, reject) => {
        this.#disk.start({ ...call, process }, (outcome) => {
          if ('error' in outcome) reject(outcome.error);
          else resolve(outcome.value as T);
        });
      });
    return this.#gate.run(() => this.#pool.run(onDisk), laneOf(call));
  }

  /** Octets of an open file as this machine sees them. */
  view(file: FileInode): Buffer {
    return this.#disk.view(file);
  }

  refresh(file: FileInode): Buffer {
    return this.#disk.refresh(file);
  }

  /** A call on a name whose directory is opened first, or that the server decides: only the way there is believed. */
  #named<T>(
    name: string,
    path: string,
    nature: DiskCall<T>['nature'],
    act: () => T,
    more: Pick<Call<T>, 'torn' | 'takesAway'> = {},
  ): Promise<T> {
    return this.#walking(name, parentOf(path), {
      name,
      path,
      nature,
      act: () => {
        this.#disk.server.tree.directory(parentOf(path), name);
        this.#disk.revalidate(parentOf(path));
        return act();
      },
      ...more,
    });
  }

  /** A call on a directory itself: also its own name is believed. */
  #directory<T>(name: string, path: string, act: () => T): Promise<T> {
    return this.#walking(name, path, { name, path, nature: 'look', act });
  }

  #walking<T>(name: string, directory: string, call: Call<T>): Promise<T> {
    const disk = this.#disk;
    return this.call({
      ...call,
      act: () => {
        disk.walk(directory, name);
        try {
          return call.act();
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'ENOENT') disk.rememberMissing(directory);
          throw error;
        }
      },
    });
  }

  #removeAt(path: string, act: () => void): void {
    act();
    this.#disk.server.touched(path);
  }
}

/** As on the real platform: commits, fences, probes and heartbeats go first. */
function laneOf({ name, path }: { readonly name: string; readonly path: string }): Lane {
  if (name === 'createExclusive' || name === 'writeDurably' || name === 'list') return 'urgent';
  return path.includes(HEARTBEATS) ? 'urgent' : 'usual';
}

/** Threads of one process: a call holds one until it has ended, and the next in line gets it, first come, first served. */
class Pool {
  #free: number;
  readonly #full: () => void;
  readonly #waiting: (() => void)[] = [];

  constructor(threads: number, full: () => void) {
    this.#free = threads;
    this.#full = full;
  }

  async run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else {
      this.#full();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    try {
      return await call();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

function filesAt(lookup: () => Inode): readonly FileInode[] {
  try {
    const inode = lookup();
    return inode.kind === 'file' ? [inode] : [];
  } catch {
    return [];
  }
}

/** Paths of the files below a directory, at any depth. */
function namesBelow(path: string, lookup: () => Inode): readonly string[] {
  try {
    const inode = lookup();
    if (inode.kind === 'file') return [path];
    return [...inode.entries].flatMap(([name, inner]) => namesBelow(`${path}/${name}`, () => inner));
  } catch {
    return [];
  }
}

/** What a dead caller's call would have failed with, nobody learns. */
function ignoreErrors(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}

function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
