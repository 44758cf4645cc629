/**
 * Every setting of a member, declared once: `<base>/Settings/Main.settings` is read by this table, its errors name what
 * is allowed from it, and the manual page is printed from it. What must hold between settings is in `checkSettings`.
 *
 * Ports: by default a member listens on loopback only, at the well-known port plus 2000, so that anybody can start one
 * without being root and without opening it to a network. A server that faces clients names its addresses.
 */
import { format } from '../lib/dictionary/format.ts';
import { formatEndpoint } from '../lib/ip.ts';
import { LOG_LEVELS } from '../lib/logging.ts';
import {
  duration,
  type Endpoint,
  endpoint,
  endpoints,
  integer,
  listener,
  oneOf,
  type Setting,
  setting,
  size,
  text,
} from './declare.ts';

const KIB = 2 ** 10;
const MIB = 2 ** 20;

const name = text(
  /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/,
  'a name of 1 to 64 letters, digits, dots, hyphens',
);

/** A loopback address at the well-known port plus 2000. */
function loopback(port: number): Endpoint {
  return { host: '127.0.0.1', port };
}

export const SETTINGS = {
  ClusterName: setting(
    name,
    'postern',
    'Name of the cluster, the same on all members; shown to administrators.',
  ),
  MemberName: setting(
    text(
      /^$|^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/,
      'a name of 1 to 64 letters, digits, dots, hyphens, or ""',
    ),
    '',
    'Name of this member, different on every member; the name of the host when empty.',
  ),
  Workers: setting(
    integer(1, 64),
    1,
    'Worker processes of this member. One a core is a good number for a server of its own.',
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
  SMTPListener: setting(listener, loopback(2025), 'Mail from other servers. In production "0.0.0.0:25".'),
  SubmissionListener: setting(listener, loopback(2587), 'Mail from users. In production "0.0.0.0:587".'),
  LMTPListener: setting(
    listener,
    'off',
    'Mail from a relay of the site that is trusted. For a try "127.0.0.1:2024".',
  ),
  IMAPListener: setting(listener, loopback(2143), 'Mailbox access. In production "0.0.0.0:143".'),
  POPListener: setting(listener, loopback(2110), 'Mailbox access by POP3. In production "0.0.0.0:110".'),
  PWDListener: setting(
    listener,
    loopback(2106),
    'The text CLI of administrators; keep it on loopback or a management address.',
  ),
  AdminListener: setting(
    listener,
    loopback(8010),
    'Administration over HTTP; keep it on loopback or a management address.',
  ),
  MaxMessageSize: setting(size(KIB, 100 * MIB), 32 * MIB, 'Largest message accepted, in octets.'),
  MaxRecipients: setting(
    integer(1, 10_000),
    100,
    'Most recipients of one SMTP transaction; RFC 5321 section 4.5.3.1.8 asks for 100 at least.',
  ),
  MaxConnections: setting(
    integer(1, 1_000_000),
    10_000,
    'Most connections of clients to one worker, each protocol by itself.',
  ),
  IMAPLiteralMax: setting(
    size(KIB, 100 * MIB),
    32 * MIB,
    'Largest literal that a logged-in IMAP client may send, a message in APPEND for example.',
  ),
  StorageFence: setting(
    oneOf(['auto', 'on', 'off']),
    'auto',
    'Whether each commit is followed by a look at the directory for a newer owner. auto: on where the storage is NFS.',
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
  return [...checkTimes(settings), ...checkAddresses(settings, isBackend), ...checkSizes(settings)];
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

function checkAddresses(settings: Settings, isBackend: boolean): Inconsistency[] {
  const found: Inconsistency[] = [];
  const backends = settings.BackendAddresses.map(formatEndpoint);
  const self = formatEndpoint(settings.ClusterAddress);
  const twice = backends.find((each, index) => backends.indexOf(each) !== index);
  if (twice !== undefined) found.push({ key: 'BackendAddresses', why: `${twice} is listed twice` });
  if (isBackend && !backends.includes(self))
    found.push({ key: 'BackendAddresses', why: `list this backend's own ClusterAddress ${self} too` });
  const users = new Map<string, SettingName>([[self, 'ClusterAddress']]);
  for (const [key, value] of listenersOf(settings)) {
    const at = formatEndpoint(value);
    const other = users.get(at);
    // Port 0 is another port each time.
    if (other !== undefined && value.port !== 0)
      found.push({ key, why: `${at} is the address of ${other} already` });
    users.set(at, key);
  }
  return found;
}

function checkSizes({ MaxMessageSize, IMAPLiteralMax }: Settings): Inconsistency[] {
  if (IMAPLiteralMax >= MaxMessageSize) return [];
  return [
    {
      key: 'IMAPLiteralMax',
      why: 'give at least MaxMessageSize, or mail that came in cannot be copied here by a client',
    },
  ];
}

/** Listeners that are on, with the name of their setting. */
export function listenersOf(settings: Settings): readonly (readonly [SettingName, Endpoint])[] {
  return (Object.keys(SETTINGS) as SettingName[])
    .filter((key) => (SETTINGS[key].type as unknown) === listener)
    .map((key) => [key, settings[key] as Endpoint | 'off'] as const)
    .filter((each): each is readonly [SettingName, Endpoint] => each[1] !== 'off');
}

/** The manual page of the settings, in Markdown. */
export function describeSettings(): string {
  const sections = Object.entries(SETTINGS as Record<string, Setting<unknown>>).map(
    ([key, each]) =>
      `### ${key}\n\n${each.description}\n\nAllowed: ${each.type.allowed}. Default: \`${format(each.type.write(each.default))}\`.\n`,
  );
  return [
    '## Settings of a member',
    '',
    'In `<base>/Settings/Main.settings`, a dictionary: `{ Workers = 2; }`.',
    '',
    ...sections,
  ].join('\n');
}
