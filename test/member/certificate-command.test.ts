/** `postern certificate`: the files checked here, the way to the running member, and what it is told. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { ReadStream } from 'node:tty';
import t, { type Test } from 'tap';
import { execute } from '../../src/admin/commands.ts';
import { startCliListener } from '../../src/cli/service.ts';
import { noLogger } from '../../src/lib/logging.ts';
import { askPassword } from '../../src/member/ask-password.ts';
import { checkFiles, installCertificate } from '../../src/member/certificate-command.ts';
import { RealClock } from '../../src/platform/real/clock.ts';
import { RealNet } from '../../src/platform/real/net.ts';
import { decodeDomainSettings } from '../../src/settings/domain-settings.ts';
import { MemoryAdministration, POSTMASTER } from '../admin/memory.ts';
import { makeCa, makeIdentity } from '../support/certificates.ts';

const NOW_MS = Date.now();

/** A base folder with a member's status and the password of its postmaster, and the files of a certificate. */
async function folder(t: Test, services: object = {}, password = 'secret word') {
  const base = await mkdtemp(join(tmpdir(), 'postern-certificate-'));
  t.teardown(() => rm(base, { recursive: true, force: true }));
  await mkdir(join(base, 'Settings'));
  await writeFile(join(base, 'Settings', 'Postmaster.password'), `${password}\n`);
  await writeFile(join(base, 'status.json'), JSON.stringify({ name: 'm', services }));
  const ca = await makeCa({ issuer: await makeCa() });
  const made = await makeIdentity({ names: ['a.example', '*.a.example'], ca });
  const options = {
    domain: 'A.Example',
    certificateFile: join(base, 'cert.pem'),
    keyFile: join(base, 'key.pem'),
    base,
  };
  await writeFile(options.certificateFile, made.chain);
  await writeFile(options.keyFile, made.key);
  return { options, made, ca };
}

/** A member's CLI on loopback. */
async function cli(t: Test) {
  const admin = new MemoryAdministration();
  await execute(admin, POSTMASTER, 'CREATEDOMAIN a.example SHARED {IPAddresses=(192.0.2.1);}');
  const listener = await startCliListener({
    net: new RealNet(),
    listen: { host: '127.0.0.1', port: 0 },
    shared: false,
    tls: undefined,
    admin,
    authenticator: admin.authenticator,
    clock: new RealClock(),
    logger: noLogger,
    host: 'm.example',
    version: '1',
    connectionsMax: 5,
  });
  t.teardown(() => listener.close(0));
  return { admin, pwd: listener.address };
}

/** What it writes to standard output while it runs. */
async function output(run: () => Promise<unknown>): Promise<string> {
  let text = '';
  const own = Object.getOwnPropertyDescriptor(process.stdout, 'write');
  process.stdout.write = (chunk: string | Uint8Array) => {
    text += chunk.toString();
    return true;
  };
  try {
    await run();
  } finally {
    if (own === undefined) Reflect.deleteProperty(process.stdout, 'write');
    else Object.defineProperty(process.stdout, 'write', own);
  }
  return text;
}

void t.test('installed: one line, the chain too, and other settings stay', async (t) => {
  const { admin, pwd } = await cli(t);
  const { options, made, ca } = await folder(t, { pwd });
  const until = made.certificate.notAfter.toISOString().slice(0, 10);
  const said = await output(() => installCertificate(options));
  t.match(
    said,
    /^postern: installed for a\.example: a\.example, \*\.a\.example, valid until \d{4}-\d\d-\d\d\n$/,
  );
  t.ok(said.includes(until) || made.certificate.notAfter > ca.certificate.notAfter);
  const settings = decodeDomainSettings(admin.settings.domain('a.example')?.settings);
  t.strictSame(settings.get('SecureCertificate'), made.der);
  t.strictSame(settings.get('CAChain'), ca.der);
  t.strictSame(settings.get('IPAddresses'), ['192.0.2.1']);
});

void t.test('what keeps it from being installed is one line that says what to do', async (t) => {
  const { admin, pwd } = await cli(t);
  const good = await folder(t, { pwd });
  const gone = { host: '127.0.0.1', port: 1 };
  const missing = { ...good.options, certificateFile: join(good.options.base, 'none.pem') };
  const cases: readonly (readonly [options: typeof good.options, why: RegExp])[] = [
    [{ ...good.options, domain: 'no domain' }, /^no domain is no domain name$/],
    [{ ...good.options, domain: 'b.a.example' }, /^UPDATEDOMAINSETTINGS: unknown secondary domain name$/],
    [
      { ...good.options, domain: 'b.example' },
      /cert\.pem: it is for a\.example, \*\.a\.example, not for b\.example/,
    ],
    [missing, /none\.pem: cannot be read \(ENOENT\)/],
    [{ ...good.options, keyFile: good.options.certificateFile }, /cert\.pem: there is no private key in it/],
    [{ ...good.options, base: '/none' }, /no member runs on .*\/none: start the member first/],
    [(await folder(t, {})).options, /the member has no CLI to talk to: set PWDListener/],
    [
      (await folder(t, { pwd: gone })).options,
      /^the CLI of the member at 127\.0\.0\.1:1: no answer: .*ECONNREFUSED/,
    ],
    [(await folder(t, { pwd }, 'wrong')).options, /^PASS: wrong name or password$/],
  ];
  for (const [options, message] of cases)
    await t.rejects(installCertificate(options), { name: 'Failure', message }, String(message));
  t.notOk(decodeDomainSettings(admin.settings.domain('a.example')?.settings).has('SecureCertificate'));
});

void t.test('the files: pairs that do not belong together', async (t) => {
  const [one, two] = [
    await makeIdentity({ names: ['a.example'] }),
    await makeIdentity({ names: ['a.example'] }),
  ];
  const names = { certificate: 'c.pem', key: 'k.pem' };
  const check = (certificate: string, key: string) =>
    checkFiles('a.example', {
      certificate: Buffer.from(certificate),
      key: Buffer.from(key),
      names,
      nowMs: NOW_MS,
    });
  t.throws(() => check(one.pem, two.key), { message: /^k\.pem: it is not the private key of c\.pem/ });
  t.throws(() => check(one.key, one.pem), { message: /c\.pem: .* are the two files in the right order/ });
  t.throws(() => check(one.pem + two.pem, one.key), {
    message: /^c\.pem: the certificate a\.example is not behind/,
  });
  t.match(check(one.pem, one.key).line, /^installed for a\.example: a\.example, valid until/);
  t.equal(check(one.pem, one.key).settings.get('CAChain'), 'default', 'no chain takes away the one before');
});

void t.test('a password at the terminal is not shown', async (t) => {
  const modes: boolean[] = [];
  const terminal = () => {
    const input = Object.assign(new PassThrough(), {
      isTTY: true,
      setRawMode(mode: boolean) {
        modes.push(mode);
        return input;
      },
    });
    return input as unknown as ReadStream & PassThrough;
  };
  let shown = '';
  const output = new PassThrough().on('data', (text: Buffer) => (shown += text.toString()));
  const ask = (input: ReadStream) => askPassword('Password: ', input, output);
  for (const [typed, password] of [
    ['p w\r', 'p w'],
    ['pax\u007f\u007fä\u0008ss\n', 'pss'],
    ['pa\u0003', undefined],
    ['half\u0004', 'half'],
  ] as const) {
    const input = terminal();
    const asked = ask(input);
    for (const octet of Buffer.from(typed)) input.write(Buffer.from([octet]));
    t.equal(await asked, password, JSON.stringify(typed));
  }
  const ended = terminal();
  const asked = ask(ended);
  ended.end();
  t.equal(await asked, undefined);
  t.strictSame(
    modes,
    [true, false, true, false, true, false, true, false, true, false],
    'the terminal is left as it was',
  );
  t.equal(shown, 'Password: \n'.repeat(5));
  t.equal(await askPassword('Password: ', Object.assign(terminal(), { isTTY: false })), undefined);
});
