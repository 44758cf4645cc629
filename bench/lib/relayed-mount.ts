/**
 * A mount of a folder that can be cut off like NFS mounted hard: while it is, every call of it waits, and is answered when
 * it is healed. A process of ours (relay-process.ts) answers the calls (FUSE); cut, it stands still.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { run } from '../../test/support/network.ts';

const PROGRAM = fileURLToPath(new URL('relay-process.ts', import.meta.url));
/** Threads for calls, one of which always waits for the next. */
const POOL_SIZE = 24;

export class RelayedMount {
  readonly #path: string;
  readonly #process: ChildProcess;

  private constructor(path: string, process: ChildProcess) {
    this.#path = path;
    this.#process = process;
  }

  /** Shows `folder` at `path`, an empty folder. */
  static async make(folder: string, path: string): Promise<RelayedMount> {
    const relay = spawn(process.execPath, [PROGRAM, folder, path], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, UV_THREADPOOL_SIZE: String(POOL_SIZE) },
    });
    await Promise.race([
      once(relay, 'message'), // it is mounted
      once(relay, 'exit').then(() => Promise.reject(new Error(`${path} was not mounted`))),
    ]);
    return new RelayedMount(path, relay);
  }

  /** No call is answered from now on. */
  cut(): Promise<void> {
    this.#process.kill('SIGSTOP');
    return Promise.resolve();
  }

  heal(): Promise<void> {
    this.#process.kill('SIGCONT');
    return Promise.resolve();
  }

  /** Calls that wait fail. */
  async end(): Promise<void> {
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
    await run('umount', ['-l', this.#path]);
  }
}
