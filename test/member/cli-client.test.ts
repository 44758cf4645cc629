/** The client of a member's CLI: what each kind of answer becomes. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { CliClient } from '../../src/member/cli-client.ts';

/** A CLI that gives these answers by the first word of the command; without one it ends the connection. */
async function cli(t: Test, answers: Readonly<Record<string, string>>) {
  const known: Readonly<Record<string, string>> = {
    USER: '300 go on',
    PASS: '200 hello',
    INLINE: '200 in line',
  };
  const server = createServer((socket: Socket) => {
    socket.setEncoding('utf8').write('200 a CLI\r\n');
    socket.on('data', (text: string) => {
      const answer = { ...known, ...answers }[text.trim().split(' ', 1)[0] ?? ''];
      if (answer === undefined) socket.destroy();
      else socket.write(`${answer}\r\n`);
    });
  });
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { host: '127.0.0.1', port: (server.address() as { readonly port: number }).port };
}

void t.test('the text of an answer, and failures by their code', async (t) => {
  const at = await cli(t, { LIST: '201 (a,b)', CREATE: '520 it exists', DELETE: '513 unknown name' });
  using client = await CliClient.connect(at, 'postmaster', 'a password');
  t.equal(await client.command('LIST'), '(a,b)');
  await t.rejects(client.command('CREATE x'), { code: 'exists', message: 'CREATE: it exists' });
  await t.rejects(client.command('DELETE x'), { code: 'refused', message: 'DELETE: unknown name' });
  await t.rejects(client.command('QUIT'), { code: 'unavailable' });
  await t.rejects(client.command('LIST'), { code: 'unavailable' }, 'there will be no answer any more');
});

void t.test('a wrong password', async (t) => {
  const at = await cli(t, { PASS: '515 wrong name or password' });
  await t.rejects(CliClient.connect(at, 'postmaster', 'wrong'), { code: 'refused', message: /^PASS: wrong/ });
});
