/** Administration over HTTP, as transcripts over real sockets: who sees what, and what is refused. */
import { once } from 'node:events';
import t from 'tap';
import type { Standing } from '../../src/cluster/types.ts';
import { ANSWER_MS_MAX, REQUEST_MS_MAX } from '../../src/http/connections.ts';
import { HEADER_OCTETS_MAX, URL_OCTETS_MAX } from '../../src/http/server.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { allOf, basic, bed, get, REPORT } from './bed.ts';

const FAR = { remote: { host: '192.0.2.9', port: 4000 } };
const TLS = {
  ...FAR,
  tls: {
    protocol: 'TLSv1.3',
    cipher: 'x',
    serverName: undefined,
    peerCertificate: undefined,
    serverEndPoint: undefined,
    exporter: undefined,
  },
};

void t.test('/health is open, says one word, and its status is for balancers', async (t) => {
  let standing: Standing = 'ready';
  const { ask } = await bed(t, { standing: () => standing, seenAs: FAR });
  const words: readonly (readonly [Standing, string, string])[] = [
    ['ready', '200 OK', 'ready'],
    ['degraded', '200 OK', 'degraded'],
    ['not-ready', '503 Service Unavailable', 'not ready'],
  ];
  for (const [now, status, word] of words) {
    standing = now;
    const text = await ask(get('/health'));
    t.match(text, `HTTP/1.1 ${status}\r\n`);
    t.match(text, /content-type: text\/plain/);
    t.equal(bodyOf(text), `${word}\n`);
    const json = await ask(get('/health', 'Accept: application/json'));
    t.match(json, `HTTP/1.1 ${status}\r\n`);
    t.strictSame(JSON.parse(bodyOf(json)), { status: word });
  }
  standing = 'not-ready';
  t.equal(
    bodyOf(await ask(get('/health').replace('GET', 'HEAD'))),
    '',
    'RFC 9110 section 9.3.2: HEAD has no body',
  );
  t.match(await ask(get('/health?x=1')), /^HTTP\/1.1 503 /, 'a query changes nothing');
});

const LOGINS: readonly (readonly [what: string, fields: readonly string[], status: RegExp])[] = [
  [
    'without a log-in',
    [],
    /^HTTP\/1.1 401 .*\r\n[^]*www-authenticate: Basic realm="[^"]+", charset="UTF-8"\r\n/,
  ],
  ['an administrator', [basic('admin', 'right')], /^HTTP\/1.1 200 /],
  ['a wrong password', [basic('admin', 'wrong')], /^HTTP\/1.1 401 /],
  ['an account without rights', [basic('joe', 'right')], /^HTTP\/1.1 403 /],
  ['too many failures', [basic('slow', 'right')], /^HTTP\/1.1 429 .*\r\n[^]*retry-after: \d+\r\n/],
  ['nobody can tell', [basic('down', 'right')], /^HTTP\/1.1 503 /],
  ['another scheme', ['Authorization: Bearer abc'], /^HTTP\/1.1 401 /],
  ['no base64', ['Authorization: Basic ???'], /^HTTP\/1.1 401 /],
];

void t.test('off loopback everything but /health needs a log-in', async (t) => {
  const { ask, attempts } = await bed(t, { seenAs: TLS });
  for (const path of ['/', '/status.json', '/metrics', '/nothing'])
    t.match(await ask(get(path)), /^HTTP\/1.1 401 /, path);
  for (const [what, fields, status] of LOGINS)
    t.match(await ask(get('/status.json', ...fields)), status, what);
  t.match(attempts[0], { service: 'admin', remoteHost: '192.0.2.9', localHost: '127.0.0.1' });
  t.match(await ask(get('/nothing', basic('admin', 'right'))), /^HTTP\/1.1 404 /);
});

void t.test('no password crosses in the clear', async (t) => {
  const { ask, attempts } = await bed(t, { seenAs: FAR });
  const answer = await ask(get('/status.json', basic('admin', 'right')));
  t.match(answer, /^HTTP\/1.1 403 /);
  t.notMatch(answer, /www-authenticate/i, 'nor is it asked for');
  t.equal(attempts.length, 0);
});

void t.test('on loopback no log-in is needed, but a name of somebody else does not get in', async (t) => {
  const { ask } = await bed(t);
  const answer = await ask(get('/status.json'));
  t.match(answer, /^HTTP\/1.1 200 /);
  t.strictSame(JSON.parse(bodyOf(answer)), REPORT);
  for (const host of ['127.0.0.1', '127.0.0.1:8010', '[::1]:8010', 'LOCALHOST:80'])
    t.match(await ask(get('/').replace('localhost', host)), /^HTTP\/1.1 200 /, host);
  for (const host of [
    'evil.example',
    'evil.example:8010',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
  ])
    t.match(await ask(get('/').replace('localhost', host)), /^HTTP\/1.1 401 /, host);
});

void t.test('the page and the headers', async (t) => {
  const { ask } = await bed(t);
  const page = await ask(get('/'));
  t.match(page, /^HTTP\/1.1 200 /);
  t.match(page, /content-type: text\/html; charset=utf-8/);
  t.match(
    page,
    /content-security-policy: default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]+'; frame-ancestors 'none'/,
  );
  for (const path of ['/health', '/status.json', '/metrics', '/nothing']) {
    const answer = await ask(get(path));
    t.match(answer, /content-security-policy: default-src 'none'; frame-ancestors 'none'/, path);
    t.match(answer, /x-content-type-options: nosniff/, path);
    t.match(answer, /cache-control: no-store/, path);
    t.match(answer, /x-frame-options: DENY/, path);
    t.notMatch(answer, /strict-transport-security/, 'RFC 6797 section 7.2: not in the clear');
  }
  const { ask: secured } = await bed(t, { seenAs: TLS });
  t.match(await secured(get('/health')), /strict-transport-security: max-age=\d+/);
});

const REFUSED: readonly (readonly [what: string, request: string, status: RegExp])[] = [
  [
    'another method',
    get('/status.json').replace('GET', 'POST'),
    /^HTTP\/1.1 405 .*\r\n[^]*allow: GET, HEAD\r\n/,
  ],
  ['DELETE', get('/').replace('GET', 'DELETE'), /^HTTP\/1.1 405 /],
  ['a body', `${get('/health', 'Content-Length: 3')}abc`, /^HTTP\/1.1 400 /],
  ['a chunked body', `${get('/health', 'Transfer-Encoding: chunked')}0\r\n\r\n`, /^HTTP\/1.1 400 /],
  [
    'both lengths',
    `${get('/health', 'Content-Length: 3', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    /^HTTP\/1.1 400 /,
  ],
  ['a long address', get(`/${'a'.repeat(URL_OCTETS_MAX)}`), /^HTTP\/1.1 414 /],
  ['long fields', get('/health', `X: ${'a'.repeat(HEADER_OCTETS_MAX)}`), /^HTTP\/1.1 431 /],
  ['no HTTP', 'EHLO me\r\n\r\n', /^HTTP\/1.1 400 /],
  ['a bad escape', get('/%zz'), /^HTTP\/1.1 40[04] /],
  ['no Host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', /^HTTP\/1.1 400 /],
];

void t.test('what is refused', async (t) => {
  const { ask, listener } = await bed(t);
  for (const [what, request, status] of REFUSED) t.match(await ask(request), status, what);
  t.match(await ask(get('/health')), /^HTTP\/1.1 200 /, 'and it goes on');
  t.equal(listener.connections, 0);
});

void t.test('an error inside is told to the log, not to the client', async (t) => {
  const { ask } = await bed(t, { report: () => Promise.reject(new Error('secret detail')) });
  const answer = await ask(get('/status.json'));
  t.match(answer, /^HTTP\/1.1 500 /);
  t.notMatch(answer, /secret/);
});

void t.test('several requests on a connection', async (t) => {
  const { connect } = await bed(t);
  const socket = await connect();
  const keep = get('/health').replace('Connection: close\r\n', '');
  socket.write(keep + keep + get('/health'));
  const answers = await allOf(socket);
  t.equal(answers.match(/HTTP\/1.1 200 OK/g)?.length, 3);
});

void t.test('slow clients are dropped, and only they', async (t) => {
  const clock = new ManualClock();
  const { connect, ask, listener } = await bed(t, { clock });
  const slow = await connect();
  slow.write('GET /health HTTP/1.1\r\nHost: localhost\r\n');
  // It is counted when the server has accepted it.
  while (listener.connections === 0) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(REQUEST_MS_MAX - 1);
  slow.write('X: y\r\n');
  t.equal(listener.connections, 1, 'a field buys no time');
  await clock.advance(1);
  await once(slow, 'close');
  t.equal(listener.connections, 0);
  t.match(await ask(get('/health')), /^HTTP\/1.1 200 /);
});

void t.test('an answer that is not made in time ends its connection', async (t) => {
  const clock = new ManualClock();
  const { connect, listener } = await bed(t, { clock, report: () => new Promise(() => undefined) });
  const socket = await connect();
  const closed = once(socket, 'close');
  let asked = false;
  socket.write(get('/status.json'), () => (asked = true));
  while (!asked || listener.connections === 0) await new Promise((resolve) => setImmediate(resolve));
  // The request reaches the handler within some turns of the loop; then its time is the answer's.
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(ANSWER_MS_MAX - 1);
  t.equal(listener.connections, 1);
  await clock.advance(1);
  await closed;
  t.equal(listener.connections, 0);
});

void t.test('at most so many connections', async (t) => {
  const { connect, listener } = await bed(t, { connectionsMax: 2 });
  const [one, two] = [await connect(), await connect()];
  while (listener.connections < 2) await new Promise((resolve) => setImmediate(resolve));
  t.match(await allOf(await connect()), /^HTTP\/1.1 503 /);
  one.destroy();
  two.destroy();
});

void t.test('close ends who waits at once and lets an answer end', async (t) => {
  const answer = Promise.withResolvers<typeof REPORT>();
  const asked = Promise.withResolvers<void>();
  const { connect, listener } = await bed(t, {
    report: () => {
      asked.resolve();
      return answer.promise;
    },
  });
  const idle = await connect();
  const busy = await connect();
  const rest = allOf(busy);
  busy.write(get('/status.json').replace('Connection: close\r\n', ''));
  await asked.promise;
  const closing = listener.close(60_000);
  if (!idle.closed) await once(idle, 'close');
  answer.resolve(REPORT);
  await closing;
  t.match(await rest, /^HTTP\/1.1 200 /);
});

function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf('\r\n\r\n') + 4);
}
