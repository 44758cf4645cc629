/**
 * A file system of its own under a lab's `storage`, so that it can be full or stand still while all else goes on. It needs
 * root and a kernel that lets a test mount: `mountingFails` says why it cannot be had.
 *
 * A frozen file system holds every process that writes to it in state D, beyond the reach of SIGKILL. So it never stays
 * frozen: a watchdog process that outlives a killed test thaws it, whatever happens.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** No command here takes longer, not even on a loaded machine; one that hangs must not hang the test. */
const COMMAND_MS = 20_000;
/** Nothing in a test stays frozen longer. */
const THAW_S = 60;

export type Kind = 'tmpfs' | 'ext4';

/** Undefined when a test can mount this kind here, else one line that says why not. */
export async function mountingFails(kind: Kind): Promise<string | undefined> {
  if (process.platform !== 'linux') return `no mounts on ${process.platform}`;
  if (process.getuid?.() !== 0) return 'mounting needs root';
  const base = await mkdtemp(join(tmpdir(), 'postern-mount-'));
  try {
    const mounted = await Mount.make(kind, base, 16);
    try {
      if (kind === 'ext4') {
        await mounted.freeze();
        await mounted.thaw();
      }
    } finally {
      await mounted.unmount();
    }
    return undefined;
  } catch (error) {
    return (error as Error).message.split('\n').slice(0, 2).join(' ');
  } finally {
    await rm(base, { recursive: true, force: true });
  }
}

export class Mount {
  readonly path: string;
  readonly #image: string | undefined;
  #watchdog: ChildProcess | undefined;

  private constructor(path: string, image: string | undefined) {
    this.path = path;
    this.#image = image;
  }

  /** Mounts it as `<base>/storage`. */
  static async make(kind: Kind, base: string, mebibytes: number): Promise<Mount> {
    const path = join(base, 'storage');
    await mkdir(path, { recursive: true });
    if (kind === 'tmpfs') {
      await command('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=700`, 'postern-test', path]);
      return new Mount(path, undefined);
    }
    const image = join(base, 'storage.img');
    await command('truncate', ['-s', `${mebibytes}M`, image]);
    // No blocks are kept for root: full is full.
    await command('mkfs.ext4', ['-q', '-F', '-m', '0', image]);
    await command('mount', ['-o', 'loop', image, path]);
    return new Mount(path, image);
  }

  /** Every write hangs from now on; what is in memory can be read. Resolves when it stands still. */
  async freeze(): Promise<void> {
    // In a session of its own and without our pipes, so that nothing that ends us ends it.
    const script = `sleep ${THAW_S}; fsfreeze -u "$0"`;
    this.#watchdog = spawn('sh', ['-c', script, this.path], { detached: true, stdio: 'ignore' });
    this.#watchdog.unref();
    await command('fsfreeze', ['-f', this.path]);
  }

  async thaw(): Promise<void> {
    await command('fsfreeze', ['-u', this.path]);
    this.#endWatchdog();
  }

  /** Also when it is frozen, or in use still. */
  async unmount(): Promise<void> {
    if (this.#watchdog !== undefined) {
      await command('fsfreeze', ['-u', this.path]).catch(() => undefined); // EINVAL: it was not frozen
      this.#endWatchdog();
    }
    await command('umount', ['-l', this.path]);
    if (this.#image !== undefined) await rm(this.#image, { force: true });
  }

  #endWatchdog(): void {
    const pid = this.#watchdog?.pid;
    this.#watchdog = undefined;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL'); // its shell and its sleep
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

async function command(program: string, args: readonly string[]): Promise<void> {
  await run(program, [...args], { timeout: COMMAND_MS, killSignal: 'SIGKILL' });
}
