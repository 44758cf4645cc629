/**
 * Whether nobody controls a storage now: its newest heartbeat says that its writer ended, or does not change for longer than
 * authority lasts. Asked before control is taken without standing for it, as a controller that runs would be deposed so.
 */
import { decodeHeartbeat, listControlEpochs, readHeartbeat } from '../cluster/control/heartbeat-file.ts';
import { timesFrom, withMargin } from '../cluster/times.ts';
import type { ClusterTimes } from '../cluster/types.ts';
import type { Platform } from '../platform/platform.ts';

/** `times`: our own; a controller with longer ones states them. A storage without any heartbeat is at rest. */
export async function isAtRest(
  { fs, clock }: Pick<Platform, 'fs' | 'clock'>,
  root: string,
  times: Partial<ClusterTimes>,
): Promise<boolean> {
  const before = await newest(fs, root);
  if (before === undefined) return true;
  const heartbeat = decodeHeartbeat(before.octets);
  if (heartbeat?.state === 'ended') return true;
  const own = timesFrom(times);
  const longer = Math.max(own.controlLeaseMs, heartbeat?.times?.controlLeaseMs ?? 0);
  await clock.sleep(withMargin(longer, own));
  const after = await newest(fs, root);
  return after?.controlEpoch === before.controlEpoch && after.octets.equals(before.octets);
}

/** Of all controllers that this storage has had, ascending; none where it was never initialised. */
export async function controlEpochsEver(fs: Platform['fs'], root: string): Promise<readonly number[]> {
  return listControlEpochs(fs, root).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
}

async function newest(
  fs: Platform['fs'],
  root: string,
): Promise<{ readonly controlEpoch: number; readonly octets: Buffer } | undefined> {
  const controlEpoch = (await controlEpochsEver(fs, root)).at(-1);
  if (controlEpoch === undefined) return undefined;
  return { controlEpoch, octets: await readHeartbeat(fs, root, controlEpoch) };
}
