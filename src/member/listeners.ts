/**
 * What a worker listens on for clients: one table. A protocol plugs in here when its folder has a service; its name is the
 * one in `status.json` and `lab.json`, its setting says where it listens. TLS, PROXY and the counting of connections are
 * the same for all of them (docs/doors.md).
 */

import type { Administration } from '../admin/types.ts';
import type { Certificates } from '../certificates/certificates.ts';
import { startCliListener } from '../cli/service.ts';
import type { Bus } from '../cluster/bus/types.ts';
import { createDial, type Dial } from '../cluster/dial.ts';
import type { WorkerNode } from '../cluster/types.ts';
import type { TransactionNumbers } from '../directory/transactions.ts';
import type { Directory } from '../directory/types.ts';
import { VERSION } from '../flags.ts';
import { startHttpListener } from '../http/server.ts';
import { startImapListener } from '../imap/service.ts';
import type { Budget } from '../lib/budget.ts';
import { isLoopback } from '../lib/ip.ts';
import type { Logger } from '../lib/logging.ts';
import type { Measures } from '../lib/measures.ts';
import type { Authenticator } from '../login/types.ts';
import type { Address, Listener, ListenOptions, Platform, TlsServerOptions } from '../platform/platform.ts';
import { type AcceptedSocket, listenSockets, type SocketListenOptions } from '../platform/real/sockets.ts';
import type { TlsContexts } from '../platform/real/tls-contexts.ts';
import { startPopListener } from '../pop/service.ts';
import type { ListenerSetting, Settings } from '../settings/settings.ts';
import { createIntake } from '../smtp/intake.ts';
import { startSmtpListener } from '../smtp/listener/server.ts';
import { postmasters } from '../smtp/postmaster.ts';
import { createSenderCheck } from '../smtp/senders.ts';
import type { Protocol } from '../smtp/types.ts';
import type { ClientDoors } from './client-doors.ts';
import { measuredAccept, measuredDial, measuredIntake, measuredNet } from './measured.ts';
import type { Duties } from './roles.ts';
import { sourcesOf } from './sources.ts';

/** What services for clients work with, on any member. */
export interface Front {
  readonly platform: Platform;
  readonly bus: Bus;
  readonly node: WorkerNode;
  readonly directory: Directory;
  readonly authenticator: Authenticator;
  readonly administration: Administration;
  readonly transactions: TransactionNumbers;
  /** For STARTTLS and for TLS from the first octet on: certificates by name and address, as the settings have them now. */
  readonly tls: TlsServerOptions;
  readonly certificates: Certificates;
  /** Through which clients come in: closed while the member is Not-Ready. */
  readonly doors: ClientDoors;
  /** Octets of messages that all connections together may hold. */
  readonly receiving: Budget;
  readonly measures: Measures;
  /** Shared by the listeners that are given sockets: one certificate is read once. */
  readonly contexts: TlsContexts;
  readonly settings: Settings;
  readonly member: string;
  /** Named in greetings. */
  readonly hostName: string;
  /** This worker's name in figures: its index. */
  readonly worker: string;
  /** Where our own supervisor's bus listens. */
  readonly supervisor: Address;
  readonly logger: Logger;
}

export interface Listening {
  readonly address: Address;
  readonly connections: number;
  /** No new connections; what runs may finish within `graceMs`, then it is dropped. */
  close(graceMs: number): Promise<void>;
}

export interface Where {
  readonly address: Address;
  /** The other workers of the member listen on the same port. */
  readonly shared: boolean;
}

export interface ListenerRow {
  readonly service: string;
  readonly setting: ListenerSetting;
  /** Which members have it. */
  readonly on: (duties: Duties) => boolean;
  /** For administrators and balancers: open on a member that was made Not-Ready, and no client's. */
  readonly isManagement?: true;
  /** Closed when everything else is: it says that the member stops. */
  readonly isLast?: true;
  readonly start: (front: Front, where: Where) => Promise<Listening>;
}

/** New mail is answered within 10 s also when nobody owns the slot: this is left for the answer. */
const OWNER_WAIT_MS = 8000;
/** RFC 5321 section 4.5.3.2.7: at least five minutes. */
const SMTP_IDLE_MS = 5 * 60_000;
/** How long a command of a mailbox session waits for an owner. */
const STALL_MS = 10_000;
/** Administrators and their tools; their connections are short. */
const ADMIN_CONNECTIONS_MAX = 256;

const facing = (duties: Duties): boolean => duties.faces;
// Any member answers for the whole cluster.
const everywhere = (): boolean => true;

export const LISTENERS: readonly ListenerRow[] = [
  { service: 'smtp', setting: 'SMTPListener', on: facing, start: mail('smtp', 'smtp') },
  {
    service: 'submission',
    setting: 'SubmissionListener',
    on: facing,
    start: mail('submission', 'submission'),
  },
  {
    service: 'submissions',
    setting: 'SubmissionsListener',
    on: facing,
    start: mail('submissions', 'submission', true),
  },
  { service: 'lmtp', setting: 'LMTPListener', on: facing, start: mail('lmtp', 'lmtp') },
  { service: 'imap', setting: 'IMAPListener', on: facing, start: imap('imap', false) },
  { service: 'imaps', setting: 'IMAPSListener', on: facing, start: imap('imaps', true) },
  { service: 'pop3', setting: 'POPListener', on: facing, start: pop('pop3', false) },
  { service: 'pop3s', setting: 'POPSListener', on: facing, start: pop('pop3s', true) },
  { service: 'pwd', setting: 'PWDListener', on: everywhere, isManagement: true, start: startCli },
  {
    service: 'admin',
    setting: 'AdminListener',
    on: everywhere,
    isManagement: true,
    isLast: true,
    start: startAdmin,
  },
];

type Start = ListenerRow['start'];

function mail(service: string, protocol: Protocol, isImplicitTls = false): Start {
  return (front, { address, shared }) => {
    const { settings, platform, directory, node, transactions, measures } = front;
    const { clock, random } = platform;
    const logger = front.logger.child({ service });
    const intake = createIntake({
      directory,
      router: node.router,
      transactions,
      logger,
      postmasters: () => postmasters(settings.PostmasterAddress, node.settings),
      waitMs: OWNER_WAIT_MS,
    });
    // Whoever opens the port of other servers has to be reached by them (RFC 5321 section 4.5.1).
    if (service === 'smtp' && settings.PostmasterAddress === '' && !isLoopback(address.host))
      logger.warn(
        { setting: 'PostmasterAddress' },
        'not set: mail for postmaster waits where there is no such account',
      );
    const senders = createSenderCheck({ directory, logger, waitMs: OWNER_WAIT_MS });
    return startSmtpListener({
      protocol,
      listen: front.doors.listening(doorOf(front, service)),
      address,
      shared,
      tls: front.tls,
      isImplicitTls,
      fromBalancer: fromBalancer(front).fromBalancer,
      trusted: (host) => isLoopback(host) || settings.LMTPNetworks.contains(host),
      hostName: front.hostName,
      messageOctetsMax: settings.MaxMessageSize,
      recipientsMax: settings.MaxRecipients,
      connectionsMax: settings.MaxConnections,
      connectionsPerAddressMax: settings.MaxConnectionsPerAddress,
      idleMs: SMTP_IDLE_MS,
      intake: measuredIntake(intake, service, measures),
      login: protocol === 'submission' ? { authenticator: front.authenticator, senders } : undefined,
      budget: front.receiving,
      clock,
      random,
      logger,
    });
  };
}

function imap(service: string, implicitTls: boolean): Start {
  return (front, { address, shared }) =>
    startImapListener({
      ...mailbox(front, service),
      listen: address,
      shared,
      implicitTls,
      appendOctetsMax: front.settings.IMAPLiteralMax,
      budget: front.receiving,
    });
}

function pop(service: string, implicit: boolean): Start {
  return (front, { address, shared }) =>
    startPopListener({ ...mailbox(front, service), listen: address, shared, implicit });
}

/** What sessions on mailboxes have in common. */
function mailbox(front: Front, service: string) {
  const { settings, platform, bus, node, doors, authenticator, transactions, measures, tls } = front;
  const { clock, random } = platform;
  const dial: Dial = measuredDial(
    createDial(bus, node.map, clock, () => node.refreshMap()),
    measures,
  );
  return {
    net: doors.net(measuredNet(platform.net, service, measures)),
    tls,
    ...fromBalancer(front),
    authenticator,
    dial,
    transactions,
    clock,
    random,
    logger: front.logger.child({ service }),
    connectionsMax: settings.MaxConnections,
    stallMs: STALL_MS,
  };
}

/** Nobody is a balancer where none is set: connections are looked at no further then. */
function fromBalancer({ settings }: Front): { readonly fromBalancer?: (host: string) => boolean } {
  const { BalancerNetworks } = settings;
  return BalancerNetworks.entries.length === 0
    ? {}
    : { fromBalancer: (host) => BalancerNetworks.contains(host) };
}

function startCli(front: Front, { address, shared }: Where): Promise<Listening> {
  const { platform, settings, measures } = front;
  return startCliListener({
    net: measuredNet(platform.net, 'pwd', measures),
    listen: address,
    shared,
    tls: managementTls(front, address).tls,
    admin: front.administration,
    authenticator: front.authenticator,
    clock: platform.clock,
    logger: front.logger.child({ service: 'pwd' }),
    host: front.hostName,
    version: VERSION,
    connectionsMax: settings.MaxConnections,
  });
}

function startAdmin(front: Front, { address, shared }: Where): Promise<Listening> {
  const { settings, authenticator, administration, platform } = front;
  return startHttpListener({
    listen: doorOf(front, 'admin'),
    address,
    shared,
    tls: managementTls(front, address).tls,
    sources: sourcesOf(front),
    authenticator,
    administration,
    connectionsMax: Math.min(settings.MaxConnections, ADMIN_CONNECTIONS_MAX),
    clock: platform.clock,
    logger: front.logger.child({ service: 'admin' }),
  });
}

/** The door of services that want sockets. */
function doorOf({ contexts, measures }: Front, service: string) {
  return (
    address: Address,
    accept: (accepted: AcceptedSocket) => void,
    options: SocketListenOptions,
  ): Promise<Listener> =>
    listenSockets(address, measuredAccept(accept, service, measures), { ...options, contexts });
}

/** Off loopback TLS from the first octet on. No PROXY: balancers look at the health with connections of their own. */
function managementTls({ tls }: Front, { host }: Address): Pick<ListenOptions, 'tls'> {
  return isLoopback(host) ? {} : { tls };
}
