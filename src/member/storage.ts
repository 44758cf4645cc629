/** The shared storage as a member mounts it, and the checks before anything rests on it. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkStorage, initStorage } from '../cluster/storage/check.ts';
import { markedFs } from '../cluster/storage/marked-fs.ts';
import type { OpenSettings } from '../cluster/types.ts';
import { openClusterSettings, SETTINGS_OBJECT, SETTINGS_PATH } from '../directory/cluster-settings.ts';
import { Failure } from '../lib/failure.ts';
import type { Logger } from '../lib/logging.ts';
import type { Platform } from '../platform/platform.ts';
import { RealClock } from '../platform/real/clock.ts';
import { realPlatform } from '../platform/real/platform.ts';
import type { Settings } from '../settings/settings.ts';
import { openLog } from '../store/log/log.ts';
import { handshakeLogger } from './handshake-logger.ts';

/** Threads of libuv's pool that no mount ever gets. */
const POOL_RESERVE = 4;
/** The storage, and everything else. */
const GATES = 2;
/** A storage that has not answered so long at the start is refused; later one is waited for. */
const CHECK_TIMEOUT_MS = 15_000;
/** In the base folder: which cluster this member belongs to, once it was part of it. */
const CLUSTER_ID_FILE = 'ClusterID';

/** Root of the shared storage of a member. */
export function storageRoot(base: string): string {
  return join(base, 'SharedDomains');
}

/**
 * The real platform of a process with so many threads for storage calls. `logger` is told of connections that did not get
 * through the door: a failed handshake among them.
 */
export function memberPlatform(base: string, poolSize: number, logger?: Logger): Platform {
  const callsInFlightMax = Math.max(2, Math.floor((poolSize - POOL_RESERVE) / GATES));
  const options = { mounts: [storageRoot(base)], callsInFlightMax };
  if (logger === undefined) return realPlatform(options);
  return realPlatform({ ...options, logger: handshakeLogger(logger, new RealClock()) });
}

/** The id of the storage. Failure 'refused' with one line that says what is wrong. */
export async function admitStorage(platform: Platform, base: string): Promise<string> {
  const root = storageRoot(base);
  const check = await inTime(platform, checkStorage(platform.fs, { root }), root);
  if (check.kind === 'refused')
    throw new Failure(
      'refused',
      `${check.why}: mount it; for a new cluster run 'postern init --Base ${base}' once`,
    );
  const known = await ownClusterId(base);
  if (known !== undefined && known !== check.clusterId)
    throw new Failure(
      'refused',
      `${root} is another cluster's storage: its id is ${check.clusterId}, this member belongs to ${known} (${join(base, CLUSTER_ID_FILE)})`,
    );
  return check.clusterId;
}

/** Which cluster this member was part of; undefined before the first time. */
export async function ownClusterId(base: string): Promise<string | undefined> {
  const text = await readFile(join(base, CLUSTER_ID_FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text.trim() || undefined;
}

/** Remembers it, when the member has become part of it. */
export async function rememberClusterId(base: string, clusterId: string): Promise<void> {
  if ((await ownClusterId(base)) !== clusterId)
    await writeFile(join(base, CLUSTER_ID_FILE), `${clusterId}\n`);
}

/** Makes id and markers of a new storage; what is there already stays. */
export async function makeStorage(
  platform: Platform,
  root: string,
): Promise<{ readonly created: boolean; readonly clusterId: string }> {
  await mkdir(root, { recursive: true, mode: 0o700 });
  return initStorage(platform.fs, platform.random, { root });
}

/** Whether commits are followed by a listing (StorageFence; rule 3 of docs/architecture.md, section 3). */
export async function fenceFor(
  platform: Platform,
  root: string,
  setting: Settings['StorageFence'],
): Promise<boolean> {
  return setting === 'auto' ? (await platform.fs.kind(root)) === 'nfs' : setting === 'on';
}

/** How a controller opens the cluster settings. */
export function settingsOpener(
  platform: Platform,
  root: string,
  fence: boolean,
  logger: Logger,
): OpenSettings {
  const { clock, random } = platform;
  const fs = markedFs(platform.fs, root);
  return (lease) =>
    openClusterSettings({
      lease,
      openLog: (replay, knownTypes) =>
        openLog({
          fs,
          clock,
          random,
          logger,
          lease,
          fence,
          replay,
          knownTypes,
          directory: `${root}/${SETTINGS_PATH}`,
          object: SETTINGS_OBJECT,
          makeDirectory: true,
        }),
    });
}

async function inTime<T>(platform: Platform, work: Promise<T>, root: string): Promise<T> {
  const done = new AbortController();
  const late = platform.clock.sleep(CHECK_TIMEOUT_MS, done.signal).then(() => {
    throw new Failure('unavailable', `${root} does not answer: see to its mount and server`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    done.abort();
  }
}
