import t from 'tap';
import { envelope } from '../../../src/imap/codec/envelope.ts';
import type { Piece } from '../../../src/imap/codec/write.ts';
import { astring, join, list, mailbox, nstring, string } from '../../../src/imap/codec/write.ts';
import { envelopeOf } from '../../../src/mime/envelope.ts';
import { scanMessage } from '../../../src/mime/scanner.ts';
import { crlf } from '../../mime/corpus.ts';

const ASCII = { utf8: false };
const UTF8 = { utf8: true };
const shown = (pieces: readonly Piece[]) => join(pieces).toString();

void t.test('strings are quoted where they can be', async (t) => {
  t.equal(shown(string('a "b" \\c', ASCII)), '"a \\"b\\" \\\\c"');
  t.equal(shown(string('', ASCII)), '""');
  t.equal(shown(string('a\r\nb', ASCII)), '{4}\r\na\r\nb');
  t.equal(shown(string('grün', ASCII)), '{5}\r\ngrün', '8-bit text is a literal before ENABLE');
  t.equal(shown(string('grün', UTF8)), '"grün"');
  t.equal(
    join(string(Buffer.from([0xff]), UTF8)).toString('latin1'),
    '{1}\r\n\xff',
    'what is not UTF-8 always',
  );
  t.equal(shown(string('x'.repeat(2000), ASCII)).slice(0, 8), '{2000}\r\n');
  t.equal(shown(nstring(undefined, ASCII)), 'NIL');
});

void t.test('astring and mailbox', async (t) => {
  t.equal(shown(astring('INBOX', ASCII)), 'INBOX');
  t.equal(shown(astring('a b', ASCII)), '"a b"');
  t.equal(shown(astring('', ASCII)), '""');
  t.equal(shown(astring('nil', ASCII)), '"nil"');
  t.equal(shown(astring('50%', ASCII)), '"50%"', 'RFC 9051 section 9: list-wildcards are no ATOM-CHARs');
  t.equal(shown(mailbox('Entwürfe', ASCII)), 'Entw&APw-rfe');
  t.equal(shown(mailbox('Entwürfe', UTF8)), '"Entwürfe"');
});

void t.test('lists and large lists', async (t) => {
  t.equal(shown(list([])), '()');
  t.equal(shown(list([['a'], ['b', 'c']])), '(a bc)');
  const large = Array.from({ length: 300_000 }, () => 'x');
  t.equal(join(list([large])).length, 300_002);
});

const ENVELOPES: readonly (readonly [name: string, header: string, envelope: string])[] = [
  [
    'RFC 9051 section 7.5.2: fields that are absent are NIL, empty ones are empty',
    'Subject:\nTo:\n',
    '(NIL "" NIL NIL NIL NIL NIL NIL NIL NIL)',
  ],
  [
    'RFC 9051 section 7.5.2: Sender and Reply-To default to From, empty ones too',
    'From: Terry Gray <gray@cac.washington.edu>\nSender:\n',
    `(NIL NIL ${Array(3).fill('(("Terry Gray" NIL "gray" "cac.washington.edu"))').join(' ')} NIL NIL NIL NIL NIL)`,
  ],
  [
    'all fields, folded',
    'Date: Wed, 17 Jul 1996\n 02:23:25 -0700\nSubject: a\n\tb\nFrom: a@b\nSender: c@d\nReply-To: e@f\nTo: g@h\nTo: i@j\nCc: k@l\nBcc: m@n\nIn-Reply-To: <1@x>\nMessage-ID:\n <2@x>\n',
    '("Wed, 17 Jul 1996 02:23:25 -0700" "a\tb" ((NIL NIL "a" "b")) ((NIL NIL "c" "d")) ((NIL NIL "e" "f")) ((NIL NIL "g" "h")(NIL NIL "i" "j")) ((NIL NIL "k" "l")) ((NIL NIL "m" "n")) "<1@x>" "<2@x>")',
  ],
  [
    'groups: begin and end',
    'To: A Group: joe@x, "B. C" <b@c>;, d@e\n',
    '(NIL NIL NIL NIL NIL ((NIL NIL "A Group" NIL)(NIL NIL "joe" "x")("B. C" NIL "b" "c")(NIL NIL NIL NIL)(NIL NIL "d" "e")) NIL NIL NIL NIL)',
  ],
];

for (const [name, header, expected] of ENVELOPES)
  void t.test(name, async (t) => {
    t.equal(shown(envelope(envelopeOf(scanMessage(crlf(`${header}\n`))), ASCII)), expected);
  });
