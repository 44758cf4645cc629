/**
 * What a worker listens on for clients: one table. A protocol plugs in here when its folder has a service; its name is the
 * one in `status.json` and `lab.json`, its setting says where it listens, or `off`.
 */

import type { Administration } from '../admin/types.ts';
import { CliService } from '../cli/service.ts';
import type { Bus } from '../cluster/bus/types.ts';
import type { WorkerNode } from '../cluster/types.ts';
import type { TransactionNumbers } from '../directory/transactions.ts';
import type { Authenticator, Directory } from '../directory/types.ts';
import { VERSION } from '../flags.ts';
import { createDial } from '../imap/frontend/dial.ts';
import { startImapListener } from '../imap/service.ts';
import type { Logger } from '../lib/logging.ts';
import type { Address, Platform } from '../platform/platform.ts';
import type { Settings } from '../settings/settings.ts';
import { createIntake } from '../smtp/intake.ts';
import { startSmtpListener } from '../smtp/listener.ts';
import type { Duties } from './roles.ts';

/** What services for clients work with, on any member. */
export interface Front {
  readonly platform: Platform;
  readonly bus: Bus;
  readonly node: WorkerNode;
  readonly directory: Directory;
  readonly authenticator: Authenticator;
  readonly administration: Administration;
  readonly transactions: TransactionNumbers;
  readonly settings: Settings;
  /** Named in greetings. */
  readonly hostName: string;
  readonly logger: Logger;
}

export interface Listening {
  readonly address: Address;
  /** No new connections; what runs may finish within `graceMs`, then it is dropped. */
  close(graceMs: number): Promise<void>;
}

export interface ListenerRow {
  readonly service: string;
  readonly setting: 'SMTPListener' | 'LMTPListener' | 'IMAPListener' | 'PWDListener';
  /** Which members have it. */
  readonly on: (duties: Duties) => boolean;
  /** `shared`: the other workers of the member listen on the same port. */
  readonly start: (front: Front, listen: Address, shared: boolean) => Promise<Listening>;
}

/** New mail is answered within 10 s also when nobody owns the slot: this is left for the answer. */
const OWNER_WAIT_MS = 8000;
/** RFC 5321 section 4.5.3.2.7: at least five minutes. */
const SMTP_IDLE_MS = 5 * 60_000;
/** How long an IMAP command waits for an owner. */
const IMAP_STALL_MS = 10_000;

const facing = (duties: Duties): boolean => duties.faces;

export const LISTENERS: readonly ListenerRow[] = [
  {
    service: 'smtp',
    setting: 'SMTPListener',
    on: facing,
    start: (front, listen, shared) => startMail('smtp', front, listen, shared),
  },
  {
    service: 'lmtp',
    setting: 'LMTPListener',
    on: facing,
    start: (front, listen, shared) => startMail('lmtp', front, listen, shared),
  },
  { service: 'imap', setting: 'IMAPListener', on: facing, start: startImap },
  // Any member answers for the whole cluster.
  { service: 'pwd', setting: 'PWDListener', on: () => true, start: startCli },
];

function startMail(
  protocol: 'smtp' | 'lmtp',
  front: Front,
  listen: Address,
  shared: boolean,
): Promise<Listening> {
  const { settings, platform, directory, node, transactions } = front;
  const logger = front.logger.child({ service: protocol });
  return startSmtpListener({
    protocol,
    listen,
    shared,
    hostName: front.hostName,
    messageOctetsMax: settings.MaxMessageSize,
    recipientsMax: settings.MaxRecipients,
    connectionsMax: settings.MaxConnections,
    idleMs: SMTP_IDLE_MS,
    intake: createIntake({ directory, router: node.router, transactions, logger, waitMs: OWNER_WAIT_MS }),
    clock: platform.clock,
    logger,
  });
}

function startImap(front: Front, listen: Address, shared: boolean): Promise<Listening> {
  const { settings, platform, bus, node, authenticator, transactions } = front;
  return startImapListener({
    net: platform.net,
    listen,
    shared,
    authenticator,
    dial: createDial(bus, node.map, platform.clock),
    transactions,
    clock: platform.clock,
    logger: front.logger.child({ service: 'imap' }),
    appendOctetsMax: settings.IMAPLiteralMax,
    connectionsMax: settings.MaxConnections,
    stallMs: IMAP_STALL_MS,
  });
}

async function startCli(front: Front, listen: Address, shared: boolean): Promise<Listening> {
  const { platform, settings } = front;
  const service = new CliService({
    admin: front.administration,
    authenticator: front.authenticator,
    clock: platform.clock,
    logger: front.logger.child({ service: 'pwd' }),
    host: front.hostName,
    version: VERSION,
    connectionsMax: settings.MaxConnections,
  });
  const listener = await platform.net.listen(listen, (connection) => service.accept(connection), { shared });
  return {
    address: listener.address,
    async close(graceMs) {
      await listener.close();
      const late = new AbortController();
      const timer = platform.clock.timer(graceMs, () => late.abort());
      await service.close(late.signal);
      timer.cancel();
    },
  };
}
