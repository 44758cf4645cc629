/** SMTP as other servers speak it: transcripts, each played pipelined in every cut. */
import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import type { Address } from '../../../src/platform/platform.ts';
import { KEYWORDS, startBed } from '../bed.ts';
import { bytesOf, play, type Transcript, testTranscripts } from '../play.ts';

const EHLO = [
  /^250-mx\.lab\.example$/,
  ...KEYWORDS.slice(0, -1).map((k) => new RegExp(`^250-${k}$`)),
  /^250 HELP$/,
];

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
    server: [...EHLO, /^250 2\.1\.0 /, /^250 2\.1\.5 /, /^354 /, /^250 2\.0\.0 /, /^221 2\.0\.0 /],
    delivered: ['Subject: x\r\n\r\nhi\r\n'],
  },
  {
    name: 'RFC 5321 section 4.5.2: a dot at the beginning of a line is taken off, whatever follows it',
    client: ['HELO c', 'MAIL FROM:<>', 'RCPT TO:<joe@lab.example>', 'DATA', '..', '...x', '.y', '.', 'QUIT'],
    server: [/^250 /, /^250 2\.1\.0 /, /^250 2\.1\.5 /, /^354 /, /^250 /, /^221 /],
    delivered: ['.\r\n..x\r\ny\r\n'],
  },
  {
    name: 'RFC 5321 section 4.1.1.4: an empty message',
    client: ['HELO c', 'MAIL FROM:<>', 'RCPT TO:<joe@lab.example>', 'DATA', '.', 'QUIT'],
    server: [/^250 /, /^250 /, /^250 /, /^354 /, /^250 /, /^221 /],
    delivered: [''],
  },
  {
    name: 'RFC 5321 section 3.3: an unknown mailbox is refused at RCPT, and DATA without one',
    client: ['HELO c', 'MAIL FROM:<>', 'RCPT TO:<nobody@lab.example>', 'DATA', 'QUIT'],
    server: [/^250 /, /^250 /, /^550 5\.1\.1 /, /^503 5\.5\.1 /, /^221 /],
  },
  {
    name: 'a domain that is not ours is refused for good',
    client: ['HELO c', 'MAIL FROM:<>', 'RCPT TO:<joe@else.example>', 'QUIT'],
    server: [/^250 /, /^250 /, /^550 5\.7\.1 /, /^221 /],
  },
  {
    name: 'RFC 5321 section 4.5.1: Postmaster, without a domain, in any case',
    client: ['HELO c', 'MAIL FROM:<>', 'RCPT TO:<PostMaster>', 'RCPT TO:<joe>', 'QUIT'],
    server: [/^250 /, /^250 /, /^250 /, /^501 5\.1\.3 /, /^221 /],
  },
  {
    name: 'a second recipient waits for its own transaction: 452 4.5.3 (RFC 5321 section 4.5.3.1.10)',
    client: [
      'HELO c',
      'MAIL FROM:<>',
      'RCPT TO:<joe@lab.example>',
      'RCPT TO:<ann@lab.example>',
      'RCPT TO:<alias@lab.example>',
      'RSET',
      'NOOP',
      'QUIT',
    ],
    server: [/^250 /, /^250 /, /^250 /, /^452 4\.5\.3 /, /^250 /, /^250 2\.0\.0 /, /^250 2\.0\.0 /, /^221 /],
  },
  {
    name: 'RFC 1870 section 6.1: a declared size over the limit is refused at MAIL',
    client: ['EHLO c', 'MAIL FROM:<> SIZE=1001', 'MAIL FROM:<> SIZE=1000', 'QUIT'],
    server: [...EHLO, /^552 5\.3\.4 /, /^250 /, /^221 /],
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
    server: [/^250 /, /^250 /, /^250 /, /^354 /, /^550 5\.5\.2 /, /^421 4\.7\.0 /],
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
    server: [/^250 /, /^250 /, /^250 /, /^354 /, /^550 5\.5\.2 /, /^421 4\.7\.0 /],
  },
  {
    name: 'a command line that ends in a bare LF',
    client: ['HELO c', Buffer.from('NOOP\nQUIT\r\n')],
    server: [/^250 /, /^550 5\.5\.2 /, /^421 /],
  },
  {
    name: 'a bare CR in a command line',
    client: ['HELO c', Buffer.from('NOOP\rQUIT\r\n')],
    server: [/^250 /, /^550 5\.5\.2 /, /^421 /],
  },
  {
    name: 'NUL in a text (RFC 6152 section 3) is refused, and the session goes on',
    client: ['HELO c', 'MAIL FROM:<>', 'RCPT TO:<joe@lab.example>', 'DATA', 'a\0b', '.', 'QUIT'],
    server: [/^250 /, /^250 /, /^250 /, /^354 /, /^554 5\.6\.0 /, /^221 /],
  },
  {
    name: 'control characters and broken UTF-8 are in no command',
    client: [
      'NOOP\0',
      'NOOP\tx',
      Buffer.from([0x4e, 0x4f, 0x4f, 0x50, 0x20, 0xff, 0x0d, 0x0a]),
      'NOOP \u00e9',
      'QUIT',
    ],
    server: [/^500 5\.5\.2 /, /^500 5\.5\.2 /, /^500 5\.5\.2 /, /^250 /, /^221 /],
  },
  {
    name: 'RFC 5321 section 4.1.4: commands out of order',
    client: [
      'MAIL FROM:<>',
      'RCPT TO:<joe@lab.example>',
      'DATA',
      'HELO c',
      'RCPT TO:<joe@lab.example>',
      'DATA',
      'MAIL FROM:<>',
      'MAIL FROM:<>',
      'QUIT',
    ],
    server: [
      /^503 5\.5\.1 /,
      /^503 5\.5\.1 /,
      /^503 5\.5\.1 /,
      /^250 /,
      /^503 5\.5\.1 /,
      /^503 5\.5\.1 /,
      /^250 /,
      /^503 5\.5\.1 /,
      /^221 /,
    ],
  },
  {
    name: 'RFC 5321 section 4.1.4: EHLO within a transaction ends it',
    client: ['EHLO c', 'MAIL FROM:<>', 'EHLO c', 'RCPT TO:<joe@lab.example>', 'QUIT'],
    server: [...EHLO, /^250 /, ...EHLO, /^503 /, /^221 /],
  },
  {
    name: 'RFC 5321 sections 4.1.1.1 to 4.1.1.10: arguments that are missing or too many',
    client: [
      'EHLO',
      'HELO a b',
      'HELO c',
      'MAIL',
      'MAIL FROM',
      'MAIL TO:<>',
      'RSET x',
      'VRFY',
      'DATA x',
      'QUIT x',
      'NOOP x',
      'quit ',
    ],
    server: [
      /^501 /,
      /^501 /,
      /^250 /,
      /^501 5\.5\.4 /,
      /^501 5\.5\.4 /,
      /^501 5\.5\.4 /,
      /^501 5\.5\.4 /,
      /^501 5\.5\.4 /,
      /^501 5\.5\.4 /,
      /^501 5\.5\.4 /,
      /^250 /,
      /^221 /,
    ],
  },
  {
    name: 'RFC 5321 section 4.1.1.11: a parameter that is not known is 555, one that is wrong 501',
    client: [
      'EHLO c',
      'MAIL FROM:<> X=1',
      'MAIL FROM:<> AUTH=<>',
      'MAIL FROM:<> REQUIRETLS',
      'MAIL FROM:<> SIZE=x',
      'MAIL FROM:<> BODY=9BIT',
      'MAIL FROM:<> SIZE=1 SIZE=1',
      'MAIL FROM:<>',
      'RCPT TO:<joe@lab.example> X=1',
      'RCPT TO:<joe@lab.example> NOTIFY=NEVER,DELAY',
      'RCPT TO:<joe@lab.example> ORCPT=joe',
      'QUIT',
    ],
    server: [
      ...EHLO,
      /^555 5\.5\.4 /,
      /^555 5\.5\.4 /,
      /^555 5\.5\.4 /,
      /^501 5\.5\.4 /,
      /^501 5\.5\.4 /,
      /^501 5\.5\.4 /,
      /^250 /,
      /^555 5\.5\.4 /,
      /^501 5\.5\.4 /,
      /^501 5\.5\.4 /,
      /^221 /,
    ],
  },
  {
    name: 'RFC 6531 section 3.5: an address outside ASCII needs SMTPUTF8',
    client: [
      'EHLO c',
      'MAIL FROM:<\u00e9@b.example>',
      'MAIL FROM:<a@b.example>',
      'RCPT TO:<j\u00f6@lab.example>',
      'RSET',
      'MAIL FROM:<\u00e9@b.example> SMTPUTF8',
      'RCPT TO:<j\u00f6@lab.example>',
      'DATA',
      'S: \u00f6',
      '.',
      'QUIT',
    ],
    server: [
      ...EHLO,
      /^553 5\.6\.7 /,
      /^250 /,
      /^553 5\.6\.7 /,
      /^250 /,
      /^250 /,
      /^250 /,
      /^354 /,
      /^250 /,
      /^221 /,
    ],
    delivered: [Buffer.from('S: \u00f6\r\n').toString('latin1')],
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
    name: 'VRFY, EXPN, HELP; what is absent is not answered as if it were there',
    client: [
      'HELO c',
      'VRFY joe',
      'EXPN joe',
      'HELP',
      'HELP MAIL',
      'WIZ',
      'XCLIENT ADDR=1.2.3.4',
      'ETRN x',
      'STARTTLS',
      'AUTH PLAIN',
      'LHLO c',
      'QUIT',
    ],
    server: [
      /^250 /,
      /^252 2\./,
      /^502 5\.5\.1 /,
      /^214 2\.0\.0 .*EHLO HELO MAIL RCPT DATA BDAT RSET VRFY EXPN HELP NOOP QUIT$/,
      /^214 /,
      /^500 5\.5\.2 /,
      /^500 5\.5\.2 /,
      /^500 5\.5\.2 /,
      /^500 5\.5\.2 /,
      /^500 5\.5\.2 /,
      /^500 5\.5\.2 /,
      /^221 /,
    ],
  },
  {
    name: 'RFC 5321 section 3.8: ten commands that are none end the session with 421',
    client: Array.from({ length: 11 }, () => 'X'),
    server: [...Array.from({ length: 9 }, () => /^500 5\.5\.2 /), /^421 4\.7\.0 /],
  },
  {
    name: 'a browser is told nothing that it could use',
    client: ['POST / HTTP/1.1', 'Host: x', '', 'MAIL FROM:<>'],
    server: [/^421 4\.7\.0 /],
  },
  {
    name: 'RFC 5321 section 6.3: 50 Received fields are taken, 51 are a loop',
    client: [50, 51].flatMap((count) => [
      'HELO c',
      'MAIL FROM:<>',
      'RCPT TO:<joe@lab.example>',
      'DATA',
      ...Array.from({ length: count }, (_, n) => (n % 2 ? 'Received:' : 'RECEIVED :')),
      'Received-SPF: x',
      '',
      'Received: body',
      '.',
    ]),
    server: [
      /^250 /,
      /^250 /,
      /^250 /,
      /^354 /,
      /^250 /,
      /^250 /,
      /^250 /,
      /^250 /,
      /^354 /,
      /^554 5\.4\.6 /,
    ],
    leaves: true,
  },
];

testTranscripts(t, TRANSCRIPTS, (test) => startBed(test, {}));

void t.test(
  'RFC 5321 section 4.5.3.1.4: command lines have a limit, with and without their end',
  async (t) => {
    const { listener } = await startBed(t, {});
    const longest = `NOOP ${'x'.repeat(4096 - 'NOOP \r\n'.length)}`;
    const fits = bytesOf({ name: '', client: [longest, `${longest}x`, 'QUIT'], server: [] });
    t.match(await play(listener.address, fits, 100), [/^250 /, /^500 5\.5\.2 /, /^221 /]);
    const endless = Buffer.from('x'.repeat(100_000));
    t.match(await play(listener.address, endless, 5000), [/^500 5\.5\.2 /, /^421 /]);
  },
);

void t.test('trace fields and content arrive as sent, dots unstuffed', async (t) => {
  const { listener, intake } = await startBed(t, {});
  const client = [
    'EHLO c.example',
    'MAIL FROM:<a@b.example> RET=HDRS ENVID=q+2B1 BODY=8BITMIME SIZE=30',
    'RCPT TO:<joe@lab.example> NOTIFY=SUCCESS,DELAY ORCPT=RFC822;old+40else.example',
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
  const [{ to, content, envelope }] = intake.delivered as [(typeof intake.delivered)[number]];
  t.match(
    content,
    /^Return-Path: <a@b\.example>\r\nOriginal-Recipient: rfc822;old@else\.example\r\nReceived: from c\.example \(\[127\.0\.0\.1\]\)\r\n by mx\.lab\.example with ESMTP id [0-9a-f]+-1\r\n for <joe@lab\.example>; Fri, 02 Jan 2026 03:04:05 \+0000\r\nSubject: x\r\n\r\n\.a\r\nb\r\n$/,
  );
  t.match(envelope, {
    reversePath: 'a@b.example',
    ret: 'HDRS',
    envid: 'q+1',
    body: '8BITMIME',
    smtpUtf8: false,
  });
  t.strictSame(to.dsn, {
    notify: ['SUCCESS', 'DELAY'],
    orcpt: { type: 'rfc822', address: 'old@else.example' },
  });
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
  const { listener } = await startBed(t, {});
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
  const { listener } = await startBed(t, {});
  const { socket, ask } = await client(listener.address);
  const count = 20_000; // their replies are several times what a socket takes before it asks to wait
  const chunks = await ask(`HELO c\r\n${'RSET\r\n'.repeat(count)}QUIT\r\n`, (all) => all.includes('221 '));
  t.equal(chunks.join('').split('\r\n').length, count + 3);
  socket.destroy();
});

void t.test('a message of many small lines and dots costs no more than its octets', async (t) => {
  const { listener, intake, budget } = await startBed(t, { messageOctetsMax: 4_000_000 });
  const lines = '..\r\n'.repeat(500_000);
  const bytes = Buffer.from(
    `HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<joe@lab.example>\r\nDATA\r\n\r\n${lines}.\r\nQUIT\r\n`,
  );
  t.match((await play(listener.address, bytes, 1000)).at(-2), /^250 /);
  t.ok(intake.delivered[0]?.content.endsWith('+0000\r\n\r\n' + '.\r\n'.repeat(500_000)));
  t.equal(budget.takenOctets, 0);
});
