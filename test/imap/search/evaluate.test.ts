/** SEARCH keys over a mailbox in memory. */
import t from 'tap';
import { parseCommand } from '../../../src/imap/commands/parse.ts';
import { search } from '../../../src/imap/search/evaluate.ts';
import type { SearchScope } from '../../../src/imap/search/key.ts';
import type { SearchKey } from '../../../src/imap/search/table.ts';
import type { Slices } from '../../../src/platform/slices.ts';
import { rangesOf } from '../../../src/store/account/ranges.ts';
import type { Uid } from '../../../src/store/account/types.ts';
import { crlf } from '../../mime/corpus.ts';
import { greedySlices, MemoryMailbox } from '../mailbox.ts';
import { TURN_MS_MAX, watched } from '../watched.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 5, 15, 12);

function keyOf(text: string): SearchKey {
  const parsed = parseCommand(Buffer.from(`a SEARCH ${text}`), { utf8: false });
  if (parsed.kind !== 'command' || parsed.command.name !== 'SEARCH') throw new Error(`no SEARCH: ${text}`);
  return parsed.command.key;
}

function messages() {
  return new MemoryMailbox([
    {
      uid: 10,
      flags: ['\\Seen', '\\Answered', '$Work'],
      modseq: 5,
      internalDateMs: NOW - 10 * DAY,
      content: crlf(
        'From: Joe <joe@x>\nTo: bob@y\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nDate: Mon, 1 Jun 2026 23:59:59 -1200\n\nHello World\n',
      ),
    },
    {
      uid: 20,
      flags: ['\\Flagged'],
      modseq: 9,
      internalDateMs: NOW - 3600_000,
      content: crlf(
        'From: Ann <ann@x>\nCc: joe@x\nSubject: two\n words\nDate: 15 Jun 26 01:00 GMT\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nSch=F6ne Gr=\n=FC=DFe\n--b\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\nPHA+YmFzZTY0IHdvcmxkPC9wPg==\n--b\nContent-Type: application/x; name=needle\nContent-Transfer-Encoding: base64\n\nYmluYXJ5\n--b\nContent-Type: message/rfc822\n\nSubject: inner subject\n\ninner body\n--b--\n',
      ),
    },
    {
      uid: 30,
      flags: ['\\Deleted', '\\Draft'],
      modseq: 7,
      internalDateMs: NOW - 10 * DAY - 1,
      content: crlf('X-Empty:\n\nplain world\n'),
    },
  ]);
}

/** All of a mailbox, nothing in it recent or saved. */
function scopeOf(mailbox: MemoryMailbox, slices: Slices = greedySlices()): SearchScope {
  const { view, read } = mailbox;
  return {
    mailbox: mailbox.mailbox,
    view,
    isRecent: () => false,
    saved: [],
    nowMs: NOW,
    read,
    slices,
  };
}

/** UIDs found; every key with content goes through rests at every possible place. */
async function found(text: string, mailbox = messages()): Promise<number[]> {
  const { uids, sequences } = await search(keyOf(text), {
    ...scopeOf(mailbox),
    isRecent: (uid) => uid >= 30,
    saved: rangesOf([20, 30] as Uid[]),
  });
  if (sequences.length !== uids.length) throw new Error('as many sequence numbers as UIDs');
  return [...uids];
}

const QUICK: readonly (readonly [key: string, uids: readonly number[]])[] = [
  ['ALL', [10, 20, 30]],
  ['SEEN', [10]],
  ['UNSEEN', [20, 30]],
  ['ANSWERED UNDELETED', [10]],
  ['OR FLAGGED DRAFT', [20, 30]],
  ['NOT (DELETED)', [10, 20]],
  ['UNANSWERED UNFLAGGED UNDRAFT', []],
  ['KEYWORD $work', [10]],
  ['UNKEYWORD $WORK', [20, 30]],
  ['NEW', [30]],
  ['RECENT', [30]],
  ['OLD', [10, 20]],
  ['2:*', [20, 30]],
  ['1,3', [10, 30]],
  ['UID 15:*', [20, 30]],
  // RFC 9051 section 9: * is always the last message.
  ['UID 100:*', [30]],
  ['5:*', [30]],
  ['$', [20, 30]],
  ['UID $ FLAGGED', [20]],
  ['LARGER 100', [10, 20]],
  ['SMALLER 100', [30]],
  ['SINCE 15-Jun-2026', [20]],
  ['BEFORE 15-Jun-2026', [10, 30]],
  ['ON 5-Jun-2026', [10, 30]],
  // RFC 5032 section 3: "within" the interval, measured by the internal date.
  ['YOUNGER 3600', []],
  ['YOUNGER 3601', [20]],
  ['OLDER 864000', [10, 30]],
  ['OLDER 864001', []],
  ['MODSEQ 7', [20, 30]],
  ['EMAILID M20', [20]],
  ['THREADID T1', []],
];

void t.test('keys that need no content read none', async (t) => {
  for (const [key, uids] of QUICK) {
    const mailbox = messages();
    t.strictSame(await found(key, mailbox), uids, key);
    t.equal(mailbox.reads, 0, key);
  }
});

const CONTENT: readonly (readonly [key: string, uids: readonly number[]])[] = [
  ['FROM joe', [10]],
  ['CC JOE', [20]],
  ['OR FROM joe CC joe', [10, 20]],
  ['SUBJECT "grü"', [10]],
  ['SUBJECT "GRÜSSE"', [10]],
  // RFC 5322 section 2.2.3: unfolding only removes the line end.
  ['SUBJECT {9}\r\ntwo words', [20]],
  ['SUBJECT twowords', []],
  ['HEADER X-Empty ""', [30]],
  ['HEADER x-empty x', []],
  ['HEADER Subject ""', [10, 20]],
  ['BODY world', [10, 20, 30]],
  ['BODY "Schöne Grüße"', [20]],
  ['BODY joe', []],
  ['TEXT joe', [10, 20]],
  ['TEXT "subject: two"', [20]],
  // A message in the body is body, its header too; MIME headers are looked at by TEXT alone; no binary part.
  ['BODY "inner subject"', [20]],
  ['BODY "inner body"', [20]],
  ['BODY needle', []],
  ['TEXT needle', [20]],
  ['BODY binary', []],
  ['BODY ""', [10, 20, 30]],
  ['NOT BODY hello', [20, 30]],
  ['OR BODY hello DELETED', [10, 30]],
  ['(BODY world FLAGGED)', [20]],
  // RFC 9051 section 6.4.4: "disregarding time and timezone".
  ['SENTON 1-Jun-2026', [10]],
  ['SENTSINCE 2-Jun-2026', [20]],
  ['SENTBEFORE 15-Jun-2026', [10]],
  ['NOT SENTSINCE 1-Jan-1970', [30]],
];

void t.test('keys that look into messages', async (t) => {
  for (const [key, uids] of CONTENT) t.strictSame(await found(key), uids, key);
});

void t.test('what flags decide is not read', async (t) => {
  const mailbox = messages();
  t.strictSame(await found('BODY world SEEN', mailbox), [10]);
  t.ok(mailbox.octetsRead <= mailbox.mailbox.at(0).size * 2, 'the one message that is seen');
});

void t.test(
  'RFC 7162 section 3.1.5: the highest modseq of what was found, with a MODSEQ key only',
  async (t) => {
    const mailbox = messages();
    const scope = scopeOf(mailbox);
    t.strictSame(await search(keyOf('MODSEQ 6'), scope), { sequences: [2, 3], uids: [20, 30], modseq: 9 });
    t.equal((await search(keyOf('ALL'), scope)).modseq, undefined);
    t.equal((await search(keyOf('MODSEQ 100'), scope)).modseq, undefined);
  },
);

void t.test('a message that goes away meanwhile is not found', async (t) => {
  const mailbox = messages();
  let rests = 0;
  const slices = greedySlices(() => {
    if (++rests === 1) mailbox.expunge(10);
  });
  const scope = scopeOf(mailbox, slices);
  t.strictSame((await search(keyOf('NOT BODY nothing'), scope)).uids, [20, 30]);
});

void t.test('a needle on the border of two chunks is found, in a part of any size', async (t) => {
  const chunk = 256 * 1024;
  const header = crlf('Content-Type: text/plain; charset=utf-8\n\n');
  const filler = Buffer.alloc(3 * chunk - 7, 'x'.repeat(77) + '\n');
  const content = Buffer.concat([header, filler, Buffer.from('the Nädel here'), filler, filler]);
  const mailbox = new MemoryMailbox([{ content }]);
  t.strictSame(await found('BODY "NÄDEL"', mailbox), [1]);
  t.strictSame(await found('BODY "no such"', mailbox), []);
});

void t.test('a search asks whether to rest at every message it reads and every 64 it does not', async (t) => {
  const mailbox = new MemoryMailbox(Array.from({ length: 1000 }, () => ({ content: 'A: b' })));
  const rests = async (key: string): Promise<number> => {
    let count = 0;
    const slices = greedySlices(() => count++);
    await search(keyOf(key), scopeOf(mailbox, slices));
    return count;
  };
  t.ok((await rests('UNSEEN')) >= 15);
  t.ok((await rests('BODY x')) >= 1000);
});

void t.test('10,000 messages do not hold the event loop', async (t) => {
  const content = crlf(
    `Subject: =?utf-8?q?n=C3=BCmber?=\nFrom: a@b\n\n${'some words in a line of text\n'.repeat(40)}`,
  );
  const mailbox = new MemoryMailbox(Array.from({ length: 10_000 }, () => ({ content, flags: ['\\Seen'] })));
  const { slices, turns } = watched();
  const scope = scopeOf(mailbox, slices);
  t.equal((await search(keyOf('SEEN NOT DELETED 1:* UID 1:* LARGER 5'), scope)).uids.length, 10_000);
  t.equal((await search(keyOf('SUBJECT "nümber" BODY "no such thing"'), scope)).uids.length, 0);
  const longest = Math.max(...turns);
  t.ok(turns.length > 3 && longest < TURN_MS_MAX, `${turns.length} slices, the longest ${longest} ms`);
});
