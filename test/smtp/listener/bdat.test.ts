/** CHUNKING and BINARYMIME (RFC 3030): transcripts, each played pipelined in every cut. */
import t from 'tap';
import { SIZE_MAX, startBed } from '../bed.ts';
import { type Transcript, testTranscripts, times, transaction } from '../play.ts';

const BEGIN = ['HELO c', ...transaction('joe')];
const BEGUN = times(3, /^250 /);
const BINARY = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet));
const IS_BINARY = 'Content-Transfer-Encoding: binary\r\n\r\n';
const ENCODED = 'Content-Transfer-Encoding: base64\r\n\r\n';
const BASE64_OF_BINARY = Buffer.concat([BINARY, Buffer.from('\n\r')])
  .toString('base64')
  .replace(/(.{76})(?=.)/g, '$1\r\n');

function chunk(octets: string | Buffer, last: '' | ' LAST' = ''): Buffer {
  const content = Buffer.from(octets);
  return Buffer.concat([Buffer.from(`BDAT ${content.length}${last}\r\n`), content]);
}

const TRANSCRIPTS: readonly Transcript[] = [
  {
    name: 'section 4.2: two chunks, the last one LAST; no line ends are needed, dots are text',
    client: [...BEGIN, chunk('Subject: x\r\n\r\n.\r\n.y'), chunk('z\r\n', ' LAST'), 'QUIT'],
    server: [...BEGUN, /^250 2\.0\.0 19 octets/, /^250 2\.0\.0 /, /^221 /],
    delivered: ['Subject: x\r\n\r\n.\r\n.yz\r\n'],
  },
  {
    name: 'section 2: BDAT 0 LAST ends a message, an empty chunk changes nothing, lower case is the same',
    client: [...BEGIN, chunk(''), chunk('a\r\n'), Buffer.from('bdat  0 last\r\n'), 'QUIT'],
    server: [...BEGUN, /^250 2\.0\.0 0 octets/, /^250 2\.0\.0 3 octets/, /^250 /, /^221 /],
    delivered: ['a\r\n'],
  },
  {
    name: 'section 2: a chunk after LAST is thrown away with 503',
    client: [...BEGIN, chunk('a', ' LAST'), chunk('MAIL FROM:<x@y.example>\r\n', ' LAST'), 'QUIT'],
    server: [...BEGUN, /^250 /, /^503 5\.5\.1 /, /^221 /],
    delivered: ['a'],
  },
  {
    name: 'a chunk without a transaction, or without a recipient, is read and refused',
    client: [
      chunk('QUIT\r\n'),
      'HELO c',
      chunk('QUIT\r\n', ' LAST'),
      'MAIL FROM:<>',
      'RCPT TO:<nobody@lab.example>',
      chunk('QUIT\r\n', ' LAST'),
      'RCPT TO:<joe@lab.example>',
      chunk('b', ' LAST'),
      'QUIT',
    ],
    server: [/^503 /, /^250 /, /^503 /, /^250 /, /^550 /, /^503 5\.5\.1 /, /^250 /, /^250 /, /^221 /],
    delivered: ['b'],
  },
  {
    name: 'section 2: DATA among chunks is 503, and only RSET leads out of it',
    client: [
      ...BEGIN,
      chunk('a'),
      'DATA',
      chunk('b', ' LAST'),
      'DATA',
      'RSET',
      ...BEGIN.slice(1),
      'DATA',
      'c',
      '.',
      'QUIT',
    ],
    server: [
      ...BEGUN,
      /^250 /,
      /^503 5\.5\.1 /,
      /^503 5\.5\.1 /,
      /^503 5\.5\.1 /,
      /^250 /,
      ...BEGUN.slice(1),
      /^354 /,
      /^250 /,
      /^221 /,
    ],
    delivered: ['c\r\n'],
  },
  {
    name: 'RCPT among chunks is refused; RSET forgets what has come',
    client: [
      ...BEGIN,
      chunk('a'),
      'RCPT TO:<ann@lab.example>',
      'RSET',
      ...BEGIN.slice(1),
      chunk('b', ' LAST'),
      'QUIT',
    ],
    server: [...BEGUN, /^250 /, /^503 5\.5\.1 /, /^250 /, ...BEGUN.slice(1), /^250 /, /^221 /],
    delivered: ['b'],
  },
  {
    name: 'section 3: BODY=BINARYMIME takes all octets, by BDAT only; what no text has is encoded, the rest kept',
    client: [
      'EHLO c',
      'MAIL FROM:<> BODY=BINARYMIME',
      'RCPT TO:<joe@lab.example>',
      'DATA',
      chunk(IS_BINARY),
      chunk(BINARY),
      chunk('\n\r', ' LAST'),
      'RSET',
      'MAIL FROM:<> BODY=BINARYMIME',
      'RCPT TO:<joe@lab.example>',
      chunk(`${IS_BINARY}text\r\n`, ' LAST'),
      'MAIL FROM:<> BODY=BINARYMIME',
      'RCPT TO:<joe@lab.example>',
      chunk(BINARY, ' LAST'),
      'QUIT',
    ],
    server: [
      ...times(11, /^250/),
      /^250 /,
      /^250 /,
      /^503 5\.5\.1 /,
      ...times(9, /^250 /),
      /^554 5\.6\.3 /,
      /^221 /,
    ],
    delivered: [`${ENCODED}${BASE64_OF_BINARY}\r\n`, `${IS_BINARY}text\r\n`],
  },
  {
    name: 'without it a bare LF refuses the chunk, and the session goes on behind it',
    client: [...BEGIN, chunk('a\nQUIT\r\n'), chunk('b', ' LAST'), 'NOOP', 'QUIT'],
    server: [...BEGUN, /^550 5\.5\.2 /, /^503 5\.5\.1 /, /^250 /, /^221 /],
    delivered: [],
  },
  {
    name: 'a line end may be cut by chunks; a bare CR at the end of the last one may not be there',
    client: [...BEGIN, chunk('a\r'), chunk('\nb', ' LAST'), ...BEGIN.slice(1), chunk('a\r', ' LAST'), 'QUIT'],
    server: [...BEGUN, /^250 /, /^250 /, ...BEGUN.slice(1), /^550 5\.5\.2 /, /^221 /],
    delivered: ['a\r\nb'],
  },
  {
    name: 'over the limit: 552 for the chunk that goes over it, the rest is thrown away',
    client: [
      ...BEGIN,
      chunk('x'.repeat(SIZE_MAX)),
      chunk('x'),
      chunk('x', ' LAST'),
      'RSET',
      ...BEGIN.slice(1),
      chunk('x'.repeat(SIZE_MAX + 1), ' LAST'),
      'QUIT',
    ],
    server: [
      ...BEGUN,
      /^250 /,
      /^552 5\.3\.4 /,
      /^503 5\.5\.1 /,
      /^250 /,
      ...BEGUN.slice(1),
      /^552 5\.3\.4 /,
      /^221 /,
    ],
    delivered: [],
  },
  {
    name: 'a line that does not say how many octets follow ends the session',
    client: [...BEGIN, 'BDAT x LAST', 'QUIT'],
    server: [...BEGUN, /^501 5\.5\.4 /, /^421 4\.7\.0 /],
    delivered: [],
  },
  {
    name: 'more octets than can be counted too',
    client: [...BEGIN, 'BDAT 9999999999999999', 'QUIT'],
    server: [...BEGUN, /^501 5\.5\.4 /, /^421 4\.7\.0 /],
  },
];

testTranscripts(t, TRANSCRIPTS, (test) => startBed(test, {}));

void t.test(
  'RFC 2033 section 4.2: with LMTP the last chunk is answered once for each recipient',
  async (t) => {
    testTranscripts(
      t,
      [
        {
          name: 'last chunk',
          client: ['LHLO c', ...transaction('joe', 'full'), chunk('a'), chunk('b', ' LAST'), 'QUIT'],
          server: [
            ...times(11, /^250/),
            ...times(3, /^250 /),
            /^250 2\.0\.0 1 octets/,
            /^250 2\.0\.0 /,
            /^452 4\.3\.1 /,
            /^221 /,
          ],
          delivered: ['ab'],
        },
      ],
      (test) => startBed(test, { protocol: 'lmtp' }),
    );
  },
);
