/** The owner's side of a worker: the host of objects, and every service that owners of slots give on the bus. */
import type { Bus } from '../cluster/bus/types.ts';
import type { WorkerNode } from '../cluster/types.ts';
import { DirectoryService } from '../directory/service.ts';
import { serveImapOwner } from '../imap/owner.ts';
import type { Logger } from '../lib/logging.ts';
import type { PasswordHasher } from '../login/credentials.ts';
import type { Decoys } from '../login/decoys.ts';
import type { RememberedLogins } from '../login/remembered.ts';
import { serveLogins } from '../login/service.ts';
import type { Platform } from '../platform/platform.ts';
import { servePopOwner } from '../pop/owner.ts';
import { serveMail } from '../smtp/owner.ts';
import { openAccount } from '../store/account/account.ts';
import { ObjectHost } from '../store/host/host.ts';
import type { Incarnation } from '../store/ids.ts';
import { openLog } from '../store/log/log.ts';
import { type Count, countedStreams } from './counted.ts';

export function createHost(
  platform: Platform,
  root: string,
  fence: boolean,
  countOperation: Count,
  logger: Logger,
): ObjectHost {
  return new ObjectHost({ platform, root, fence, logger, openLog, openAccount, countOperation });
}

export interface OwnerOptions {
  readonly platform: Platform;
  readonly bus: Bus;
  readonly node: WorkerNode;
  readonly host: ObjectHost;
  /** Told of each command of a session. */
  readonly countOperation: Count;
  readonly root: string;
  readonly hasher: PasswordHasher;
  readonly remembered: RememberedLogins;
  readonly decoys: Decoys;
  readonly appendOctetsMax: number;
  readonly sessionsMax: number;
  readonly logger: Logger;
}

/** Registers the services. Before the first slot is granted, so that none is opened that nobody takes care of. */
export function serveOwner(options: OwnerOptions): void {
  const { platform, bus, node, host, root, hasher, remembered, decoys, logger } = options;
  const { appendOctetsMax, sessionsMax, countOperation } = options;
  const { clock, random } = platform;
  const { router, settings } = node;
  new DirectoryService({ bus, host, router, settings, platform, root, logger }).start();
  serveLogins({ bus, host, hasher, random, clock, remembered, decoys });
  const goneForMs = (incarnation: Incarnation): number => node.goneForMs(incarnation);
  serveMail({ bus, host, clock, logger, goneForMs });
  const sessions = countedStreams(bus, countOperation);
  serveImapOwner({ bus: sessions, host, clock, logger, appendOctetsMax, sessionsMax });
  servePopOwner({ bus: sessions, host, clock, logger, sessionsMax });
}
