/**
 * Administration off loopback, with a real member: the CLI and the HTTP listener are inside TLS there, with the cluster's
 * certificate, and need a log-in. The address is this machine's own, so nothing leaves it.
 */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import type { Address } from '../../src/platform/platform.ts';
import { baseFolder, Member } from '../support/member.ts';

const PASSWORD = 'a-password-of-the-test';
const own = Object.values(networkInterfaces())
  .flat()
  .find((each) => each !== undefined && !each.internal && each.family === 'IPv4')?.address;

interface Answer {
  readonly status: number | undefined;
  readonly text: string;
}

/** The certificate is self-signed: whose it is, is not what is tested here. */
async function ask({ host, port }: Address, path: string, password?: string): Promise<Answer> {
  const auth = password === undefined ? {} : { auth: `postmaster:${password}` };
  const asked = request({ host, port, path, agent: false, rejectUnauthorized: false, ...auth });
  asked.end();
  const [answer] = (await once(asked, 'response')) as [import('node:http').IncomingMessage];
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  return { status: answer.statusCode, text };
}

void t.test('off loopback', { skip: own === undefined && 'this machine has loopback only' }, async (t) => {
  const base = await baseFolder(t, {
    ClusterAddress: '"127.0.0.1:0"',
    ManagementAddress: `"${own}"`,
    PWDListener: `"${own}:0"`,
    AdminListener: `"${own}:0"`,
  });
  await writeFile(join(base, 'Settings', 'Postmaster.password'), PASSWORD);
  const member = Member.run(t, base, []);
  await member.ready();
  const { services } = (await member.status()) as unknown as {
    readonly services: Readonly<Record<'admin' | 'pwd', Address>>;
  };
  t.equal(services.admin.host, own);

  t.match(await ask(services.admin, '/health'), { status: 200, text: 'ready\n' }, 'open');
  for (const path of ['/', '/status.json', '/metrics'])
    t.match(await ask(services.admin, path), { status: 401 }, `${path} is not`);
  t.match(await ask(services.admin, '/status.json', PASSWORD), { status: 200, text: /"standing": "ready"/ });
  t.match(await ask(services.admin, '/metrics', PASSWORD), {
    status: 200,
    text: /postern_logins_total\{service="admin",outcome="ok",worker="0"\} 2/,
  });

  const plain = connect(services.admin.port, own);
  plain.on('error', () => undefined);
  let clear = '';
  plain.on('data', (octets: Buffer) => (clear += octets.toString('latin1')));
  plain.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(plain, 'close');
  t.notMatch(clear, /ready/, 'nothing in the clear');

  const socket = connectTls({ ...services.pwd, rejectUnauthorized: false });
  let text = '';
  const line = async (wanted: RegExp): Promise<void> => {
    while (!wanted.test(text)) text += String((await once(socket, 'data'))[0]);
  };
  await line(/^200 .*ready.*\r\n/);
  socket.write(`USER postmaster\r\nPASS ${PASSWORD}\r\n`);
  await line(/\r\n200 [^\r]*\r\n$/);
  t.match(text, /\n300 /);
  socket.destroy();
  member.terminate();
  t.match(await member.ended, { status: 0 });
});
