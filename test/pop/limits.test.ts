/** Time-outs and limits, on a network in memory and a clock that the test moves. */
import t from 'tap';
import { REFUSALS_MAX } from '../../src/pop/frontend/authorization.ts';
import { IDLE_MS, LOGIN_MS } from '../../src/pop/frontend/connection.ts';
import { LINGER_MS, WRITE_STALL_MS } from '../../src/relay/client.ts';
import { PATIENCE_MS } from '../../src/relay/listener.ts';
import { memoryPlatform } from '../support/memory-platform.ts';
import { ConnectionLines, PopBed, type PopBedOptions, PopClient, USER } from './bed.ts';

async function start(t: { teardown(run: () => unknown): void }, options: PopBedOptions = {}) {
  const world = memoryPlatform();
  const { clock } = world;
  // Whatever waits for the clock when a test is over gets its time.
  const teardowns: (() => unknown)[] = [];
  const bed = await PopBed.start({ teardown: (run) => void teardowns.push(run) }, { world, ...options });
  t.teardown(async () => {
    const over = Promise.all(teardowns.map((run) => run()));
    await clock.advance(10_000);
    await over;
  });
  const connect = async () => {
    const lines = new ConnectionLines(await world.net.connect(bed.listener.address, { timeoutMs: 1000 }));
    return { lines, client: new PopClient(lines) };
  };
  return { bed, clock, connect };
}

void t.test('RFC 1939 section 3: ten minutes of silence end a session, with no word', async (t) => {
  const { bed, clock, connect } = await start(t);
  await bed.append('x\r\n');
  const { client, lines } = await connect();
  await client.line();
  t.match(await client.logIn(), '+OK');
  await client.say('DELE 1');
  await clock.advance(IDLE_MS - 1);
  t.match(await client.say('NOOP'), '+OK', 'any command begins them anew');
  await clock.advance(IDLE_MS - 1);
  t.notOk(lines.isEnded);
  await clock.advance(1);
  t.same(await client.end(), []);
  t.same(bed.inbox, ['1'], 'and nothing was deleted');
});

void t.test('who does not log in is not served for ever, whatever it says', async (t) => {
  const { clock, connect } = await start(t);
  const { client } = await connect();
  await client.line();
  for (let minute = 0; minute < LOGIN_MS / 60_000; minute++) {
    t.match(await client.say('CAPA'), '+OK');
    await client.rest();
    await clock.advance(60_000);
  }
  t.same(await client.end(), []);
});

void t.test('one connection too many is told so; idle strangers make room, sessions do not', async (t) => {
  const { bed, clock, connect } = await start(t, { connectionsMax: 2 });
  const first = await connect();
  await first.client.line();
  await first.client.logIn();
  const second = await connect();
  await second.client.line();
  const third = await connect();
  t.match(await third.client.line(), /^-ERR \[SYS\/TEMP\] too many connections/);
  t.same(await third.client.end(), []);
  await clock.advance(PATIENCE_MS);
  const fourth = await connect();
  t.match(await fourth.client.line(), '+OK');
  t.same(await second.client.end(), [], 'the stranger has made room');
  t.match(await first.client.say('STAT'), '+OK', 'the session has not');
  t.equal(bed.listener.connections, 2);
});

void t.test('a client that never closes its side counts until it is dropped', async (t) => {
  const { bed, clock, connect } = await start(t);
  const { client, lines } = await connect();
  await client.line();
  lines.send('QUIT\r\n');
  lines.connection.pause();
  await clock.advance(LINGER_MS - 1);
  t.equal(bed.listener.connections, 1);
  await clock.advance(1);
  t.equal(bed.listener.connections, 0);
});

void t.test('a client that does not read is dropped, and was not sent more than is bounded', async (t) => {
  const { bed, clock, connect } = await start(t);
  await bed.append(`Subject: long\r\n\r\n${'line\r\n'.repeat(500_000)}`);
  const { client, lines } = await connect();
  await client.line();
  await client.logIn();
  lines.connection.pause();
  lines.send('RETR 1\r\nRETR 1\r\n');
  for (let turn = 0; turn < 20; turn++) await clock.advance(1);
  await clock.advance(WRITE_STALL_MS - 1000);
  t.equal(bed.listener.connections, 1);
  await clock.advance(1000);
  t.equal(bed.listener.connections, 0);
});

void t.test('wrong passwords take time, and five of them the connection', async (t) => {
  const { bed, clock, connect } = await start(t);
  bed.loginFails = 'refused';
  const { client } = await connect();
  await client.line();
  for (let refusal = 1; refusal <= REFUSALS_MAX; refusal++) {
    await client.say(`USER ${USER}`);
    let isAnswered = false;
    const answer = client.say('PASS x').finally(() => (isAnswered = true));
    await clock.advance(999);
    t.notOk(isAnswered);
    await clock.advance(1);
    t.equal(await answer, '-ERR [AUTH] wrong name or password');
  }
  t.same(await client.end(), []);
  t.match(bed.attempts[0], { service: 'pop3', remoteHost: '127.0.0.1', localHost: '127.0.0.1' });
});

void t.test('log-ins that are not understood end the connection too, whatever comes between', async (t) => {
  const { connect } = await start(t);
  const { client, lines } = await connect();
  await client.line();
  for (let wrong = 1; wrong <= REFUSALS_MAX; wrong++) {
    lines.send('AUTH PLAIN\r\n!\r\n');
    t.match(await client.line(), /^\+ /);
    t.match(await client.line(), /^-ERR/);
  }
  t.same(await client.end(), []);
});

for (const [code, answer] of [
  ['limit', '-ERR [SYS/TEMP] too many attempts'],
  ['unavailable', '-ERR [SYS/TEMP] temporarily unavailable'],
  ['not-found', '-ERR [AUTH] wrong name or password'],
] as const)
  void t.test(`RFC 3206: a log-in that fails with ${code}`, async (t) => {
    const { bed, clock, connect } = await start(t);
    bed.loginFails = code;
    const { client } = await connect();
    await client.line();
    const said = client.logIn();
    await clock.advance(1000);
    t.ok((await said).startsWith(answer));
  });

void t.test(
  'the server stops: the running command ends, then the connection; nothing is deleted',
  async (t) => {
    const { bed, clock, connect } = await start(t);
    await bed.append('x\r\n');
    const { client } = await connect();
    await client.line();
    await client.logIn();
    await client.say('DELE 1');
    const closed = bed.listener.close(5000);
    t.same(await client.end(), []);
    await clock.advance(0);
    await closed;
    t.same(bed.inbox, ['1']);
  },
);

void t.test('a client that leaves without QUIT deletes nothing; what it read it has seen', async (t) => {
  const { bed, clock, connect } = await start(t);
  await bed.append('x\r\n', 'y\r\n');
  const { client } = await connect();
  await client.line();
  await client.logIn();
  await client.all('RETR 2');
  await client.say('DELE 1');
  client.close();
  await clock.advance(1);
  t.same(bed.inbox, ['1', '2 \\Seen']);
});

void t.test('commands before a FIN are done and answered, but nothing long is read for nobody', async (t) => {
  const { bed, clock, connect } = await start(t);
  await bed.append(`Subject: long\r\n\r\n${'line\r\n'.repeat(500_000)}`, 'x\r\n');
  const quitting = await connect();
  await quitting.client.line();
  await quitting.client.logIn();
  quitting.lines.send('DELE 2\r\nQUIT\r\n');
  quitting.lines.connection.end();
  while (bed.listener.connections > 0) await clock.advance(0);
  t.match(await quitting.client.end(), [/^\+OK/, /^\+OK/]);
  t.same(bed.inbox, ['1'], 'RFC 1939 section 6: the QUIT was issued');
  const { client, lines } = await connect();
  await client.line();
  await client.logIn();
  let reads = 0;
  const { account } = bed;
  const read = account.read.bind(account);
  account.read = (...args) => {
    reads++;
    return read(...args);
  };
  lines.send('RETR 1\r\n'.repeat(1000));
  lines.connection.end();
  lines.connection.pause();
  for (let turn = 0; turn < 50; turn++) await clock.advance(1);
  t.ok(reads < 50, `${reads} reads`);
  await clock.advance(WRITE_STALL_MS);
  t.equal(bed.listener.connections, 0, 'who reads nothing is dropped');
  t.ok(reads < 50, `${reads} reads`);
});

void t.test('one account has so many sessions at a time; the others go on', async (t) => {
  const { clock, connect } = await start(t, { sessionsMax: 2 });
  const clients = [await connect(), await connect(), await connect()];
  for (const { client } of clients) await client.line();
  for (const { client } of clients.slice(0, 2)) t.match(await client.logIn(), '+OK');
  t.match(await clients[2]!.client.logIn(), /^-ERR \[IN-USE\] /, 'RFC 2449 section 8.1.1');
  t.same(await clients[2]!.client.end(), []);
  t.match(await clients[0]!.client.say('QUIT'), '+OK');
  await clock.advance(1);
  const next = await connect();
  await next.client.line();
  t.match(await next.client.logIn(), '+OK');
  t.match(await clients[1]!.client.say('NOOP'), '+OK');
});

void t.test('off loopback no password is taken without TLS (RFC 2595 section 4)', async (t) => {
  const { bed, connect } = await start(t, { host: '192.0.2.1' });
  const { client } = await connect();
  await client.line();
  const capabilities = await client.all('CAPA');
  t.notOk(capabilities.some((each) => /^(?:USER|SASL|STLS)/.test(each)));
  t.match(await client.say(`USER ${USER}`), /^-ERR \[SYS\/PERM\]/, 'RFC 3206 section 4');
  t.match(await client.say('PASS x'), /^-ERR \[SYS\/PERM\]/);
  t.match(await client.say('AUTH PLAIN AAAA'), /^-ERR \[SYS\/PERM\]/);
  t.same(bed.attempts, [], 'nobody was asked');
});
