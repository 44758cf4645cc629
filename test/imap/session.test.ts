/** Transcripts of whole sessions: what a client sends, and every line it must get. */
import { connect } from 'node:net';
import t from 'tap';
import { Failure } from '../../src/lib/failure.ts';
import { LineClient } from '../support/line-client.ts';
import { ImapBed, PASSWORD, USER } from './bed.ts';

interface Transcript {
  readonly name: string;
  readonly loggedIn?: boolean;
  /** Messages in INBOX before it begins: flags of each. */
  readonly inbox?: readonly (readonly string[])[];
  /** `C: ` lines are sent, `S: ` lines expected, exactly or as /pattern/. */
  readonly script: readonly string[];
}

const MESSAGE = 'From: Joe <joe@b.example>\r\nSubject: hi\r\n\r\nHello\r\n';

const TRANSCRIPTS: readonly Transcript[] = [
  {
    name: 'RFC 9051 section 6.2.3: LOGIN with literals, wrong password, then right',
    loggedIn: false,
    script: [
      'C: a LOGIN {17}',
      'S: /^\\+ /',
      `C: ${USER} {5}`,
      'S: /^\\+ /',
      'C: wrong',
      'S: a NO [AUTHENTICATIONFAILED] wrong name or password',
      `C: b LOGIN {17+}`,
      `C: ${USER} {13+}`,
      `C: ${PASSWORD}`,
      'S: /^b OK \\[CAPABILITY IMAP4rev1 .*MOVE.*\\]/',
      'C: c LOGIN x y',
      'S: /^c BAD /',
    ],
  },
  {
    name: 'RFC 4959: AUTHENTICATE PLAIN with and without initial response',
    loggedIn: false,
    script: [
      'C: a AUTHENTICATE PLAIN',
      'S: + ',
      'C: *',
      'S: /^a BAD /',
      'C: b AUTHENTICATE CRAM-MD5',
      'S: /^b NO /',
      `C: c AUTHENTICATE PLAIN ${Buffer.from(`\0${USER}\0${PASSWORD}`).toString('base64')}`,
      'S: /^c OK /',
    ],
  },
  {
    name: 'commands of the selected state need a mailbox',
    script: [
      'C: a FETCH 1 FLAGS',
      'S: /^a BAD /',
      'C: b SELECT Nowhere',
      'S: /^b NO \\[NONEXISTENT\\]/',
      'C: c XYZZY',
      'S: /^c BAD /',
    ],
  },
  {
    name: 'RFC 9051 section 6.3.2: SELECT',
    inbox: [['\\Seen'], []],
    script: [
      'C: a SELECT inbox',
      'S: * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)',
      'S: * 2 EXISTS',
      'S: * 0 RECENT',
      'S: * OK [UNSEEN 2] first unseen message',
      'S: * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] flags that last',
      'S: /^\\* OK \\[UIDVALIDITY \\d+\\]/',
      'S: * OK [UIDNEXT 3] predicted next UID',
      'S: /^\\* OK \\[HIGHESTMODSEQ \\d+\\]/',
      'S: /^\\* OK \\[MAILBOXID \\(F1\\)\\]/',
      'S: a OK [READ-WRITE] selected',
      'C: b EXAMINE INBOX',
      'S: /^\\* OK \\[CLOSED\\]/',
      'S: /FLAGS/',
      'S: /EXISTS/',
      'S: /RECENT/',
      'S: /UNSEEN/',
      'S: * OK [PERMANENTFLAGS ()] flags that last',
      'S: /UIDVALIDITY/',
      'S: /UIDNEXT/',
      'S: /HIGHESTMODSEQ/',
      'S: /MAILBOXID/',
      'S: b OK [READ-ONLY] selected',
      'C: c STORE 1 +FLAGS (\\Deleted)',
      'S: /^c NO \\[READ-ONLY\\]/',
    ],
  },
  {
    name: 'RFC 9051 section 6.4.5: FETCH of facts, of a section, and \\Seen',
    inbox: [[], []],
    script: [
      'C: a EXAMINE INBOX',
      'S: ...a',
      'C: b FETCH 1 (UID FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (Subject)])',
      'S: /^\\* 1 FETCH \\(UID 1 FLAGS \\(\\) RFC822.SIZE 49 BODY\\[HEADER.FIELDS \\(Subject\\)\\] \\{15\\}$/',
      'S: Subject: hi',
      'S: ',
      'S: )',
      'S: b OK done',
      'C: c SELECT INBOX',
      'S: ...c',
      'C: d FETCH 2 BODY[TEXT]<0.3>',
      'S: * 2 FETCH (BODY[TEXT]<0> {3}',
      'S: Hel FLAGS (\\Seen))',
      'S: d OK done',
      'C: e UID FETCH 2 FLAGS',
      'S: * 2 FETCH (UID 2 FLAGS (\\Seen))',
      'S: e OK done',
      'C: f FETCH 3 FLAGS',
      'S: /^f BAD /',
      'C: g UID FETCH 77 FLAGS',
      'S: g OK done',
    ],
  },
  {
    name: 'RFC 9051 section 6.4.6: STORE, EXPUNGE in the numbering left by those before',
    inbox: [[], [], []],
    script: [
      'C: a SELECT INBOX',
      'S: ...a',
      'C: b STORE 1,3 +FLAGS (\\Deleted)',
      'S: * 1 FETCH (UID 1 FLAGS (\\Deleted))',
      'S: * 3 FETCH (UID 3 FLAGS (\\Deleted))',
      'S: b OK done',
      'C: c STORE 2 FLAGS.SILENT ($Work)',
      'S: * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work)',
      'S: * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work \\*)] flags that last',
      'S: c OK done',
      'C: d EXPUNGE',
      'S: * 1 EXPUNGE',
      'S: * 2 EXPUNGE',
      'S: d OK expunged',
      'C: e FETCH 1:* (UID FLAGS)',
      'S: * 1 FETCH (UID 2 FLAGS ($Work))',
      'S: e OK done',
    ],
  },
  {
    name: 'RFC 4315: UID EXPUNGE takes only those named; RFC 6851: MOVE; COPYUID, APPENDUID',
    inbox: [['\\Deleted'], ['\\Deleted'], []],
    script: [
      'C: a SELECT INBOX',
      'S: ...a',
      'C: b UID EXPUNGE 2',
      'S: * 2 EXPUNGE',
      'S: b OK expunged',
      'C: c CREATE Work/2026',
      'S: /^c OK \\[MAILBOXID /',
      'C: d UID COPY 1,3 Work/2026',
      'S: /^d OK \\[COPYUID \\d+ 1,3 1:2\\] copied/',
      'C: e UID MOVE 3 Work/2026',
      'S: /^\\* OK \\[COPYUID \\d+ 3 3\\] moved/',
      'S: * 2 EXPUNGE',
      'S: e OK moved',
      'C: f UID COPY 1 Nowhere',
      'S: /^f NO \\[TRYCREATE\\]/',
      'C: g APPEND Work/2026 (\\Seen) {4+}',
      'C: a: b',
      'S: /^g OK \\[APPENDUID \\d+ 4\\]/',
    ],
  },
  {
    name: 'RFC 9051 section 6.3.9: LIST, children, subscriptions, special use',
    script: [
      'C: a CREATE Work/2026',
      'S: /^a OK /',
      'C: b LIST "" ""',
      'S: * LIST (\\Noselect) "/" ""',
      'S: b OK done',
      'C: c LIST "" W%',
      'S: * LIST (\\HasChildren) "/" Work',
      'S: c OK done',
      'C: d LIST "" (Work/* Sent) RETURN (SPECIAL-USE STATUS (MESSAGES))',
      'S: * LIST (\\Sent) "/" Sent',
      'S: * STATUS Sent (MESSAGES 0)',
      'S: * LIST () "/" Work/2026',
      'S: * STATUS Work/2026 (MESSAGES 0)',
      'S: d OK done',
      'C: e SUBSCRIBE Work/2026',
      'S: e OK done',
      'C: f LIST (SUBSCRIBED) "" W*',
      'S: * LIST (\\Subscribed) "/" Work/2026',
      'S: f OK done',
      'C: g LSUB "" W%',
      'S: * LSUB (\\Noselect) "/" Work',
      'S: g OK done',
      'C: h DELETE Work/2026',
      'S: h OK deleted',
      'C: i DELETE Work/2026',
      'S: /^i NO /',
      'C: j DELETE INBOX',
      'S: /^j NO \\[CANNOT\\]/',
    ],
  },
  {
    name: 'RFC 9051 section 6.4.4: SEARCH, ESEARCH, the saved result',
    inbox: [['\\Seen'], [], ['\\Flagged']],
    script: [
      'C: a SELECT INBOX',
      'S: ...a',
      'C: b SEARCH UNSEEN',
      'S: * SEARCH 2 3',
      'S: b OK done',
      'C: c UID SEARCH SUBJECT "HI" FLAGGED',
      'S: * SEARCH 3',
      'S: c OK done',
      'C: d SEARCH RETURN (MIN MAX COUNT) ALL',
      'S: * ESEARCH (TAG "d") MIN 1 MAX 3 COUNT 3',
      'S: d OK done',
      'C: e SEARCH RETURN (SAVE) UNSEEN',
      'S: e OK done',
      'C: f FETCH $ UID',
      'S: * 2 FETCH (UID 2)',
      'S: * 3 FETCH (UID 3)',
      'S: f OK done',
      'C: g SEARCH CHARSET KOI8-Z TEXT x',
      'S: /^g NO \\[BADCHARSET/',
    ],
  },
  {
    name: 'RFC 7162: CONDSTORE',
    inbox: [[], []],
    script: [
      'C: a SELECT INBOX (CONDSTORE)',
      'S: ...a',
      'C: b UID STORE 1 (UNCHANGEDSINCE 1) +FLAGS (\\Seen)',
      'S: /^\\* 1 FETCH \\(UID 1 FLAGS \\(\\) MODSEQ/',
      'S: /^b OK \\[MODIFIED 1\\]/',
      'C: c STORE 2 +FLAGS.SILENT (\\Seen)',
      'S: /^\\* 2 FETCH \\(UID 2 MODSEQ \\(\\d+\\)\\)/',
      'S: c OK done',
      'C: d FETCH 1:* (FLAGS) (CHANGEDSINCE 99999)',
      'S: d OK done',
    ],
  },
  {
    name: 'RFC 9051 section 6.3.11: STATUS; RFC 2342; RFC 2971; RFC 5161; UNSELECT, CLOSE',
    inbox: [['\\Deleted'], []],
    script: [
      'C: a STATUS INBOX (MESSAGES UIDNEXT UNSEEN DELETED SIZE)',
      'S: * STATUS INBOX (MESSAGES 2 UIDNEXT 3 UNSEEN 2 DELETED 1 SIZE 98)',
      'S: a OK done',
      'C: b NAMESPACE',
      'S: * NAMESPACE (("" "/")) NIL NIL',
      'S: b OK done',
      'C: c ID NIL',
      'S: * ID ("name" "Postern")',
      'S: c OK done',
      'C: d ENABLE CONDSTORE XYZ',
      'S: * ENABLED CONDSTORE',
      'S: d OK done',
      'C: e SELECT INBOX',
      'S: ...e',
      'C: f UNSELECT',
      'S: f OK done',
      'C: g SELECT INBOX',
      'S: ...g',
      'C: h CLOSE',
      'S: h OK done',
      'C: i STATUS INBOX (MESSAGES)',
      'S: * STATUS INBOX (MESSAGES 1)',
      'S: i OK done',
      'C: j LOGOUT',
      'S: /^\\* BYE /',
      'S: /^j OK /',
    ],
  },
];

for (const transcript of TRANSCRIPTS)
  void t.test(transcript.name, async (t) => {
    const bed = await ImapBed.start(t);
    await fill(bed, transcript.inbox ?? []);
    const client = await bed.client(transcript.loggedIn ?? true);
    for (const step of transcript.script) {
      const text = step.slice(3);
      if (step.startsWith('C: ')) client.send(`${text}\r\n`);
      else if (text.startsWith('...')) await client.until(text.slice(3));
      else {
        const line = await client.line();
        if (text.startsWith('/')) t.match(line, new RegExp(text.slice(1, -1)), step);
        else t.equal(line, text);
      }
    }
    client.close();
  });

async function fill(bed: ImapBed, inbox: readonly (readonly string[])[]): Promise<void> {
  await arrive(bed, inbox);
  // A first session is told of them, so that they are \Recent to nobody here (test/imap/rfc3501/recent.test.ts).
  const first = await bed.client();
  await first.command('a', 'SELECT INBOX');
  first.close();
}

async function arrive(bed: ImapBed, inbox: readonly (readonly string[])[]): Promise<void> {
  const { id } = bed.account.mailbox('INBOX')!;
  for (const flags of inbox)
    await bed.account.append(id, {
      content: Buffer.from(MESSAGE),
      flags,
      internalDateMs: Date.UTC(2026, 0, 1),
    });
}

void t.test('RFC 2177: IDLE tells what others change until DONE', async (t) => {
  const bed = await ImapBed.start(t);
  await fill(bed, [[]]);
  const idle = await bed.client();
  await idle.command('a', 'SELECT INBOX');
  idle.send('b IDLE\r\n');
  t.equal(await idle.line(), '+ idling');
  const other = await bed.client();
  await other.command('a', 'SELECT INBOX');
  await other.command('b', 'STORE 1 +FLAGS (\\Deleted)');
  t.equal(await idle.line(), '* 1 FETCH (UID 1 FLAGS (\\Deleted))');
  await arrive(bed, [[]]);
  t.equal(await idle.line(), '* 2 EXISTS');
  t.equal(await idle.line(), '* 1 RECENT');
  await other.command('c', 'EXPUNGE');
  t.equal(await idle.line(), '* 1 EXPUNGE');
  idle.send('DONE\r\n');
  t.equal(await idle.line(), 'b OK idle ended');
  other.close();
  idle.close();
});

void t.test('a session goes on when its owner is lost', async (t) => {
  const bed = await ImapBed.start(t);
  await fill(bed, [[], [], []]);
  const client = await bed.client();
  await client.command('a', 'SELECT INBOX');
  await bed.moveOwner();
  t.same(await client.command('b', 'STORE 2 +FLAGS (\\Deleted)'), [
    '* 2 FETCH (UID 2 FLAGS (\\Deleted))',
    'b OK done',
  ]);
  const other = await bed.client();
  await other.command('a', 'SELECT INBOX');
  await other.command('b', 'EXPUNGE');
  await arrive(bed, [[]]);
  await bed.moveOwner();
  t.same(
    await client.command('c', 'FETCH 3 UID'),
    ['* 3 FETCH (UID 3)', 'c OK done'],
    'no EXPUNGE in answer to FETCH, numbers as told',
  );
  t.same(await client.command('d', 'NOOP'), ['* 2 EXPUNGE', '* 3 EXISTS', '* 1 RECENT', 'd OK done']);
  client.send('e IDLE\r\n');
  t.equal(await client.line(), '+ idling');
  await bed.moveOwner();
  await arrive(bed, [[]]);
  t.equal(await client.line(), '* 4 EXISTS', 'an IDLE goes on at the next owner');
  t.equal(await client.line(), '* 2 RECENT', 'and keeps what is recent');
  client.send('DONE\r\n');
  t.equal(await client.line(), 'e OK idle ended');
  client.close();
  other.close();
});

void t.test(
  'without any owner a command is answered NO [UNAVAILABLE] in time, and the session stays',
  async (t) => {
    const bed = await ImapBed.start(t, { stallMs: 300 });
    await fill(bed, [[]]);
    const client = await bed.client();
    await client.command('a', 'SELECT INBOX');
    await bed.moveOwner();
    bed.away = 'unavailable';
    t.match(await client.command('b', 'FETCH 1 UID'), [
      'b NO [UNAVAILABLE] temporarily unavailable, try again later',
    ]);
    bed.away = undefined;
    t.same(await client.command('c', 'FETCH 1 UID'), ['* 1 FETCH (UID 1)', 'c OK done']);
    client.close();
  },
);

void t.test('a lost answer is asked for: done once, answered once', async (t) => {
  const bed = await ImapBed.start(t);
  await fill(bed, [[]]);
  const client = await bed.client();
  await client.command('a', 'SELECT INBOX');
  bed.loseAt = { kind: 'end', left: 1 };
  const appended = await client.command('b', 'APPEND INBOX {12+}\r\nSubject: x\r\n');
  // RECENT counts it or not: nobody knows whether the lost answer told of it.
  t.match(appended, ['* 2 EXISTS', /^\* [01] RECENT$/, /^b OK \[APPENDUID \d+ 2\] appended$/]);
  bed.loseAt = { kind: 'end', left: 1 };
  t.same(await client.command('c', 'STORE 1 +FLAGS (\\Deleted)'), [
    '* 1 FETCH (UID 1 FLAGS (\\Deleted))',
    'c OK done',
  ]);
  bed.loseAt = { kind: 'end', left: 1 };
  t.same(await client.command('d', 'EXPUNGE'), ['* 1 EXPUNGE', 'd OK expunged']);
  t.same(
    await client.command('e', 'FETCH 1:* UID'),
    ['* 1 FETCH (UID 2)', 'e OK done'],
    'one copy, and nothing twice',
  );
  client.close();
});

void t.test(
  'MOVE by message numbers whose answer is lost: done once, and the client is told where they are',
  async (t) => {
    const bed = await ImapBed.start(t);
    await fill(bed, [[], [], []]);
    const client = await bed.client();
    await client.command('a', 'CREATE Other');
    await client.command('a', 'SELECT INBOX');
    bed.loseAt = { kind: 'end', left: 1 };
    t.match(await client.command('b', 'MOVE 1:2 Other'), [
      /^\* OK \[COPYUID \d+ 1:2 1:2\] moved$/,
      '* 1 EXPUNGE',
      '* 1 EXPUNGE',
      'b OK moved',
    ]);
    bed.loseAt = { kind: 'end', left: 1 };
    t.match(await client.command('c', 'COPY 1 Other'), [/^c OK \[COPYUID \d+ 3 3\] copied$/]);
    t.match((await client.command('d', 'STATUS Other (MESSAGES)'))[0], /MESSAGES 3/);
    client.close();
  },
);

void t.test(
  'RFC 3501 section 6.3.1: a SELECT that no owner answers leaves no mailbox selected',
  async (t) => {
    for (const command of ['SELECT', 'EXAMINE']) {
      const bed = await ImapBed.start(t, { stallMs: 100 });
      await fill(bed, [['\\Deleted']]);
      const client = await bed.client();
      await client.command('a', 'SELECT INBOX');
      bed.away = 'unavailable';
      await bed.moveOwner();
      t.match(await client.command('b', `${command} Other`), [/^b NO \[UNAVAILABLE\] /]);
      bed.away = undefined;
      t.match(await client.command('c', 'CLOSE'), [/^c BAD /]);
      t.match(
        await client.command('d', 'STATUS INBOX (MESSAGES)'),
        [/MESSAGES 1/, /^d OK/],
        'nothing was expunged',
      );
      client.close();
    }
  },
);

void t.test('what is received counts against the budget that the listener was given', async (t) => {
  const bed = await ImapBed.start(t, { receivingOctetsMax: 200_000 });
  const client = await bed.client();
  t.match(await client.command('a', 'APPEND INBOX {200001}'), [/^a NO \[LIMIT\] too much is being received/]);
  t.match((await client.command('b', `APPEND INBOX {200000+}\r\n${'x'.repeat(200_000)}`)).at(-1), /^b OK /);
  client.close();
});

void t.test('one account has so many sessions at a time; the others go on', async (t) => {
  const bed = await ImapBed.start(t, { sessionsMax: 1 });
  const [first, second] = [await bed.client(), await bed.client()];
  t.match(await first.command('a', 'NOOP'), ['a OK done']);
  second.send('a NOOP\r\n');
  t.match(await second.line(), /^a NO \[LIMIT\] too many sessions/);
  t.match(await second.line(), /^\* BYE \[LIMIT\] /);
  await t.rejects(second.line());
  first.send('b LOGOUT\r\n');
  for (const line of [/^\* BYE/, /^b OK/]) t.match(await first.line(), line);
  await t.rejects(first.line());
  const third = await bed.client();
  t.match(await third.command('a', 'NOOP'), ['a OK done']);
  third.close();
});

void t.test('what a client asked for before its FIN is done and answered', async (t) => {
  const bed = await ImapBed.start(t);
  const socket = connect({ ...bed.listener.address, allowHalfOpen: true });
  socket.setEncoding('latin1');
  socket.end(`a LOGIN ${USER} "${PASSWORD}"\r\nb CREATE late\r\nc SELECT late\r\nd IDLE\r\n`);
  let text = '';
  for await (const part of socket) text += String(part);
  for (const line of [/^a OK /m, /^b OK /m, /^c OK /m, /^\+ /m, /^d OK /m]) t.match(text, line);
  t.ok(bed.account.mailbox('late'));
});

void t.test('a long FETCH goes on at the next owner where the client has it', async (t) => {
  const bed = await ImapBed.start(t);
  const { id } = bed.account.mailbox('INBOX')!;
  const content = Buffer.from(`Subject: long\r\n\r\n${'x'.repeat(20_000)}\r\n`);
  for (let count = 0; count < 20; count++)
    await bed.account.append(id, { content, flags: [], internalDateMs: 0 });
  const client = await bed.client();
  await client.command('a', 'SELECT INBOX');
  for (const item of ['BODY.PEEK[]', 'BODY[]']) {
    bed.loseAt = { kind: 'output', left: 1, arrived: true };
    const lines = await client.command('b', `UID FETCH 1:* (${item})`);
    const uids = lines.flatMap((line) => /^\* \d+ FETCH \(UID (\d+) BODY/.exec(line)?.[1] ?? []);
    t.same(
      uids.map(Number),
      Array.from({ length: 20 }, (_, index) => index + 1),
      `${item}: each once, in order`,
    );
    t.equal(lines.at(-1), 'b OK done');
  }
  const flags = await client.command('c', 'UID FETCH 1:* FLAGS');
  t.equal(flags.filter((line) => line.includes('(\\Seen \\Recent)')).length, 20);
  client.close();
});

void t.test(
  'section 7.1.5: one connection too many is told so with BYE in place of a greeting',
  async (t) => {
    const bed = await ImapBed.start(t, { connectionsMax: 1 });
    const first = await bed.client();
    const second = await LineClient.connect(bed.listener.address, 5000);
    t.match(await second.line(), /^\* BYE \[LIMIT\]/);
    await t.rejects(second.line());
    t.match(await first.command('a', 'NOOP'), ['a OK done']);
    first.close();
  },
);

void t.test('the server stops: IDLE ends, every client is told BYE', async (t) => {
  const bed = await ImapBed.start(t);
  const idle = await bed.client();
  idle.send('a IDLE\r\n');
  t.equal(await idle.line(), '+ idling');
  const fresh = await bed.client(false);
  const closed = bed.listener.close(5000);
  t.equal(await idle.line(), 'a OK idle ended');
  t.match(await idle.line(), /^\* BYE server shutting down/);
  t.match(await fresh.line(), /^\* BYE server shutting down/);
  await t.rejects(LineClient.connect(bed.listener.address, 5000));
  idle.close();
  fresh.close();
  await closed;
});

void t.test('a message that cannot be read: those before it are answered, and no more', async (t) => {
  const bed = await ImapBed.start(t);
  const { id } = bed.account.mailbox('INBOX')!;
  for (let number = 1; number <= 5; number++)
    await bed.account.append(id, {
      content: Buffer.from(`Subject: ${number}\r\n\r\n`),
      flags: [],
      internalDateMs: 0,
    });
  const client = await bed.client();
  await client.command('a', 'EXAMINE INBOX');
  const read = bed.account.read.bind(bed.account);
  bed.account.read = async (message, ...range) => {
    if (message.uid === 3) throw new Failure('damaged', 'broken');
    return await read(message, ...range);
  };
  const subjects = async (tag: string) => {
    const lines = await client.command(tag, 'FETCH 1:* ENVELOPE');
    return lines.map((line) => line.replace(/^(\* \d+) FETCH \(ENVELOPE \(NIL ("\d").*$/, '$1 $2'));
  };
  for (const tag of ['b', 'c']) {
    const [one, two, no, ...rest] = await subjects(tag);
    t.same([one, two], ['* 1 "1"', '* 2 "2"']);
    t.match(no, new RegExp(`^${tag} NO \\[CORRUPTION\\]`));
    t.same(rest, []);
  }
  bed.account.read = read;
  t.match(await subjects('d'), ['* 1 "1"', '* 2 "2"', '* 3 "3"', '* 4 "4"', '* 5 "5"', /^d OK/]);
  client.close();
});

void t.test('a message that cannot be read to its end: no answer can begin inside a literal', async (t) => {
  const bed = await ImapBed.start(t);
  const { id } = bed.account.mailbox('INBOX')!;
  const content = Buffer.from(`Subject: large\r\n\r\n${'x'.repeat(3_000_000)}`);
  await bed.account.append(id, { content, flags: [], internalDateMs: 0 });
  const client = await bed.client();
  await client.command('a', 'EXAMINE INBOX');
  const read = bed.account.read.bind(bed.account);
  for (const [brokenAt, what] of [
    [200_000, 'after the first chunk'],
    [2_000_000, 'when the client has much of it'],
  ] as const) {
    bed.account.read = async (message, from = 0, octets = Number.POSITIVE_INFINITY) => {
      if (from + octets > brokenAt) throw new Failure('damaged', 'broken');
      return await read(message, from, octets);
    };
    const victim = await bed.client();
    await victim.command('a', 'EXAMINE INBOX');
    victim.send('b FETCH 1 (UID BODY.PEEK[])\r\n');
    const lines: string[] = [];
    await t.rejects(async () => {
      for (;;) lines.push(await victim.line());
    }, what);
    t.notMatch(lines.join('|'), /b NO|b OK/, what);
  }
  bed.account.read = async () => {
    throw new Failure('damaged', 'broken');
  };
  t.match(await client.command('c', 'FETCH 1 BODY.PEEK[]<0.10>'), [/^c NO \[CORRUPTION\]/]);
  t.match(
    await client.command('d', 'FETCH 1 (UID BODY.PEEK[])'),
    [/^d NO \[CORRUPTION\]/],
    'nothing was said yet',
  );
  client.close();
});
