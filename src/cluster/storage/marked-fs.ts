/**
 * "A name below a missing marker is answered with a temporary error" (docs/architecture.md, section 3, which storage). A
 * mount that is gone leaves an empty directory or none, in which every file is missing: taken for the truth, every
 * account would be unknown (`550`), and new directories would be made in the place where the mount belongs.
 */
import type { Fs } from '../../platform/platform.ts';
import { MARKER } from './check.ts';

/** The calls of `fs`, for paths below `root`; ENOENT is believed only while the marker of the mount is there. */
export function markedFs(fs: Fs, root: string): Fs {
  async function assertMounted(): Promise<void> {
    const names: readonly string[] = await fs.list(root).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    if (!names.includes(MARKER))
      throw Object.assign(new Error(`${root} is not mounted (no ${MARKER})`), { code: 'EIO' });
  }

  async function believed<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      // Looked at after the call: the marker was there when it must have been, or the mount came back meanwhile.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') await assertMounted();
      throw error;
    }
  }

  return {
    createExclusive: (path) => believed(fs.createExclusive(path)),
    open: (path) => believed(fs.open(path)),
    list: (path) => believed(fs.list(path)),
    async makeDirectory(path) {
      await assertMounted();
      await fs.makeDirectory(path);
    },
    syncDirectory: (path) => believed(fs.syncDirectory(path)),
    replace: (path, bytes) => believed(fs.replace(path, bytes)),
    remove: (path) => fs.remove(path),
    removeTree: (path) => fs.removeTree(path),
    kind: (path) => believed(fs.kind(path)),
  };
}
