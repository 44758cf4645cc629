/** What is in the directory of a log, by listing it: rule 4, never by a stat. */
import { errorCode } from '../../lib/failure.ts';
import type { Fs } from '../../platform/platform.ts';
import { fileNumbers } from './names.ts';

/** The numbers in a directory; none when there is no such directory yet and `missingIsEmpty`. */
export async function listNumbers(
  fs: Fs,
  directory: string,
  missingIsEmpty: boolean,
): Promise<readonly number[]> {
  return fileNumbers(await listNames(fs, directory, missingIsEmpty));
}

export async function listNames(
  fs: Fs,
  directory: string,
  missingIsEmpty: boolean,
): Promise<readonly string[]> {
  try {
    return await fs.list(directory);
  } catch (error) {
    if (missingIsEmpty && errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
