/**
 * `postern join TOKEN --Base DIR`: makes a key, shows the invitation at the door of the backend that gave it, and writes what it
 * gets: certificate, authorities, keyrings; and, where there is none, a settings file with the member's name and the backends.
 * The key never leaves this machine, and nothing is sent before the backend has shown a certificate that the invitation's
 * own authority has signed.
 */
import { access, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join as joinPath } from 'node:path';
import { address as readAddress } from '../cluster/messages.ts';
import { isBackendRole } from '../cluster/roles.ts';
import { makeRequest } from '../cluster/security/authority.ts';
import { readKeys } from '../cluster/security/follower.ts';
import { readMemberCertificate } from '../cluster/security/identity.ts';
import { formatKeyrings } from '../cluster/security/keyring.ts';
import { parseToken, type Token } from '../cluster/security/token.ts';
import type { JoinOptions } from '../flags.ts';
import { ROLE_FLAGS } from '../flags.ts';
import { formatLines } from '../lib/dictionary/format.ts';
import type { Value } from '../lib/dictionary/value.ts';
import { Failure, type FailureCode } from '../lib/failure.ts';
import { formatEndpoint } from '../lib/ip.ts';
import type { Address, Clock, Connection, Net, Platform } from '../platform/platform.ts';
import { realPlatform } from '../platform/real/platform.ts';
import { SETTINGS_FILE } from '../settings/load.ts';
import type { SettingName } from '../settings/settings.ts';
import { readRevokedFile, readSecurityFiles, writeSecurityFiles } from './security-files.ts';
import { ownClusterId } from './storage.ts';

const CONNECT_TIMEOUT_MS = 5000;
const ANSWER_TIMEOUT_MS = 20_000;
const ANSWER_OCTETS_MAX = 256 * 1024;

/** Resolves to the exit status. */
export async function joinCluster({ base, token: text, clusterAddress }: JoinOptions): Promise<number> {
  const token = parseToken(text);
  await refuseOther(base, token);
  const { key, request } = await makeRequest();
  const answer = await exchange(realPlatform(), token, request);
  const certificate = String(answer.certificate);
  const own = readMemberCertificate(certificate);
  if (own === undefined || own.clusterId !== token.clusterId)
    throw new Failure('invalid', 'the backend answered with a certificate that is none of this cluster');
  const { authorities, rings } = readKeys(answer);
  const revoked = await revokedNow(base, answer.revoked);
  await writeSecurityFiles(base, { certificate, key, authorities, keys: formatKeyrings(rings), revoked });
  const backends = Array.isArray(answer.backends) ? answer.backends.map(readAddress) : [];
  const wrote = await writeSettings(base, own.member, backends, clusterAddress);
  process.stdout.write(
    `postern: ${own.member} has joined the cluster as a ${own.role}: start it with ${ROLE_FLAGS[own.role]}${wrote ? `; its settings are in ${joinPath(base, SETTINGS_FILE)}` : ''}\n`,
  );
  return 0;
}

/** A base folder that belongs to one cluster is not turned into another's by a word pasted in. */
async function refuseOther(base: string, token: Token): Promise<void> {
  const files = await readSecurityFiles(base).catch(() => undefined);
  const own = files && readMemberCertificate(files.certificate);
  const known = own?.clusterId ?? (await ownClusterId(base));
  if (known !== undefined && known !== token.clusterId)
    throw new Failure(
      'refused',
      `${base} belongs to cluster ${known}, the invitation is of ${token.clusterId}`,
    );
}

/** As the backend knows it, and what was known here: before it has the settings a process goes by this list alone. */
async function revokedNow(base: string, answered: unknown): Promise<readonly string[]> {
  // A list that cannot be read holds up no second join, which is how a broken base folder is mended.
  const known = await readRevokedFile(base).catch(() => []);
  const told = Array.isArray(answered) ? answered.map(String) : [];
  return [...new Set([...told, ...known])];
}

async function exchange(
  { net, clock }: Platform,
  token: Token,
  request: string,
): Promise<Readonly<Record<string, unknown>>> {
  const connection = await connect(net, token);
  const shown = connection.tls?.peerCertificate;
  const host = shown && readMemberCertificate(shown);
  if (host === undefined || host.clusterId !== token.clusterId || !isBackendRole(host.role)) {
    connection.destroy();
    throw new Failure(
      'refused',
      `${formatEndpoint(token.at)} is no backend of the cluster that gave this invitation`,
    );
  }
  const { id, secret } = token;
  const line = await ask(clock, connection, { id, secret: secret.toString('base64url'), request });
  const answer = JSON.parse(line) as Readonly<Record<string, unknown>>;
  if (answer.ok !== true)
    throw new Failure((answer.code ?? 'unknown') as FailureCode, `not let in: ${String(answer.message)}`);
  return answer;
}

async function connect(net: Net, { at, authorities }: Token): Promise<Connection> {
  try {
    return await net.connect(at, {
      timeoutMs: CONNECT_TIMEOUT_MS,
      tls: { minVersion: 'TLSv1.3', authorities: () => authorities },
    });
  } catch (cause) {
    throw new Failure(
      'unavailable',
      `${formatEndpoint(at)}, where the invitation leads, cannot be reached: ${(cause as Error).message}; is the backend running, and the invitation not over?`,
      { cause },
    );
  }
}

/** One line out, one line in. */
function ask(clock: Clock, connection: Connection, body: Record<string, unknown>): Promise<string> {
  return new Promise((resolve, reject) => {
    let octets = Buffer.alloc(0);
    const timer = clock.timer(ANSWER_TIMEOUT_MS, () => connection.destroy());
    connection.start({
      data: (bytes) => {
        octets = Buffer.concat([octets, bytes]);
        const end = octets.indexOf('\n');
        if (end >= 0) resolve(octets.toString('utf8', 0, end));
        else if (octets.length > ANSWER_OCTETS_MAX) connection.destroy();
      },
      ended: () => connection.end(),
      closed: (cause) => {
        timer.cancel();
        // After an answer nobody hears this. Without one it may have been used: the operator asks for another.
        reject(new Failure('unknown', 'the backend ended the connection before it answered', { cause }));
      },
    });
    connection.write(Buffer.from(`${JSON.stringify(body)}\n`));
  });
}

/** False when there is one, which stays as it is. */
async function writeSettings(
  base: string,
  member: string,
  backends: readonly Address[],
  clusterAddress: string | undefined,
): Promise<boolean> {
  const file = joinPath(base, SETTINGS_FILE);
  if (
    await access(file).then(
      () => true,
      () => false,
    )
  )
    return false;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const values = new Map<SettingName, Value>([
    ['MemberName', member],
    ['BackendAddresses', backends.map(formatEndpoint)],
  ]);
  if (clusterAddress !== undefined) values.set('ClusterAddress', clusterAddress);
  await writeFile(file, `${formatLines(values)}\n`, { mode: 0o600 });
  return true;
}
