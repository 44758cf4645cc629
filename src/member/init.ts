/**
 * The explicit first start: `postern init` makes the storage's id and markers, the keys of the cluster with the certificate
 * of this first member, and the password of `postmaster`, the server administrator of the whole cluster; for a member that
 * stood alone, and has all of this, a certificate for its role in the cluster that it is to be the first member of. The password is
 * the one in `<base>/Settings/Postmaster.password` where that file is, else made at random and printed once; only its
 * credentials are stored.
 *
 * It writes the cluster settings as a controller does, under a control epoch of its own, taken by the same exclusive
 * creation: whoever controls later takes a larger one (docs/architecture.md, sections 1 and 3).
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CONTROL_EPOCH_MAX,
  createHeartbeat,
  decodeHeartbeat,
  encodeHeartbeat,
  listControlEpochs,
  readHeartbeat,
} from '../cluster/control/heartbeat-file.ts';
import { newIncarnation } from '../cluster/incarnation.ts';
import { checkStorage } from '../cluster/storage/check.ts';
import type { SettingsWrite } from '../cluster/types.ts';
import { type InitOptions, ROLE_FLAGS } from '../flags.ts';
import { Failure } from '../lib/failure.ts';
import { type Logger, noLogger } from '../lib/logging.ts';
import { administratorKey } from '../login/authenticator.ts';
import { makeCredentials } from '../login/credentials.ts';
import { ProcessHasher } from '../login/hasher.ts';
import type { Platform } from '../platform/platform.ts';
import { epochOf } from '../store/ids.ts';
import type { Lease } from '../store/log/types.ts';
import { controlEpochsEver } from './at-rest.ts';
import { type FirstMember, haveKeys, makeKeys } from './first-keys.ts';
import { loadOwnSettings, memberName } from './own-settings.ts';
import { takeProcessId } from './process-id.ts';
import { makeStorage, memberPlatform, settingsOpener, storageRoot } from './storage.ts';
import { wasAlone } from './was-alone.ts';

/** The server administrator that every cluster has. */
export const POSTMASTER = 'postmaster';
const PASSWORD_OCTETS = 15;
const NONCE_OCTETS = 16;
const INIT_POOL_SIZE = 8;
const HASH_TIMEOUT_MS = 30_000;

/** In the base folder; its first line is the password. */
export const PASSWORD_FILE = join('Settings', 'Postmaster.password');

/** `postern init`. Resolves to the exit status. */
export async function initStorage({ base, role: asked }: InitOptions): Promise<number> {
  const role = asked ?? 'backend';
  const platform = memberPlatform(base, INIT_POOL_SIZE);
  const root = storageRoot(base);
  // As its settings have it, whatever else is in them.
  const { settings } = await loadOwnSettings(platform.fs, base, false);
  const member = { name: memberName(settings), role, base };
  // A member that stood alone has all that a cluster begins with but a certificate for its new role.
  const alone = await wasAlone(platform, base, settings);
  if (alone && asked === undefined)
    throw new Failure(
      'exists',
      `${base} is the member ${member.name}, which stands alone: to make it the first member of a cluster give ${ROLE_FLAGS.backend} or ${ROLE_FLAGS.symmetric}`,
    );
  await using _ = alone ? await takeProcessId(base) : undefined;
  const { changed, password } = await initialise(platform, {
    base,
    root,
    logger: noLogger,
    members: [member],
    alone,
  });
  if (!changed) throw new Failure('exists', `${root} is a cluster's storage already: nothing was changed`);
  process.stdout.write(
    `postern: ${root} is ready for its cluster${alone ? ', with all that is on it' : ''}\n`,
  );
  process.stdout.write(`postern: ${member.name} is its first member: start it with ${ROLE_FLAGS[role]}\n`);
  if (password !== undefined) process.stdout.write(passwordLine(password));
  return 0;
}

export function passwordLine(password: string): string {
  return `postern: log in as ${POSTMASTER} with the password ${password} (it is not shown again)\n`;
}

export interface Initialised {
  /** False when all was there, and nobody has to be told anything. */
  readonly changed: boolean;
  /** One made at random, to be shown once. */
  readonly password: string | undefined;
}

export interface Where {
  readonly base: string;
  readonly root: string;
  readonly logger: Logger;
  /** In place of the file or one at random. */
  readonly password?: string;
  /** Who gets a certificate without an invitation. */
  readonly members?: readonly FirstMember[];
  /**
   * Nobody else can be running on this storage, so that certificates which are missing are made later too: a member that
   * stands alone, a lab. Control is taken for it.
   */
  readonly alone?: boolean;
}

/** Makes what is missing: the storage's id and markers, then the postmaster and the first keys. Safe to repeat. */
export async function initialise(platform: Platform, where: Where): Promise<Initialised> {
  const { root, members = [], alone = false } = where;
  await refuseLostId(platform, root);
  const { created, clusterId } = await makeStorage(platform, root);
  const begun = !created && (await hasControl(platform, root));
  if (begun && !(alone && !(await haveKeys(members, clusterId))))
    return { changed: created, password: undefined };
  const given = where.password ?? (await givenPassword(where.base));
  const password = given ?? platform.random.bytes(PASSWORD_OCTETS).toString('base64url');
  const made = await firstSettings(platform, where, clusterId, password, begun);
  return { changed: true, password: made && given === undefined ? password : undefined };
}

/**
 * A new id on a storage that has had controllers would make another cluster of it, whose first heartbeat says that nobody
 * holds anything, while its members run.
 */
async function refuseLostId(platform: Platform, root: string): Promise<void> {
  if ((await controlEpochsEver(platform.fs, root)).length === 0) return;
  const check = await checkStorage(platform.fs, { root });
  if (check.kind === 'refused')
    throw new Failure('refused', `${check.why}, but it has had controllers: bring it back from a backup`);
}

/** A heartbeat was written: the first start is over, and whoever has control minds the settings. */
async function hasControl(platform: Platform, root: string): Promise<boolean> {
  for (const epoch of await listControlEpochs(platform.fs, root))
    if (decodeHeartbeat(await readHeartbeat(platform.fs, root, epoch)) !== undefined) return true;
  return false;
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

/** False when the postmaster has a password that was told: a first start that was cut short has told nobody. */
async function firstSettings(
  platform: Platform,
  { root, logger, members = [] }: Where,
  clusterId: string,
  password: string,
  begun: boolean,
): Promise<boolean> {
  const control = await takeControl(platform, root);
  try {
    const settings = await settingsOpener(platform, root, false, logger)(control.lease);
    try {
      const values = {
        value: (key: string) => settings.snapshot().values.find(([name]) => name === key)?.[1] ?? undefined,
        set: async ({ key, value }: SettingsWrite) =>
          void (await settings.change({ kind: 'setValue', key, value })),
      };
      const key = administratorKey(POSTMASTER);
      const isMissing = !begun || values.value(key) === undefined;
      // What may fail on this machine first; a password that is stored is shown.
      if (members.length > 0) await makeKeys(platform, clusterId, members, values);
      if (isMissing) await values.set({ key, value: await credentialsOf(platform, password) });
      await control.end();
      return isMissing;
    } finally {
      await settings.close();
    }
  } finally {
    // What was cut short is begun again: without a heartbeat in it the file says that nothing has been done.
    await control.close();
  }
}

async function credentialsOf(platform: Platform, password: string): Promise<Buffer> {
  using hasher = new ProcessHasher();
  // The hasher's process does not keep ours alive; a first start has nothing else to wait for.
  const alive = platform.clock.timer(HASH_TIMEOUT_MS, () => hasher[Symbol.dispose]());
  try {
    return await makeCredentials(hasher, platform.random, password);
  } finally {
    alive.cancel();
  }
}

/** A control epoch above all there are, for this one act; nobody grants anything under it. */
async function takeControl(
  platform: Platform,
  root: string,
): Promise<{ readonly lease: Lease; end(): Promise<void>; close(): Promise<void> }> {
  const { fs, random } = platform;
  const controlEpoch = ((await listControlEpochs(fs, root)).at(-1) ?? 0) + 1;
  if (controlEpoch > CONTROL_EPOCH_MAX) throw new Failure('limit', 'no control epoch is left');
  // EEXIST: another first start runs at this moment, and goes on.
  const file = await createHeartbeat(fs, root, controlEpoch);
  const lease: Lease = {
    incarnation: newIncarnation(random),
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
      const nonce = random.bytes(NONCE_OCTETS).toString('hex');
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
    },
    close: () => file.close(),
  };
}
