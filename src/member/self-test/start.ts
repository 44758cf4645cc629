/**
 * The self-test at the start of a backend: each finding is one line of the log, and what must not be ends the start with what
 * to do next. The other backends are asked over a bus of its own, as the member's does not stand yet.
 */
import { readFile, realpath } from 'node:fs/promises';
import { sameAddress } from '../../cluster/addresses.ts';
import { createBus } from '../../cluster/bus/bus.ts';
import type { Bus } from '../../cluster/bus/types.ts';
import { newIncarnation } from '../../cluster/incarnation.ts';
import type { MemberSecurity } from '../../cluster/security/member-security.ts';
import { markedFs } from '../../cluster/storage/marked-fs.ts';
import { Failure } from '../../lib/failure.ts';
import type { Logger } from '../../lib/logging.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Settings } from '../../settings/settings.ts';
import { storageRoot } from '../storage.ts';
import { tryTogether } from './partner.ts';
import type { Place } from './place.ts';
import { type MountText, selfTest } from './self-test.ts';
import type { Finding } from './types.ts';

const MOUNT_INFO = '/proc/self/mountinfo';

export interface Tested {
  readonly platform: Platform;
  readonly base: string;
  readonly member: string;
  readonly settings: Settings;
  /** Without it no other backend can be asked. */
  readonly security: MemberSecurity | undefined;
  readonly logger: Logger;
  /** The member itself may run. */
  readonly beside?: boolean;
}

/** Failure 'refused' when this storage must not be used as it is. */
export async function testStorage(tested: Tested): Promise<void> {
  const { platform, base, logger } = tested;
  const startMs = platform.clock.monotonicMs();
  const found = await findingsOn(tested);
  for (const finding of found) tell(logger, finding);
  const tookMs = Math.round(platform.clock.monotonicMs() - startMs);
  logger.info({ tookMs, checks: found.map(({ check, verdict }) => `${check} ${verdict}`) }, 'storage tested');
  const bad = found.find(({ verdict }) => verdict === 'refused');
  if (bad !== undefined)
    throw new Failure(
      'refused',
      `${storageRoot(base)} cannot be used: ${bad.check}: ${bad.what}: ${bad.next ?? ''}; postern check-storage --Base ${base} shows all checks`,
    );
}

/** What is found on the storage that is mounted in a base folder, with the other backends where any answers. */
export async function findingsOn(tested: Tested): Promise<readonly Finding[]> {
  const { platform, base, member, settings, security, logger } = tested;
  const root = storageRoot(base);
  const { ClusterAddress, BackendAddresses } = settings;
  const partners = BackendAddresses.filter((each) => !sameAddress(each, ClusterAddress));
  // Not in the place where a mount belongs that has just gone.
  const fs = markedFs(platform.fs, root);
  const { clock, random } = platform;
  let bus: Bus | undefined;
  if (partners.length > 0 && security !== undefined)
    bus = await createBus({
      platform,
      self: {
        member,
        role: 'worker',
        incarnation: newIncarnation(random),
      },
      listen: { host: ClusterAddress.host, port: 0 },
      clusterId: security.self.clusterId,
      security,
      logger: logger.child({ part: 'self-test' }),
    });
  try {
    const asker = bus;
    const together = (place: Place) => tryTogether({ fs, clock, bus: asker!, place, partners });
    return await selfTest({
      fs,
      clock,
      random,
      root,
      member,
      beside: tested.beside ?? false,
      mount: await mountText(root),
      ...(asker === undefined ? {} : { together }),
    });
  } finally {
    await bus?.close();
  }
}

/** Systems without /proc tell nothing. */
async function mountText(root: string): Promise<MountText> {
  const text = await readFile(MOUNT_INFO, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return { path: await realpath(root), text };
}

function tell(logger: Logger, { check, verdict, what, next }: Finding): void {
  const fields = { check, verdict, ...(next === undefined ? {} : { next }) };
  switch (verdict) {
    case 'fine':
    case 'unknown':
      return logger.debug(fields, `storage: ${what}`);
    case 'warned':
      return logger.warn(fields, `storage: ${what}`);
    case 'refused':
      return logger.error(fields, `storage: ${what}`);
    default:
      return verdict satisfies never;
  }
}
