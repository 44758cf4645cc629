/**
 * Versions of this program for the rolling-update test: the checkout itself, and an earlier one out of the repository's history, in a
 * folder of its own. Their packages are the checkout's.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The version to update from: the landing of the first issue. */
export const FIRST_ISSUE = '053f440922784a00fab590187056f61b0dc48785';

const PROJECT = resolve(import.meta.dirname, '../..');

export interface Version {
  readonly name: 'old' | 'present';
  /** Its `bin/postern`. */
  readonly program: string;
}

export const PRESENT: Version = { name: 'present', program: join(PROJECT, 'bin', 'postern') };

/** Takes the earlier version out of the history; `remove` deletes it. Rejects with what to do where there is no history. */
export async function checkOut(
  commit: string,
): Promise<{ readonly version: Version; readonly remove: () => Promise<void> }> {
  await mustHave(commit);
  const folder = await mkdtemp(join(tmpdir(), 'postern-old-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const archive = join(folder, 'archive.tar');
    const tree = join(folder, 'postern');
    await mkdir(tree);
    await run('git', ['archive', '--format=tar', '-o', archive, commit, 'bin', 'src', 'package.json'], {
      cwd: PROJECT,
    });
    await run('tar', ['xf', archive, '-C', tree]);
    await symlink(join(PROJECT, 'node_modules'), join(tree, 'node_modules'));
    return { version: { name: 'old', program: join(tree, 'bin', 'postern') }, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function mustHave(commit: string): Promise<void> {
  try {
    await run('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: PROJECT });
  } catch (cause) {
    throw new Error(
      `the version to update from, ${commit}, is not in the history of this clone, which a shallow clone does not have: git fetch --unshallow`,
      { cause },
    );
  }
}
