/** STLS (RFC 2595 section 4) and TLS from the first octet (RFC 8314 section 3.3), on real sockets. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import t from 'tap';
import type { TlsServerOptions } from '../../src/platform/platform.ts';
import { makeIdentity } from '../support/certificates.ts';
import { PASSWORD, PopBed, PopClient, USER } from './bed.ts';

const identity = await makeIdentity({ names: ['mail.lab.example'] });
const TLS: TlsServerOptions = { minVersion: 'TLSv1.2', identity: () => identity };

/** A client on a socket that may become a TLS one. */
class Lines {
  socket: Socket;
  #text = '';
  #isEnded = false;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    this.#listen();
  }

  #listen(): void {
    this.socket.on('data', (bytes: Buffer) => {
      this.#text += bytes.toString('latin1');
      this.#wake();
    });
    this.socket.on('error', () => undefined); // 'close' follows
    this.socket.on('close', () => {
      this.#isEnded = true;
      this.#wake();
    });
  }

  /** The handshake, where the server has said that it begins. */
  async secure(): Promise<void> {
    this.socket.removeAllListeners('data');
    const tls: TLSSocket = connectTls({ socket: this.socket, rejectUnauthorized: false });
    await once(tls, 'secureConnect');
    this.socket = tls;
    this.#listen();
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return line;
      }
      if (this.#isEnded) throw new Error('connection ended');
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  close(): void {
    this.socket.destroy();
  }
}

async function clear(bed: PopBed): Promise<{ lines: Lines; client: PopClient }> {
  const { host, port } = bed.listener.address;
  const lines = new Lines(connect(port, host));
  const client = new PopClient(lines);
  await client.line();
  return { lines, client };
}

void t.test('STLS: CAPA before and after, no second time, and a log-in inside', async (t) => {
  const bed = await PopBed.start(t, { tls: TLS });
  const { lines, client } = await clear(bed);
  const before = await client.all('CAPA');
  t.ok(before.includes('STLS'));
  t.match(await client.say('STLS'), '+OK');
  await lines.secure();
  const after = await client.all('CAPA');
  t.notOk(after.includes('STLS'), 'RFC 2595 section 4: it is over');
  t.match(await client.say('STLS'), '-ERR', 'RFC 2595 section 4: only once');
  t.match(await client.logIn(), '+OK');
  t.match(await client.say('STLS'), '-ERR', 'RFC 2595 section 4: in the AUTHORIZATION state only');
  client.close();
});

void t.test('RFC 2595 section 4: what came in the clear does not count inside', async (t) => {
  const bed = await PopBed.start(t, { tls: TLS });
  const { lines, client } = await clear(bed);
  await client.say(`USER ${USER}`);
  lines.send(`STLS\r\nUSER ${USER}\r\nPASS ${PASSWORD}\r\nSTAT\r\n`);
  t.match(await client.line(), '+OK');
  await lines.secure();
  t.match(
    await client.say('LANG tlh'),
    '-ERR no such language',
    'the first answer inside is to the first command inside',
  );
  t.match(await client.say(`PASS ${PASSWORD}`), '-ERR USER comes before PASS', 'USER is forgotten');
  t.same(bed.attempts, []);
  client.close();
});

void t.test('a handshake that fails ends the connection', async (t) => {
  const bed = await PopBed.start(t, { tls: TLS });
  const { lines, client } = await clear(bed);
  await client.say('STLS');
  lines.send('CAPA\r\nthis is no handshake at all, and long enough to be seen as none\r\n');
  await client.end();
  t.pass('ended');
});

void t.test('TLS from the first octet', async (t) => {
  const bed = await PopBed.start(t, { tls: TLS, implicit: true });
  const { host, port } = bed.listener.address;
  const socket = connectTls({ host, port, rejectUnauthorized: false });
  const client = new PopClient(new Lines(socket));
  t.match(await client.line(), '+OK Postern');
  t.notOk((await client.all('CAPA')).includes('STLS'));
  t.match(await client.say('STLS'), '-ERR');
  t.match(await client.logIn(), '+OK');
  client.close();
});
