/** A real member: self-signed from the first start on, an own certificate by `postern certificate`, kept over a restart. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, type PeerCertificate } from 'node:tls';
import t from 'tap';
import type { Address } from '../../src/platform/platform.ts';
import { makeCa, makeIdentity } from '../support/certificates.ts';
import { Cli } from '../support/cli.ts';
import { POSTERN } from '../support/lab.ts';
import { baseFolder, Member } from '../support/member.ts';

const ANY_PORT = '"127.0.0.1:0"';
const PASSWORD = 'a word for tests';

/** What a client is shown that trusts `ca` and asks for this name. */
async function shown(
  at: Address,
  servername: string,
  ca: string,
): Promise<PeerCertificate & { readonly ok: boolean }> {
  const socket = connect({ ...at, servername, ca, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const certificate = { ...socket.getPeerCertificate(), ok: socket.authorized };
  socket.destroy();
  return certificate;
}

async function services(base: string): Promise<Readonly<Record<string, Address>>> {
  const status = JSON.parse(await readFile(join(base, 'status.json'), 'utf8')) as {
    readonly services: Record<string, Address>;
  };
  return status.services;
}

async function postern(
  args: readonly string[],
): Promise<{ readonly status: number | null; readonly said: string }> {
  const child = spawn(POSTERN, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (said += text.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, said };
}

void t.test('from the first start to a certificate of its own', async (t) => {
  const off = Object.fromEntries(['Submissions', 'POPS'].map((each) => [`${each}Listener`, 'off']));
  const base = await baseFolder(t, { ...off, PWDListener: ANY_PORT, IMAPSListener: ANY_PORT });
  await writeFile(join(base, 'Settings', 'Postmaster.password'), `${PASSWORD}\n`);
  const ca = await makeCa();
  const made = await makeIdentity({ names: ['one.example', 'mail.one.example'], ca });
  const files = [join(base, 'cert.pem'), join(base, 'key.pem')] as const;
  await writeFile(files[0], made.chain);
  await writeFile(files[1], made.key);

  const member = Member.run(t, base, []);
  await member.ready();
  const { imaps, pwd } = await services(base);
  t.match((await shown(imaps!, 'one.example', ca.pem)).subject.CN, /self-signed/);
  t.ok(
    member.lines.some((line) => /made a self-signed certificate .* postern certificate DOMAIN/.test(line)),
    'the console says so',
  );

  const cli = await Cli.connect(pwd!, { login: 'postmaster', password: PASSWORD });
  t.match(await cli.run('CREATEDOMAIN one.example'), /^200/);
  const install = ['certificate', 'one.example', ...files, '--Base', base];
  const { status, said } = await postern(install);
  t.match(
    said,
    /^postern: installed for one\.example: one\.example, mail\.one\.example, valid until \d{4}-\d\d-\d\d\n$/,
  );
  t.equal(status, 0);
  // In force when it is answered: no waiting here.
  const now = await shown(imaps!, 'mail.one.example', ca.pem);
  t.equal(now.ok, true, 'a client that trusts the authority is content');
  t.equal(now.subject.CN, 'one.example');
  t.match((await shown(imaps!, 'other.example', ca.pem)).subject.CN, /self-signed/);
  t.match(
    await cli.run('GETDOMAINSETTINGS one.example'),
    /^201 \{CertificateType=YES;SecureCertificate=\[.*\];PrivateSecureKey=hidden;\}$/,
  );
  t.match(
    await cli.run('UPDATEDOMAINSETTINGS one.example {IPAddresses=(127.0.0.1);}'),
    /^501 IPAddresses: give/,
  );
  cli.close();

  member.terminate();
  await member.ended;
  const again = Member.run(t, base, []);
  await again.ready();
  const after = await services(base);
  t.equal((await shown(after['imaps']!, 'one.example', ca.pem)).ok, true, 'kept over a restart');
  t.notOk(again.lines.some((line) => line.includes('self-signed')));
  again.terminate();
  await again.ended;
});
