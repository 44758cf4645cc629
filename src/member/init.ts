/**
 * The explicit first start: `postern init` makes the storage's id and markers, and the password of `postmaster`, the server
 * administrator of the whole cluster. The password is the one in `<base>/Settings/Postmaster.password` where that file is,
 * else made at random and printed once; only its credentials are stored.
 *
 * It writes the cluster settings as a controller does, under a control epoch of its own, taken by the same exclusive
 * creation: whoever controls later takes a larger one (docs/architecture.md, sections 1 and 3).
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CONTROL_EPOCH_MAX,
  controlDirectory,
  encodeHeartbeat,
  epochOfName,
  heartbeatName,
} from '../cluster/control/heartbeat-file.ts';
import { administratorKey } from '../directory/authenticator.ts';
import { openClusterSettings, SETTINGS_OBJECT, SETTINGS_PATH } from '../directory/cluster-settings.ts';
import { makeCredentials } from '../directory/credentials.ts';
import { ProcessHasher } from '../directory/hasher.ts';
import type { InitOptions } from '../flags.ts';
import { Failure } from '../lib/failure.ts';
import { type Logger, noLogger } from '../lib/logging.ts';
import type { Platform } from '../platform/platform.ts';
import { epochOf, type Incarnation } from '../store/ids.ts';
import { openLog } from '../store/log/log.ts';
import type { Lease } from '../store/log/types.ts';
import { makeStorage, memberPlatform, storageRoot } from './storage.ts';

/** The server administrator that every cluster has. */
const POSTMASTER = 'postmaster';
const PASSWORD_OCTETS = 15;
const INCARNATION_OCTETS = 16;
const INIT_POOL_SIZE = 8;
const HASH_TIMEOUT_MS = 30_000;

/** In the base folder; its first line is the password. */
export const PASSWORD_FILE = join('Settings', 'Postmaster.password');

/** `postern init`. Resolves to the exit status. */
export async function initStorage({ base }: InitOptions): Promise<number> {
  const platform = memberPlatform(base, INIT_POOL_SIZE);
  const root = storageRoot(base);
  const { created, password } = await initialise(platform, { base, root, logger: noLogger });
  if (!created && password === undefined)
    throw new Failure('exists', `${root} is a cluster's storage already: nothing was changed`);
  process.stdout.write(`postern: ${root} is ready for its cluster\n`);
  if (password !== undefined) process.stdout.write(passwordLine(password));
  return 0;
}

export function passwordLine(password: string): string {
  return `postern: log in as ${POSTMASTER} with the password ${password} (it is not shown again)\n`;
}

export interface Initialised {
  readonly created: boolean;
  /** One made at random, to be shown once. */
  readonly password: string | undefined;
}

/** Makes what is missing: the storage's id and markers, then the postmaster. Safe to repeat. */
export async function initialise(
  platform: Platform,
  where: {
    readonly base: string;
    readonly root: string;
    readonly logger: Logger;
    /** In place of the file or one at random. */
    readonly password?: string;
  },
): Promise<Initialised> {
  const { root, logger } = where;
  const { created } = await makeStorage(platform, root);
  if (!created && (await hasControl(platform, root))) return { created, password: undefined };
  const given = where.password ?? (await givenPassword(where.base));
  const password = given ?? platform.random.bytes(PASSWORD_OCTETS).toString('base64url');
  await setPostmaster(platform, root, password, logger);
  return { created, password: given === undefined ? password : undefined };
}

/** A control epoch was taken: the first start is over, and whoever has control minds the settings. */
async function hasControl(platform: Platform, root: string): Promise<boolean> {
  const names = await platform.fs.list(controlDirectory(root));
  return names.some((name) => epochOfName(name) !== undefined);
}

async function givenPassword(base: string): Promise<string | undefined> {
  const path = join(base, PASSWORD_FILE);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const password = text.split(/\r?\n/, 1)[0] ?? '';
  if (password === '')
    throw new Failure('invalid', `${path}: give the password of ${POSTMASTER} in the first line`);
  return password;
}

async function setPostmaster(
  platform: Platform,
  root: string,
  password: string,
  logger: Logger,
): Promise<void> {
  using hasher = new ProcessHasher();
  // The hasher's process does not keep ours alive; a first start has nothing else to wait for.
  const alive = platform.clock.timer(HASH_TIMEOUT_MS, () => hasher[Symbol.dispose]());
  const value = await makeCredentials(hasher, platform.random, password);
  alive.cancel();
  const { fs, clock, random } = platform;
  const control = await takeControl(platform, root);
  const { lease } = control;
  const settings = await openClusterSettings({
    lease,
    openLog: (replay, knownTypes) =>
      openLog({
        fs,
        clock,
        random,
        logger,
        lease,
        replay,
        knownTypes,
        fence: false,
        directory: `${root}/${SETTINGS_PATH}`,
        object: SETTINGS_OBJECT,
        makeDirectory: true,
      }),
  });
  try {
    await settings.change({ kind: 'setValue', key: administratorKey(POSTMASTER), value });
  } finally {
    await settings.close();
    await control.end();
  }
}

/** A control epoch above all there are, for this one act; nobody grants anything under it. */
async function takeControl(
  platform: Platform,
  root: string,
): Promise<{ readonly lease: Lease; end(): Promise<void> }> {
  const { fs, random } = platform;
  const directory = controlDirectory(root);
  const epochs = (await fs.list(directory)).map((name) => epochOfName(name) ?? 0);
  const controlEpoch = Math.max(0, ...epochs) + 1;
  if (controlEpoch > CONTROL_EPOCH_MAX) throw new Failure('limit', 'no control epoch is left');
  // EEXIST: another first start runs at this moment, and goes on.
  const file = await fs.createExclusive(`${directory}/${heartbeatName(controlEpoch)}`);
  const lease: Lease = {
    incarnation: random.bytes(INCARNATION_OCTETS).toString('hex') as Incarnation,
    epoch: epochOf(controlEpoch, 0),
    held: () => true,
    confirm: () => Promise.resolve(true),
    reportLargerEpoch: (epoch) => {
      throw new Failure('unavailable', `another process has taken control with epoch ${epoch}`);
    },
  };
  return {
    lease,
    // Control given up for good, no lease granted: the first real controller need not wait for anything.
    async end() {
      const nonce = random.bytes(INCARNATION_OCTETS).toString('hex');
      const address = { host: '127.0.0.1', port: 0 };
      const last = {
        controlEpoch,
        counter: 1,
        state: 'ended',
        member: 'init',
        address,
        nonce,
        holders: [],
      } as const;
      await file.writeDurably([encodeHeartbeat(last)], 0);
      await file.close();
    },
  };
}
