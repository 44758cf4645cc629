/**
 * Programs of tests on a real kernel NFS server with real kernel clients: `../shared/nfs-bed` runs them in a guest of its own,
 * each mount a client with its own cache. What a program of TAP output says is a test of its own.
 */
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';

const execute = promisify(execFile);

/** Beside the checkout, wherever that is. */
const BED = resolve(import.meta.dirname, '../../../shared/nfs-bed/run');
/** Its first run fetches what it needs. */
const PREPARE_MS = 120_000;
/** What it needs beyond the seconds for the program itself: the boot, and the end. */
const AROUND_S = 30;

export type NfsVersion = '4.2' | '3';

export interface InBed {
  readonly nfs: NfsVersion;
  readonly mounts: number;
  readonly seconds: number;
  readonly args?: readonly string[];
}

/** Undefined when the bed can be used here, else one line that says why not. */
export async function bedFails(): Promise<string | undefined> {
  const isThere = await access(BED, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!isThere) return `there is no ${BED}`;
  if (process.getuid?.() !== 0) return 'nfs-bed needs root';
  return execute(BED, ['--prepare'], { timeout: PREPARE_MS }).then(
    () => undefined,
    (error: { readonly stderr?: string; readonly message: string }) =>
      `nfs-bed does not start: ${(error.stderr || error.message).trim().split('\n').at(-1)}`,
  );
}

/** The command line that runs a program of ours there. It ends with whoever started it. */
export function bedCommand(program: string, { nfs, mounts, seconds, args = [] }: InBed): readonly string[] {
  return [
    'setpriv',
    '--pdeathsig',
    'TERM',
    // The channel to whoever started the test is not in the guest, and Node there would take descriptor 3 for it.
    'env',
    '--unset=NODE_CHANNEL_FD',
    BED,
    '--nfs',
    nfs,
    '--mounts',
    String(mounts),
    '--timeout',
    String(seconds + AROUND_S),
    '--',
    process.execPath,
    program,
    ...args,
  ];
}

/** Runs it as a part of a test. */
export async function inBed(t: Test, name: string, program: string, bed: InBed): Promise<void> {
  const [command, ...args] = bedCommand(program, bed);
  const timeout = (bed.seconds + 2 * AROUND_S) * 1000;
  await t.spawn(command!, [...args], { timeout, stdio: ['ignore', 'pipe', 'inherit'] }, name);
}

/** Of the program in the guest: where the backends' mounts are. */
export function mountsHere(): readonly string[] {
  const count = Number(process.env.NFS_MOUNTS);
  return Array.from({ length: count }, (_, index) => process.env[`NFS_MOUNT_${index + 1}`] ?? '');
}

/** Of the program in the guest: what the server itself has. */
export function exportHere(...names: readonly string[]): string {
  return join(process.env.NFS_EXPORT ?? '', ...names);
}

/** Of the program in the guest: `nfs-bed cut 1` … */
export async function network(...args: readonly string[]): Promise<void> {
  await execute('nfs-bed', [...args]);
}
