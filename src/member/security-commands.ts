/**
 * `postern invite NAME`, `postern revoke NAME`, `postern rotate-keys`: asked of the member that runs on this base folder, over
 * its bus, with its own certificate. Only a backend's is enough for that; the controller decides.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createBus } from '../cluster/bus/bus.ts';
import { Service } from '../cluster/messages.ts';
import { isBackendRole } from '../cluster/security/identity.ts';
import { MemberSecurity } from '../cluster/security/member-security.ts';
import type { InviteOptions, RevokeOptions, RotateOptions } from '../flags.ts';
import { Failure, failureCode } from '../lib/failure.ts';
import { noLogger } from '../lib/logging.ts';
import { realPlatform } from '../platform/real/platform.ts';
import type { Incarnation } from '../store/ids.ts';
import { ROLE_FLAGS, readSecurityFiles, securityDirectory } from './security-files.ts';
import { STATUS_FILE, type Status } from './status-file.ts';

const INCARNATION_OCTETS = 16;
const ASK_TIMEOUT_MS = 20_000;
/** Waits for every member. */
const ROTATE_TIMEOUT_MS = 150_000;
const MINUTE_MS = 60_000;

/** Prints the invitation, and nothing else, on standard output. */
export async function invite({ base, member, role, minutes }: InviteOptions): Promise<number> {
  const forMs = minutes * MINUTE_MS;
  const answer = await ask(base, Service.securityInvite, { member, role, forMs }, ASK_TIMEOUT_MS);
  const { token } = answer as { readonly token: string };
  process.stderr.write(
    `postern: ${member} may join once within ${minutes} minutes. On its machine: postern join TOKEN --Base DIR, then start it with ${ROLE_FLAGS[role]}. The token, to be kept secret:\n`,
  );
  process.stdout.write(`${token}\n`);
  return 0;
}

export async function revoke({ base, member }: RevokeOptions): Promise<number> {
  await ask(base, Service.securityRevoke, { member }, ASK_TIMEOUT_MS);
  process.stdout.write(
    `postern: ${member} is no member any more. If it was a backend it knew the keys of the cluster: run 'postern rotate-keys' twice\n`,
  );
  return 0;
}

export async function rotateKeys({ base }: RotateOptions): Promise<number> {
  await ask(base, Service.securityRotate, null, ROTATE_TIMEOUT_MS);
  process.stdout.write('postern: new keys are in use; those before them end with the next rotation\n');
  return 0;
}

async function ask(base: string, service: string, body: unknown, timeoutMs: number): Promise<unknown> {
  const security = await ownSecurity(base);
  const { address } = await runningMember(base);
  const platform = realPlatform();
  const { member, clusterId } = security.self;
  const bus = await createBus({
    platform,
    self: {
      member,
      role: 'worker',
      incarnation: platform.random.bytes(INCARNATION_OCTETS).toString('hex') as Incarnation,
    },
    listen: { host: address.host, port: 0 },
    clusterId,
    security,
    logger: noLogger,
  });
  try {
    return await bus.call(address, service, body, { timeoutMs });
  } catch (error) {
    // What came over the bus has no cause: it is what the member itself says.
    if (failureCode(error) !== 'unavailable' || (error as Error).cause === undefined) throw error;
    throw new Failure('unavailable', `${base}: the member that ran here does not answer: start it`, {
      cause: error,
    });
  } finally {
    await bus.close();
  }
}

async function ownSecurity(base: string): Promise<MemberSecurity> {
  const files = await readSecurityFiles(base);
  if (files === undefined)
    throw new Failure(
      'refused',
      `${securityDirectory(base)} has no certificate: give the --Base of a running backend`,
    );
  const security = new MemberSecurity(files);
  const { member, role } = security.self;
  if (!isBackendRole(role)) throw new Failure('refused', `${member} is a ${role}: run this on a backend`);
  return security;
}

async function runningMember(base: string): Promise<Status> {
  const text = await readFile(join(base, STATUS_FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT')
      throw new Failure('unavailable', `no member runs on ${base}: start it first`);
    throw error;
  });
  return JSON.parse(text) as Status;
}
