/** What the mail program complains of, against a server that is played. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { MailProgram } from './mail-program.ts';

const LOGIN = { login: 'joe', password: 'secret' };

/** A server that greets, lets everybody in, and answers each further command as `play` says. */
async function played(
  t: Test,
  play: (tag: string, command: string, socket: Socket) => string,
): Promise<MailProgram> {
  const server = createServer((socket) => {
    socket.write('* OK ready\r\n');
    let left = '';
    socket.on('data', (octets) => {
      const lines = (left + octets.toString()).split('\r\n');
      left = lines.pop() ?? '';
      for (const line of lines) {
        const [tag = '', command = ''] = line.split(' ');
        socket.write(command === 'LOGIN' ? `${tag} OK in\r\n` : play(tag, command, socket));
      }
    });
    socket.on('error', () => undefined); // the client has left
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { readonly port: number };
  const program = await MailProgram.open({ host: '127.0.0.1', port }, LOGIN);
  t.teardown(() => {
    program.close();
    server.close();
  });
  return program;
}

void t.test('answers, APPEND and IDLE', async (t) => {
  const program = await played(t, (tag, command) => {
    if (command === 'APPEND' || command === 'IDLE') return '+ go on\r\n';
    if (command === 'NOOP') return `* 2 EXISTS\r\n${tag} OK done\r\n`;
    return tag === 'DONE' ? 't4 OK idled\r\n' : tag === 'text' ? 't3 OK [APPENDUID 1 1] appended\r\n' : '';
  });
  t.match(await program.command('NOOP'), { status: 'OK', untagged: [{ text: '* 2 EXISTS' }] });
  t.equal(program.view.exists, 2);
  t.match(await program.append('INBOX', 'text'), { status: 'OK', text: '[APPENDUID 1 1] appended' });
  await program.idle();
  t.match(await program.done(), { status: 'OK' });
  t.same(program.complaints, []);
});

void t.test('what no server may send is a complaint', async (t) => {
  for (const [what, answer] of [
    ['two tagged responses', (tag: string) => `${tag} OK done\r\n${tag} OK done\r\n`],
    ['untagged between commands', (tag: string) => `${tag} OK done\r\n* 3 EXISTS\r\n`],
    ['a tag that nobody gave', (tag: string) => `x1 OK done\r\n${tag} OK done\r\n`],
  ] as const) {
    const program = await played(t, answer);
    await program.command('NOOP');
    await program.command('NOOP');
    t.ok(program.complaints.length > 0, what);
  }
});

void t.test('a connection that ends: between responses, or inside one', async (t) => {
  const ended = await played(t, (_, __, socket) => {
    socket.end('* BYE [UNAVAILABLE] gone\r\n');
    return '';
  });
  t.match(await ended.command('NOOP'), { status: 'closed', text: '* BYE [UNAVAILABLE] gone' });
  t.same([ended.isClosed, ended.isCut], [true, false]);
  const cut = await played(t, (_, __, socket) => {
    socket.end('* 1 FETCH (BODY[] {10}\r\nhalf');
    return '';
  });
  t.match(await cut.command('FETCH 1 (BODY[])'), { status: 'closed' });
  t.same([cut.isClosed, cut.isCut], [true, true]);
});
