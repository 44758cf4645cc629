/**
 * An `Fs` in memory for unit tests: no time, no cache, no fault of its own. Several platforms may share one, as members
 * share a mount. `before` is called at the start of each call and may reject or wait: the place for a test's faults.
 */
import type { AppendFile, Fs, ReadFile } from '../../src/platform/platform.ts';
import { type FileInode, FileTree, fsError } from './file-tree.ts';
import { WriteState } from './write-state.ts';

export type FsCall =
  | 'createExclusive'
  | 'open'
  | 'list'
  | 'makeDirectory'
  | 'syncDirectory'
  | 'replace'
  | 'remove'
  | 'removeTree'
  | 'kind'
  | 'writeDurably'
  | 'size'
  | 'read';

export class MemoryFs implements Fs {
  readonly tree: FileTree;
  readonly mountKind: 'nfs' | 'local';
  /** A test's hook: throw or reject to make the call fail with nothing done, wait to make it slow. */
  before: ((call: FsCall, path: string) => void | Promise<void>) | undefined;
  /** A test's hook: throw or reject to make a call that was carried out fail all the same (a lost reply). */
  after: ((call: FsCall, path: string) => void | Promise<void>) | undefined;
  /** Files opened, for reading or writing, and not closed. */
  readonly openFiles = new Set<object>();
  /** How often each call was made. */
  readonly calls = new Map<FsCall, number>();

  constructor(options: { readonly kind?: 'nfs' | 'local'; readonly tree?: FileTree } = {}) {
    this.mountKind = options.kind ?? 'local';
    this.tree = options.tree ?? new FileTree();
  }

  createExclusive(path: string): Promise<AppendFile> {
    return this.run(
      'createExclusive',
      path,
      () => new MemoryAppendFile(this, path, this.tree.createExclusive(path)),
    );
  }

  open(path: string): Promise<ReadFile> {
    return this.run('open', path, () => new MemoryReadFile(this, path, this.tree.file(path, 'open')));
  }

  list(path: string): Promise<string[]> {
    return this.run('list', path, () =>
      [...this.tree.directory(path, 'scandir').entries.keys()].filter((name) => !name.startsWith('.nfs')),
    );
  }

  async makeDirectory(path: string): Promise<void> {
    await this.run('makeDirectory', path, () => this.tree.makeDirectory(path));
  }

  async syncDirectory(path: string): Promise<void> {
    await this.run('syncDirectory', path, () => this.tree.directory(path, 'fsync'));
  }

  replace(path: string, bytes: Buffer): Promise<void> {
    return this.run('replace', path, () => this.tree.replace(path, bytes));
  }

  remove(path: string): Promise<void> {
    return this.run('remove', path, () => this.tree.remove(path));
  }

  removeTree(path: string): Promise<void> {
    return this.run('removeTree', path, () => this.tree.removeTree(path));
  }

  kind(path: string): Promise<'nfs' | 'local'> {
    return this.run('kind', path, () => {
      this.tree.lookup(path, 'statfs');
      return this.mountKind;
    });
  }

  /** The whole content of a file, for a test to look at. */
  content(path: string): Buffer {
    const file = this.tree.file(path, 'open');
    return file.read(0, file.size);
  }

  /** Puts a file in place for a test, with its directories. */
  put(path: string, bytes: Buffer): void {
    this.tree.makeDirectory(path.slice(0, path.lastIndexOf('/')) || '/');
    this.tree.replace(path, bytes);
  }

  /** Runs one call with the hooks around it; never settles in the same turn. */
  async run<T>(call: FsCall, path: string, act: () => T): Promise<T> {
    this.calls.set(call, (this.calls.get(call) ?? 0) + 1);
    await this.before?.(call, path);
    await Promise.resolve();
    const result = act();
    await this.after?.(call, path);
    return result;
  }
}

class MemoryAppendFile implements AppendFile {
  readonly #fs: MemoryFs;
  readonly #path: string;
  readonly #file: FileInode;
  readonly #state: WriteState;

  constructor(fs: MemoryFs, path: string, file: FileInode) {
    this.#fs = fs;
    this.#path = path;
    this.#file = file;
    this.#state = new WriteState(path);
    fs.openFiles.add(this);
  }

  writeDurably(chunks: readonly Buffer[], position: number): Promise<void> {
    const bytes = Buffer.concat(chunks);
    return this.#state.run(() =>
      this.#fs.run('writeDurably', this.#path, () => this.#file.write(position, bytes)),
    );
  }

  async close(): Promise<void> {
    this.#state.close();
    this.#fs.openFiles.delete(this);
  }
}

class MemoryReadFile implements ReadFile {
  readonly #fs: MemoryFs;
  readonly #path: string;
  readonly #file: FileInode;
  #open = true;

  constructor(fs: MemoryFs, path: string, file: FileInode) {
    this.#fs = fs;
    this.#path = path;
    this.#file = file;
    fs.openFiles.add(this);
  }

  size(): Promise<number> {
    return this.#run('size', () => this.#file.size);
  }

  read(position: number, octets: number): Promise<Buffer> {
    return this.#run('read', () => this.#file.read(position, octets));
  }

  async close(): Promise<void> {
    this.#open = false;
    this.#fs.openFiles.delete(this);
  }

  async #run<T>(call: FsCall, act: () => T): Promise<T> {
    if (!this.#open) throw fsError('EBADF', call, this.#path);
    return this.#fs.run(call, this.#path, act);
  }
}
