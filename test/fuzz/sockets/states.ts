/** The states of every session that there is, and how a client gets to each: one table, a state a row. */
import { encodeFrame, FrameType } from '../../../src/cluster/bus/frame.ts';
import { BUS_VERSION, encodeHello } from '../../../src/cluster/bus/hello.ts';
import type { Incarnation } from '../../../src/store/ids.ts';
import type { Login } from '../../support/lab.ts';
import type { Prng } from '../../support/prng.ts';
import { CLIENT_HELLO } from '../corpus.ts';
import { TARGETS as MESSAGES } from '../targets/messages.ts';
import { busCall } from './bus-calls.ts';

export type Step =
  | { readonly kind: 'expect'; readonly answer: RegExp }
  | { readonly kind: 'send'; readonly octets: Buffer }
  | { readonly kind: 'tls' };

export interface State {
  /** As in lab.json; `bus` is the port of the cluster. */
  readonly service: string;
  readonly name: string;
  readonly steps: readonly Step[];
  /** Names of targets whose inputs fit here; each gets the end of a line if it has none. */
  readonly language: readonly string[];
  /** Lines of the protocol, sent as they are among the rest. */
  readonly lines: readonly string[];
  /** Puts an input into the frame that the protocol asks for. */
  readonly wrap?: (input: Buffer, random: Prng) => Buffer;
}

export interface Identities {
  /** Whose mailbox is fuzzed. */
  readonly account: Login;
  readonly administrator: Login;
  readonly clusterId: string;
}

const tls: Step = { kind: 'tls' };
const expect = (answer: RegExp): Step => ({ kind: 'expect', answer });
const send = (text: string | Buffer): Step => ({ kind: 'send', octets: Buffer.from(text) });
/** A line, and what its answer must be. */
const ask = (line: string, answer: RegExp): readonly Step[] => [send(`${line}\r\n`), expect(answer)];

function plain({ login, password }: Login): string {
  return Buffer.from(`\0${login}\0${password}`).toString('base64');
}

type Row = readonly [name: string, steps: readonly Step[]];

function table(
  services: readonly (readonly [service: string, first: readonly Step[], rows: readonly Row[]])[],
  rest: Pick<State, 'language' | 'lines' | 'wrap'>,
): State[] {
  return services.flatMap(([service, first, rows]) =>
    rows.map(([name, steps]) => ({ service, name, steps: [...first, ...steps], ...rest })),
  );
}

/** A last line of a reply of SMTP. */
const code = (wanted: number): RegExp => new RegExp(`(?:^|\\n)${wanted} .*\\r\\n$`);
const AUTH_STATES = (start: readonly Step[], verb: string, challenge: RegExp): readonly Row[] =>
  ['PLAIN', 'LOGIN', 'SCRAM-SHA-256'].map((mechanism) => [
    `exchange of ${mechanism}`,
    [...start, ...ask(`${verb} ${mechanism}`, challenge)],
  ]);

function smtp(ids: Identities): State[] {
  const mailTo = (hello: readonly Step[]): readonly Row[] => {
    const mail = [...hello, ...ask(`MAIL FROM:<${ids.account.login}>`, code(250))];
    const rcpt = [...mail, ...ask(`RCPT TO:<${ids.account.login}>`, code(250))];
    return [
      ['MAIL', mail],
      ['RCPT', rcpt],
      ['DATA', [...rcpt, ...ask('DATA', code(354))]],
      ['text', [...rcpt, ...ask('DATA', code(354)), send('Subject: x\r\n\r\ntext\r\n')]],
      ['BDAT', [...rcpt, send('BDAT 1000\r\nSubject: x\r\n\r\n')]],
    ];
  };
  const greeting = [expect(code(220))];
  const hello = [...greeting, ...ask('EHLO [127.0.0.1]', code(250))];
  const first: readonly Row[] = [
    ['connected', []],
    ['greeting', greeting],
  ];
  const starttls: readonly Row[] = [
    ['handshake', [...hello, ...ask('STARTTLS', code(220))]],
    ['ClientHello', [...hello, ...ask('STARTTLS', code(220)), send(CLIENT_HELLO)]],
    ['after STARTTLS', [...hello, ...ask('STARTTLS', code(220)), tls]],
  ];
  const submission: readonly Row[] = [
    ['EHLO', hello],
    ...AUTH_STATES(hello, 'AUTH', code(334)),
    ...mailTo([...hello, ...ask(`AUTH PLAIN ${plain(ids.account)}`, code(235))]),
  ];
  const lhlo = [...greeting, ...ask('LHLO [127.0.0.1]', code(250))];
  return table(
    [
      ['smtp', [], [...first, ['EHLO', hello], ...mailTo(hello), ...starttls]],
      ['submission', [], [...first, ...submission, ...starttls]],
      ['submissions', [], [['handshake', [send(CLIENT_HELLO)]]]],
      ['submissions', [tls], [...first, ...submission]],
      ['lmtp', [], [...first, ['LHLO', lhlo], ...mailTo(lhlo)]],
    ],
    {
      language: ['smtp-command', 'smtp-mail', 'smtp-dots', 'smtp-header', 'mime-message', 'sasl-scram'],
      lines: [
        'EHLO x',
        'LHLO x',
        `MAIL FROM:<${ids.account.login}>`,
        `RCPT TO:<${ids.account.login}>`,
        'DATA',
        '.',
        'BDAT 3',
        'BDAT 99999999999',
        'BDAT 0 LAST',
        'RSET',
        'AUTH PLAIN',
        'AUTH SCRAM-SHA-256 biwsbj1qb2Uscj14',
        '*',
        '=',
        'STARTTLS',
        'QUIT',
      ],
    },
  );
}

function imap(ids: Identities): State[] {
  const greeting = [expect(/^\* OK .*\r\n$/)];
  const login = [...greeting, ...ask(`a LOGIN ${ids.account.login} ${ids.account.password}`, /^a OK /m)];
  const selected = [...login, ...ask('b SELECT INBOX', /^b OK /m)];
  const literal = [...login, ...ask('c APPEND INBOX {1000}', /^\+ /m), send('Subject: x\r\n\r\n')];
  const starttls = [...greeting, ...ask('s STARTTLS', /^s OK /m)];
  const rows: readonly Row[] = [
    ['connected', []],
    ['not authenticated', greeting],
    ['literal before log-in', [...greeting, ...ask('a LOGIN {3}', /^\+ /m)]],
    ...AUTH_STATES(greeting, 'a AUTHENTICATE', /^\+ /m),
    ['authenticated', login],
    ['selected', selected],
    ['IDLE', [...selected, ...ask('d IDLE', /^\+ /m)]],
    ['in a literal', literal],
    ['in a non-synchronising literal', [...login, send('c APPEND INBOX {100000+}\r\nSubject: x\r\n\r\n')]],
    ['in a command', [...selected, send('e FETCH 1:* (FLAGS BODY[HEADER.FIELDS (')]],
  ];
  return table(
    [
      ['imap', [], rows],
      [
        'imap',
        [],
        [
          ['handshake', starttls],
          ['ClientHello', [...starttls, send(CLIENT_HELLO)]],
          ['after STARTTLS', [...starttls, tls]],
        ],
      ],
      ['imaps', [], [['handshake', [send(CLIENT_HELLO)]]]],
      ['imaps', [tls], rows],
    ],
    {
      language: ['imap-command', 'imap-framing', 'sasl-scram', 'mime-message'],
      lines: [
        'DONE',
        'x NOOP',
        'x SELECT INBOX',
        'x IDLE',
        'x APPEND INBOX {3}',
        'x LOGIN a b',
        '*',
        '=',
        'x LOGOUT',
      ],
    },
  );
}

function pop(ids: Identities): State[] {
  const ok = /^\+OK.*\r\n$/;
  const greeting = [expect(ok)];
  const user = [...greeting, ...ask(`USER ${ids.account.login}`, ok)];
  const transaction = [...user, ...ask(`PASS ${ids.account.password}`, ok)];
  const stls = [...greeting, ...ask('STLS', ok)];
  const rows: readonly Row[] = [
    ['connected', []],
    ['authorization', greeting],
    ['USER', user],
    ...AUTH_STATES(greeting, 'AUTH', /^\+ /m),
    ['transaction', transaction],
    ['a long answer', [...transaction, send('UIDL\r\nLIST\r\nRETR 1\r\nTOP 1 10\r\n')]],
  ];
  return table(
    [
      ['pop3', [], rows],
      [
        'pop3',
        [],
        [
          ['handshake', stls],
          ['ClientHello', [...stls, send(CLIENT_HELLO)]],
          ['after STLS', [...stls, tls]],
        ],
      ],
      ['pop3s', [], [['handshake', [send(CLIENT_HELLO)]]]],
      ['pop3s', [tls], rows],
    ],
    {
      language: ['pop-command', 'sasl-scram'],
      lines: [
        'CAPA',
        'STAT',
        'LIST',
        'UIDL',
        'RETR 1',
        'TOP 1 0',
        'DELE 1',
        'RSET',
        'AUTH PLAIN',
        '*',
        '=',
        'QUIT',
      ],
    },
  );
}

function administration(ids: Identities): State[] {
  const { login, password } = ids.administrator;
  const greeting = [expect(/^200 .*\r\n$/)];
  const user = [...greeting, ...ask(`USER ${login}`, /^300 /m)];
  const pwd: readonly Row[] = [
    ['connected', []],
    ['greeting', greeting],
    ['USER', user],
    ['logged in', [...user, ...ask(`PASS ${password}`, /^200 /m)]],
  ];
  const get = 'GET /health HTTP/1.1\r\nHost: localhost\r\n';
  const http: readonly Row[] = [
    ['connected', []],
    ['in a request', [send(get)]],
    ['keep-alive', [send(`${get}\r\n`), expect(/\r\n\r\nready\n$/)]],
    ['in a body', [send(`${get}Content-Length: 1000\r\n\r\nx`)]],
    ['in a chunked body', [send(`${get}Transfer-Encoding: chunked\r\n\r\nff\r\nx`)]],
  ];
  return [
    ...table([['pwd', [], pwd]], {
      language: ['pwd-arguments', 'pwd-lines', 'dictionary'],
      lines: [
        'LISTDOMAINS',
        'INLINE',
        'NOOP',
        'HELP',
        'USER x',
        'PASS y',
        'GETDOMAINSETTINGS lab.example',
        'QUIT',
      ],
    }),
    ...table([['admin', [], http]], {
      language: ['http-fields'],
      lines: [
        'GET /status.json HTTP/1.1',
        'GET /metrics HTTP/1.1',
        'Host: x',
        'Authorization: Basic ====',
        'Content-Length: 18446744073709551616',
        'Transfer-Encoding: chunked',
        'ffffffffffffffff',
        'Connection: upgrade',
        'Upgrade: h2c',
        'Expect: 100-continue',
        '',
      ],
    }),
  ];
}

/** The bus: before TLS, in it, as a member that says nothing, and as one that says hello first. */
function bus({ clusterId }: Identities): State[] {
  const hello = encodeHello({
    version: BUS_VERSION,
    clusterId,
    peer: {
      member: 'fe1',
      role: 'worker',
      incarnation: 'f'.repeat(32) as Incarnation,
      address: { host: '127.0.0.1', port: 1 },
    },
    featureLevel: 1,
    frameOctetsMax: 65_536,
    callOctetsMax: 1 << 20,
    streamMessageOctetsMax: 1 << 20,
    urgentOctetsMax: 65_536,
    begunOctetsMax: 1 << 20,
    connectionCredit: 1 << 20,
    streamCredit: 1 << 18,
  });
  const frame = encodeFrame(FrameType.hello, 0, 0, hello);
  const framed = table(
    [
      [
        'bus',
        [],
        [
          ['connected', []],
          ['ClientHello', [send(CLIENT_HELLO)]],
          ['handshaken', [tls]],
          ['in a hello', [tls, send(frame.subarray(0, 20))]],
          ['hello', [tls, send(frame), expect(/POSTBUS/)]],
        ],
      ],
    ],
    { language: ['bus-frames', 'bus-body', 'bus-hello'], lines: [] },
  );
  const calls = table([['bus', [], [['calls', [tls, send(frame), expect(/POSTBUS/)]]]]], {
    language: ['bus-body', ...MESSAGES.map(({ name }) => name)],
    lines: [],
    wrap: busCall,
  });
  return [...framed, ...calls];
}

/** TLS on the bus is with the frontend's certificate; whoever has it is let in. */
export function statesOf(ids: Identities): readonly State[] {
  return [...smtp(ids), ...imap(ids), ...pop(ids), ...administration(ids), ...bus(ids)];
}
