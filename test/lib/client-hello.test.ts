import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { connect } from 'node:tls';
import t from 'tap';
import { CLIENT_HELLO_OCTETS_MAX, readServerName } from '../../src/lib/client-hello.ts';
import { Prng } from '../support/prng.ts';

/** What Node's client sends first. */
async function helloOf(servername: string, maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = connect({ host: '127.0.0.1', port, servername, maxVersion, rejectUnauthorized: false });
  client.on('error', () => undefined);
  const [socket] = await accepted;
  const chunks: Buffer[] = [];
  while (readServerName(Buffer.concat(chunks)).kind === 'more')
    chunks.push(((await once(socket, 'data')) as [Buffer])[0]);
  socket.destroy();
  client.destroy();
  server.close();
  return Buffer.concat(chunks);
}

/** The hello of one record again, its fragments of `octets` each in records of their own. */
function fragmented(hello: Buffer, octets: number): Buffer {
  const body = hello.subarray(5);
  const records: Buffer[] = [];
  for (let from = 0; from < body.length; from += octets) {
    const fragment = body.subarray(from, from + octets);
    const header = Buffer.from([22, 3, 1, 0, 0]);
    header.writeUInt16BE(fragment.length, 3);
    records.push(header, fragment);
  }
  return Buffer.concat(records);
}

/** By hand (RFC 8446 section 4.1.2): nothing but what must be, and these extensions. */
function handmade(extensions: Buffer | undefined): Buffer {
  const fixed = Buffer.concat([Buffer.alloc(34), Buffer.from([0, 0, 2, 0x13, 1, 1, 0])]);
  const body = extensions === undefined ? fixed : Buffer.concat([fixed, counted(extensions)]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  length[0] = 1;
  const message = Buffer.concat([length, body]);
  return Buffer.concat([Buffer.from([22, 3, 1]), counted(message)]);
}

function counted(bytes: Buffer): Buffer {
  const count = Buffer.alloc(2);
  count.writeUInt16BE(bytes.length);
  return Buffer.concat([count, bytes]);
}

function serverName(name: string, type = 0): Buffer {
  const list = counted(Buffer.concat([Buffer.from([type]), counted(Buffer.from(name, 'latin1'))]));
  return Buffer.concat([Buffer.from([0, 0]), counted(list)]);
}

void t.test('what Node says, cut anywhere, in one record or in several', async (t) => {
  for (const [servername, maxVersion] of [
    ['Mail.Lab.example', 'TLSv1.3'],
    ['mail.lab.example', 'TLSv1.2'],
    ['', 'TLSv1.3'],
  ] as const) {
    const name = servername === '' ? undefined : 'mail.lab.example';
    const whole = await helloOf(servername, maxVersion);
    for (const hello of [whole, fragmented(whole, 200)]) {
      for (let cut = 0; cut < hello.length; cut++)
        if (readServerName(hello.subarray(0, cut)).kind !== 'more') t.fail(`decided at ${cut}`);
      t.strictSame(readServerName(Buffer.concat([hello, Buffer.from('rest')])), {
        kind: 'value',
        value: name,
        next: hello.length,
      });
    }
  }
});

void t.test('names that are none', (t) => {
  const ping = Buffer.from([0, 15, 0, 1, 1]);
  for (const [extensions, expected] of [
    [undefined, undefined],
    [Buffer.alloc(0), undefined],
    [ping, undefined],
    [Buffer.concat([ping, serverName('a.example')]), 'a.example'],
    [serverName('192.0.2.1'), undefined],
    [serverName('::1'), undefined],
    [serverName(''), undefined],
    [serverName('a..example'), undefined],
    [serverName('a.example.'), undefined],
    [serverName('../../etc/passwd'), undefined],
    [serverName('a\0.example'), undefined],
    [serverName('ä.example'), undefined],
    [serverName('xn--4ca.example'), 'xn--4ca.example'],
    [serverName('a'.repeat(254)), undefined],
    [serverName('other kind', 1), undefined],
  ] as const)
    t.match(readServerName(handmade(extensions)), { kind: 'value', value: expected });
  t.end();
});

void t.test('no ClientHello', (t) => {
  const records = (count: number) =>
    Buffer.concat(
      Array.from({ length: count }, (_, index) => Buffer.from([22, 3, 1, 0, 1, index === 0 ? 1 : 0])),
    );
  for (const [name, bytes] of [
    ['a command', Buffer.from('EHLO client\r\n')],
    ['another record', Buffer.from([21, 3, 1])],
    ['another message', Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0])],
    ['an empty record', Buffer.from([22, 3, 1, 0, 0])],
    ['extensions longer than they are', handmade(Buffer.from([0, 0, 0, 9, 0]))],
    ['a name longer than its list', handmade(Buffer.from([0, 0, 0, 5, 0, 3, 0, 0, 9]))],
    ['a hello too long', Buffer.from([22, 3, 1, 0x40, 0, 1, 0, (CLIENT_HELLO_OCTETS_MAX >> 8) + 1, 0])],
    ['one in crumbs', records(40)],
  ] as const)
    t.equal(readServerName(bytes).kind, 'bad', name);
  t.end();
});

void t.test('fuzz: any octets give an outcome', (t) => {
  const random = new Prng('client hello');
  const seeds = [handmade(serverName('mail.lab.example')), fragmented(handmade(serverName('a.b')), 20)];
  for (let run = 0; run < 20_000; run++) {
    const bytes = Buffer.from(seeds[random.below(seeds.length)]!);
    for (let flips = random.below(5); flips > 0; flips--)
      bytes[random.below(bytes.length)] = random.below(256);
    const step = readServerName(bytes.subarray(0, random.below(bytes.length + 1)));
    if (step.kind === 'value' && step.value !== undefined && !/^[a-z0-9_.-]+$/.test(step.value))
      t.fail(`run ${run}: ${step.value}`);
  }
  t.pass();
  t.end();
});
