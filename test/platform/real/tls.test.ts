/** TLS of the door with Node's client as the peer. The same with OpenSSL's own program is in openssl.test.ts. */
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import t from 'tap';
import type { TlsInfo, TlsServerOptions } from '../../../src/platform/platform.ts';
import { RealNet } from '../../../src/platform/real/net.ts';
import { makeCa, makeIdentity } from '../../support/certificates.ts';
import { Recorder } from '../net.spec.ts';
import { dial, dialPlain, echo, gone, LOOPBACK, ping, serverTls } from './tls-bed.ts';

const ca = await makeCa();
const one = await makeIdentity({ names: ['one.example'], ca });
const two = await makeIdentity({ names: ['two.example'], ca, algorithm: 'RSA-2048' });

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest();

void t.test('the certificate follows the server name, asked for at each handshake', async (t) => {
  const asked: unknown[] = [];
  const identity: TlsServerOptions['identity'] = (serverName, local) => {
    asked.push([serverName, local.host, local.port]);
    return serverName === 'two.example' ? two : one;
  };
  const door = await echo(t, { tls: { minVersion: 'TLSv1.2', identity } });
  for (const [servername, maxVersion, expected] of [
    ['TWO.example', 'TLSv1.3', two],
    ['two.example', 'TLSv1.2', two],
    ['other.example', 'TLSv1.3', one],
    ['', 'TLSv1.2', one],
  ] as const) {
    const accepted = door.next();
    const client = await dial(t, door, { servername, maxVersion });
    t.strictSame(client.getPeerX509Certificate()?.raw, expected.der, `${servername} ${maxVersion}`);
    const { tls } = await accepted;
    t.match(tls, {
      protocol: maxVersion,
      serverName: servername === '' ? undefined : servername.toLowerCase(),
      peerCertificate: undefined,
      serverEndPoint: sha256(expected.der),
    });
    t.equal(await ping(client), 'ping');
  }
  const local = ['127.0.0.1', door.port];
  t.strictSame(asked, [
    ['two.example', ...local],
    ['two.example', ...local],
    ['other.example', ...local],
    [undefined, ...local],
  ]);
});

void t.test('a chain is sent whole, so that a client that knows the root only is content', async (t) => {
  const intermediate = await makeCa({ commonName: 'Intermediate', issuer: ca });
  const leaf = await makeIdentity({ names: ['chain.example'], ca: intermediate });
  const door = await echo(t, { tls: serverTls(leaf) });
  const client = await dial(t, door, {
    servername: 'chain.example',
    ca: ca.pem,
    rejectUnauthorized: true,
  });
  t.equal(client.authorized, true);
});

// RFC 9266 section 2 and RFC 5929 section 4: both ends must come to the same octets.
void t.test('channel bindings are the same at both ends', async (t) => {
  const door = await echo(t, { tls: serverTls(one) });
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const accepted = door.next();
    const client = await dial(t, door, { maxVersion });
    const { tls } = await accepted;
    t.equal(tls?.cipher, client.getCipher().standardName);
    if (maxVersion === 'TLSv1.2') t.equal(tls?.exporter, undefined);
    else
      t.strictSame(
        tls?.exporter,
        client.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)),
      );
  }
});

void t.test('versions below the least one are refused, and only forward secrecy is offered', async (t) => {
  const strict = await echo(t, { tls: serverTls(one, { minVersion: 'TLSv1.3' }) });
  await t.rejects(dial(t, strict, { maxVersion: 'TLSv1.2' }), {
    code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  });
  const rsa = await echo(t, { tls: serverTls(two) });
  const old = {
    maxVersion: 'TLSv1.2',
    ciphers: 'AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA:DHE-RSA-AES128-GCM-SHA256',
  };
  await t.rejects(dial(t, rsa, old as never), { code: /HANDSHAKE_FAILURE/ });
  t.equal(await ping(await dial(t, rsa, { maxVersion: 'TLSv1.2' })), 'ping', 'and the next one is served');
});

void t.test('sessions are resumed at any member that has the same ticket keys', async (t) => {
  let keys = randomBytes(48);
  // Two doors with nothing in common but the keys and equal certificates: two processes.
  const copy = () => serverTls({ chain: one.chain, key: one.key }, { ticketKeys: () => keys });
  const [first, second] = [await echo(t, { tls: copy() }), await echo(t, { tls: copy() })];
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const options = { maxVersion, servername: 'one.example' };
    const session = await sessionOf(await dial(t, first, options));
    const accepted = second.next();
    const again = await dial(t, second, { ...options, session });
    t.equal(again.isSessionReused(), true, `${maxVersion}: resumed`);
    const { tls } = await accepted;
    t.strictSame(tls?.serverEndPoint, sha256(one.der), 'and the certificate is still known');
    t.equal(tls?.serverName, 'one.example');
    t.equal(await ping(again), 'ping');
    keys = randomBytes(48);
    t.equal((await dial(t, second, { ...options, session })).isSessionReused(), false, 'keys have changed');
  }
});

void t.test('a session is not resumed under another certificate', async (t) => {
  const keys = randomBytes(48);
  let shown = one;
  const door = await echo(t, {
    tls: { ...serverTls(one, { ticketKeys: () => keys }), identity: () => shown },
  });
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    shown = one;
    const session = await sessionOf(await dial(t, door, { maxVersion }));
    const same = await dial(t, door, { maxVersion, session });
    t.equal(same.isSessionReused(), true);
    await ping(same);
    shown = two;
    const again = await dial(t, door, { maxVersion, session });
    t.equal(again.isSessionReused(), false, maxVersion);
    await ping(again);
    t.strictSame(door.accepted.at(-1)?.tls?.serverEndPoint, sha256(two.der));
  }
});

void t.test('without ticket keys a session is resumed in this process', async (t) => {
  const door = await echo(t, { tls: serverTls(one) });
  const session = await sessionOf(await dial(t, door));
  t.equal((await dial(t, door, { session })).isSessionReused(), true);
});

void t.test('clients are asked for a certificate where authorities are given', async (t) => {
  const other = await makeCa({ commonName: 'Other CA' });
  const member = await makeIdentity({ uris: ['urn:postern:1:backend:b1'], ca });
  const tls = { ...serverTls(one), clientAuthorities: () => [ca.pem] };
  const door = await echo(t, { tls });
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const come = async (identity?: { chain: string; key: string }, session?: Buffer) => {
      const shown = identity === undefined ? {} : { cert: identity.chain, key: identity.key };
      const client = await dial(t, door, { maxVersion, ...shown, ...(session && { session }) });
      await ping(client);
      return client;
    };
    const accepted = door.next();
    const client = await come(member);
    t.strictSame((await accepted).tls?.peerCertificate, member.der, maxVersion);
    const before = door.accepted.length;
    await t.rejects(come(), `${maxVersion}: none`);
    await t.rejects(come(await makeIdentity({ ca: other })), `${maxVersion}: of another authority`);
    await t.rejects(come(await makeIdentity()), `${maxVersion}: self-signed`);
    await t.rejects(
      come(await makeIdentity({ ca, notBefore: new Date(0), notAfter: new Date(1) })),
      `${maxVersion}: over`,
    );
    await t.rejects(
      come(await makeIdentity({ ca, usages: ['serverAuth'] })),
      `${maxVersion}: for servers only`,
    );
    t.equal(door.accepted.length, before, 'none of them got through');
    const session = client.getSession();
    if (session) t.equal((await come(member, session)).isSessionReused(), false, 'looked at anew each time');
  }
});

void t.test('authorities that were taken away count no more', async (t) => {
  const [old, young] = [await makeCa(), await makeCa()];
  let authorities = [old.pem, young.pem];
  const door = await echo(t, { tls: { ...serverTls(one), clientAuthorities: () => authorities } });
  const member = await makeIdentity({ ca: old });
  const come = async () => ping(await dial(t, door, { cert: member.chain, key: member.key }));
  t.equal(await come(), 'ping');
  authorities = [young.pem];
  await t.rejects(come());
});

void t.test('what fails costs that connection only', async (t) => {
  let identity: () => { chain: string; key: string } = () => one;
  const door = await echo(t, { tls: { minVersion: 'TLSv1.2', identity: () => identity() } });
  for (const octets of [
    'EHLO client\r\n',
    '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00',
    '\x80\x2e\x01\x00\x02',
    '\0',
  ]) {
    const socket = await dialPlain(t, door);
    socket.end(Buffer.from(octets, 'latin1'));
    await gone(socket);
  }
  const reset = await dialPlain(t, door);
  reset.write(Buffer.from([22, 3, 1]));
  reset.resetAndDestroy();
  identity = () => {
    throw new Error('the settings are not here yet');
  };
  await t.rejects(dial(t, door));
  identity = () => ({ chain: one.chain, key: two.key });
  await t.rejects(dial(t, door));
  identity = () => ({ chain: 'nonsense', key: '' });
  await t.rejects(dial(t, door));
  t.equal(door.accepted.length, 0);
  identity = () => one;
  t.equal(await ping(await dial(t, door)), 'ping');
});

void t.test('a broken record ends the connection, with an error that nobody needs to catch', async (t) => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const server = Promise.withResolvers<Recorder>();
    const listener = await new RealNet().listen(
      LOOPBACK,
      (connection) => server.resolve(new Recorder(connection)),
      { tls: serverTls(one) },
    );
    t.teardown(() => listener.close());
    const raw = await dialPlain(t, listener.address);
    await dial(t, listener.address, { socket: raw, maxVersion });
    const { told, closed } = await server.promise;
    // Application data of 32 octets that no key has ever seen.
    raw.write(Buffer.concat([Buffer.from([23, 3, 3, 0, 32]), randomBytes(32)]));
    t.match(await closed, { code: /^ERR_SSL/ }, maxVersion);
    t.strictSame(told, ['closed']);
  }
});

void t.test('dialling: the server must be signed by our authorities, whatever its name', async (t) => {
  const net = new RealNet();
  const member = await makeIdentity({ uris: ['urn:postern:1:frontend:f1'], ca });
  const met: (TlsInfo | undefined)[] = [];
  const listener = await net.listen(
    LOOPBACK,
    (connection) => {
      met.push(connection.tls);
      connection.start({ data: (bytes) => connection.write(bytes), closed: () => undefined });
    },
    { tls: { ...serverTls(one, { minVersion: 'TLSv1.3' }), clientAuthorities: () => [ca.pem] } },
  );
  t.teardown(() => listener.close());
  let authorities = [ca.pem];
  const tls = { minVersion: 'TLSv1.3', identity: () => member, authorities: () => authorities } as const;
  const near = new Recorder(await net.connect(listener.address, { timeoutMs: 5000, tls }));
  near.connection.write(Buffer.from('hello'));
  await near.until(() => near.octets === 5);
  t.match(near.connection.tls, { protocol: 'TLSv1.3', peerCertificate: one.der, serverName: undefined });
  t.match(met, [{ peerCertificate: member.der }]);
  t.strictSame(near.connection.tls?.exporter, met[0]?.exporter);
  t.strictSame(near.connection.tls?.serverEndPoint, met[0]?.serverEndPoint);
  near.connection.end();
  t.equal(await near.closed, undefined);

  authorities = [(await makeCa()).pem];
  await t.rejects(net.connect(listener.address, { timeoutMs: 5000, tls }), { code: /CERT|SIGNATURE/ });
  authorities = [];
  await t.rejects(net.connect(listener.address, { timeoutMs: 5000, tls }), { code: /CERT|SIGNATURE/ });
  await t.rejects(near.connection.secure(serverTls(one)), /already/);
});

void t.test('dialling: time and change of mind hold for the handshake too', async (t) => {
  const net = new RealNet();
  const silent = await net.listen(LOOPBACK, (connection) => {
    connection.start({ data: () => undefined, closed: () => undefined });
  });
  t.teardown(() => silent.close());
  const tls = { minVersion: 'TLSv1.2', authorities: () => [ca.pem] } as const;
  await t.rejects(net.connect(silent.address, { timeoutMs: 30, tls }), { code: 'ETIMEDOUT' });
  const controller = new AbortController();
  const attempt = net.connect(silent.address, { timeoutMs: 5000, tls, signal: controller.signal });
  setImmediate(() => controller.abort(new Error('changed my mind')));
  await t.rejects(attempt, /changed my mind/);
});

void t.test('a key is read once for all listeners of a net', async (t) => {
  let reads = 0;
  const identity = {
    chain: one.chain,
    get key() {
      reads++;
      return one.key;
    },
  };
  const net = new RealNet();
  for (let listeners = 0; listeners < 2; listeners++) {
    const listener = await net.listen(
      LOOPBACK,
      (connection) => {
        connection.start({ data: () => undefined, closed: () => undefined });
      },
      { tls: serverTls(identity) },
    );
    t.teardown(() => listener.close());
    for (let clients = 0; clients < 3; clients++) {
      const client = await dial(t, listener.address);
      client.end();
      await once(client, 'close');
    }
  }
  t.equal(reads, 1);
  t.equal(new X509Certificate(one.chain).subject, 'CN=one.example');
});

/** In TLS 1.3 the ticket comes behind the handshake. */
async function sessionOf(client: TLSSocket): Promise<Buffer> {
  const known = client.getProtocol() === 'TLSv1.3' ? undefined : client.getSession();
  if (known !== undefined) return known;
  const [session] = (await once(client, 'session')) as [Buffer];
  return session;
}
