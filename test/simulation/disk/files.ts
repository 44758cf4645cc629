/** Open files of a simulated process. A write may be torn by the end of who writes; a read may show what was. */
import type { AppendFile, ReadFile } from '../../../src/platform/platform.ts';
import { type FileInode, fsError } from '../../support/file-tree.ts';
import type { Prng } from '../../support/prng.ts';
import { WriteState } from '../../support/write-state.ts';
import type { SimFs } from './fs.ts';

const PAGE_OCTETS = 4096;

export class SimAppendFile implements AppendFile {
  readonly #fs: SimFs;
  readonly #path: string;
  readonly #file: FileInode;
  readonly #state: WriteState;

  constructor(fs: SimFs, path: string, file: FileInode) {
    this.#fs = fs;
    this.#path = path;
    this.#file = file;
    this.#state = new WriteState(path);
  }

  writeDurably(chunks: readonly Buffer[], position: number): Promise<void> {
    const bytes = Buffer.concat(chunks);
    return this.#state.run(() =>
      this.#fs.call({
        name: 'writeDurably',
        path: this.#path,
        nature: 'space',
        act: () => {
          this.#file.write(position, bytes);
          this.#fs.refresh(this.#file);
        },
        torn: (random) => tear(this.#file, position, bytes, random),
      }),
    );
  }

  async close(): Promise<void> {
    this.#state.close();
  }
}

export class SimReadFile implements ReadFile {
  readonly #fs: SimFs;
  readonly #path: string;
  readonly #file: FileInode;
  #isOpen = true;

  constructor(fs: SimFs, path: string, file: FileInode) {
    this.#fs = fs;
    this.#path = path;
    this.#file = file;
  }

  size(): Promise<number> {
    return this.#look('size', () => this.#fs.refresh(this.#file).length);
  }

  read(position: number, octets: number): Promise<Buffer> {
    return this.#look('read', () =>
      Buffer.from(this.#fs.view(this.#file).subarray(position, position + octets)),
    );
  }

  async close(): Promise<void> {
    this.#isOpen = false;
  }

  async #look<T>(name: string, act: () => T): Promise<T> {
    if (!this.#isOpen) throw fsError('EBADF', name, this.#path);
    return this.#fs.call({ name, path: this.#path, nature: 'look', act });
  }
}

/** A write that ended in the middle: its first octets, or some of its pages with zeros between. */
function tear(file: FileInode, position: number, bytes: Buffer, random: Prng): void {
  if (random.chance(0.5)) {
    file.write(position, bytes.subarray(0, random.below(bytes.length + 1)));
    return;
  }
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + PAGE_OCTETS - ((position + from) % PAGE_OCTETS));
    if (random.chance(0.5)) file.write(position + from, bytes.subarray(from, to));
    from = to;
  }
}
