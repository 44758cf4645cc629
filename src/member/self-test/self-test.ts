/**
 * The self-test of a backend's storage, at its start and by `postern check-storage`: type and options of the mount, then every
 * promise of a file system that the store rests on, tried with the store's own calls. Quick, in a directory of its own, and no
 * burden for a cluster that runs. Each check has a time limit; the calls of one that hangs stay where they are.
 */
import { errorCode } from '../../lib/failure.ts';
import type { Clock, Fs, Random } from '../../platform/platform.ts';
import { mountOf, parseMountInfo } from './mount-info.ts';
import { judgeMount } from './mount-rules.ts';
import { makePlace, type Place } from './place.ts';
import { PROBES } from './probes.ts';
import { type CheckName, type Finding, refused, unknown, warned } from './types.ts';

/** No check takes a hundredth of it on a storage that answers. */
export const CHECK_MS_MAX = 10_000;
/** A storage without room goes on serving what it has: a member must be able to start on it. */
const FULL: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', 'EROFS']);

export interface SelfTest {
  readonly fs: Fs;
  readonly clock: Clock;
  readonly random: Random;
  /** The mount of the shared storage, whose marker was seen. */
  readonly root: string;
  readonly member: string;
  readonly mount: MountText;
  /** Somebody else of this member may be at work there. */
  readonly beside?: boolean;
  /** What is tried with another backend, where there may be one. */
  readonly together?: (place: Place) => Promise<readonly Finding[]>;
}

/** What the system tells of mounts; `text` is undefined where it tells nothing. */
export interface MountText {
  /** The root with all links followed. */
  readonly path: string;
  readonly text: string | undefined;
}

/** Every finding, in order. Never rejects: what the storage does is a finding. */
export async function selfTest(test: SelfTest): Promise<readonly Finding[]> {
  const { mount, fs, clock, root, member, together } = test;
  const info = mount.text === undefined ? undefined : mountOf(mount.path, parseMountInfo(mount.text));
  const found = [...judgeMount(info)];
  const tried = async (check: CheckName, work: () => Promise<readonly Finding[]>): Promise<void> => {
    found.push(...(await inTime(clock, check, work)));
  };
  let place: Place | undefined;
  await tried('exclusive', async () => {
    place = await makePlace(test, root, member, test.beside);
    return [];
  });
  if (place === undefined) return found;
  const { directory } = place;
  for (const [check, probe] of PROBES)
    await tried(check, async () => [await probe({ fs, clock, directory })]);
  if (together !== undefined) await tried('visibility', () => together(place!));
  // A leftover harms nobody; the next start removes it.
  await inTime(clock, 'exclusive', () => fs.removeTree(directory).then(() => []));
  return found;
}

/** What `work` finds; one finding when it fails or takes too long. */
async function inTime(
  clock: Clock,
  check: CheckName,
  work: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  const over = new AbortController();
  const done = work().catch((error: unknown) => [ofError(check, error)]);
  const late = clock.sleep(CHECK_MS_MAX, over.signal).then(
    () => [refused(check, `no answer within ${CHECK_MS_MAX / 1000} s`, 'see to the mount and its server')],
    () => done, // aborted: the work was faster
  );
  const found = await Promise.race([done, late]);
  over.abort();
  return found;
}

/** What the storage said in place of doing what it was asked for. */
function ofError(check: CheckName, error: unknown): Finding {
  const { message } = error as Error;
  const code = errorCode(error);
  if (FULL.has(code))
    return warned(
      check,
      `not tried, there is no room: ${message}`,
      'make room on the storage, or raise its quota',
    );
  if (code === undefined) return unknown(check, `not tried: ${message}`);
  return refused(check, message, 'see to the mount, its permissions and its server');
}
