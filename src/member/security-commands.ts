/**
 * `postern invite NAME`, `postern revoke NAME`, `postern rotate-keys`: asked of the member that runs on this base folder, over
 * its bus, with its own certificate. Only a backend's is enough for that; the controller decides.
 */
import { Service } from '../cluster/messages.ts';
import { isBackendRole } from '../cluster/roles.ts';
import type { InviteOptions, RevokeOptions, RotateOptions } from '../flags.ts';
import { ROLE_FLAGS } from '../flags.ts';
import { Failure } from '../lib/failure.ts';
import { askOwnMember, ownSecurity } from './own-member.ts';

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
  const { member, role } = security.self;
  if (!isBackendRole(role)) throw new Failure('refused', `${member} is a ${role}: run this on a backend`);
  return askOwnMember(base, security, { service, body, timeoutMs });
}
