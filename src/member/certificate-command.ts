/**
 * `postern certificate DOMAIN cert.pem key.pem`: checks the two files here, so that a mistake is told before anything is
 * sent, and gives them to the running member of the base folder, which has them in force everywhere when it answers. The
 * key crosses loopback (or TLS) and is stored sealed.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkChain, checkKey, day, endOf, listed, publicKeyHash } from '../certificates/identity.ts';
import { readCertificates, readPrivateKey } from '../certificates/pem.ts';
import { domainName } from '../directory/address.ts';
import type { CertificateOptions } from '../flags.ts';
import { format } from '../lib/dictionary/format.ts';
import type { Value } from '../lib/dictionary/value.ts';
import { Failure } from '../lib/failure.ts';
import type { Address } from '../platform/platform.ts';
import { realPlatform } from '../platform/real/platform.ts';
import { CERTIFICATE_OCTETS_MAX, PRIVATE_KEY_OCTETS_MAX } from '../settings/domain-settings.ts';
import { askPassword } from './ask-password.ts';
import { CliClient } from './cli-client.ts';
import { PASSWORD_FILE, POSTMASTER } from './init.ts';
import { readStatus } from './status-file.ts';

/** In place of the server administrator: an account with the right Master. */
const LOGIN_VARIABLE = 'POSTERN_LOGIN';
/** In place of the terminal and the file. */
const PASSWORD_VARIABLE = 'POSTERN_PASSWORD';

/** Resolves to the exit status. */
export async function installCertificate(options: CertificateOptions): Promise<number> {
  const { certificateFile, keyFile, base } = options;
  const domain = domainName(options.domain);
  if (domain === undefined) throw new Failure('invalid', `${options.domain} is no domain name`);
  const installed = checkFiles(domain, {
    certificate: await readInput(certificateFile, CERTIFICATE_OCTETS_MAX),
    key: await readInput(keyFile, PRIVATE_KEY_OCTETS_MAX),
    names: { certificate: certificateFile, key: keyFile },
    nowMs: realPlatform().clock.wallMs(),
  });
  const address = await cliAddress(base);
  const login = process.env[LOGIN_VARIABLE] || POSTMASTER;
  using client = await CliClient.connect(address, login, await passwordOf(login, base));
  await client.command(`UPDATEDOMAINSETTINGS ${format(domain)} ${format(installed.settings)}`);
  process.stdout.write(`postern: ${installed.line}\n`);
  return 0;
}

export interface Files {
  readonly certificate: Buffer;
  readonly key: Buffer;
  /** For messages. */
  readonly names: { readonly certificate: string; readonly key: string };
  readonly nowMs: number;
}

/** The settings to give, and the line that says so. Failure 'invalid', 'limit'. */
export function checkFiles(
  domain: string,
  files: Files,
): { readonly settings: ReadonlyMap<string, Value>; readonly line: string } {
  const { certificate: certificateFile, key: keyFile } = files.names;
  const certificates = readCertificates(files.certificate, certificateFile);
  const key = readPrivateKey(files.key, keyFile);
  checkKey(key, keyFile);
  const hash = publicKeyHash(key);
  const leaf = certificates.find((each) => publicKeyHash(each).equals(hash));
  if (leaf === undefined)
    throw new Failure(
      'invalid',
      `${keyFile}: it is not the private key of ${certificateFile}: give the two that belong together`,
    );
  const what = { leaf: certificateFile, chain: certificateFile };
  const others = certificates.filter((each) => each !== leaf);
  const { chain, names } = checkChain(leaf, others, { domain, nowMs: files.nowMs, what });
  const settings = new Map<string, Value>([
    ['SecureCertificate', leaf.raw],
    ['CAChain', chain.length === 0 ? 'default' : Buffer.concat(chain.map(({ raw }) => raw))],
    ['PrivateSecureKey', key.export({ type: 'pkcs8', format: 'der' })],
    ['CertificateType', 'YES'],
  ]);
  const until = day(new Date(endOf([leaf, ...chain])));
  return { settings, line: `installed for ${domain}: ${listed(names)}, valid until ${until}` };
}

/** A bit more than what is allowed is enough to see that it is too much. */
async function readInput(path: string, octetsMax: number): Promise<Buffer> {
  const octets = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new Failure('invalid', `${path}: cannot be read (${error.code ?? error.message})`, {
      cause: error,
    });
  });
  if (octets.length > octetsMax) throw new Failure('limit', `${path}: more than ${octetsMax} octets`);
  return octets;
}

/** Where the member that runs in this folder has its CLI. */
async function cliAddress(base: string): Promise<Address> {
  const { services } = await readStatus(base);
  const address = services['pwd'];
  if (address === undefined)
    throw new Failure(
      'unavailable',
      `${base}: the member has no CLI to talk to: set PWDListener, or use another member`,
    );
  return address;
}

async function passwordOf(login: string, base: string): Promise<string> {
  const given = process.env[PASSWORD_VARIABLE];
  if (given !== undefined && given !== '') return given;
  const file = join(base, PASSWORD_FILE);
  const line = await readFile(file, 'utf8').then(
    (text) => text.split(/\r?\n/, 1)[0] ?? '',
    () => '',
  );
  if (line !== '' && login === POSTMASTER) return line;
  const typed = await askPassword(`Password of ${login}: `);
  if (typed !== undefined && typed !== '') return typed;
  throw new Failure(
    'refused',
    `give the password of ${login} in ${PASSWORD_VARIABLE}, in ${file}, or at a terminal`,
  );
}
