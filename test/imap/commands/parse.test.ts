/** The grammar, command by command: what is taken, what is refused and how. */
import t from 'tap';
import { STAR } from '../../../src/imap/codec/types.ts';
import { parseCommand } from '../../../src/imap/commands/parse.ts';
import { COMMAND_NAMES, type Command } from '../../../src/imap/commands/table.ts';

function parse(input: string, utf8 = false) {
  return parseCommand(Buffer.from(input, 'utf8'), { utf8 });
}

const one = (from: number, to = from) => ({ kind: 'ranges' as const, ranges: [{ from, to }] });
const body = { part: [], text: undefined, fields: [] };

const GOOD: readonly (readonly [string, Command])[] = [
  ['a capability', { name: 'CAPABILITY' }],
  ['a NOOP ', { name: 'NOOP' }],
  ['A1b2 LOGOUT', { name: 'LOGOUT' }],
  ['a LOGIN joe secret', { name: 'LOGIN', user: 'joe', password: 'secret' }],
  ['a login "j\\"o\\\\e" {3}\r\np w', { name: 'LOGIN', user: 'j"o\\e', password: 'p w' }],
  ['a LOGIN {0+}\r\n ""', { name: 'LOGIN', user: '', password: '' }],
  ['a LOGIN j] "pässword"', { name: 'LOGIN', user: 'j]', password: 'pässword' }],
  ['a AUTHENTICATE plain', { name: 'AUTHENTICATE', mechanism: 'PLAIN', initialResponse: undefined }],
  ['a AUTHENTICATE PLAIN =', { name: 'AUTHENTICATE', mechanism: 'PLAIN', initialResponse: Buffer.alloc(0) }],
  [
    'a AUTHENTICATE PLAIN AGEAYg==',
    { name: 'AUTHENTICATE', mechanism: 'PLAIN', initialResponse: Buffer.from('\0a\0b') },
  ],
  ['a ENABLE condstore UTF8=ACCEPT', { name: 'ENABLE', capabilities: ['CONDSTORE', 'UTF8=ACCEPT'] }],
  ['a ID NIL', { name: 'ID', fields: undefined }],
  [
    'a ID ("Name" "x" "os" NIL)',
    {
      name: 'ID',
      fields: new Map([
        ['name', 'x'],
        ['os', undefined],
      ]),
    },
  ],
  ['a ID ()', { name: 'ID', fields: new Map() }],
  ['a SELECT inbox', { name: 'SELECT', mailbox: 'INBOX', condstore: false }],
  ['a EXAMINE "a b" (CONDSTORE)', { name: 'EXAMINE', mailbox: 'a b', condstore: true }],
  ['a SELECT Entw&APw-rfe', { name: 'SELECT', mailbox: 'Entwürfe', condstore: false }],
  ['a CREATE x/', { name: 'CREATE', mailbox: 'x/', specialUse: [] }],
  [
    'a CREATE x (USE (\\drafts \\Sent))',
    { name: 'CREATE', mailbox: 'x', specialUse: ['\\Drafts', '\\Sent'] },
  ],
  ['a DELETE {3}\r\na b', { name: 'DELETE', mailbox: 'a b' }],
  ['a RENAME a {1+}\r\nb', { name: 'RENAME', from: 'a', to: 'b' }],
  ['a SUBSCRIBE x', { name: 'SUBSCRIBE', mailbox: 'x' }],
  ['a LSUB "" *', { name: 'LSUB', reference: '', pattern: '*' }],
  ['a LIST "" %', list({ patterns: ['%'] })],
  ['a LIST x/ {2}\r\n*%', list({ reference: 'x/', patterns: ['*%'] })],
  [
    'a LIST (SUBSCRIBED RECURSIVEMATCH) "" ("a*" b%)',
    list({
      patterns: ['a*', 'b%'],
      selection: new Set(['SUBSCRIBED', 'RECURSIVEMATCH'] as const),
      extended: true,
    }),
  ],
  ['a LIST () "" *', list({ patterns: ['*'], extended: true })],
  [
    'a LIST "" * RETURN (CHILDREN STATUS (MESSAGES UNSEEN) SPECIAL-USE)',
    list({
      patterns: ['*'],
      returns: new Set(['CHILDREN', 'SPECIAL-USE'] as const),
      status: ['MESSAGES', 'UNSEEN'],
      extended: true,
    }),
  ],
  [
    'a STATUS x (MESSAGES uidnext MESSAGES)',
    { name: 'STATUS', mailbox: 'x', items: ['MESSAGES', 'UIDNEXT'] },
  ],
  [
    'a APPEND x {3}\r\na\r\n',
    { name: 'APPEND', mailbox: 'x', flags: [], internalDateMs: undefined, content: Buffer.from('a\r\n') },
  ],
  [
    'a APPEND x (\\seen $Junk) " 1-Feb-1994 21:52:25 -0800" {1+}\r\nm',
    {
      name: 'APPEND',
      mailbox: 'x',
      flags: ['\\Seen', '$Junk'],
      internalDateMs: Date.UTC(1994, 1, 2, 5, 52, 25),
      content: Buffer.from('m'),
    },
  ],
  [
    'a APPEND x ~{1}\r\nm',
    { name: 'APPEND', mailbox: 'x', flags: [], internalDateMs: undefined, content: Buffer.from('m') },
  ],
  ['a EXPUNGE', { name: 'EXPUNGE', uids: undefined }],
  [
    'a UID EXPUNGE 3:1,*',
    {
      name: 'EXPUNGE',
      uids: {
        kind: 'ranges',
        ranges: [
          { from: 1, to: 3 },
          { from: STAR, to: STAR },
        ],
      },
    },
  ],
  ['a COPY 2:* x', { name: 'COPY', uid: false, set: one(2, STAR), mailbox: 'x' }],
  ['a uid move $ x', { name: 'MOVE', uid: true, set: { kind: 'saved' }, mailbox: 'x' }],
  [
    'a STORE 1 +FLAGS.SILENT (\\Deleted \\DELETED a A)',
    {
      name: 'STORE',
      uid: false,
      set: one(1),
      mode: 'add',
      silent: true,
      flags: ['\\Deleted', 'a'],
      unchangedSince: undefined,
    },
  ],
  [
    'a UID STORE 4294967295 (UNCHANGEDSINCE 0) -flags a \\Seen',
    {
      name: 'STORE',
      uid: true,
      set: one(4294967295),
      mode: 'remove',
      silent: false,
      flags: ['a', '\\Seen'],
      unchangedSince: 0,
    },
  ],
  [
    'a STORE 1 FLAGS ()',
    {
      name: 'STORE',
      uid: false,
      set: one(1),
      mode: 'replace',
      silent: false,
      flags: [],
      unchangedSince: undefined,
    },
  ],
  ['a FETCH 1 FAST', fetch([{ kind: 'FLAGS' }, { kind: 'INTERNALDATE' }, { kind: 'RFC822.SIZE' }])],
  [
    'a FETCH 1 (body uid UID BODY[])',
    fetch([
      { kind: 'BODY' },
      { kind: 'UID' },
      { kind: 'BODY[]', section: body, partial: undefined, peek: false },
    ]),
  ],
  [
    'a FETCH 1 BODY.PEEK[1.2.HEADER.FIELDS (From {2}\r\nTo)]<5.10> (CHANGEDSINCE 9223372036854775807)',
    {
      ...fetch([
        {
          kind: 'BODY[]',
          section: { part: [1, 2], text: 'HEADER.FIELDS', fields: ['From', 'To'] },
          partial: { offset: 5, octets: 10 },
          peek: true,
        },
      ]),
      changedSince: Number.MAX_SAFE_INTEGER,
    },
  ],
  [
    'a FETCH 1 BODY[3.MIME]',
    fetch([
      { kind: 'BODY[]', section: { part: [3], text: 'MIME', fields: [] }, partial: undefined, peek: false },
    ]),
  ],
  ['a FETCH 1 RFC822.HEADER', fetch([{ kind: 'RFC822.HEADER' }])],
  ['a SEARCH ALL', search({ kind: 'ALL' })],
  [
    'a SEARCH RETURN () CHARSET utf-8 TEXT "grün" ',
    { ...search({ kind: 'TEXT', text: 'grün' }), returns: new Set(['ALL' as const]) },
  ],
  [
    'a UID SEARCH OR NOT UID 5 KEYWORD x LARGER 10',
    {
      ...search({
        kind: 'AND',
        keys: [
          {
            kind: 'OR',
            left: { kind: 'NOT', key: { kind: 'UID', set: one(5) } },
            right: { kind: 'KEYWORD', flag: 'x' },
          },
          { kind: 'LARGER', octets: 10 },
        ],
      }),
      uid: true,
    },
  ],
  [
    'a SEARCH SINCE "1-Feb-1994" HEADER X-a ""',
    search({
      kind: 'AND',
      keys: [
        { kind: 'SINCE', day: { year: 1994, month: 2, day: 1 } },
        { kind: 'HEADER', field: 'X-a', text: '' },
      ],
    }),
  ],
  ['a SEARCH MODSEQ "/flags/\\\\draft" all 620162338', search({ kind: 'MODSEQ', modseq: 620162338 })],
  [
    'a SEARCH RETURN (SAVE) $',
    { ...search({ kind: 'SEQUENCE', set: { kind: 'saved' } }), returns: new Set(['SAVE' as const]) },
  ],
];

function list(parts: Partial<Extract<Command, { name: 'LIST' }>>): Command {
  const nothing = { reference: '', patterns: [], selection: new Set<never>(), returns: new Set<never>() };
  return { name: 'LIST', ...nothing, status: [], extended: false, ...parts };
}
function fetch(items: Extract<Command, { name: 'FETCH' }>['items']) {
  return { name: 'FETCH' as const, uid: false, set: one(1), items, changedSince: undefined };
}
function search(key: Extract<Command, { name: 'SEARCH' }>['key']) {
  return { name: 'SEARCH' as const, uid: false, returns: undefined, key };
}

for (const [input, command] of GOOD)
  void t.test(input, async (t) => {
    const parsed = parse(input);
    t.strictSame(parsed, { kind: 'command', tag: input.slice(0, input.indexOf(' ')), command });
  });

const BAD: readonly (readonly [input: string, answer: string])[] = [
  ['', 'undefined BAD expected a tag'],
  [' a NOOP', 'undefined BAD expected a tag'],
  ['+ NOOP', 'undefined BAD expected a tag'],
  ['a', 'a BAD expected a space'],
  ['a ', 'a BAD expected a command'],
  ['a FOO', 'a BAD unknown command'],
  ['a constructor', 'a BAD unknown command'],
  ['a UID NOOP', 'a BAD unknown command'],
  ['a UID LOGIN a b', 'a BAD unknown command'],
  ['a NOOP x', 'a BAD unexpected data at the end of the command'],
  ['a LOGIN joe', 'a BAD expected a space'],
  ['a LOGIN "joe', 'a BAD unterminated quoted string'],
  ['a LOGIN "j\\oe" x', 'a BAD bad escape in a quoted string'],
  ['a LOGIN (x) y', 'a BAD expected a string'],
  ['a LOGIN {1}\r\n\0 y', 'a BAD NUL is not allowed in a literal'],
  ['a LOGIN {9}\r\nx y', 'a BAD literal cut short'],
  ['a AUTHENTICATE PLAIN !', 'a BAD initial response is not base64'],
  ['a AUTHENTICATE PLAIN AAA', 'a BAD initial response is not base64'],
  ['a SELECT x (QRESYNC (1 2))', 'a BAD unknown parameter'],
  // RFC 3501 section 5.1.3: one spelling only.
  ['a SELECT &AGE-', 'a NO [CANNOT] not a mailbox name in this encoding'],
  ['a SELECT "ü"', 'a NO [CANNOT] not a mailbox name in this encoding'],
  ['a CREATE x (USE (\\Nonsense))', 'a NO [USEATTR] no such special use'],
  ['a LIST (RECURSIVEMATCH REMOTE) "" *', 'a BAD RECURSIVEMATCH needs an option that selects'],
  ['a LIST (FOO) "" *', 'a BAD unknown option'],
  ['a LIST "" ()', 'a BAD expected a mailbox pattern'],
  ['a STATUS x ()', 'a BAD expected a status item'],
  ['a APPEND x (\\Recent) {1}\r\nm', 'a BAD no such system flag'],
  [
    'a APPEND x "32-Feb-1994 21:52:25 -0800" {1}\r\nm',
    'a BAD not a date such as "01-Feb-1994 21:52:25 -0800"',
  ],
  ['a APPEND x "text"', 'a BAD not a date such as "01-Feb-1994 21:52:25 -0800"'],
  ['a APPEND x ~{1}\r\n\0', 'a NO [UNKNOWN-CTE] messages with NUL are not kept'],
  ['a APPEND x UTF8 (~{1}\r\nm)', 'a BAD UTF8 needs ENABLE UTF8=ACCEPT'],
  ['a FETCH 0 UID', 'a BAD 0 is not allowed here'],
  ['a FETCH 4294967296 UID', 'a BAD number too large'],
  ['a FETCH 1:2: UID', 'a BAD expected a space'],
  ['a FETCH 1 (FAST)', 'a BAD unknown data item'],
  ['a FETCH 1 ()', 'a BAD expected a data item'],
  ['a FETCH 1 BODY[MIME]', 'a BAD unknown section'],
  ['a FETCH 1 BODY[1.]', 'a BAD expected a section part'],
  ['a FETCH 1 BODY[0]', 'a BAD 0 is not allowed here'],
  ['a FETCH 1 BODY[HEADER.FIELDS ()]', 'a BAD expected a header field name'],
  ['a FETCH 1 BODY[]<0.0>', 'a BAD 0 is not allowed here'],
  [`a FETCH 1 BODY[${'1.'.repeat(200)}1]`, 'a BAD section too deep'],
  ['a STORE 1 FLAG (x)', 'a BAD expected FLAGS, +FLAGS or -FLAGS'],
  ['a STORE 1 FLAGS', 'a BAD expected a space'],
  // RFC 9051 section 6.4.4: "If the server does not support the specified charset, it MUST return a tagged NO".
  ['a SEARCH CHARSET KOI8-R TEXT x', 'a NO [BADCHARSET (US-ASCII UTF-8)] charset not supported'],
  ['a SEARCH', 'a BAD expected a space'],
  ['a SEARCH FOO x', 'a BAD unknown search key'],
  ['a SEARCH ()', 'a BAD expected a search key'],
  ['a SEARCH ON 30-Feb-2000', 'a BAD not a date such as 1-Feb-1994'],
  [`a SEARCH ${'('.repeat(100)}ALL`, 'a NO [LIMIT] search keys nested too deep'],
  [`a SEARCH ${'NOT '.repeat(20_000)}ALL`, 'a NO [LIMIT] search keys nested too deep'],
  [`a SEARCH${' ALL'.repeat(2000)}`, 'a NO [LIMIT] too many search keys'],
];

for (const [input, answer] of BAD)
  void t.test(JSON.stringify(input.slice(0, 60)), async (t) => {
    const parsed = parse(input);
    t.equal(parsed.kind, 'bad');
    if (parsed.kind === 'bad') t.equal(`${parsed.tag} ${parsed.status} ${parsed.code}${parsed.why}`, answer);
  });

void t.test('RFC 6855 section 3: after ENABLE names are UTF-8', async (t) => {
  t.match(parse('a SELECT "Entwürfe"', true), { command: { mailbox: 'Entwürfe' } });
  t.match(parse('a SELECT &AGE-', true), { command: { mailbox: '&AGE-' } });
  t.match(parse('a APPEND x UTF8 (~{1}\r\nm)', true), { command: { content: Buffer.from('m') } });
});

void t.test('bad UTF-8 in strings is refused', async (t) => {
  for (const argument of [Buffer.from('"\xff"', 'latin1'), Buffer.from('{1}\r\n\xff', 'latin1')])
    t.match(parseCommand(Buffer.concat([Buffer.from('a LOGIN x '), argument]), { utf8: true }), {
      kind: 'bad',
    });
});

void t.test('every command of the table is in these tests', async (t) => {
  const tested = new Set(GOOD.map(([, command]) => command.name));
  const untested = COMMAND_NAMES.filter((name) => !tested.has(name));
  // Commands without arguments share one rule; the property test runs them all.
  t.strictSame(untested.sort(), [
    'CHECK',
    'CLOSE',
    'IDLE',
    'NAMESPACE',
    'STARTTLS',
    'UNSELECT',
    'UNSUBSCRIBE',
  ]);
});
