/** Transcripts: every sentence of RFC 1939, 2449, 2595, 3206, 5034 and 6856 that a server must obey, in tables. */
import t from 'tap';
import { ADMINISTRATOR, PASSWORD, PopBed, USER } from './bed.ts';

/** Two messages: 25 octets with a line that begins with a dot, and 18 octets without an end of line. */
const DOTS = 'Subject: a\r\n\r\n.\r\n..b\r\nc\r\n';
const OPEN = 'Subject: b\r\n\r\nbody';

interface Transcript {
  readonly what: string;
  /** `C: ` is sent; `S: ` is a line that comes, as a whole or with `*` at its end; `S! ` says that the server closes. */
  readonly play: readonly string[];
  readonly after?: readonly string[];
}

const AUTHORIZATION: readonly Transcript[] = [
  {
    what: 'RFC 1939 section 3: the greeting is positive, and offers no APOP',
    play: ['S: +OK Postern POP3 server ready'],
  },
  {
    what: 'RFC 1939 section 7: USER, then PASS, open the maildrop',
    play: [
      'S: +OK*',
      `C: USER ${USER}`,
      'S: +OK*',
      `C: PASS ${PASSWORD}`,
      'S: +OK maildrop has 2 messages (43 octets)',
    ],
  },
  {
    what: 'RFC 1939 section 3: keywords are case-insensitive',
    play: [
      'S: +OK*',
      `C: uSeR ${USER}`,
      'S: +OK*',
      `C: pass ${PASSWORD}`,
      'S: +OK*',
      'C: sTaT',
      'S: +OK 2 43',
    ],
  },
  {
    what: 'RFC 1939 section 13: USER tells nobody which maildrops there are',
    play: [
      'S: +OK*',
      'C: USER nobody@lab.example',
      'S: +OK*',
      'C: PASS x',
      'S: -ERR [AUTH] wrong name or password',
    ],
  },
  {
    what: 'RFC 3206 section 5: a wrong password is [AUTH], and the same words as for an unknown name',
    play: ['S: +OK*', `C: USER ${USER}`, 'S: +OK*', 'C: PASS x', 'S: -ERR [AUTH] wrong name or password'],
  },
  {
    what: 'RFC 1939 section 7: PASS has no meaning without USER',
    play: ['S: +OK*', `C: PASS ${PASSWORD}`, 'S: -ERR USER comes before PASS'],
  },
  {
    what: 'RFC 1939 section 7: PASS comes immediately after USER',
    play: [
      'S: +OK*',
      `C: USER ${USER}`,
      'S: +OK*',
      'C: LANG en',
      'S: +OK*',
      `C: PASS ${PASSWORD}`,
      'S: -ERR*',
    ],
  },
  {
    what: 'RFC 1939 section 7: after a failed PASS the client may go on with USER or QUIT',
    play: ['S: +OK*', `C: USER ${USER}`, 'S: +OK*', 'C: PASS x', 'S: -ERR*', 'C: QUIT', 'S: +OK bye', 'S!'],
  },
  {
    what: 'RFC 1939 section 7: the password is the rest of the line, spaces too',
    play: ['S: +OK*', `C: USER ${USER}`, 'S: +OK*', `C: PASS ${PASSWORD} `, 'S: -ERR*'],
  },
  {
    what: 'a name without a maildrop',
    play: ['S: +OK*', `C: USER ${ADMINISTRATOR}`, 'S: +OK*', `C: PASS ${PASSWORD}`, 'S: -ERR [AUTH]*'],
  },
  { what: 'RFC 1939 section 4: QUIT ends the session', play: ['S: +OK*', 'C: QUIT', 'S: +OK bye', 'S!'] },
  {
    what: 'RFC 1939 section 3: TRANSACTION commands are refused before log-in, also NOOP',
    play: ['STAT', 'LIST', 'RETR 1', 'DELE 1', 'NOOP', 'RSET'].flatMap((command, index) => [
      ...(index === 0 ? ['S: +OK*'] : []),
      `C: ${command}`,
      'S: -ERR*',
    ]),
  },
  {
    what: 'RFC 1939 section 3: what is not recognised is answered -ERR',
    play: ['S: +OK*', 'C: HELO x', 'S: -ERR unknown command', 'C: ', 'S: -ERR*', 'C: APOP a b', 'S: -ERR*'],
  },
  {
    what: 'RFC 2449 section 4: 255 octets are a command, 256 are not; the session goes on',
    play: [
      'S: +OK*',
      `C: USER ${'u'.repeat(248)}`,
      'S: +OK*',
      `C: USER ${'u'.repeat(249)}`,
      'S: -ERR*',
      'C: QUIT',
      'S: +OK*',
      'S!',
    ],
  },
  {
    what: 'RFC 2449 section 5: CAPA before log-in; no STLS where there is no TLS',
    play: [
      'S: +OK*',
      'C: CAPA',
      'S: +OK*',
      'S: TOP',
      'S: UIDL',
      'S: RESP-CODES',
      'S: AUTH-RESP-CODE',
      'S: PIPELINING',
      'S: EXPIRE NEVER',
      'S: USER',
      'S: SASL SCRAM-SHA-256 PLAIN LOGIN',
      'S: LANG',
      'S: IMPLEMENTATION Postern',
      'S: .',
      'C: STLS',
      'S: -ERR*',
    ],
  },
  {
    what: 'RFC 5034 section 4: AUTH with an initial response',
    play: ['S: +OK*', `C: AUTH PLAIN ${plain(PASSWORD)}`, 'S: +OK maildrop has 2*', 'C: STAT', 'S: +OK 2 43'],
  },
  {
    what: 'RFC 5034 section 4: AUTH without one: an empty challenge first',
    play: ['S: +OK*', 'C: auth plain', 'S: + ', `C: ${plain(PASSWORD)}`, 'S: +OK maildrop has 2*'],
  },
  {
    what: 'AUTH LOGIN asks twice',
    play: [
      'S: +OK*',
      'C: AUTH LOGIN',
      'S: + *',
      `C: ${Buffer.from(USER).toString('base64')}`,
      'S: + *',
      `C: ${Buffer.from(PASSWORD).toString('base64')}`,
      'S: +OK maildrop*',
    ],
  },
  {
    what: 'RFC 5034 section 4: `*` cancels and is answered -ERR; the state stays',
    play: [
      'S: +OK*',
      'C: AUTH PLAIN',
      'S: + ',
      'C: *',
      'S: -ERR*',
      `C: AUTH PLAIN ${plain(PASSWORD)}`,
      'S: +OK*',
    ],
  },
  {
    what: 'RFC 5034 section 4: what is not base64 is answered -ERR; `=` is an empty initial response',
    play: [
      'S: +OK*',
      'C: AUTH PLAIN ,,,',
      'S: -ERR*',
      'C: AUTH PLAIN',
      'S: + ',
      'C: ???',
      'S: -ERR*',
      'C: AUTH PLAIN =',
      'S: -ERR*',
    ],
  },
  {
    what: 'RFC 5034 section 4: a response may be longer than a command',
    play: ['S: +OK*', 'C: AUTH PLAIN', 'S: + ', `C: ${plain('x'.repeat(700))}`, 'S: -ERR [AUTH]*'],
  },
  {
    what: 'RFC 5034 section 4: an unknown mechanism, and none at all',
    play: ['S: +OK*', 'C: AUTH CRAM-MD5', 'S: -ERR*', 'C: AUTH', 'S: -ERR*'],
  },
  {
    what: 'RFC 5034 section 4: [AUTH] for a wrong password',
    play: ['S: +OK*', `C: AUTH PLAIN ${plain('x')}`, 'S: -ERR [AUTH]*'],
  },
  {
    what: 'RFC 6856 section 3: LANG lists, sets, and refuses what is not there',
    play: [
      'S: +OK*',
      'C: LANG',
      'S: +OK*',
      'S: en English',
      'S: i-default English',
      'S: .',
      'C: LANG EN',
      'S: +OK en *',
      'C: LANG *',
      'S: +OK i-default *',
      'C: LANG tlh',
      'S: -ERR*',
    ],
  },
  {
    what: 'lines that end in LF alone are read',
    play: [
      'S: +OK*',
      'C| CAPA\nQUIT\n',
      'S: +OK*',
      ...Array<string>(10).fill('S: *'),
      'S: .',
      'S: +OK bye',
      'S!',
    ],
  },
  {
    what: 'commands with NUL, a bare CR or broken UTF-8 are no commands',
    play: ['S: +OK*', 'C: USER a\0b', 'S: -ERR*', 'C: USER a\rb', 'S: -ERR*', 'C: USER \xff', 'S: -ERR*'],
  },
  {
    what: 'ten lines that are no commands, and it is no mail client',
    play: ['S: +OK*', ...Array.from({ length: 10 }, () => ['C: GET / HTTP/1.1', 'S: -ERR*']).flat(), 'S!'],
  },
];

const TRANSACTION: readonly Transcript[] = [
  { what: 'RFC 1939 section 5, STAT: two numbers and nothing else', play: ['C: STAT', 'S: +OK 2 43'] },
  {
    what: 'RFC 1939 section 5, STAT: marked messages do not count',
    play: ['C: DELE 1', 'S: +OK*', 'C: STAT', 'S: +OK 1 18'],
  },
  { what: 'RFC 1939 section 5, LIST: all', play: ['C: LIST', 'S: +OK*', 'S: 1 25', 'S: 2 18', 'S: .'] },
  { what: 'RFC 1939 section 5, LIST: one', play: ['C: LIST 2', 'S: +OK 2 18'] },
  {
    what: 'RFC 1939 section 5, LIST: none there',
    play: ['C: LIST 3', 'S: -ERR no such message', 'C: LIST 0', 'S: -ERR*'],
  },
  {
    what: 'RFC 1939 section 5, LIST: marked messages are not listed',
    play: ['C: DELE 1', 'S: +OK*', 'C: LIST', 'S: +OK*', 'S: 2 18', 'S: .', 'C: LIST 1', 'S: -ERR*'],
  },
  {
    what: 'RFC 1939 section 3: lines that begin with a dot get another',
    play: ['C: RETR 1', 'S: +OK 25 octets', 'S: Subject: a', 'S: ', 'S: ..', 'S: ...b', 'S: c', 'S: .'],
  },
  {
    what: 'RFC 1939 section 3: the last line ends in CRLF even where the message does not',
    play: ['C: RETR 2', 'S: +OK 18 octets', 'S: Subject: b', 'S: ', 'S: body', 'S: .'],
  },
  {
    what: 'RFC 1939 section 5, RETR: none there',
    play: ['C: RETR 3', 'S: -ERR*', 'C: RETR 999999999999999', 'S: -ERR*'],
  },
  {
    what: 'RFC 1939 section 5, RETR: a marked message is refused',
    play: ['C: DELE 2', 'S: +OK*', 'C: RETR 2', 'S: -ERR*'],
  },
  {
    what: 'RFC 1939 section 5, DELE: twice is refused, and numbers do not move',
    play: [
      'C: DELE 1',
      'S: +OK*',
      'C: DELE 1',
      'S: -ERR*',
      'C: LIST 2',
      'S: +OK 2 18',
      'C: DELE 9',
      'S: -ERR*',
    ],
  },
  { what: 'RFC 1939 section 5, NOOP', play: ['C: NOOP', 'S: +OK*'] },
  {
    what: 'RFC 1939 section 5, RSET: unmarks',
    play: [
      'C: DELE 1',
      'S: +OK*',
      'C: RSET',
      'S: +OK maildrop has 2 messages (43 octets)',
      'C: STAT',
      'S: +OK 2 43',
      'C: QUIT',
      'S: +OK*',
      'S!',
    ],
    after: ['1', '2'],
  },
  {
    what: 'RFC 1939 section 6: QUIT deletes what is marked',
    play: ['C: DELE 2', 'S: +OK*', 'C: QUIT', 'S: +OK bye', 'S!'],
    after: ['1'],
  },
  {
    what: 'RFC 1939 section 7, TOP: the header, the blank line, and so many lines',
    play: [
      'C: TOP 1 0',
      'S: +OK*',
      'S: Subject: a',
      'S: ',
      'S: .',
      'C: TOP 1 2',
      'S: +OK*',
      'S: Subject: a',
      'S: ',
      'S: ..',
      'S: ...b',
      'S: .',
    ],
  },
  {
    what: 'RFC 1939 section 7, TOP: more lines than there are: the whole message',
    play: ['C: TOP 2 1000', 'S: +OK*', 'S: Subject: b', 'S: ', 'S: body', 'S: .'],
  },
  {
    what: 'RFC 1939 section 7, TOP: marked, or not there',
    play: ['C: DELE 1', 'S: +OK*', 'C: TOP 1 0', 'S: -ERR*', 'C: TOP 3 0', 'S: -ERR*'],
  },
  {
    what: 'RETR sets \\Seen, TOP and LIST do not',
    play: [
      'C: TOP 1 5',
      'S: +OK*',
      'S: *',
      'S: *',
      'S: *',
      'S: *',
      'S: *',
      'S: .',
      'C: RETR 2',
      'S: +OK*',
      'S: *',
      'S: *',
      'S: *',
      'S: .',
      'C: QUIT',
      'S: +OK*',
      'S!',
    ],
    after: ['1', '2 \\Seen'],
  },
  {
    what: 'arguments that are none, too many, or no numbers',
    play: [
      'RETR',
      'RETR x',
      'RETR -1',
      'RETR 1 2',
      'RETR  1',
      'DELE',
      'LIST 1 2',
      'LIST a',
      'UIDL 1x',
      'TOP',
      'TOP 1',
      'TOP 1 -1',
      'TOP 1 2 3',
      'STAT 1',
      'NOOP x',
      'RSET 1',
      'QUIT now',
    ].flatMap((command, index) => [
      `C: ${command}`,
      'S: -ERR*',
      ...(index % 5 === 4 ? ['C: NOOP', 'S: +OK*'] : []),
    ]),
  },
  {
    what: 'spaces at the end of a line are passed over',
    play: ['C: LIST 1  ', 'S: +OK 1 25', 'C: STAT ', 'S: +OK*'],
  },
  {
    what: 'AUTHORIZATION commands are refused after log-in (RFC 2595 section 4, RFC 5034 section 4)',
    play: ['USER x', 'PASS x', 'AUTH PLAIN', 'STLS'].flatMap((command) => [`C: ${command}`, 'S: -ERR*']),
  },
  {
    what: 'RFC 2449 section 5: CAPA after log-in: the same, but for STLS',
    play: [
      'C: CAPA',
      'S: +OK*',
      ...Array<string>(6).fill('S: *'),
      'S: USER',
      'S: SASL *',
      'S: LANG',
      'S: IMPL*',
      'S: .',
    ],
  },
  {
    what: 'RFC 2449 section 6.6: commands in one go are answered in order',
    play: [
      'C| NOOP\r\nSTAT\r\nDELE 1\r\nLIST 1\r\nRETR 2\r\nQUIT\r\n',
      'S: +OK*',
      'S: +OK 2 43',
      'S: +OK*',
      'S: -ERR*',
      'S: +OK 18 *',
      'S: *',
      'S: ',
      'S: body',
      'S: .',
      'S: +OK bye',
      'S!',
    ],
    after: ['2 \\Seen'],
  },
];

for (const [state, transcripts] of Object.entries({ AUTHORIZATION, TRANSACTION }))
  void t.test(state, async (t) => {
    for (const { what, play, after } of transcripts)
      await t.test(what, async (t) => {
        const bed = await PopBed.start(t);
        await bed.append(DOTS, OPEN);
        const client = await bed.client(state === 'TRANSACTION');
        const greeting = state === 'AUTHORIZATION' ? ['+OK Postern POP3 server ready'] : [];
        for (const step of play) {
          const text = step.slice(3);
          if (step.startsWith('C: ')) client.send(`${text}\r\n`);
          else if (step.startsWith('C| ')) client.send(text);
          else if (step === 'S!') t.same(await client.end(), [], 'the server closes');
          else {
            const line = greeting.shift() ?? (await client.line());
            t.ok(
              text.endsWith('*') ? line.startsWith(text.slice(0, -1)) : line === text,
              `${line} for ${text}`,
            );
          }
        }
        if (after !== undefined) t.same(bed.inbox, after);
        client.close();
      });
  });

function plain(password: string): string {
  return Buffer.from(`\0${USER}\0${password}`).toString('base64');
}
