/**
 * Which storage this is. `.cluster/id` and a marker in every storage mount are made once, by an explicit first start. "A
 * member without the right id and markers stands for nothing and is given nothing."
 */
import { Failure } from '../../lib/failure.ts';
import type { AppendFile, Fs, Random } from '../../platform/platform.ts';
import type { NodeStorage } from '../types.ts';

const ID_OCTETS = 16;
const ID_FILE_OCTETS_MAX = 256;
export const MARKER = '.postern-mount';
const ID_LINE = /^postern cluster 1 ([0-9a-f]{32})\n/;

/** Directories that are there from the first start on. */
const DIRECTORIES = ['control', 'settings', 'slots', 'probe'] as const;

export type StorageCheck =
  | { readonly kind: 'ok'; readonly clusterId: string }
  | { readonly kind: 'refused'; readonly why: string };

/** Makes id and markers. Where an id is already, it is kept and only missing directories and markers are made. */
export async function initStorage(
  fs: Fs,
  random: Random,
  storage: NodeStorage,
): Promise<{ readonly clusterId: string; readonly created: boolean }> {
  const directory = `${storage.root}/.cluster`;
  await fs.makeDirectory(directory);
  const line = `postern cluster 1 ${random.bytes(ID_OCTETS).toString('hex')}\n`;
  const created = await writeOnce(fs, directory, 'id', line);
  const clusterId = await readId(fs, `${directory}/id`);
  if (clusterId === undefined) throw new Failure('damaged', `${directory}/id holds no cluster id`);
  for (const name of DIRECTORIES) await fs.makeDirectory(`${directory}/${name}`);
  await fs.syncDirectory(directory);
  for (const mount of [storage.root, ...(storage.mounts ?? [])])
    await writeOnce(fs, mount, MARKER, `postern cluster 1 ${clusterId}\n`);
  return { clusterId, created };
}

/** What this member's mounts hold. Rejects only with what the storage itself says (EIO, ESTALE …). */
export async function checkStorage(fs: Fs, storage: NodeStorage): Promise<StorageCheck> {
  const clusterId = await readId(fs, `${storage.root}/.cluster/id`);
  if (clusterId === undefined)
    return refused(`${storage.root} is not mounted or was never initialised (no .cluster/id)`);
  for (const mount of [storage.root, ...(storage.mounts ?? [])]) {
    const marker = await readId(fs, `${mount}/${MARKER}`);
    if (marker === undefined) return refused(`${mount} is not mounted (no ${MARKER})`);
    if (marker !== clusterId) return refused(`${mount} is another cluster's storage`);
  }
  return { kind: 'ok', clusterId };
}

function refused(why: string): StorageCheck {
  return { kind: 'refused', why };
}

/** False when the name was there already. */
async function writeOnce(fs: Fs, directory: string, name: string, content: string): Promise<boolean> {
  let file: AppendFile;
  try {
    file = await fs.createExclusive(`${directory}/${name}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  try {
    await file.writeDurably([Buffer.from(content)], 0);
  } finally {
    await file.close();
  }
  await fs.syncDirectory(directory);
  return true;
}

/** Undefined when there is no such file or it holds no id. */
async function readId(fs: Fs, path: string): Promise<string | undefined> {
  try {
    const file = await fs.open(path);
    try {
      return ID_LINE.exec((await file.read(0, ID_FILE_OCTETS_MAX)).toString('latin1'))?.[1];
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
