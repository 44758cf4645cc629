/** Searching the words of a stored message: fields decoded, parts decoded, all needles in one pass. */
import t from 'tap';
import { casemap } from '../../src/message/casemap.ts';
import { MessageText } from '../../src/message/text.ts';
import { greedySlices } from '../imap/mailbox.ts';
import { crlf } from '../mime/corpus.ts';
import { Stored } from './stored.ts';

const MESSAGE = crlf(
  [
    'From: =?utf-8?q?J=C3=B6rg?= <joerg@x>',
    'Subject: a',
    ' folded one',
    'Date: Mon, 1 Jun 2026 10:00:00 +0000',
    'Content-Type: multipart/mixed; boundary=b',
    '',
    'the preamble',
    '--b',
    'Content-Type: text/plain; charset=iso-8859-1; name=flyer',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    'gr=FC=',
    'n',
    '--b',
    'Content-Type: application/octet-stream',
    '',
    'green',
    '--b',
    'Content-Type: message/rfc822',
    '',
    'Subject: forwarded',
    '',
    'blue',
    '--b--',
    '',
  ].join('\n'),
);

function look(stored: Stored, ...needles: readonly string[]): MessageText {
  return new MessageText(
    stored.content,
    needles.map((needle) => casemap(needle)).filter((needle) => needle !== ''),
    greedySlices(),
  );
}

/** Where it is found: in the body alone, or in header or body. */
const TABLE: readonly (readonly [needle: string, body: boolean, text: boolean])[] = [
  ['GRÜN', true, true],
  ['forwarded', true, true],
  ['blue', true, true],
  ['jörg', false, true],
  ['subject: a folded', false, true],
  ['flyer', false, true],
  ['preamble', false, false],
  ['green', false, false],
  ['', true, true],
];

void t.test('where words are looked for', async (t) => {
  for (const [needle, body, text] of TABLE) {
    const words = look(new Stored(MESSAGE), needle);
    t.equal(await words.bodyHas(casemap(needle)), body, `BODY ${needle}`);
    t.equal(await words.textHas(casemap(needle)), text, `TEXT ${needle}`);
  }
});

void t.test('fields', async (t) => {
  const words = look(new Stored(MESSAGE));
  t.ok(await words.headerHas('from', casemap('Jörg')));
  t.ok(await words.headerHas('subject', casemap('a folded one')));
  t.notOk(await words.headerHas('subject', casemap('afolded')));
  t.ok(await words.headerHas('date', ''));
  t.notOk(await words.headerHas('x-none', ''), 'no field, however little is looked for');
  t.equal((await words.date())?.trim(), 'Mon, 1 Jun 2026 10:00:00 +0000');
});

void t.test('all needles in one pass, and a field alone reads the header alone', async (t) => {
  const stored = new Stored(Buffer.concat([crlf('Subject: x\n\n'), Buffer.alloc(2_500_000, 'words\r\n')]));
  const words = look(stored, 'one', 'two', 'three');
  t.ok(await words.headerHas('subject', 'X'));
  t.equal(stored.reads.length, 1);
  for (const needle of ['ONE', 'TWO', 'THREE']) t.notOk(await words.bodyHas(needle));
  const read = stored.reads.reduce((sum, [, octets]) => sum + octets, 0);
  t.ok(
    read <= 2 * stored.octets.length + 16 * 1024,
    `${read} octets: once for the structure, once for the words`,
  );
});
