import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { Failure } from '../../src/lib/failure.ts';
import { noLogger } from '../../src/lib/logging.ts';
import type { Address } from '../../src/platform/platform.ts';
import { startSmtpListener } from '../../src/smtp/listener.ts';
import { NO_SUCH_MAILBOX, replyFor } from '../../src/smtp/replies.ts';
import type { MailIntake, Recipient } from '../../src/smtp/types.ts';
import type { DomainId } from '../../src/store/ids.ts';
import { bytesOf, play, type Transcript } from './play.ts';

const TRANSCRIPTS: readonly Transcript[] = [
  {
    name: 'RFC 5321 section 3.3: a mail transaction, pipelined (RFC 2920)',
    client: [
      'EHLO client.example',
      'MAIL FROM:<a@b.example>',
      'RCPT TO:<joe@lab.example>',
      'DATA',
      'Subject: x',
      '',
      'hi',
      '.',
      'QUIT',
    ],
    server: [
      /^250-mx\.lab\.example/,
      /^250-PIPELINING/,
      /^250-8BITMIME/,
      /^250-SMTPUTF8/,
      /^250-ENHANCEDSTATUSCODES/,
      /^250 SIZE 1000$/,
      /^250 2\.1\.0 /,
      /^250 2\.1\.5 /,
      /^354 /,
      /^250 2\.\d\.0 /,
      /^221 2\.0\.0 /,
    ],
  },
  {
    name: 'RFC 5321 section 4.5.2: a dot at the beginning of a line is taken off',
    client: ['HELO c', 'MAIL FROM:<>', 'RCPT TO:<joe@lab.example>', 'DATA', '..', '...x', '.', 'QUIT'],
    server: [/^250 /, /^250 2\.1\.0 /, /^250 2\.1\.5 /, /^354 /, /^250 /, /^221 /],
  },
  {
    name: 'RFC 5321 section 3.3: an unknown mailbox is refused at RCPT',
    client: ['EHLO c', 'MAIL FROM:<>', 'RCPT TO:<nobody@lab.example>', 'DATA', 'QUIT'],
    server: [
      /^250-/,
      /^250-/,
      /^250-/,
      /^250-/,
      /^250-/,
      /^250 /,
      /^250 /,
      /^550 5\.1\.1 /,
      /^503 5\.5\.1 /,
      /^221 /,
    ],
  },
  {
    name: 'a second recipient waits for its own transaction: 452 4.5.3 (RFC 5321 section 4.5.3.1.10)',
    client: [
      'HELO c',
      'MAIL FROM:<>',
      'RCPT TO:<joe@lab.example>',
      'RCPT TO:<ann@lab.example>',
      'RSET',
      'NOOP',
      'QUIT',
    ],
    server: [/^250 /, /^250 /, /^250 /, /^452 4\.5\.3 /, /^250 2\.0\.0 /, /^250 2\.0\.0 /, /^221 /],
  },
  {
    name: 'RFC 1870 section 6.1: a declared size over the limit is refused at MAIL',
    client: ['EHLO c', 'MAIL FROM:<> SIZE=1001', 'QUIT'],
    server: [/^250-/, /^250-/, /^250-/, /^250-/, /^250-/, /^250 /, /^552 5\.3\.4 /, /^221 /],
  },
  {
    name: 'RFC 1870 section 6.3: a message over the limit is refused at its end, and the session goes on',
    client: [
      'HELO c',
      'MAIL FROM:<>',
      'RCPT TO:<joe@lab.example>',
      'DATA',
      'x'.repeat(990),
      'x'.repeat(20),
      '.',
      'NOOP',
      'QUIT',
    ],
    server: [/^250 /, /^250 /, /^250 /, /^354 /, /^552 5\.3\.4 /, /^250 /, /^221 /],
  },
  {
    name: 'RFC 5321 section 2.3.8: a bare LF within DATA ends the connection, nothing after it is a command',
    client: [
      'HELO c',
      'MAIL FROM:<>',
      'RCPT TO:<joe@lab.example>',
      'DATA',
      Buffer.from('hi\n.\r\nMAIL FROM:<smuggled@b.example>\r\n'),
    ],
    server: [/^250 /, /^250 /, /^250 /, /^354 /, /^550 5\.5\.2 /],
  },
  {
    name: 'RFC 5321 section 2.3.8: a bare CR within DATA too',
    client: [
      'HELO c',
      'MAIL FROM:<>',
      'RCPT TO:<joe@lab.example>',
      'DATA',
      Buffer.from('hi\r.\r\n\r\n.\r\nQUIT\r\n'),
    ],
    server: [/^250 /, /^250 /, /^250 /, /^354 /, /^550 5\.5\.2 /],
  },
  {
    name: 'a command line that ends in a bare LF',
    client: ['HELO c', Buffer.from('NOOP\nQUIT\r\n')],
    server: [/^250 /, /^500 5\.5\.2 /],
  },
  {
    name: 'commands out of order',
    client: ['MAIL FROM:<>', 'HELO c', 'RCPT TO:<joe@lab.example>', 'DATA', 'QUIT'],
    server: [/^503 5\.5\.1 /, /^250 /, /^503 5\.5\.1 /, /^503 5\.5\.1 /, /^221 /],
  },
  {
    name: 'storage full is 452 4.3.1, no owner 451 4.3.0',
    client: [
      'HELO c',
      'MAIL FROM:<>',
      'RCPT TO:<full@lab.example>',
      'DATA',
      '.',
      'MAIL FROM:<>',
      'RCPT TO:<away@lab.example>',
      'DATA',
      '.',
      'QUIT',
    ],
    server: [
      /^250 /,
      /^250 /,
      /^250 /,
      /^354 /,
      /^452 4\.3\.1 /,
      /^250 /,
      /^250 /,
      /^354 /,
      /^451 4\.3\.0 /,
      /^221 /,
    ],
  },
  {
    name: 'what is absent is not offered and not answered as if it were there',
    client: ['HELO c', 'WIZ', 'STARTTLS', 'QUIT'],
    server: [/^250 /, /^500 5\.5\.2 /, /^500 5\.5\.2 /, /^221 /],
  },
];

const LMTP: readonly Transcript[] = [
  {
    name: 'RFC 2033 section 4.2: one reply for each recipient after the final dot',
    client: [
      'LHLO c',
      'MAIL FROM:<>',
      'RCPT TO:<joe@lab.example>',
      'RCPT TO:<nobody@lab.example>',
      'RCPT TO:<full@lab.example>',
      'DATA',
      'hi',
      '.',
      'QUIT',
    ],
    server: [
      /^250-/,
      /^250-/,
      /^250-/,
      /^250-/,
      /^250-/,
      /^250 /,
      /^250 /,
      /^250 /,
      /^550 5\.1\.1 /,
      /^250 /,
      /^354 /,
      /^250 /,
      /^452 4\.3\.1 /,
      /^221 /,
    ],
  },
  {
    name: 'RFC 2033 section 4.1: HELO and EHLO are refused',
    client: ['EHLO c', 'HELO c', 'QUIT'],
    server: [/^500 /, /^500 /, /^221 /],
  },
];

function recipient(address: string): Recipient {
  return {
    forwardPath: address,
    object: { domainId: 1 as DomainId, name: address.split('@')[0]!, serial: '1-1' },
  };
}

function memoryIntake(): MailIntake & { readonly delivered: { to: string; content: string }[] } {
  const delivered: { to: string; content: string }[] = [];
  return {
    delivered,
    resolve: async (address) => (address.startsWith('nobody') ? NO_SUCH_MAILBOX : recipient(address)),
    deliver: async (to, content) => {
      if (to.object.name === 'full') return replyFor(new Failure('no-space', 'test'));
      if (to.object.name === 'away') return replyFor(new Failure('unavailable', 'test'));
      delivered.push({ to: to.object.name, content: Buffer.concat(content).toString('latin1') });
      return undefined;
    },
  };
}

async function start(t: { teardown(fn: () => unknown): void }, protocol: 'smtp' | 'lmtp') {
  const intake = memoryIntake();
  const listener = await startSmtpListener({
    protocol,
    listen: { host: '127.0.0.1', port: 0 },
    shared: false,
    hostName: 'mx.lab.example',
    messageOctetsMax: 1000,
    recipientsMax: 100,
    connectionsMax: 2000,
    idleMs: 300_000,
    intake,
    clock: {
      monotonicMs: () => 0,
      wallMs: () => Date.UTC(2026, 0, 2, 3, 4, 5),
      timer: () => ({ cancel() {} }),
      sleep: async () => {},
    },
    logger: noLogger,
  });
  t.teardown(() => listener.close(0));
  return { listener, intake };
}

for (const [protocol, transcripts] of [
  ['smtp', TRANSCRIPTS],
  ['lmtp', LMTP],
] as const)
  for (const transcript of transcripts)
    void t.test(`${protocol}: ${transcript.name}`, async (t) => {
      const { listener } = await start(t, protocol);
      const bytes = bytesOf(transcript);
      const cuts = Array.from({ length: Math.min(bytes.length, 400) + 1 }, (_, cut) => cut);
      const runs = await Promise.all(cuts.map((cut) => play(listener.address, bytes, cut)));
      for (const [cut, lines] of runs.entries()) {
        const matches =
          lines.length === transcript.server.length && lines.every((l, i) => transcript.server[i]!.test(l));
        if (!matches) t.fail(`cut at ${cut}`, { lines, expected: transcript.server.map(String) });
      }
      t.pass(`${runs.length} cuts`);
    });

void t.test('trace fields and content arrive as sent, dots unstuffed', async (t) => {
  const { listener, intake } = await start(t, 'smtp');
  const client = [
    'EHLO c.example',
    'MAIL FROM:<a@b.example>',
    'RCPT TO:<joe@lab.example>',
    'DATA',
    'Subject: x',
    '',
    '..a',
    'b',
    '.',
    'QUIT',
  ];
  await play(listener.address, bytesOf({ name: '', client, server: [] }), 10);
  t.equal(intake.delivered.length, 1);
  t.match(
    intake.delivered[0]!.content,
    /^Return-Path: <a@b\.example>\r\nReceived: from c\.example \(\[127\.0\.0\.1\]\)\r\n by mx\.lab\.example with ESMTP id \S+\r\n for <joe@lab\.example>; Fri, 2 Jan 2026 03:04:05 \+0000\r\nSubject: x\r\n\r\n\.a\r\nb\r\n$/,
  );
});

/** A client that gives what came, chunk by chunk, and waits for what it is told to. */
async function client(address: Address) {
  const socket = connect(address.port, address.host);
  const chunks: string[] = [];
  socket.on('data', (chunk: Buffer) => void chunks.push(chunk.toString('latin1')));
  const until = async (isThere: (received: string) => boolean): Promise<readonly string[]> => {
    while (!isThere(chunks.join(''))) await once(socket, 'data');
    return chunks.splice(0);
  };
  await until((received) => received.endsWith('\r\n'));
  return {
    socket,
    ask: (bytes: string, isThere: (received: string) => boolean) => {
      socket.write(bytes);
      return until(isThere);
    },
  };
}

void t.test('RFC 2920 section 3.2: the replies to a group leave as one, with the one to DATA', async (t) => {
  const { listener } = await start(t, 'smtp');
  const { socket, ask } = await client(listener.address);
  const whole = (received: string): boolean => received.endsWith('\r\n');
  await ask('HELO c\r\n', whole);
  const group = 'MAIL FROM:<>\r\nRCPT TO:<joe@lab.example>\r\nDATA\r\n';
  const chunks = await ask(group, (received) => received.includes('354 '));
  t.equal(chunks.length, 1);
  t.match(chunks[0], /^250 2\.1\.0 .*\r\n250 2\.1\.5 .*\r\n354 .*\r\n$/);
  t.match(await ask('x\r\n.\r\n', whole), [/^250 /]);
  t.match(await ask('MAIL FROM:<>\r\n', whole), [/^250 2\.1\.0 .*\r\n$/], 'one alone is answered at once');
  t.match(await ask('RCPT TO:<joe@lab.example>\r\nRC', whole), [/^250 2\.1\.5 /], 'half a command is none');
  socket.destroy();
});

void t.test('more replies than are kept back all arrive', async (t) => {
  const { listener } = await start(t, 'smtp');
  const { socket, ask } = await client(listener.address);
  const count = 20_000; // their replies are several times what a socket takes before it asks to wait
  const chunks = await ask(`HELO c\r\n${'RSET\r\n'.repeat(count)}QUIT\r\n`, (all) => all.includes('221 '));
  t.equal(chunks.join('').split('\r\n').length, count + 3);
  socket.destroy();
});

void t.test('seeded noise: no crash, the listener goes on', async (t) => {
  const { listener } = await start(t, 'smtp');
  let seed = 7;
  const next = (): number => (seed = (seed * 1103515245 + 12345) % 2 ** 31);
  const words = [
    'EHLO c\r\n',
    'MAIL FROM:<>\r\n',
    'RCPT TO:<joe@lab.example>\r\n',
    'DATA\r\n',
    '.\r\n',
    'RCPT TO:<',
    '\0',
    '\r\n',
    'BDAT 5 LAST\r\n',
    'é>',
    ' SIZE=-1\r\n',
    'AUTH PLAIN =\r\n',
  ];
  const runs = Array.from({ length: 60 }, () => {
    const parts = Array.from({ length: 12 }, () => Buffer.from(words[next() % words.length]!));
    return play(
      listener.address,
      Buffer.concat([...parts, Buffer.from('\r\n.\r\nQUIT\r\nx\n')]),
      next() % 20,
    );
  });
  await Promise.all(runs);
  const lines = await play(listener.address, Buffer.from('NOOP\r\nQUIT\r\n'), 0);
  t.match(lines, [/^250 /, /^221 /]);
});
