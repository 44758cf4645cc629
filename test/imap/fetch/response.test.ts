/** FETCH responses: what they say, and that nothing is read that is not needed. */
import t from 'tap';
import { join } from '../../../src/imap/codec/write.ts';
import { parseCommand } from '../../../src/imap/commands/parse.ts';
import { Envelopes } from '../../../src/imap/fetch/envelopes.ts';
import type { FetchPiece } from '../../../src/imap/fetch/item.ts';
import { factsOf, fetchResponse, isLater, setsSeen } from '../../../src/imap/fetch/response.ts';
import type { FetchItem } from '../../../src/imap/fetch/table.ts';
import { MessageContent } from '../../../src/message/content.ts';
import { crlf } from '../../mime/corpus.ts';
import { greedySlices, MemoryMailbox } from '../mailbox.ts';

const MESSAGE = crlf(
  'From: Joe <joe@x>\nSubject: hi\nX-A: 1\n y\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: message/rfc822\n\nSubject: in\n\ntwo\n--b--\n',
);

function itemsOf(text: string): readonly FetchItem[] {
  const parsed = parseCommand(Buffer.from(`a FETCH 1 ${text}`), { utf8: false });
  if (parsed.kind !== 'command' || parsed.command.name !== 'FETCH') throw new Error(`no FETCH: ${text}`);
  return parsed.command.items;
}

async function fetch(
  items: string,
  content = MESSAGE,
  mailbox = new MemoryMailbox([{ content, flags: ['\\Seen', 'x'], modseq: 9 }]),
) {
  const message = mailbox.mailbox.at(0);
  const read = (from: number, octets: number) => mailbox.read(message, from, octets);
  const body = new MessageContent(message.size, read, greedySlices());
  const envelopes = new Envelopes().of({ gone: new AbortController().signal }, false);
  const fetched = { facts: factsOf(message), content: body, context: { utf8: false }, envelopes };
  const pieces = await fetchResponse(7, fetched, itemsOf(items));
  return (await whole(pieces, body)).toString('latin1').replaceAll('\r\n', '\n');
}

/** With the octets that are only read when their turn comes. */
async function whole(pieces: readonly FetchPiece[], content: MessageContent): Promise<Buffer> {
  const octets: Buffer[] = [];
  for (const piece of pieces) {
    if (!isLater(piece)) octets.push(join([piece]));
    else for await (const chunk of content.chunks(piece.from, piece.to)) octets.push(chunk);
  }
  return Buffer.concat(octets);
}

const TABLE: readonly (readonly [items: string, response: string])[] = [
  ['(UID FLAGS MODSEQ)', 'UID 1 FLAGS (\\Seen x) MODSEQ (9)'],
  ['FAST', `FLAGS (\\Seen x) INTERNALDATE "01-Jan-1970 00:00:00 +0000" RFC822.SIZE ${MESSAGE.length}`],
  // RFC 8474 section 5.2: "THREADID NIL" when there are no threads.
  ['(EMAILID THREADID)', 'EMAILID (M1) THREADID NIL'],
  [
    'ENVELOPE',
    'ENVELOPE (NIL "hi" (("Joe" NIL "joe" "x")) (("Joe" NIL "joe" "x")) (("Joe" NIL "joe" "x")) NIL NIL NIL NIL NIL)',
  ],
  ['BODY[1]', 'BODY[1] {3}\none'],
  ['BODY.PEEK[2.TEXT]<1.5>', 'BODY[2.TEXT]<1> {2}\nwo'],
  ['BODY[]<5.4>', 'BODY[]<5> {4}\n Joe'],
  // RFC 9051 section 6.4.5.1: a partial beyond the end is an empty string.
  ['BODY[]<99999.4>', 'BODY[]<99999> ""'],
  ['BODY[9]', 'BODY[9] NIL'],
  ['BODY[1.HEADER]', 'BODY[1.HEADER] NIL'],
  [
    'BODY[HEADER.FIELDS ("x-a" SUBJECT)]',
    'BODY[HEADER.FIELDS (x-a SUBJECT)] {27}\nSubject: hi\nX-A: 1\n y\n\n',
  ],
  ['BODY[HEADER.FIELDS (X-None)]', 'BODY[HEADER.FIELDS (X-None)] {2}\n\n'],
  [
    'BODY[HEADER.FIELDS.NOT (from content-type)]<0.3>',
    'BODY[HEADER.FIELDS.NOT (from content-type)]<0> {3}\nSub',
  ],
  ['BODY[2.HEADER.FIELDS (Subject)]', 'BODY[2.HEADER.FIELDS (Subject)] {15}\nSubject: in\n\n'],
  ['BODY[1.HEADER.FIELDS (Subject)]', 'BODY[1.HEADER.FIELDS (Subject)] NIL'],
  ['BODY[2.MIME]', 'BODY[2.MIME] {32}\nContent-Type: message/rfc822\n\n'],
  [
    'BODY',
    'BODY (("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 0)("message" "rfc822" NIL NIL NIL "7bit" 18 (NIL "in" NIL NIL NIL NIL NIL NIL NIL NIL) ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 0) 2) "mixed")',
  ],
];

for (const [items, response] of TABLE)
  void t.test(items, async (t) => {
    t.equal(await fetch(items), `* 7 FETCH (${response})\n`);
  });

void t.test('whole, header and text are octet-exact in both spellings', async (t) => {
  const text = MESSAGE.toString('latin1').replaceAll('\r\n', '\n');
  const header = text.slice(0, text.indexOf('\n\n') + 2);
  for (const [item, expected] of [
    ['BODY[]', text],
    ['RFC822', text],
    ['BODY[HEADER]', header],
    ['RFC822.HEADER', header],
    ['BODY[TEXT]', text.slice(header.length)],
    ['RFC822.TEXT', text.slice(header.length)],
  ] as const) {
    const octets = expected.replaceAll('\n', '\r\n').length;
    t.equal(await fetch(item), `* 7 FETCH (${item} {${octets}}\n${expected})\n`);
  }
});

void t.test('BODYSTRUCTURE has extension data, BODY has none', async (t) => {
  const content = crlf(
    'Content-Type: text/plain; charset=utf-8\nContent-ID: <1@x>\nContent-MD5: abc\nContent-Disposition: attachment; filename="a b"\nContent-Language: de, en\nContent-Location: http://x\nContent-Transfer-Encoding: (c) 8BIT\n\nx\n',
  );
  t.equal(
    await fetch('BODYSTRUCTURE', content),
    '* 7 FETCH (BODYSTRUCTURE ("text" "plain" ("charset" "utf-8") "<1@x>" NIL "8BIT" 3 1 "abc" ("attachment" ("filename" "a b")) ("de" "en") "http://x"))\n',
  );
  t.match(await fetch('BODYSTRUCTURE'), /"mixed" \("boundary" "b"\) NIL NIL NIL\)\)\n$/);
});

void t.test('RFC 9051 section 6.4.5.1: no blank line where the message has none', async (t) => {
  t.equal(
    await fetch('BODY[HEADER.FIELDS (A)]', crlf('A: b\n')),
    '* 7 FETCH (BODY[HEADER.FIELDS (A)] {6}\nA: b\n)\n',
  );
  t.equal(await fetch('BODY[TEXT]', crlf('A: b\n')), '* 7 FETCH (BODY[TEXT] "")\n');
});

void t.test('only what is needed is read', async (t) => {
  const large = Buffer.concat([crlf('Subject: x\n\n'), Buffer.alloc(3_000_000, 'line\r\n')]);
  const cost = async (items: string) => {
    const mailbox = new MemoryMailbox([{ content: large }]);
    await fetch(items, large, mailbox);
    return mailbox.octetsRead;
  };
  t.equal(await cost('(UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ EMAILID)'), 0);
  t.ok(
    (await cost('(ENVELOPE BODY.PEEK[HEADER.FIELDS (Subject)] RFC822.HEADER)')) <= 16 * 1024,
    'the header once',
  );
  t.equal(await cost('BODY.PEEK[]<1000.50>'), 50);
  t.ok((await cost('BODY.PEEK[TEXT]<2000000.50>')) <= 16 * 1024 + 50);
  t.ok((await cost('(BODYSTRUCTURE ENVELOPE BODY)')) <= large.length, 'one pass for all');
});

void t.test('a header of any size', async (t) => {
  const content = Buffer.concat([crlf('A: b\n'), Buffer.alloc(1_999_998, 'X: y\r\n'), crlf('\nbody')]);
  t.equal(await fetch('BODY[TEXT]', content), '* 7 FETCH (BODY[TEXT] {4}\nbody)\n');
  t.equal(
    await fetch('BODY[HEADER.FIELDS (A)]', content),
    '* 7 FETCH (BODY[HEADER.FIELDS (A)] {8}\nA: b\n\n)\n',
  );
});

void t.test('which items set \\Seen', async (t) => {
  const items = itemsOf(
    '(UID ENVELOPE BODY BODY[] BODY.PEEK[] RFC822 RFC822.HEADER RFC822.TEXT RFC822.SIZE FLAGS)',
  );
  // RFC 3501 section 6.4.5: RFC822.HEADER does not set \Seen.
  t.strictSame(
    items.filter(setsSeen).map((item) => ('peek' in item && item.peek ? 'PEEK' : item.kind)),
    ['BODY[]', 'RFC822', 'RFC822.TEXT'],
  );
});
