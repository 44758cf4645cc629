/** The rules of `AppendFile.writeDurably` for files in tests: one call at a time, none after a failure or the close. */
import { fsError } from './file-tree.ts';

export class WriteState {
  readonly #path: string;
  #state: 'idle' | 'writing' | 'failed' | 'closed' = 'idle';

  constructor(path: string) {
    this.#path = path;
  }

  async run(write: () => Promise<void>): Promise<void> {
    if (this.#state === 'writing') throw new Error(`two writes at a time to ${this.#path}`);
    if (this.#state !== 'idle') throw fsError('EBADF', 'write', this.#path);
    this.#state = 'writing';
    try {
      await write();
      this.#leave('idle');
    } catch (error) {
      this.#leave('failed');
      throw error;
    }
  }

  close(): void {
    this.#state = 'closed';
  }

  /** A file closed meanwhile stays closed. */
  #leave(state: 'idle' | 'failed'): void {
    if (this.#state === 'writing') this.#state = state;
  }
}
