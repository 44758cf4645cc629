/** The door: PROXY headers, and its bounds in time and number. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import t from 'tap';
import { type Logger, noLogger } from '../../../src/lib/logging.ts';
import { RealNet } from '../../../src/platform/real/net.ts';
import { endsBehind } from '../../../src/platform/real/sockets.ts';
import { formatProxyV1, formatProxyV2 } from '../../support/balancer.ts';
import { makeIdentity } from '../../support/certificates.ts';
import { Prng } from '../../support/prng.ts';
import { Recorder } from '../net.spec.ts';
import { dial, dialPlain, echo, gone, LOOPBACK, ping, serverTls } from './tls-bed.ts';

const identity = await makeIdentity({ names: ['door.example'] });
const fromBalancer = (host: string) => host === '127.0.0.1';
const source = { host: '192.0.2.77', port: 4321 };
const destination = { host: '198.51.100.9', port: 993 };

void t.test('a PROXY header says who called whom; not an octet behind it is lost', async (t) => {
  const door = await echo(t, { fromBalancer });
  for (const header of [formatProxyV1({ source, destination }), formatProxyV2({ source, destination })]) {
    const accepted = door.next();
    const socket = await dialPlain(t, door);
    socket.write(Buffer.concat([header, Buffer.from('together')]));
    t.match(await accepted, { remote: source, local: destination, tls: undefined });
    t.strictSame(await once(socket, 'data'), [Buffer.from('together')]);
    t.equal(await ping(socket), 'ping');
  }
});

void t.test('a header in single octets, and nothing behind it until we have spoken', async (t) => {
  const door = await echo(t, { fromBalancer });
  const accepted = door.next();
  const socket = await dialPlain(t, door);
  for (const octet of formatProxyV2({ source, destination }, Buffer.alloc(20))) {
    socket.write(Buffer.from([octet]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.match(await accepted, { remote: source });
  t.equal(await ping(socket), 'ping');
});

void t.test('who says nothing of a client is the client', async (t) => {
  const door = await echo(t, { fromBalancer });
  for (const header of [formatProxyV2(), Buffer.from('PROXY UNKNOWN\r\n')]) {
    const accepted = door.next();
    const socket = await dialPlain(t, door);
    socket.write(header);
    t.match(await accepted, {
      remote: { host: '127.0.0.1', port: socket.localPort },
      local: { host: '127.0.0.1', port: door.port },
    });
  }
});

void t.test('only a balancer is believed: from others a header is what the client says', async (t) => {
  const asked: string[] = [];
  const door = await echo(t, {
    fromBalancer: (host) => {
      asked.push(host);
      return false;
    },
  });
  const accepted = door.next();
  const socket = await dialPlain(t, door);
  t.equal(await ping(socket, 'PROXY UNKNOWN\r\n'), 'PROXY UNKNOWN\r\n');
  t.match(await accepted, { remote: { host: '127.0.0.1' } });
  t.strictSame(asked, ['127.0.0.1']);
});

void t.test("a balancer's own loopback is not ours", (t) => {
  const ends = (host: string) => ({ local: destination, remote: { host, port: 1 } });
  for (const loopback of ['127.0.0.1', '::1']) {
    const header = { kind: 'proxied', source: { host: loopback, port: 2 }, destination } as const;
    t.strictSame(endsBehind(header, ends('192.0.2.1')), ends('192.0.2.1'), 'on another machine');
    t.match(endsBehind(header, ends('127.0.0.1')), { remote: header.source }, 'on ours');
  }
  t.end();
});

void t.test('a balancer without a header is dropped and logged, one that only looks is not', async (t) => {
  const log = new Log();
  const door = await echo(t, { fromBalancer, logger: log.logger });
  const socket = await dialPlain(t, door);
  socket.write('EHLO client\r\n');
  await gone(socket);
  t.match(log.lines, [/^warn a balancer sent no PROXY header/, /^debug/]);
  log.lines.length = 0;
  (await dialPlain(t, door)).end();
  await log.said(/^debug/);
  t.notMatch(log.lines, [/^warn/]);
  t.equal(door.accepted.length, 0);
});

void t.test('a header and the handshake behind it, in one packet too', async (t) => {
  const locals: unknown[] = [];
  const door = await echo(t, {
    fromBalancer,
    tls: {
      minVersion: 'TLSv1.2',
      identity: (_name, local) => {
        locals.push(local);
        return identity;
      },
    },
  });
  const accepted = door.next();
  const raw = await dialPlain(t, door);
  raw.cork();
  raw.write(formatProxyV1({ source, destination }));
  const client = dial(t, door, { socket: raw, servername: 'door.example' });
  process.nextTick(() => raw.uncork());
  t.equal(await ping(await client), 'ping');
  t.match(await accepted, { remote: source, local: destination, tls: { serverName: 'door.example' } });
  t.strictSame(locals, [destination]);
});

void t.test('paused before start holds behind a header too', async (t) => {
  const net = new RealNet();
  const far = Promise.withResolvers<Recorder>();
  const listener = await net.listen(
    LOOPBACK,
    (connection) => {
      connection.pause();
      far.resolve(new Recorder(connection));
    },
    { fromBalancer },
  );
  t.teardown(() => listener.close());
  const socket = await dialPlain(t, listener.address);
  socket.write(Buffer.concat([formatProxyV1({ source, destination }), Buffer.from('early')]));
  const recorder = await far.promise;
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  t.equal(recorder.octets, 0);
  recorder.connection.resume();
  await recorder.until(() => recorder.octets === 5);
  recorder.connection.destroy();
});

void t.test('a certificate that cannot be used is our fault, and said so', async (t) => {
  const log = new Log();
  const door = await echo(t, {
    tls: serverTls({ chain: identity.chain, key: 'nonsense' }),
    logger: log.logger,
  });
  await t.rejects(dial(t, door, { servername: 'door.example' }));
  t.match(log.lines, [/^error .*no usable certificate for door\.example/]);
});

void t.test('who takes too long is dropped', async (t) => {
  const log = new Log();
  const limits = { headerMs: 20, handshakeMs: 20 };
  const header = await echo(t, { fromBalancer, logger: log.logger, limits });
  const waiting = await dialPlain(t, header);
  waiting.write('PROXY TCP4 ');
  await gone(waiting);
  const secure = await echo(t, { tls: serverTls(identity), logger: log.logger, limits });
  for (const first of ['', '\x16\x03\x01']) {
    const socket = await dialPlain(t, secure);
    socket.write(first, 'latin1');
    await gone(socket);
  }
  t.strictSame(
    log.lines.map((line) => /ETIMEDOUT/.test(line)),
    [true, true, true],
  );
});

void t.test('a flood of half-done handshakes costs its own oldest ones only', async (t) => {
  const limits = { waiting: 8, handshakeMs: 60_000 };
  const door = await echo(t, { tls: serverTls(identity), limits });
  const flood: Socket[] = [];
  for (let index = 0; index < 40; index++) {
    const socket = await dialPlain(t, door);
    socket.write(Buffer.from([22, 3, 1, 2, 0, 1]));
    socket.resume();
    flood.push(socket);
  }
  t.equal(await ping(await dial(t, door)), 'ping', 'one that means it gets through');
  await Promise.all(flood.slice(0, 32).map(gone));
  t.equal(flood.filter((socket) => !socket.closed).length <= 8, true);
  t.ok(
    flood.slice(-7).every((socket) => !socket.closed),
    'the youngest still have their time',
  );
});

void t.test('a listener that closes hands nobody over any more', async (t) => {
  const door = await echo(t, { tls: serverTls(identity) });
  const socket = await dialPlain(t, door);
  socket.write(Buffer.from([22, 3, 1]));
  const through = await dial(t, door);
  await ping(through);
  await door.listener.close();
  await gone(socket);
  t.equal(door.accepted.length, 1);
  t.equal(await ping(through), 'ping', 'who was through goes on');
});

void t.test('fuzz: what comes first makes no difference to who comes next', async (t) => {
  const random = new Prng('door');
  const hello = Buffer.concat([Buffer.from([22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3]), random.bytes(250)]);
  const seeds = [
    formatProxyV1({ source, destination }),
    formatProxyV2({ source, destination }, hello),
    hello,
  ];
  const door = await echo(t, {
    fromBalancer,
    tls: serverTls(identity),
    limits: { handshakeMs: 500, headerMs: 500 },
  });
  for (let run = 0; run < 150; run++) {
    const bytes = Buffer.concat([random.pick(seeds), random.chance(0.5) ? hello : Buffer.alloc(0)]);
    for (let flips = random.below(6); flips > 0; flips--)
      bytes[random.below(bytes.length)] = random.below(256);
    const socket = await dialPlain(t, door);
    socket.write(bytes.subarray(0, random.below(bytes.length)));
    if (random.chance(0.5)) socket.end();
    else socket.resetAndDestroy();
  }
  const raw = await dialPlain(t, door);
  raw.write(formatProxyV2());
  t.equal(await ping(await dial(t, door, { socket: raw })), 'ping');
  t.equal(door.accepted.length, 1);
});

/** Collects `level message error` of each line. */
class Log {
  readonly lines: string[] = [];
  #waiting: (() => void)[] = [];

  readonly logger: Logger = {
    ...noLogger,
    debug: (fields, message) => this.#add(`debug ${message} ${String(fields.err)}`),
    error: (fields, message) => this.#add(`error ${message} ${String(fields.err)}`),
    warn: (fields, message) => this.#add(`warn ${message} ${String(fields.why)}`),
  };

  async said(what: RegExp): Promise<void> {
    while (!this.lines.some((line) => what.test(line)))
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #add(line: string): void {
    this.lines.push(line);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
