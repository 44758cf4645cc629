/** `DIR/lab.json`: what demos, tests, benchmarks and tools read of a running lab. Mode 0600: it has passwords. Keep it stable. */
import { chmod, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Role } from '../cluster/types.ts';
import type { Address } from '../platform/platform.ts';

export const LAB_FILE = 'lab.json';

export interface Login {
  readonly login: string;
  readonly password: string;
}

export interface LabDescription {
  readonly members: readonly {
    readonly name: string;
    readonly role: Role;
    /** The supervisor's; null while the member does not run. */
    readonly pid: number | null;
    readonly workers: readonly number[];
    readonly services: Readonly<Record<string, Address>>;
  }[];
  readonly postmaster: Login;
  readonly accounts: readonly Login[];
}

/** Replaces it as a whole: a reader sees the old one or the new one. */
export async function writeLabFile(directory: string, lab: LabDescription): Promise<void> {
  await writeSecret(join(directory, LAB_FILE), `${JSON.stringify(lab, undefined, 2)}\n`);
}

/** A file of mode 0600, in place of another or new. */
export async function writeSecret(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await writeFile(temporary, text, { mode: 0o600 });
  // The mode above is for a new file only.
  await chmod(temporary, 0o600);
  await rename(temporary, path);
}

export async function removeFile(path: string): Promise<void> {
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}
