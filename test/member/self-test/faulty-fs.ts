/** A file system that breaks one promise: a `MemoryFs` of which a test replaces what it likes. */
import type { AppendFile, Fs } from '../../../src/platform/platform.ts';
import type { MemoryFs } from '../../support/memory-fs.ts';

export function faulty(fs: MemoryFs, replaced: Partial<Fs>): Fs {
  const whole: Fs = {
    createExclusive: (path) => fs.createExclusive(path),
    open: (path) => fs.open(path),
    list: (path) => fs.list(path),
    makeDirectory: (path) => fs.makeDirectory(path),
    syncDirectory: (path) => fs.syncDirectory(path),
    replace: (path, bytes) => fs.replace(path, bytes),
    remove: (path) => fs.remove(path),
    removeTree: (path) => fs.removeTree(path),
    kind: (path) => fs.kind(path),
  };
  return { ...whole, ...replaced };
}

/** Created whether it is there or not, as without O_EXCL. */
export async function createAnyway(fs: MemoryFs, path: string): Promise<AppendFile> {
  return fs.createExclusive(path).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
    await fs.remove(path);
    return fs.createExclusive(path);
  });
}
