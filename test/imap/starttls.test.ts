/** STARTTLS, implicit TLS and log-in inside them (RFC 3501 section 6.2.1, RFC 8314, RFC 5802), against the real listener. */
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t, { type Test } from 'tap';
import { Failure } from '../../src/lib/failure.ts';
import type { TlsServerOptions } from '../../src/platform/platform.ts';
import { makeIdentity } from '../support/certificates.ts';
import { ImapBed, type ImapBedOptions, PASSWORD, USER } from './bed.ts';

const identity = await makeIdentity({ names: ['lab.example'] });
const tls: TlsServerOptions = { minVersion: 'TLSv1.2', identity: () => identity };
/** As on a network: nothing in the clear. */
const onlyInTls = (connection: { readonly tls: unknown }): boolean => connection.tls !== undefined;

/** Lines over a socket that may be put into TLS. */
class Lines {
  socket: Socket;
  #text = '';
  #wake: () => void = () => undefined;
  #isOver = false;

  constructor(socket: Socket) {
    this.socket = socket;
    this.#read(socket);
  }

  #read(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1');
      this.#wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#isOver ||= socket === this.socket;
      this.#wake();
    });
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return line;
      }
      if (this.#isOver) throw new Error('connection ended');
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async ask(text: string): Promise<string> {
    this.socket.write(`${text}\r\n`, 'latin1');
    return await this.line();
  }

  async toTls(): Promise<void> {
    this.socket.removeAllListeners('data');
    this.socket = connectTls({ socket: this.socket, rejectUnauthorized: false });
    this.#read(this.socket);
    await once(this.socket, 'secureConnect');
  }
}

async function connected(
  t: Test,
  options: ImapBedOptions = {},
): Promise<{ bed: ImapBed; lines: Lines; greeting: string }> {
  const bed = await ImapBed.start(t, { tls, passwordsAllowed: onlyInTls, ...options });
  const { host, port } = bed.listener.address;
  const socket = options.implicitTls
    ? connectTls({ host, port, rejectUnauthorized: false })
    : connectTcp({ host, port });
  const lines = new Lines(socket);
  t.teardown(() => lines.socket.destroy());
  return { bed, lines, greeting: await lines.line() };
}

void t.test('section 6.2.1: STARTTLS, then the capabilities are other ones, and log-in works', async (t) => {
  const { bed, lines, greeting } = await connected(t);
  t.match(greeting, /^\* OK \[CAPABILITY IMAP4rev1 (?=.*STARTTLS)(?=.*LOGINDISABLED)(?!.*AUTH=)/);
  t.match(await lines.ask(`a LOGIN ${USER} "${PASSWORD}"`), /^a NO \[PRIVACYREQUIRED\]/);
  t.match(await lines.ask('b AUTHENTICATE PLAIN'), /^b NO \[PRIVACYREQUIRED\]/);
  t.match(await lines.ask('c STARTTLS now'), /^c BAD /);
  t.match(await lines.ask('d STARTTLS'), /^d OK /);
  await lines.toTls();
  t.match(
    await lines.ask('e CAPABILITY'),
    /^\* CAPABILITY IMAP4rev1 (?!.*STARTTLS)(?!.*LOGINDISABLED)(?=.*AUTH=PLAIN)(?=.*AUTH=SCRAM-SHA-256)/,
  );
  t.equal(await lines.line(), 'e OK done');
  t.match(await lines.ask('f STARTTLS'), /^f BAD /);
  t.match(await lines.ask(`g LOGIN ${USER} "${PASSWORD}"`), /^g OK /);
  t.match(await lines.ask('h SELECT INBOX'), /^\* FLAGS/);
  t.match(bed.attempts, [{ service: 'imap', remoteHost: '127.0.0.1', localHost: '127.0.0.1' }]);
});

void t.test('what was sent in the clear behind STARTTLS is thrown away', async (t) => {
  const { lines } = await connected(t);
  t.match(await lines.ask('a STARTTLS\r\nb NOOP\r\nc LOGOUT'), /^a OK /);
  await lines.toTls();
  t.equal(await lines.ask('d NOOP'), 'd OK done', 'neither b nor c was heard');
});

void t.test('a command cut in half by STARTTLS does not go on behind it', async (t) => {
  const { lines } = await connected(t);
  t.match(await lines.ask('a STARTTLS\r\nb LOGIN {5+}'), /^a OK /);
  await lines.toTls();
  t.equal(await lines.ask('c NOOP'), 'c OK done');
});

void t.test('a handshake that fails ends the connection, and no other', async (t) => {
  const { bed, lines } = await connected(t);
  t.match(await lines.ask('a STARTTLS'), /^a OK /);
  lines.socket.write('this is no TLS at all\r\n\r\n');
  await t.rejects(async () => {
    for (;;) await lines.line();
  }, 'closed');
  t.match((await bed.client(false)).ended, false);
});

void t.test('without a certificate there is no STARTTLS', async (t) => {
  const bed = await ImapBed.start(t);
  const client = await bed.client(false);
  t.notMatch(await client.command('a', 'CAPABILITY'), [/STARTTLS/]);
  t.match(await client.command('b', 'STARTTLS'), [/^b BAD /]);
  client.close();
});

void t.test('RFC 8314 section 3.2: TLS from the first octet on', async (t) => {
  const { bed, lines, greeting } = await connected(t, { implicitTls: true });
  t.match(greeting, /^\* OK \[CAPABILITY IMAP4rev1 (?!.*STARTTLS)(?!.*LOGINDISABLED)(?=.*AUTH=PLAIN)/);
  t.match(await lines.ask(`a LOGIN ${USER} "${PASSWORD}"`), /^a OK /);
  t.match(bed.attempts, [{ service: 'imaps' }]);
});

void t.test(
  'RFC 5530: limits, lost owners and names without mailboxes have answers of their own',
  async (t) => {
    const failures = [new Failure('limit', 'slow down'), new Failure('unavailable', 'no owner')];
    const { lines } = await connected(t, { implicitTls: true, failures });
    const login = `LOGIN ${USER} "${PASSWORD}"`;
    t.match(await lines.ask(`a ${login}`), /^a NO \[LIMIT\]/);
    t.match(await lines.ask(`b ${login}`), /^b NO \[UNAVAILABLE\]/);
    t.match(await lines.ask(`c LOGIN postmaster "${PASSWORD}"`), /^c NO \[AUTHORIZATIONFAILED\]/);
    t.match(await lines.ask(`d ${login}`), /^d OK /);
  },
);
