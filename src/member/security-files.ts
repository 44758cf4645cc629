/**
 * A member's part of the cluster's keys on its own disk: `<base>/Settings/Cluster/`, directory 0700, files 0600, each
 * replaced as a whole and durable before anything rests on it.
 *
 * `member.key` may have several keys: a renewal writes the new one beside the old one, then the certificate; whichever of
 * the two certificates stands there after a crash, its key does too.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { splitPem } from '../cluster/security/follower.ts';
import { MemberSecurity, type SecurityFiles } from '../cluster/security/member-security.ts';
import type { Role } from '../cluster/types.ts';
import { ROLE_FLAGS } from '../flags.ts';
import { Failure } from '../lib/failure.ts';

const DIRECTORY = join('Settings', 'Cluster');
const NAMES = {
  certificate: 'member.pem',
  key: 'member.key',
  authorities: 'ca.pem',
  keys: 'keys.json',
  revoked: 'revoked.json',
} as const;

export function securityDirectory(base: string): string {
  return join(base, DIRECTORY);
}

/** Undefined when this base folder has no certificate. Failure 'invalid' names the file that cannot be used. */
export async function readSecurityFiles(base: string): Promise<SecurityFiles | undefined> {
  const certificate = await text(base, 'certificate');
  if (certificate === undefined) return undefined;
  const [keys, rings, authorities, revoked] = await Promise.all([
    needed(base, 'key'),
    needed(base, 'keys'),
    needed(base, 'authorities'),
    text(base, 'revoked'),
  ]);
  return {
    certificate,
    key: keyOf(base, certificate, keys),
    authorities: splitPem(authorities),
    keys: rings,
    revoked: readRevoked(base, revoked),
  };
}

/** What a member starts with. Failure 'refused' or 'invalid': one line that says what to do. */
export async function loadSecurity(base: string, member: string, role: Role): Promise<MemberSecurity> {
  const files = await readSecurityFiles(base);
  if (files === undefined)
    throw new Failure(
      'refused',
      `${path(base, 'certificate')} is missing: this member has not joined a cluster: run 'postern invite ${member} ${inviteFlag(role)}' at a running backend, then here 'postern join TOKEN --Base ${base}' with what it prints`,
    );
  let security: MemberSecurity;
  try {
    security = new MemberSecurity(files);
  } catch (cause) {
    throw new Failure('invalid', `${securityDirectory(base)}: ${(cause as Error).message}`, { cause });
  }
  const { self } = security;
  if (self.member !== member)
    throw new Failure(
      'refused',
      `${path(base, 'certificate')} is the certificate of ${self.member}, and MemberName is ${member}: give MemberName = ${self.member}, or invite ${member}`,
    );
  if (self.role !== role)
    throw new Failure(
      'refused',
      `the certificate of ${member} is for a ${self.role}: start it with ${ROLE_FLAGS[self.role]}, or run 'postern invite ${member} ${inviteFlag(role)}' at a running backend and 'postern join' here`,
    );
  return security;
}

/** Authorities and rings, which may be there before there is a certificate. */
type KeyFiles = Pick<SecurityFiles, 'authorities' | 'keys'>;

/** Undefined when one of the two is not there. */
export async function readKeys(base: string): Promise<KeyFiles | undefined> {
  const [keys, authorities] = await Promise.all([text(base, 'keys'), text(base, 'authorities')]);
  if (keys === undefined || authorities === undefined) return undefined;
  return { keys, authorities: splitPem(authorities) };
}

/** Durably. */
export async function writeKeys(base: string, files: KeyFiles): Promise<void> {
  await mkdir(securityDirectory(base), { recursive: true, mode: 0o700 });
  await chmod(securityDirectory(base), 0o700);
  await write(base, 'authorities', files.authorities.join(''));
  await write(base, 'keys', files.keys);
}

/** What was known when this base folder was last used; nobody where there is no such list. Failure 'invalid'. */
export async function readRevokedFile(base: string): Promise<readonly string[]> {
  return readRevoked(base, await text(base, 'revoked'));
}

/** Everything, durably; the key before its certificate. One call at a time for a base folder. */
export async function writeSecurityFiles(base: string, files: SecurityFiles): Promise<void> {
  await writeKeys(base, files);
  const before = (await text(base, 'key')) ?? '';
  const others = privateKeys(before).filter((each) => each.trim() !== files.key.trim());
  const kept = others.slice(0, KEYS_KEPT).join('');
  await write(base, 'key', `${files.key.trim()}\n${kept}`);
  await write(base, 'certificate', files.certificate);
  await write(base, 'revoked', `${JSON.stringify(files.revoked)}\n`);
}

/** Beside the one in use: that of the certificate before. */
const KEYS_KEPT = 1;

function path(base: string, name: keyof typeof NAMES): string {
  return join(securityDirectory(base), NAMES[name]);
}

function inviteFlag(role: Role): string {
  return role === 'standalone' ? ROLE_FLAGS.backend : ROLE_FLAGS[role];
}

async function text(base: string, name: keyof typeof NAMES): Promise<string | undefined> {
  return readFile(path(base, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
}

async function needed(base: string, name: keyof typeof NAMES): Promise<string> {
  const found = await text(base, name);
  if (found === undefined)
    throw new Failure(
      'invalid',
      `${path(base, name)} is missing beside ${NAMES.certificate}: join the cluster again`,
    );
  return found;
}

function keyOf(base: string, certificate: string, keys: string): string {
  try {
    const x509 = new X509Certificate(certificate);
    const own = privateKeys(keys).find((each) => x509.checkPrivateKey(createPrivateKey(each)));
    if (own !== undefined) return own;
  } catch (cause) {
    throw new Failure('invalid', `${securityDirectory(base)}: certificate or key cannot be read`, { cause });
  }
  throw new Failure('invalid', `${path(base, 'key')} is not the key of ${NAMES.certificate}`);
}

function privateKeys(pem: string): readonly string[] {
  return pem.match(/-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----\n?/g) ?? [];
}

function readRevoked(base: string, json: string | undefined): readonly string[] {
  if (json === undefined) return [];
  try {
    const serials = JSON.parse(json) as unknown;
    if (Array.isArray(serials)) return serials.map(String);
  } catch {
    // Said below.
  }
  throw new Failure('invalid', `${path(base, 'revoked')} is not a list of serials: remove it`);
}

async function write(base: string, name: keyof typeof NAMES, content: string): Promise<void> {
  const target = path(base, name);
  const temporary = `${target}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    // The mode above is for a new file only.
    await file.chmod(0o600);
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, target);
  const directory = await open(dirname(target), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
