import fc from 'fast-check';
import t from 'tap';
import { decodeMailboxName, encodeMailboxName } from '../../../src/imap/codec/mailboxName.ts';
import { canonicalName } from '../../../src/store/account/names.ts';

const SEED = 20260906;
const decode = (text: string, utf8 = false) => decodeMailboxName(Buffer.from(text), utf8);

void t.test('RFC 3501 section 5.1.3: the examples of the standard', async (t) => {
  t.equal(decode('~peter/mail/&U,BTFw-/&ZeVnLIqe-'), '~peter/mail/台北/日本語');
  t.equal(encodeMailboxName('~peter/mail/台北/日本語', false).toString(), '~peter/mail/&U,BTFw-/&ZeVnLIqe-');
  t.equal(decode('&Jjo-!'), '☺!');
  t.equal(decode('A&-B'), 'A&B');
});

void t.test('what is not the one spelling is refused', async (t) => {
  // "superfluous shifts are not permitted", "MUST NOT be used to represent any printing US-ASCII characters".
  for (const text of [
    '&Jjo!',
    '&U,BTFw-&ZeVnLIqe-',
    '&AGE-',
    '&',
    'a&',
    '&&',
    '&=-',
    '&2D8-',
    '&AOk',
    'ü',
    'a\tb',
    '&AOm-',
  ])
    t.equal(decode(text), undefined, text);
});

void t.test('INBOX is one name in any case, alone and as the first level, as the store has it', async (t) => {
  t.strictSame(
    ['inbox', 'InBox', 'inbox/x', 'Inboxes'].map((name) => decode(name)),
    ['INBOX', 'INBOX', 'INBOX/x', 'Inboxes'],
  );
});

void t.test('names are NFC, whatever the client sends', async (t) => {
  t.equal(decode('Entwu\u0308rfe', true), 'Entwürfe');
  t.equal(decodeMailboxName(Buffer.from([0xff]), true), undefined, 'and UTF-8');
});

void t.test('every name survives both encodings', async (t) => {
  const name = fc.string({ unit: 'grapheme', maxLength: 20 }).map((value) => value.normalize('NFC'));
  fc.assert(
    fc.property(name, fc.boolean(), (name, utf8) => {
      const expected = canonicalName(name);
      return decodeMailboxName(encodeMailboxName(name, utf8), utf8) === expected;
    }),
    { seed: SEED, numRuns: 500 },
  );
  t.pass(`seed ${SEED}`);
});

void t.test('RFC 3501 section 5.1: INBOX in any case, of ASCII letters', async (t) => {
  t.equal(decodeMailboxName(Buffer.from('iNbOx'), false), 'INBOX');
  t.equal(decodeMailboxName(Buffer.from('\u0131nbox'), true), '\u0131nbox', 'a dotless i is another letter');
});
