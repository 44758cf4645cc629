/** RFC 3501 sections 6.4.5 and 7.4.2: FETCH of facts, envelopes, structures and sections. */
import { plain, play, type Transcript } from '../transcript.ts';

const crlf = (text: string): string => text.replaceAll('\n', '\r\n');

const MULTIPART = `From: Joe <joe@b.example>
To: ann@b.example
Subject: parts
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

preamble
--b
Content-Type: text/plain; charset=utf-8
Content-ID: <1@b>

one
--b
Content-Type: message/rfc822

From: in@b.example
Subject: inner
Content-Type: multipart/alternative; boundary=c

--c

text
--c
Content-Type: text/html

<p>
--c--
--b
Content-Type: application/pdf; name="a b.pdf"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="a b.pdf"

JVBERi0=
--b--
`;

/** One message, seen by nobody as recent, and a FETCH with the lines of its answer. */
function fetched(
  name: string,
  content: string,
  ...pairs: readonly (readonly [string, ...string[]])[]
): Transcript {
  const script = ['C0: a SELECT INBOX', 'S0: ...a', 'C: a EXAMINE INBOX', 'S: ...a'];
  for (const [number, [items, ...lines]] of pairs.entries()) {
    script.push(`C: f${number} FETCH 1 ${items}`);
    for (const line of lines) script.push(`S: ${line}`);
    script.push(`S: f${number} OK done`);
  }
  return { name, inbox: [{ content: crlf(content) }], script };
}

play([
  fetched(
    'section 7.4.2: ENVELOPE: Sender and Reply-To that are absent or empty are those of From',
    'Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\nSubject: IMAP4rev1 WG mtg summary and minutes\nFrom: Terry Gray <gray@cac.washington.edu>\nReply-To:\nTo: imap@cac.washington.edu\nCc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\nMessage-ID: <B27397-0100000@cac.washington.edu>\n\nx\n',
    [
      'ENVELOPE',
      '* 1 FETCH (ENVELOPE ("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" (("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "imap" "cac.washington.edu")) ((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL "<B27397-0100000@cac.washington.edu>"))',
    ],
  ),
  fetched(
    'section 7.4.2: ENVELOPE: groups, routes, and members that are absent (NIL) or empty ("")',
    'Subject:\nFrom: a@b\nSender: s@b\nTo: friends: x@y, "Z, z" <z@w>;, <@r1,@r2:u@v>\nBcc: none:;\n\n',
    [
      'ENVELOPE',
      '* 1 FETCH (ENVELOPE (NIL "" ((NIL NIL "a" "b")) ((NIL NIL "s" "b")) ((NIL NIL "a" "b")) ((NIL NIL "friends" NIL)(NIL NIL "x" "y")("Z, z" NIL "z" "w")(NIL NIL NIL NIL)(NIL "@r1,@r2" "u" "v")) NIL ((NIL NIL "none" NIL)(NIL NIL NIL NIL)) NIL NIL))',
    ],
  ),
  fetched('section 7.4.2: ENVELOPE of a message without any header', '\nbody only\n', [
    'ENVELOPE',
    '* 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL))',
  ]),
  fetched(
    'section 6.4.5: the macros ALL, FAST and FULL stand for their items',
    'Subject: x\n\ny\n',
    ['FAST', '* 1 FETCH (FLAGS () INTERNALDATE "01-Jan-2026 00:00:00 +0000" RFC822.SIZE 17)'],
    [
      'all',
      '* 1 FETCH (FLAGS () INTERNALDATE "01-Jan-2026 00:00:00 +0000" RFC822.SIZE 17 ENVELOPE (NIL "x" NIL NIL NIL NIL NIL NIL NIL NIL))',
    ],
    [
      'FULL',
      '* 1 FETCH (FLAGS () INTERNALDATE "01-Jan-2026 00:00:00 +0000" RFC822.SIZE 17 ENVELOPE (NIL "x" NIL NIL NIL NIL NIL NIL NIL NIL) BODY ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 1))',
    ],
  ),
  fetched(
    'section 6.4.5: sections of a multipart and of the message in it',
    MULTIPART,
    ['BODY.PEEK[1]', '* 1 FETCH (BODY[1] {3}', 'one)'],
    [
      'BODY.PEEK[1.MIME]',
      '* 1 FETCH (BODY[1.MIME] {62}',
      'Content-Type: text/plain; charset=utf-8',
      'Content-ID: <1@b>',
      '',
      ')',
    ],
    [
      'BODY.PEEK[2.HEADER.FIELDS (subject)]',
      '* 1 FETCH (BODY[2.HEADER.FIELDS (subject)] {18}',
      'Subject: inner',
      '',
      ')',
    ],
    [
      'BODY.PEEK[2.HEADER.FIELDS.NOT (From Content-Type)]',
      '* 1 FETCH (BODY[2.HEADER.FIELDS.NOT (From Content-Type)] {18}',
      'Subject: inner',
      '',
      ')',
    ],
    ['BODY.PEEK[2.1]', '* 1 FETCH (BODY[2.1] {4}', 'text)'],
    ['BODY.PEEK[2.2.MIME]', '* 1 FETCH (BODY[2.2.MIME] {27}', 'Content-Type: text/html', '', ')'],
    ['BODY.PEEK[2.2]', '* 1 FETCH (BODY[2.2] {3}', '<p>)'],
    ['BODY.PEEK[3]', '* 1 FETCH (BODY[3] {8}', 'JVBERi0=)'],
    ['BODY.PEEK[4]', '* 1 FETCH (BODY[4] NIL)'],
    ['BODY.PEEK[1.HEADER]', '* 1 FETCH (BODY[1.HEADER] NIL)'],
    ['BODY.PEEK[TEXT]<2.8>', '* 1 FETCH (BODY[TEXT]<2> {8}', 'eamble', ')'],
    ['BODY.PEEK[3]<100.5>', '* 1 FETCH (BODY[3]<100> "")'],
    ['BODY.PEEK[HEADER.FIELDS (X-None)]', '* 1 FETCH (BODY[HEADER.FIELDS (X-None)] {2}', '', ')'],
  ),
  fetched('section 6.4.5: part 1 of a message that is no multipart is its body', 'Subject: x\n\nbody', [
    '(BODY.PEEK[1] BODY.PEEK[2] BODY.PEEK[1.MIME])',
    '* 1 FETCH (BODY[1] {4}',
    'body BODY[2] NIL BODY[1.MIME] {14}',
    'Subject: x',
    '',
    ')',
  ]),
  fetched('section 7.4.2: BODYSTRUCTURE with its extension data, BODY without', MULTIPART, [
    'BODYSTRUCTURE',
    '* 1 FETCH (BODYSTRUCTURE (("text" "plain" ("charset" "utf-8") "<1@b>" NIL "7bit" 3 0 NIL NIL NIL NIL)("message" "rfc822" NIL NIL NIL "7bit" 142 (NIL "inner" ((NIL NIL "in" "b.example")) ((NIL NIL "in" "b.example")) ((NIL NIL "in" "b.example")) NIL NIL NIL NIL NIL) (("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 4 0 NIL NIL NIL NIL)("text" "html" NIL NIL NIL "7bit" 3 0 NIL NIL NIL NIL) "alternative" ("boundary" "c") NIL NIL NIL) 11 NIL NIL NIL NIL)("application" "pdf" ("name" "a b.pdf") NIL NIL "base64" 8 NIL ("attachment" ("filename" "a b.pdf")) NIL NIL) "mixed" ("boundary" "b") NIL NIL NIL))',
  ]),
  {
    name: 'section 6.4.5: BODY[], RFC822 and RFC822.TEXT set \\Seen and tell it; PEEK and headers do not',
    inbox: plain(5),
    script: [
      'C0: a SELECT INBOX',
      'S0: ...a',
      'C: a SELECT INBOX',
      'S: ...a',
      'C: b FETCH 1 BODY[TEXT]',
      'S: * 1 FETCH (BODY[TEXT] {7}',
      'S: Hello',
      'S:  FLAGS (\\Seen))',
      'S: b OK done',
      'C: c FETCH 2 (RFC822.TEXT FLAGS)',
      'S: * 2 FETCH (RFC822.TEXT {7}',
      'S: Hello',
      'S:  FLAGS (\\Seen))',
      'S: c OK done',
      'C: d FETCH 3 (BODY.PEEK[] RFC822.HEADER ENVELOPE BODY)',
      'S: ...d -/Seen/',
      'C: e FETCH 4 RFC822',
      'S: ...e +/Seen/',
      'C: f FETCH 1 BODY[TEXT]',
      'S: * 1 FETCH (BODY[TEXT] {7}',
      'S: Hello',
      'S: )',
      'S: f OK done',
      'C: g SEARCH SEEN',
      'S: * SEARCH 1 2 4',
      'S: g OK done',
      'C0: b NOOP',
      'S0: * 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))',
      'S0: * 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))',
      'S0: * 4 FETCH (UID 4 FLAGS (\\Seen \\Recent))',
      'S0: b OK done',
    ],
  },
  {
    name: 'section 6.4.5: errors: unknown items, a macro in a list, empty lists, parts and partials that cannot be',
    inbox: plain(1),
    script: [
      'C: a SELECT INBOX',
      'S: ...a',
      ...[
        '(ALL)',
        '()',
        'BODY[0]',
        'BODY[1.]',
        'BODY[MIME]',
        'BODY[HEADER.FIELDS ()]',
        'BODY[]<0.0>',
        'BODY[]<1>',
        'BODY[TEXT',
        'RFC822.PEEK',
        'UIDS',
      ].flatMap((items, number) => [`C: b${number} FETCH 1 ${items}`, `S: /^b${number} BAD /`]),
    ],
  },
  {
    name: 'section 6.4.5: a large body comes octet by octet, whatever its size',
    inbox: [{ content: `Subject: x\r\n\r\n${'0123456789abcdefghijklmnopqrstuvwxyz\r\n'.repeat(20_000)}` }],
    script: [
      'C: a EXAMINE INBOX',
      'S: ...a',
      'C: b FETCH 1 (BODY.PEEK[TEXT] UID)',
      'S: * 1 FETCH (BODY[TEXT] {760000}',
      'S: 0123456789abcdefghijklmnopqrstuvwxyz',
      'S: ...b +/^ UID 1\\)$/',
      'C: c FETCH 1 BODY.PEEK[]<700000.38>',
      'S: ...c +/^\\* 1 FETCH \\(BODY\\[\\]<700000> \\{38\\}$/',
    ],
  },
]);
