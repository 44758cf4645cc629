/**
 * How commands of `bin/postern` ask the member that runs on a base folder: over its bus, with its own certificate, so that whoever may
 * read the folder needs no password. What is asked is decided by the member, or the controller.
 */
import { createBus } from '../cluster/bus/bus.ts';
import { newIncarnation } from '../cluster/incarnation.ts';
import { MemberSecurity } from '../cluster/security/member-security.ts';
import { Failure, failureCode } from '../lib/failure.ts';
import { noLogger } from '../lib/logging.ts';
import { realPlatform } from '../platform/real/platform.ts';
import { readSecurityFiles, securityDirectory } from './security-files.ts';
import { readStatus } from './status-file.ts';

export interface Question {
  readonly service: string;
  readonly body: unknown;
  readonly timeoutMs: number;
}

/** Of the member that belongs to this folder. Failure 'refused' where there is none. */
export async function ownSecurity(base: string): Promise<MemberSecurity> {
  const files = await readSecurityFiles(base);
  if (files === undefined)
    throw new Failure(
      'refused',
      `${securityDirectory(base)} has no certificate: give the --Base of a running member`,
    );
  return new MemberSecurity(files);
}

/** The answer of the member's supervisor. Failure as it gives, and 'unavailable' where none runs. */
export async function askOwnMember(
  base: string,
  security: MemberSecurity,
  { service, body, timeoutMs }: Question,
): Promise<unknown> {
  const { address } = await readStatus(base);
  const platform = realPlatform();
  const { member, clusterId } = security.self;
  const bus = await createBus({
    platform,
    self: { member, role: 'worker', incarnation: newIncarnation(platform.random) },
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
