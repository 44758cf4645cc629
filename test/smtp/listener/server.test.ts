/** The seams to smtp-server: greeting, early talkers, limits of a session, time-outs, closing. */
import { once } from 'node:events';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { listenSockets } from '../../../src/platform/real/sockets.ts';
import type { ListenSockets, SmtpListener } from '../../../src/smtp/listener/options.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { Prng } from '../../support/prng.ts';
import { ELSEWHERE, SIZE_MAX, startBed, testTls } from '../bed.ts';
import { play } from '../play.ts';
import { Talk } from '../talk.ts';

const tls = await testTls();

void t.test(
  'RFC 5321 section 4.3.1: a client from elsewhere that talks before it is greeted is refused',
  async (t) => {
    for (const octets of ['EHLO c\r\n', 'E']) {
      const clock = new ManualClock();
      const { listener } = await startBed(t, { remote: ELSEWHERE, clock });
      const talk = await Talk.connect(listener.address);
      t.match(await talk.say(Buffer.from(octets)), [
        /^554 mx\.lab\.example you talk before you are greeted$/,
      ]);
      await talk.over();
      t.equal(clock.timers, 0, 'no greeting comes later');
    }
  },
);

void t.test(
  'one that waits is greeted, after a moment on the port of other servers, elsewhere at once',
  async (t) => {
    const clock = new ManualClock();
    const patient = await startBed(t, { remote: ELSEWHERE, clock });
    const socket = connect(patient.listener.address.port, '127.0.0.1');
    await once(socket, 'connect');
    while (clock.timers < 2) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(299);
    t.equal(socket.read(), null);
    await clock.advance(1);
    const [greeting] = (await once(socket, 'data')) as [Buffer];
    t.match(greeting.toString(), /^220 mx\.lab\.example ESMTP /);
    socket.destroy();
    for (const options of [
      { clock: new ManualClock() },
      { clock: new ManualClock(), protocol: 'submission', remote: ELSEWHERE },
    ] as const) {
      const { listener } = await startBed(t, options);
      const talk = await Talk.connect(listener.address);
      t.match(await talk.reply(), [/^220 /]);
      talk.close();
    }
  },
);

void t.test('more connections than are allowed are told 421', async (t) => {
  const { listener } = await startBed(t, { connectionsMax: 1 });
  await oneAtATime(t, listener, /^421 mx\.lab\.example too many connections, /);
});

/** The second client is told why there is no place for it; when the first has left there is. */
async function oneAtATime(t: Test, { address }: SmtpListener, refusal: RegExp): Promise<void> {
  const first = await Talk.greeted(address);
  const second = await Talk.connect(address);
  t.match(await second.reply(), [refusal]);
  await second.over();
  first.write('QUIT');
  await first.over();
  const third = await Talk.greeted(address);
  third.close();
}

void t.test('when all places are taken, who has done nothing for a minute makes room', async (t) => {
  const clock = new ManualClock();
  const { listener } = await startBed(t, { connectionsMax: 2, clock });
  const sender = await Talk.greeted(listener.address);
  const idle = await Talk.greeted(listener.address);
  await clock.advance(60_000);
  t.match(await idle.say('NOOP'), [/^250 /]);
  for (const line of ['HELO c', 'MAIL FROM:<>', 'RCPT TO:<joe@lab.example>', 'DATA', '.'])
    await sender.say(line);
  const next = await Talk.connect(listener.address);
  t.match(await next.reply(), [/^220 /]);
  t.match(await idle.reply(), [/^421 4\.3\.2 /]);
  t.match(await sender.say('NOOP'), [/^250 /], 'its message was accepted');
  const last = await Talk.connect(listener.address);
  t.match(await last.reply(), [/^421 mx\.lab\.example too many connections, /]);
  for (const talk of [sender, next]) talk.close();
});

void t.test('one address has its own limit; it is given back', async (t) => {
  const { listener } = await startBed(t, {
    protocol: 'submission',
    connectionsPerAddressMax: 1,
    remote: ELSEWHERE,
  });
  await oneAtATime(t, listener, /^421 mx\.lab\.example too many connections from your address/);
});

void t.test('a message that trickles in for longer than it may gives its memory back', async (t) => {
  for (const [begin, more] of [
    ['DATA\r\n', 'x'],
    ['BDAT 3\r\nabc', 'NOOP'],
  ] as const) {
    const clock = new ManualClock();
    const { listener, budget } = await startBed(t, { clock });
    const talk = await Talk.greeted(listener.address);
    for (const line of ['HELO c', 'MAIL FROM:<>', 'RCPT TO:<joe@lab.example>']) await talk.say(line);
    t.match(await talk.say(Buffer.from(begin)), [/^(?:250|354) /]);
    if (begin.startsWith('DATA')) talk.write(more);
    while (budget.takenOctets === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(10 * 60_000 + 10);
    talk.write(more);
    t.match(await talk.reply(), [/^421 4\.4\.2 the message/]);
    t.equal(budget.takenOctets, 0);
    await talk.over();
  }
});

void t.test(
  'RFC 5321 section 4.5.3.2.7: an idle client is told 421; one that waits for us is not idle',
  async (t) => {
    const { listener, intake } = await startBed(t, { idleMs: 40 });
    const idle = await Talk.greeted(listener.address);
    const waiting = await Talk.greeted(listener.address);
    const gate = Promise.withResolvers<void>();
    intake.gate = gate.promise;
    waiting.write(Buffer.from('HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<joe@lab.example>\r\nDATA\r\n.\r\n'));
    for (let replies = 0; replies < 4; replies++) await waiting.reply();
    t.match(await idle.reply(), [/^421 4\.4\.2 /]);
    const later = await Talk.greeted(listener.address); // another idle time has passed when it is told so
    t.match(await later.reply(), [/^421 4\.4\.2 /]);
    gate.resolve();
    t.match(await waiting.reply(), [/^250 /]);
    waiting.close();
  },
);

void t.test('a session has an end, however busy it is', async (t) => {
  const clock = new ManualClock();
  const { listener } = await startBed(t, { clock });
  const talk = await Talk.greeted(listener.address);
  t.match(await talk.say('NOOP'), [/^250 /]);
  await clock.advance(4 * 60 * 60_000);
  t.match(await talk.reply(), [/^421 4\.4\.2 /]);
  await talk.over();
});

void t.test(
  'a hundred commands that are refused end the session; mail that is accepted begins the count anew',
  async (t) => {
    const { listener } = await startBed(t, {});
    const refused = 'RSET x\r\n'.repeat(99);
    const message = 'HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<joe@lab.example>\r\nDATA\r\n.\r\n';
    const lines = await play(
      listener.address,
      Buffer.from(`${refused}${message}${refused}NOOP\r\nRSET x\r\nNOOP\r\n`),
      0,
    );
    t.equal(lines.filter((line) => line.startsWith('501')).length, 199);
    t.match(lines.slice(-2), [/^501 /, /^421 4\.7\.0 /]);
  },
);

void t.test(
  'RFC 5321 section 4.5.3.1.10: temporary replies end no session: 150 recipients, and one has it',
  async (t) => {
    const { listener, intake } = await startBed(t, {});
    const recipients = Array.from({ length: 150 }, (_, n) => `RCPT TO:<user${n}@lab.example>\r\n`).join('');
    const lines = await play(
      listener.address,
      Buffer.from(`HELO c\r\nMAIL FROM:<>\r\n${recipients}DATA\r\n.\r\nQUIT\r\n`),
      0,
    );
    t.equal(lines.filter((line) => line.startsWith('452 4.5.3 ')).length, 149);
    t.match(lines.slice(-3), [/^354 /, /^250 /, /^221 /]);
    t.equal(intake.delivered.length, 1);
  },
);

void t.test('memory for all clients together has a limit: 452, and it is given back', async (t) => {
  const { listener, budget } = await startBed(t, { messageOctetsMax: 20_000_000 });
  const begin = 'HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<joe@lab.example>\r\nDATA\r\n';
  const line = `${'x'.repeat(998)}\r\n`;
  const bytes = Buffer.from(`${begin}${line.repeat(11_000)}.\r\nNOOP\r\nQUIT\r\n`);
  t.match((await play(listener.address, bytes, 0)).slice(-3), [/^452 4\.3\.1 /, /^250 /, /^221 /]);
  t.equal(budget.takenOctets, 0);
  t.match((await play(listener.address, Buffer.from(`${begin}.\r\nQUIT\r\n`), 0)).at(-2), /^250 /);
});

void t.test('lines and headers of a message have limits of their own', async (t) => {
  const { listener } = await startBed(t, { messageOctetsMax: 2_000_000 });
  const begin = 'MAIL FROM:<>\r\nRCPT TO:<joe@lab.example>\r\nDATA\r\n';
  const cases = [
    ['x'.repeat(65_534), /^250 /],
    ['x'.repeat(65_535), /^554 5\.6\.0 /],
    [`X: ${'y'.repeat(1019)}\r\n`.repeat(256).slice(0, -2), /^250 /], // 256 KiB with the end of the line
    [`${`X: ${'y'.repeat(1019)}\r\n`.repeat(256)}Z:`, /^552 5\.3\.4 /],
    [`\r\n${'y'.repeat(60_000)}\r\n`.repeat(10), /^250 /],
  ] as const;
  for (const [text, reply] of cases) {
    const lines = await play(listener.address, Buffer.from(`HELO c\r\n${begin}${text}\r\n.\r\nQUIT\r\n`), 0);
    t.match(lines.at(-2), reply);
  }
});

void t.test(
  'a message that is under way when the client leaves is not kept, and its memory is',
  async (t) => {
    const { listener, intake, budget } = await startBed(t, {});
    const talk = await Talk.greeted(listener.address);
    for (const line of ['HELO c', 'MAIL FROM:<>', 'RCPT TO:<joe@lab.example>', 'DATA']) await talk.say(line);
    talk.write('Subject: half');
    while (budget.takenOctets === 0) await new Promise((resolve) => setImmediate(resolve));
    talk.close();
    await listener.close(60_000);
    t.strictSame([intake.delivered.length, budget.takenOctets, listener.connections], [0, 0, 0]);
  },
);

void t.test(
  'a client that sends its FIN behind QUIT, or instead of it, still gets every reply',
  async (t) => {
    const { listener, intake } = await startBed(t, {});
    const gate = Promise.withResolvers<void>();
    intake.gate = gate.promise;
    const message = 'HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<joe@lab.example>\r\nDATA\r\n.\r\n';
    for (const [end, replies] of [
      ['QUIT\r\n', /354 .*\r\n250 2\.0\.0 .*\r\n221 .*\r\n$/],
      ['', /354 .*\r\n250 2\.0\.0 .*\r\n$/],
      ['NOO', /354 .*\r\n250 2\.0\.0 .*\r\n$/],
    ] as const) {
      const socket = connect({ port: listener.address.port, host: '127.0.0.1', allowHalfOpen: true });
      let received = '';
      socket.on('data', (chunk: Buffer) => void (received += chunk.toString()));
      socket.end(message + end);
      while (!received.includes('354 ')) await once(socket, 'data');
      gate.resolve();
      await once(socket, 'close');
      t.match(received, replies);
    }
    await listener.close(60_000);
    t.equal(listener.connections, 0);
  },
);

void t.test('closing: who is in a transaction may end it, the others are told 421 at once', async (t) => {
  const { listener, intake } = await startBed(t, { tls });
  const [idle, busy] = [await Talk.connect(listener.address), await Talk.connect(listener.address)];
  for (const talk of [idle, busy]) {
    await talk.reply();
    await talk.say('HELO c');
  }
  await busy.say('MAIL FROM:<>');
  const closed = listener.close(60_000);
  t.match(await idle.reply(), [/^421 4\.3\.2 /]);
  await idle.over();
  t.match(await busy.say('RCPT TO:<joe@lab.example>'), [/^250 /]);
  t.match(await busy.say('DATA'), [/^354 /]);
  t.match(await busy.say('.'), [/^250 /]);
  t.match(await busy.reply(), [/^421 4\.3\.2 /]);
  await closed;
  t.equal(intake.delivered.length, 1);
  await t.rejects(Talk.connect(listener.address), { code: 'ECONNREFUSED' });
});

void t.test('closing does not wait longer than it is told to', async (t) => {
  const clock = new ManualClock();
  const { listener } = await startBed(t, { clock });
  const talk = await Talk.greeted(listener.address);
  for (const line of ['HELO c', 'MAIL FROM:<>']) await talk.say(line);
  const closed = listener.close(1000);
  await clock.advance(1000);
  await closed;
  t.match(await talk.reply(), [/^421 4\.3\.2 /]);
  await talk.over();
});

void t.test('seeded noise in every state: no crash, the listener goes on', async (t) => {
  // Whoever sends STARTTLS and then no handshake is waited for.
  const listen: ListenSockets = (address, onSocket, options) =>
    listenSockets(address, onSocket, { ...options, limits: { handshakeMs: 100 } });
  const { listener, budget } = await startBed(t, { tls, hasLogin: true, idleMs: 500, listen });
  const seed = 7;
  const random = new Prng(seed);
  const words = [
    'EHLO c\r\n',
    'MAIL FROM:<>\r\n',
    'MAIL FROM:<> BODY=BINARYMIME\r\n',
    'RCPT TO:<joe@lab.example>\r\n',
    'RCPT TO:<full@lab.example>\r\n',
    'DATA\r\n',
    '.\r\n',
    '\r\n.\r\n',
    'RCPT TO:<',
    '\0',
    '\r\n',
    '\n',
    'BDAT 5 LAST\r\n',
    'BDAT 3\r\nabc',
    `BDAT ${SIZE_MAX * 2}\r\n`,
    'é>',
    ' SIZE=-1\r\n',
    'AUTH PLAIN =\r\n',
    'AUTH LOGIN\r\n',
    '*\r\n',
    'STARTTLS\r\n',
    'RSET\r\n',
    'QUIT\r\n',
  ];
  const runs = Array.from({ length: 300 }, () => {
    const parts = Array.from({ length: 14 }, () => Buffer.from(words[random.below(words.length)]!));
    const end = Buffer.from('\r\n.\r\nQUIT\r\nx\n');
    return play(listener.address, Buffer.concat([...parts, end]), random.below(60));
  });
  await Promise.all(runs);
  const lines = await play(listener.address, Buffer.from('NOOP\r\nQUIT\r\n'), 0);
  t.match(lines, [/^250 /, /^221 /], `seed ${seed}`);
  t.equal(budget.takenOctets, 0);
});
