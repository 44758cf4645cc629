/**
 * What the store rests on (docs/architecture.md, section 3, "Fencing on the storage"), tried on a directory of our own with the very
 * calls that the store makes. Each probe gives one finding and throws what the storage itself says.
 */
import type { Clock, Fs } from '../../platform/platform.ts';
import { type Finding, fine, refused, warned } from './types.ts';

export interface ProbePlace {
  readonly fs: Fs;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** There, empty but for other probes' files, and nobody else's. */
  readonly directory: string;
}

export type Probe = (place: ProbePlace) => Promise<Finding>;

const CREATIONS = 8;
const BLOCK = Buffer.from('postern self-test\n'.repeat(200));
const SYNCS = 9;
/** A commit waits for one of these; what a client waits for is a few of them. */
export const SLOW_SYNC_MS = 50;
/** NAME_MAX of every file system that can hold an account. */
const NAME_OCTETS = 255;
/** Of a name in a message. */
const SHOWN_MAX = 20;
/** In form C (Unicode Standard Annex 15), each with a letter that form D writes otherwise, but for the last. */
const WORDS: readonly string[] = ['Übergröße', 'Ελλάς', 'Ёлка', '한글', 'がぎぐ', '信箱', '📮'];

/** "Each is created exclusively: the server decides, exactly one winner." */
export const exclusive: Probe = async ({ fs, directory }) => {
  const path = `${directory}/once`;
  const tries = await Promise.allSettled(Array.from({ length: CREATIONS }, () => fs.createExclusive(path)));
  const won = tries.filter((each) => each.status === 'fulfilled');
  for (const { value } of won) await value.close();
  const lost = tries.filter((each) => each.status === 'rejected').map((each) => each.reason as unknown);
  const other = lost.find((error) => (error as NodeJS.ErrnoException).code !== 'EEXIST');
  if (other !== undefined) throw other;
  return won.length === 1
    ? fine('exclusive', `of ${CREATIONS} creations of one name one has won`)
    : refused(
        'exclusive',
        `of ${CREATIONS} creations of one name ${won.length} have won, where exactly one must`,
        'use a file system with O_CREAT|O_EXCL: two owners of one account would both write',
      );
};

/** O_DSYNC writes and a synced directory: all that "durable" is made of. */
export const durable: Probe = async ({ fs, directory }) => {
  const file = await fs.createExclusive(`${directory}/durable`);
  try {
    await file.writeDurably([BLOCK], 0);
  } finally {
    await file.close();
  }
  await fs.syncDirectory(directory);
  return fine('durable', 'synced writes and a synced directory');
};

/** What was appended is there, at its place, through another descriptor, with the size that it must have. */
export const readBack: Probe = async ({ fs, directory }) => {
  const path = `${directory}/log`;
  const [first, second] = [BLOCK, Buffer.from(BLOCK).reverse()];
  const written = await fs.createExclusive(path);
  try {
    await written.writeDurably([first], 0);
    await written.writeDurably([second], first.length);
    const read = await fs.open(path);
    try {
      const wanted = Buffer.concat([first, second]);
      const size = await read.size();
      const octets = await read.read(0, 2 * wanted.length);
      if (size === wanted.length && octets.equals(wanted))
        return fine('read-back', `${size} octets as written`);
      return refused(
        'read-back',
        `of ${wanted.length} octets that were written and synced ${size} came back${size === wanted.length ? ', others' : ''}`,
        'do not use this storage: it loses what it has said to be durable',
      );
    } finally {
      await read.close();
    }
  } finally {
    await written.close();
  }
};

/** The median of some synced writes: what every commit costs at least. */
export const latency: Probe = async ({ fs, clock, directory }) => {
  const file = await fs.createExclusive(`${directory}/latency`);
  const times: number[] = [];
  try {
    for (let count = 0; count < SYNCS; count++) {
      const startMs = clock.monotonicMs();
      await file.writeDurably([BLOCK], count * BLOCK.length);
      times.push(clock.monotonicMs() - startMs);
    }
  } finally {
    await file.close();
  }
  const median = times.sort((a, b) => a - b)[SYNCS >> 1]!;
  const what = `a synced write takes ${median.toFixed(1)} ms (median of ${SYNCS}, at most ${times.at(-1)!.toFixed(1)} ms)`;
  return median <= SLOW_SYNC_MS
    ? fine('latency', what)
    : warned(
        'latency',
        `${what}, more than ${SLOW_SYNC_MS} ms`,
        'see to the storage’s load, cache and network',
      );
};

/** Octet by octet: a name that comes back otherwise is an account that nobody finds. */
export const names: Probe = async ({ fs, directory }) => {
  const inner = `${directory}/names`;
  await fs.makeDirectory(inner);
  const filled = (text: string): string => {
    const times = Math.floor(NAME_OCTETS / Buffer.byteLength(text));
    return text.repeat(times) + 'n'.repeat(NAME_OCTETS - times * Buffer.byteLength(text));
  };
  const wanted = ['n'.repeat(NAME_OCTETS), filled('ü'), ...WORDS];
  for (const name of wanted) {
    try {
      await (await fs.createExclusive(`${inner}/${name}`)).close();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENAMETOOLONG' && code !== 'EILSEQ' && code !== 'EINVAL') throw error;
      return refused(
        'names',
        `a name of ${Buffer.byteLength(name)} octets is refused (${code}): ${short(name)}`,
        'use a file system that takes names of 255 octets in any alphabet',
      );
    }
  }
  const listed = new Set(await fs.list(inner));
  const changed = wanted.find((name) => !listed.has(name));
  if (changed !== undefined)
    return refused(
      'names',
      `a name does not come back as it was given: ${short(changed)}`,
      'use a file system that keeps names octet by octet, without normalising or converting them',
    );
  return fine('names', `up to ${NAME_OCTETS} octets, in any alphabet`);
};

function short(name: string): string {
  return name.length > SHOWN_MAX ? `${name.slice(0, SHOWN_MAX)}…` : name;
}

/** In the order in which they are told. */
export const PROBES: readonly (readonly [Finding['check'], Probe])[] = [
  ['exclusive', exclusive],
  ['durable', durable],
  ['read-back', readBack],
  ['latency', latency],
  ['names', names],
];
