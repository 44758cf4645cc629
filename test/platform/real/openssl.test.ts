/** The door with OpenSSL's own client: versions, suites, server names, resumption, renegotiation. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { makeCa, makeIdentity } from '../../support/certificates.ts';
import { echo, serverTls } from './tls-bed.ts';

const directory = await mkdtemp(join(tmpdir(), 'postern-openssl-'));
t.teardown(() => rm(directory, { recursive: true }));
const ca = await makeCa();
const authority = join(directory, 'ca.pem');
await writeFile(authority, ca.pem);
const ec = await makeIdentity({ names: ['ec.example'], ca });
const rsa = await makeIdentity({ names: ['rsa.example'], ca, algorithm: 'RSA-2048' });
const identity = (name: string | undefined) => (name === 'rsa.example' ? rsa : ec);

/** What the program prints. Once the connection stands, `typed` is typed into it; when it comes back, the program is left. */
function client(port: number, args: readonly string[], typed = 'hello\n'): Promise<string> {
  const child = spawn('openssl', [
    's_client',
    '-connect',
    `127.0.0.1:${port}`,
    '-CAfile',
    authority,
    ...args,
  ]);
  let output = '';
  const steps: [RegExp, string][] = [
    [/^---$[\s\S]*Verif[\s\S]*^---$/m, typed],
    [/^hello$/m, 'Q\n'],
  ];
  const onOutput = (bytes: Buffer) => {
    output += String(bytes);
    const [step] = steps;
    if (step === undefined || !step[0].test(output)) return;
    steps.shift();
    child.stdin.write(step[1]);
  };
  child.stdout.on('data', onOutput);
  child.stderr.on('data', onOutput);
  child.stdin.on('error', () => undefined);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve(output));
  });
}

const hasProgram = await client(1, [])
  .then(() => true)
  .catch(() => false);
const skip = hasProgram ? false : 'no openssl program here';

void t.test('versions', { skip }, async (t) => {
  const { port } = await echo(t, { tls: { ...serverTls(ec), identity } });
  const old = ['-cipher', 'DEFAULT:@SECLEVEL=0'];
  for (const version of ['-tls1', '-tls1_1']) {
    const output = await client(port, [version, ...old]);
    t.match(output, /alert protocol version|no protocols available/i, version);
    t.match(output, /Cipher is \(NONE\)/);
  }
  t.match(await client(port, ['-tls1_2']), /New, TLSv1\.2, Cipher is ECDHE-ECDSA-/);
  t.match(await client(port, ['-tls1_3']), /New, TLSv1\.3, Cipher is TLS_/);
});

void t.test('the certificate of the server name, checked against its authority', { skip }, async (t) => {
  const { port } = await echo(t, { tls: { ...serverTls(ec), identity } });
  for (const [name, version, cipher] of [
    ['rsa.example', '-tls1_2', 'ECDHE-RSA-'],
    ['ec.example', '-tls1_2', 'ECDHE-ECDSA-'],
    ['rsa.example', '-tls1_3', 'TLS_'],
  ] as const) {
    const output = await client(port, ['-servername', name, '-verify_hostname', name, version]);
    t.match(output, 'Verify return code: 0 (ok)', name);
    t.match(output, `Verified peername: ${name}`);
    t.match(output, new RegExp(`Cipher is ${cipher}`));
  }
  t.match(await client(port, ['-noservername', '-tls1_3']), /subject=CN ?= ?ec\.example/);
});

void t.test('suites without forward secrecy or authentication of data', { skip }, async (t) => {
  const { port } = await echo(t, { tls: serverTls(rsa) });
  for (const cipher of [
    'AES128-SHA',
    'AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-SHA',
    'DHE-RSA-AES256-GCM-SHA384',
  ])
    t.match(await client(port, ['-tls1_2', '-cipher', cipher]), /handshake failure/, cipher);
});

void t.test('a session goes on at another door with the same keys', { skip }, async (t) => {
  const keys = randomBytes(48);
  const copy = () => serverTls({ ...ec }, { ticketKeys: () => keys });
  const [first, second] = [await echo(t, { tls: copy() }), await echo(t, { tls: copy() })];
  for (const version of ['-tls1_2', '-tls1_3']) {
    const file = join(directory, `session${version}`);
    await client(first.port, [version, '-sess_out', file]);
    t.match(await client(second.port, [version, '-sess_in', file]), /^Reused, TLSv1/m, version);
  }
});

void t.test('renegotiation is refused', { skip }, async (t) => {
  const { port } = await echo(t, { tls: serverTls(ec) });
  t.match(await client(port, ['-tls1_2'], 'R\n'), /no renegotiation|RENEGOTIATING[\s\S]*(?:error|alert)/i);
});
