/**
 * A Postfix of the test's own (apt: postfix): its configuration, queue and ports in a temporary folder, taking mail on
 * loopback and giving all of it to one relay. It takes bare line ends as line ends, as every Postfix did before 2024.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from '../../src/platform/platform.ts';
import { Talk } from '../smtp/talk.ts';

const POSTFIX = '/usr/sbin/postfix';
const POSTQUEUE = '/usr/sbin/postqueue';
const LOOK_MS = 50;
const LOOKS_MAX = 400;

/** False where it can be run; else why not. */
export async function whyNoPostfix(): Promise<string | false> {
  if (process.getuid?.() !== 0) return 'postfix can only be started by root';
  return access(POSTFIX).then(
    () => false as const,
    () => 'postfix is not installed (apt-get install postfix)',
  );
}

export interface Postfix {
  /** Where it takes mail. */
  readonly address: Address;
  /** Resolves when nothing is in its queue. */
  drained(): Promise<void>;
  stop(): Promise<void>;
}

export async function startPostfix(relay: Address, protocol: 'smtp' | 'lmtp'): Promise<Postfix> {
  const base = await mkdtemp(join(tmpdir(), 'postern-postfix-'));
  await chmod(base, 0o755);
  const [queue, data] = [join(base, 'queue'), join(base, 'data')];
  for (const folder of [queue, data]) await mkdir(folder);
  await chown(data, await userId('postfix'), 0);
  const address = { host: '127.0.0.1', port: await freePort() };
  await writeFile(join(base, 'main.cf'), mainCf(base, relay, protocol));
  await writeFile(join(base, 'master.cf'), masterCf(address));
  try {
    await run(POSTFIX, '-c', base, 'start');
    await untilGreeted(address);
  } catch (error) {
    await run(POSTFIX, '-c', base, 'stop').catch(() => undefined);
    const log = await readFile(join(base, 'log'), 'utf8').catch(() => '');
    throw new Error(`postfix did not start: ${log}`, { cause: error });
  }
  return {
    address,
    async drained() {
      for (let looks = 0; looks < LOOKS_MAX; looks++) {
        if (/queue is empty/.test(await run(POSTQUEUE, '-c', base, '-p'))) return;
        await sleep(LOOK_MS);
      }
      throw new Error(`its queue did not empty: ${await readFile(join(base, 'log'), 'utf8')}`);
    },
    async stop() {
      await run(POSTFIX, '-c', base, 'stop');
      await rm(base, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function mainCf(base: string, { host, port }: Address, protocol: 'smtp' | 'lmtp'): string {
  return `compatibility_level = 3.6
queue_directory = ${base}/queue
data_directory = ${base}/data
maillog_file = ${base}/log
maillog_file_prefixes = ${base}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.example
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
default_transport = ${protocol}:[${host}]:${port}
relay_transport = ${protocol}:[${host}]:${port}
smtpd_forbid_bare_newline = no
smtpd_forbid_unauth_pipelining = no
smtpd_data_restrictions =
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
lmtp_dns_support_level = disabled
smtp_host_lookup = native
lmtp_host_lookup = native
smtpd_error_sleep_time = 0
smtpd_hard_error_limit = 1000
notify_classes =
smtp_connection_cache_on_demand = no
lmtp_connection_cache_on_demand = no
bounce_queue_lifetime = 0
maximal_queue_lifetime = 0
smtputf8_enable = no
`;
}

function masterCf({ port }: Address): string {
  const local = [
    'rewrite:trivial-rewrite',
    'bounce',
    'defer:bounce',
    'trace:bounce',
    'verify',
    'proxymap',
    'smtp',
  ];
  const others = ['lmtp', 'showq', 'error', 'retry:error', 'discard', 'anvil'];
  const line = (name: string, command: string): string => `${name} unix - - n - - ${command}`;
  return [
    `127.0.0.1:${port} inet n - n - - smtpd`,
    'pickup unix n - n 60 1 pickup',
    'cleanup unix n - n - 0 cleanup',
    'qmgr unix n - n 300 1 qmgr',
    'flush unix n - n 1000? 0 flush',
    'tlsmgr unix - - n 1000? 1 tlsmgr',
    'postlog unix-dgram n - n - 1 postlogd',
    ...[...local, ...others].map((each) => {
      const [name = '', command = name] = each.split(':');
      return name === 'showq' ? 'showq unix n - n - - showq' : line(name, command);
    }),
    '',
  ].join('\n');
}

async function untilGreeted(address: Address): Promise<void> {
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    const talk = await Talk.greeted(address).catch(() => undefined); // not listening yet
    if (talk !== undefined) return talk.close();
    await sleep(LOOK_MS);
  }
  throw new Error('no greeting');
}

async function userId(name: string): Promise<number> {
  const line = (await readFile('/etc/passwd', 'utf8'))
    .split('\n')
    .find((each) => each.startsWith(`${name}:`));
  if (line === undefined) throw new Error(`no user ${name}`);
  return Number(line.split(':')[2]);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function run(command: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) =>
    execFile(command, args, { timeout: 30_000 }, (error, stdout, stderr) =>
      error === null
        ? resolve(stdout)
        : reject(new Error(`${command} ${args.join(' ')}: ${stdout}${stderr}`)),
    ),
  );
}
