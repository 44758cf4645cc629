/**
 * Directories and files in memory, without time, faults or promises: what a file server holds. `MemoryFs` puts promises
 * around it, the simulation's disk puts clients with stale caches in front of it. Errors carry Node's codes.
 */
import { constants } from 'node:os';

export type Inode = FileInode | DirectoryInode;

/** Octets that stay readable through whoever holds the inode, also after its name is gone. */
export class FileInode {
  readonly kind = 'file';
  readonly id: number;
  #octets: Buffer = Buffer.alloc(0);
  #size = 0;

  constructor(id: number) {
    this.id = id;
  }

  get size(): number {
    return this.#size;
  }

  /** Writes at a place; what lies between the old end and `position` becomes zeros. */
  write(position: number, bytes: Uint8Array): void {
    const end = position + bytes.length;
    if (end > this.#octets.length) {
      const larger = Buffer.alloc(Math.max(end, this.#octets.length * 2));
      this.#octets.copy(larger, 0, 0, this.#size);
      this.#octets = larger;
    }
    this.#octets.set(bytes, position);
    this.#size = Math.max(this.#size, end);
  }

  /** A copy of up to `octets` octets; fewer only at the end. */
  read(position: number, octets: number): Buffer {
    const end = Math.min(this.#size, position + octets);
    return Buffer.from(this.#octets.subarray(Math.min(position, end), end));
  }
}

export class DirectoryInode {
  readonly kind = 'directory';
  readonly id: number;
  readonly entries = new Map<string, Inode>();

  constructor(id: number) {
    this.id = id;
  }
}

/** An Error as node:fs makes it. */
export function fsError(code: string, call: string, path: string): NodeJS.ErrnoException {
  const errno = (constants.errno as Record<string, number>)[code];
  const error: NodeJS.ErrnoException = new Error(`${code}: ${call} '${path}'`);
  error.code = code;
  if (errno !== undefined) error.errno = -errno;
  error.syscall = call;
  error.path = path;
  return error;
}

/** The names of an absolute path; `.` and `..` are our own bug. */
export function segments(path: string): readonly string[] {
  if (!path.startsWith('/')) throw new TypeError(`not an absolute path: ${path}`);
  const names = path.split('/').filter((name) => name !== '');
  if (names.includes('.') || names.includes('..')) throw new TypeError(`not a plain path: ${path}`);
  return names;
}

export function parentOf(path: string): string {
  return `/${segments(path).slice(0, -1).join('/')}`;
}

export function nameOf(path: string): string {
  return segments(path).at(-1) ?? '';
}

export class FileTree {
  readonly root = new DirectoryInode(1);
  #lastId = 1;

  lookup(path: string, call: string): Inode {
    let at: Inode = this.root;
    for (const name of segments(path)) {
      if (at.kind !== 'directory') throw fsError('ENOTDIR', call, path);
      const next = at.entries.get(name);
      if (next === undefined) throw fsError('ENOENT', call, path);
      at = next;
    }
    return at;
  }

  directory(path: string, call: string): DirectoryInode {
    const inode = this.lookup(path, call);
    if (inode.kind !== 'directory') throw fsError('ENOTDIR', call, path);
    return inode;
  }

  file(path: string, call: string): FileInode {
    const inode = this.lookup(path, call);
    if (inode.kind !== 'file') throw fsError('EISDIR', call, path);
    return inode;
  }

  createExclusive(path: string): FileInode {
    const parent = this.directory(parentOf(path), 'open');
    const name = nameOf(path);
    if (name === '' || parent.entries.has(name)) throw fsError('EEXIST', 'open', path);
    const file = new FileInode(++this.#lastId);
    parent.entries.set(name, file);
    return file;
  }

  /** With its parents; gives those that were made, outermost first. */
  makeDirectory(path: string): readonly string[] {
    const made: string[] = [];
    let at: DirectoryInode = this.root;
    let sofar = '';
    for (const name of segments(path)) {
      sofar += `/${name}`;
      let next = at.entries.get(name);
      if (next === undefined) {
        next = new DirectoryInode(++this.#lastId);
        at.entries.set(name, next);
        made.push(sofar);
      }
      if (next.kind !== 'directory') throw fsError(sofar === path ? 'EEXIST' : 'ENOTDIR', 'mkdir', path);
      at = next;
    }
    return made;
  }

  /** Puts a file with this content at a name, in place of what was there. */
  replace(path: string, bytes: Buffer): void {
    const parent = this.directory(parentOf(path), 'open');
    const before = parent.entries.get(nameOf(path));
    if (before?.kind === 'directory') throw fsError('EISDIR', 'rename', path);
    const file = new FileInode(++this.#lastId);
    file.write(0, bytes);
    parent.entries.set(nameOf(path), file);
  }

  /** Not an error when the name is gone. */
  remove(path: string): void {
    const parent = this.#parentIfThere(path);
    const inode = parent?.entries.get(nameOf(path));
    if (inode?.kind === 'directory') throw fsError('EISDIR', 'unlink', path);
    parent?.entries.delete(nameOf(path));
  }

  /** Not an error when the name is gone. */
  removeTree(path: string): void {
    this.#parentIfThere(path)?.entries.delete(nameOf(path));
  }

  #parentIfThere(path: string): DirectoryInode | undefined {
    try {
      return this.directory(parentOf(path), 'unlink');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}
