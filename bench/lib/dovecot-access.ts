/**
 * Dovecot's IMAP as a peer: sdbox, everything synced, log-in processes that serve many connections (its "high performance
 * mode"), verified log-ins cached, passwords stored as SCRAM-SHA-256 keys of as many iterations as ours.
 */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeIdentity } from '../../test/support/certificates.ts';
import { common, runDovecot } from './dovecot.ts';
import type { Login } from './imap-client.ts';
import type { Peer } from './peer.ts';

const HOST = '127.0.0.1';
const PORTS = { imap: 24143, imaps: 24993 };
const ITERATIONS = 15_000;

/** Undefined where it is not installed. */
export async function startDovecotAccess(
  folder: string,
  accounts: readonly Login[],
): Promise<Peer | undefined> {
  const imap = { host: HOST, port: PORTS.imap };
  const running = await runDovecot(folder, imap, async (base) => {
    const { chain, key } = await makeIdentity({ names: ['bench.example'] });
    await writeFile(join(base, 'cert.pem'), chain);
    await writeFile(join(base, 'key.pem'), key, { mode: 0o600 });
    await writeFile(join(base, 'users'), await passwordFile(accounts), { mode: 0o644 });
    return configuration(base);
  });
  if (running === undefined) return undefined;
  return { ...running, name: 'dovecot', imap, imaps: { host: HOST, port: PORTS.imaps }, accounts };
}

/** One password for all, hashed once. */
async function passwordFile(accounts: readonly Login[]): Promise<string> {
  const password = accounts[0]?.password ?? '';
  const flags = ['pw', '-s', 'SCRAM-SHA-256', '-r', String(ITERATIONS), '-p', password];
  const { stdout } = await promisify(execFile)('doveadm', flags);
  return accounts.map(({ login }) => `${login}:${stdout.trim()}::::::\n`).join('');
}

function configuration(base: string): string {
  return `
${common(base, 'sdbox')}
protocols = imap
ssl = yes
ssl_cert = <${base}/cert.pem
ssl_key = <${base}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain scram-sha-256
auth_cache_size = 10M
mail_max_userip_connections = 0
default_client_limit = 20000
default_vsz_limit = 1G
service imap-login {
  service_count = 0
  client_limit = 10000
  process_min_avail = 1
  inet_listener imap {
    address = ${HOST}
    port = ${PORTS.imap}
  }
  inet_listener imaps {
    address = ${HOST}
    port = ${PORTS.imaps}
  }
}
service imap {
  process_limit = 6000
}
passdb {
  driver = passwd-file
  args = ${base}/users
}
`;
}
