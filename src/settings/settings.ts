/**
 * Every setting of a member, declared once: `<base>/Settings/Main.settings` is read by this table, its errors name what
 * is allowed from it, and the manual page is printed from it. What must hold between settings is in `checkSettings`.
 *
 * Ports: by default a member listens on loopback only, at the well-known port plus 2000, so that anybody can start one
 * without being root and without opening it to a network. A server that faces clients names its addresses. Which address is
 * for what (docs/operator.md, "Networks") is checked here too: a mistake there would open a door that nobody looks at.
 */
import type { Endpoint } from '../lib/ip.ts';
import { LOG_LEVELS } from '../lib/logging.ts';
import { noNetworks } from '../lib/networks.ts';
import { checkAddresses } from './addresses.ts';
import {
  addressMap,
  describeEach,
  duration,
  endpoint,
  endpoints,
  integer,
  ip,
  listener,
  networks,
  oneOf,
  orNone,
  type Setting,
  setting,
  size,
  text,
} from './declare.ts';

const KIB = 2 ** 10;
const MIB = 2 ** 20;
/** A message and its trace fields travel to the owner of the account as one call on the bus, which has 64 MiB at most. */
const MESSAGE_OCTETS_MAX = 60 * MIB;

const name = text(
  /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/,
  'a name of 1 to 64 letters, digits, dots, hyphens',
);

const LOOPBACK = '127.0.0.1';

/** A loopback address at the well-known port plus 2000. */
function loopback(port: number): Endpoint {
  return { host: LOOPBACK, port };
}

/** The listeners' default: one such address. */
function local(port: number): readonly Endpoint[] {
  return [loopback(port)];
}

/** A name of a host as RFC 5321 section 2.3.5 wants it: labels of letters, digits and hyphens. */
const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;

export const SETTINGS = {
  ClusterName: setting(
    name,
    'postern',
    'Name of the cluster, the same on all members; shown to administrators.',
  ),
  MemberName: setting(
    orNone(name),
    '',
    'Name of this member, different on every member; the name of the host when empty.',
  ),
  Workers: setting(
    integer(1, 64),
    1,
    'Worker processes of this member. One a core is a good number for a server of its own.',
  ),
  Weight: setting(
    integer(1, 1000),
    100,
    'How many accounts each worker of this member gets beside those of other members: one of 200 twice as many as one of 100. For machines that are not alike.',
  ),
  MovesPerSecond: setting(
    integer(1, 4000),
    400,
    'Most slots of 4096 that move from worker to worker in a second as planned: when members come, go or drain. The controller goes by its own.',
  ),
  ClusterAddress: setting(
    endpoint,
    loopback(7600),
    'Where this member is reached by the others; its supervisor listens here. Never reachable from outside the cluster.',
  ),
  BackendAddresses: setting(
    endpoints,
    [],
    'ClusterAddress of every backend and symmetric member, the same list on all members.',
  ),
  Heartbeat: setting(
    duration(10, 5000),
    150,
    'How often controller and members tell each other that they are there.',
  ),
  ControlLease: setting(
    duration(100, 30_000),
    750,
    'How long the authority of the controller reaches. A lost controller is replaced in little more than this.',
  ),
  SlotLease: setting(
    duration(200, 60_000),
    2000,
    'How long a worker may serve its accounts without hearing the controller. A lost machine interrupts for a bit more.',
  ),
  ClockMargin: setting(
    integer(1, 50),
    12,
    'By how many percent the clocks of two members may differ in speed; added to every wait for the end of a lease.',
  ),
  HostName: setting(
    orNone(text(HOST_NAME, 'a name of a host such as mail.example.com')),
    '',
    'The name in greetings, Received fields and EHLO: one that DNS leads to this server. MemberName when empty.',
  ),
  ManagementAddress: setting(
    ip,
    LOOPBACK,
    'The address of this machine for administration: besides loopback the only one on which PWDListener and AdminListener may be.',
  ),
  PublicAddress: setting(
    orNone(ip),
    '',
    "The address of this machine that faces clients and other servers: source of outgoing mail of domains without an address of their own. The system's choice when empty.",
  ),
  StorageAddress: setting(
    orNone(ip),
    '',
    'The address of this machine in the network of the storage, where it has one of its own: checked at start, and nothing listens there.',
  ),
  BalancerNetworks: setting(
    networks,
    noNetworks,
    'Load balancers in front of this member: connections of clients that come from there begin with a PROXY header, v1 or v2. Nobody else may send one.',
  ),
  WANAddresses: setting(
    addressMap,
    new Map(),
    'How addresses of this machine look from outside, where NAT is in between: local = outside. A domain may own either.',
  ),
  MinTLS: setting(
    oneOf(['TLSv1.2', 'TLSv1.3'] as const),
    'TLSv1.2',
    'The oldest version of TLS that clients may use.',
  ),
  SMTPListener: setting(listener, local(2025), 'Mail from other servers. In production "0.0.0.0:25".'),
  SubmissionListener: setting(
    listener,
    local(2587),
    'Mail from users, with STARTTLS. In production "0.0.0.0:587".',
  ),
  SubmissionsListener: setting(
    listener,
    local(2465),
    'Mail from users, in TLS from the first octet. In production "0.0.0.0:465".',
  ),
  LMTPListener: setting(
    listener,
    [],
    'Mail from a relay of the site that is trusted. For a try "127.0.0.1:2024".',
  ),
  LMTPNetworks: setting(
    networks,
    noNetworks,
    'Who may use LMTPListener besides this machine itself: the relays of the site. LMTP knows no log-in.',
  ),
  IMAPListener: setting(listener, local(2143), 'Mailbox access, with STARTTLS. In production "0.0.0.0:143".'),
  IMAPSListener: setting(
    listener,
    local(2993),
    'Mailbox access in TLS from the first octet. In production "0.0.0.0:993".',
  ),
  POPListener: setting(
    listener,
    local(2110),
    'Mailbox access by POP3, with STLS. In production "0.0.0.0:110".',
  ),
  POPSListener: setting(
    listener,
    local(2995),
    'Mailbox access by POP3 in TLS from the first octet. In production "0.0.0.0:995".',
  ),
  PWDListener: setting(
    listener,
    local(2106),
    'The text CLI of administrators, on loopback or ManagementAddress; in TLS from the first octet where it is not loopback.',
  ),
  AdminListener: setting(
    listener,
    local(8010),
    'Health, status and metrics over HTTP, on loopback or ManagementAddress; in TLS where it is not loopback.',
  ),
  PostmasterAddress: setting(
    orNone(text(/^[^\s@]{1,64}@[^\s@]{1,255}$/, 'an address of an account such as postmaster@example.com')),
    '',
    'Where mail for Postmaster without a domain goes, and for postmaster of a domain that has no such account (RFC 5321 section 4.5.1). When empty, the account postmaster of one of the oldest domains; without one, senders are asked to try again later.',
  ),
  MaxMessageSize: setting(
    size(KIB, MESSAGE_OCTETS_MAX),
    50 * MIB,
    'Largest message accepted, in octets, as it is sent: attachments grow by a third on the way.',
  ),
  MaxRecipients: setting(
    integer(1, 10_000),
    100,
    'Most recipients of one LMTP transaction; RFC 5321 section 4.5.3.1.8 asks for 100 at least. SMTP takes one at a time, and LIMITS tells clients.',
  ),
  MaxConnections: setting(
    integer(1, 1_000_000),
    10_000,
    'Most connections of clients to one worker, each listener by itself.',
  ),
  MaxConnectionsPerAddress: setting(
    integer(1, 1_000_000),
    100,
    'Most connections from one address, or IPv6 network of 64 bits, to one listener for SMTP, submission or LMTP of one worker. Loopback and BalancerNetworks have no such limit.',
  ),
  MaxSessionsPerAccount: setting(
    integer(1, 100_000),
    50,
    'Most sessions of one account at a time, of IMAP and of POP3 each, over all members.',
  ),
  MaxReceivingMemory: setting(
    size(16 * MIB, 64 * 2 ** 30),
    512 * MIB,
    'Most octets of messages that one worker receives at a time, over all connections; a message beyond that is asked to come later.',
  ),
  IMAPLiteralMax: setting(
    size(KIB, 100 * MIB),
    50 * MIB,
    'Largest literal that a logged-in IMAP client may send, a message in APPEND for example.',
  ),
  StorageFence: setting(
    oneOf(['auto', 'on', 'off']),
    'auto',
    'Whether each commit is followed by a look at the directory for a newer owner. auto: on where the storage is NFS.',
  ),
  NotReadyDelay: setting(
    duration(0, 10 * 60_000),
    5000,
    'How long a member that was made Not-Ready still takes new clients, although /health says 503: two looks of the balancer.',
  ),
  LogLevel: setting(oneOf(LOG_LEVELS), 'info', 'What is logged; the less serious is left out.'),
  PoolSize: setting(
    integer(4, 1024),
    32,
    'Threads of a worker for storage calls (UV_THREADPOOL_SIZE). Each mount gets a share of them.',
  ),
} as const satisfies Record<string, Setting<unknown>>;

type Table = typeof SETTINGS;
type Widened<T> = T extends Setting<infer U> ? U : never;

export type SettingName = keyof Table;

/** A setting that says where to listen. */
export type ListenerSetting = {
  [K in SettingName]: Table[K] extends Setting<readonly Endpoint[]> ? K : never;
}[SettingName] &
  `${string}Listener`;

/** What a member runs with. Times in milliseconds, sizes in octets. */
export type Settings = { readonly [K in SettingName]: Widened<Table[K]> };

export function isSettingName(key: string): key is SettingName {
  return Object.hasOwn(SETTINGS, key);
}

/** The table's defaults. */
export function defaultSettings(): Settings {
  return Object.fromEntries(Object.entries(SETTINGS).map(([key, each]) => [key, each.default])) as Settings;
}

/** Something that does not hold between settings; `key` is the one to change first. */
export interface Inconsistency {
  readonly key: SettingName;
  readonly why: string;
}

/** What has to hold between settings. `isBackend` for a member that owns accounts in a cluster. */
export function checkSettings(settings: Settings, isBackend = false): readonly Inconsistency[] {
  const addresses = checkAddresses(settings, listenersOf(settings), isBackend);
  return [...checkTimes(settings), ...addresses, ...checkSizes(settings)];
}

/** Heartbeats that a candidate for control may spend in line and on its first act. */
const TAKEOVER_HEARTBEATS = 4;

function checkTimes({ Heartbeat, ControlLease, SlotLease, ClockMargin }: Settings): Inconsistency[] {
  const found: Inconsistency[] = [];
  // One lost heartbeat, or a slow write of it, must not cost the control.
  if (ControlLease < 4 * Heartbeat)
    found.push({ key: 'ControlLease', why: `give at least 4 times Heartbeat, ${4 * Heartbeat}ms` });
  // Architecture, section 3: a controller is replaced while the leases of others still run.
  const takeover = ControlLease * (1 + ClockMargin / 100) + TAKEOVER_HEARTBEATS * Heartbeat;
  const least = Math.ceil(Math.max(2 * ControlLease, takeover));
  if (SlotLease < least)
    found.push({
      key: 'SlotLease',
      why: `give at least ${least}ms: twice ControlLease, and ControlLease with ClockMargin and ${TAKEOVER_HEARTBEATS} times Heartbeat`,
    });
  return found;
}

function checkSizes({ MaxMessageSize, IMAPLiteralMax, MaxReceivingMemory }: Settings): Inconsistency[] {
  const found: Inconsistency[] = [];
  if (IMAPLiteralMax < MaxMessageSize)
    found.push({
      key: 'IMAPLiteralMax',
      why: 'give at least MaxMessageSize, or mail that came in cannot be copied here by a client',
    });
  if (MaxReceivingMemory < Math.max(IMAPLiteralMax, MaxMessageSize))
    found.push({
      key: 'MaxReceivingMemory',
      why: 'give at least MaxMessageSize and IMAPLiteralMax, or the largest message could never come in',
    });
  return found;
}

/** Every setting that says where to listen. */
export const LISTENER_SETTINGS: readonly ListenerSetting[] = (Object.keys(SETTINGS) as SettingName[]).filter(
  isListenerSetting,
);

function isListenerSetting(key: SettingName): key is ListenerSetting {
  return (SETTINGS[key].type as unknown) === listener;
}

/** Addresses that are listened on, with the name of their setting. */
export function listenersOf(settings: Settings): readonly (readonly [ListenerSetting, Endpoint])[] {
  return LISTENER_SETTINGS.flatMap((key) => settings[key].map((each) => [key, each] as const));
}

/** The manual page of the settings, in Markdown. */
export function describeSettings(): string {
  return [
    '## Settings of a member',
    '',
    'In `<base>/Settings/Main.settings`, a dictionary: `{ Workers = 2; }`.',
    '',
    ...describeEach(SETTINGS),
  ].join('\n');
}
