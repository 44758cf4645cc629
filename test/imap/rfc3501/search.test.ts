/** RFC 3501 section 6.4.4: every key of SEARCH, and what it answers. */
import { type Message, play } from '../transcript.ts';

const crlf = (text: string): string => text.replaceAll('\n', '\r\n');
const day = (date: number): number => Date.UTC(1994, 1, date, 13);

const INBOX: readonly Message[] = [
  {
    flags: ['\\Seen', '\\Answered', '$Work'],
    internalDateMs: day(1),
    content: crlf(
      'From: Smith <smith@b.example>\nTo: joe@b.example\nSubject: First\nDate: Sun, 30 Jan 1994 23:59:00 -0800\n\nbody one\n',
    ),
  },
  {
    flags: ['\\Flagged', '\\Draft'],
    internalDateMs: day(2),
    content: crlf(
      'From: jones@b.example\nCc: smith@b.example\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\nX-Empty:\n\nSecond text, longer than the others are: yes it is.\n',
    ),
  },
  {
    flags: ['\\Deleted'],
    internalDateMs: day(3),
    content: crlf(
      'From: smith@b.example\nBcc: secret@b.example\nDate: Thu, 3 Feb 1994 00:00:00 +0000\n\nthird\n',
    ),
  },
];

const TABLE: readonly (readonly [keys: string, found: string])[] = [
  ['ALL', ' 1 2 3'],
  ['ANSWERED', ' 1'],
  ['UNANSWERED', ' 2 3'],
  ['DELETED', ' 3'],
  ['UNDELETED', ' 1 2'],
  ['DRAFT', ' 2'],
  ['UNDRAFT', ' 1 3'],
  ['FLAGGED', ' 2'],
  ['UNFLAGGED', ' 1 3'],
  ['SEEN', ' 1'],
  ['UNSEEN', ' 2 3'],
  ['KEYWORD $work', ' 1'],
  ['UNKEYWORD $Work', ' 2 3'],
  ['KEYWORD none', ''],
  ['BEFORE 2-Feb-1994', ' 1'],
  ['ON 2-Feb-1994', ' 2'],
  ['SINCE "2-Feb-1994"', ' 2 3'],
  // Disregarding time and timezone: the day as it stands in the header.
  ['SENTON 30-Jan-1994', ' 1'],
  ['SENTBEFORE 1-Feb-1994', ' 1'],
  ['SENTSINCE 3-Feb-1994', ' 3'],
  ['FROM smith', ' 1 3'],
  ['FROM SMITH', ' 1 3'],
  ['TO joe', ' 1'],
  ['CC smith', ' 2'],
  ['BCC secret', ' 3'],
  ['SUBJECT first', ' 1'],
  ['SUBJECT {7+}\r\nGr\xc3\xbc\xc3\x9fe', ' 2'],
  ['BODY text', ' 2'],
  ['BODY smith', ''],
  ['TEXT smith', ' 1 2 3'],
  ['HEADER X-Empty ""', ' 2'],
  ['HEADER Subject ""', ' 1 2'],
  ['HEADER X-None ""', ''],
  ['LARGER 110', ' 1 2'],
  ['SMALLER 100', ' 3'],
  ['1:2', ' 1 2'],
  ['2:*', ' 2 3'],
  ['UID 3', ' 3'],
  ['UID 77', ''],
  ['NOT SEEN', ' 2 3'],
  ['OR SEEN DELETED', ' 1 3'],
  ['OR (SEEN ANSWERED) NOT 1:2', ' 1 3'],
  ['(UNSEEN (UNDELETED))', ' 2'],
  ['UNSEEN FROM smith', ' 3'],
  ['NOT NOT NOT ALL', ''],
  ['SUBJECT "irs"', ' 1'],
  ['CHARSET US-ASCII SUBJECT first', ' 1'],
  ['CHARSET utf-8 SUBJECT {7+}\r\nGR\xc3\x9c\xc3\x9fe', ' 2'],
];

play([
  {
    name: 'section 6.4.4: keys',
    inbox: INBOX,
    script: [
      'C: a EXAMINE INBOX',
      'S: ...a',
      ...TABLE.flatMap(([keys, found], number) => [
        `C: s${number} SEARCH ${keys}`,
        `S: * SEARCH${found}`,
        `S: s${number} OK done`,
      ]),
    ],
  },
  {
    name: 'section 6.4.4: NO with BADCHARSET for a charset that is not known; BAD for what is no key',
    inbox: INBOX,
    script: [
      'C: a SELECT INBOX',
      'S: ...a',
      'C: b SEARCH CHARSET X-UNKNOWN TEXT x',
      'S: /^b NO \\[BADCHARSET \\(.*UTF-8.*\\)\\]/',
      ...[
        '',
        'SHINY',
        'ON 31-Feb-1994',
        'OR SEEN',
        'NOT',
        '()',
        'HEADER x',
        'LARGER x',
        'SUBJECT {2+}\r\n\xff\xfe',
      ].flatMap((keys, number) => [`C: c${number} SEARCH ${keys}`, `S: /^c${number} BAD /`]),
      'C: d FETCH 1 UID',
      'S: * 1 FETCH (UID 1)',
      'S: d OK done',
    ],
  },
  {
    name: 'section 7.2.5: an empty SEARCH response where nothing is found; UID SEARCH answers with UIDs',
    inbox: INBOX,
    script: [
      'C: a SELECT INBOX',
      'S: ...a',
      'C: b STORE 1 +FLAGS.SILENT (\\Deleted)',
      'S: b OK done',
      'C: c UID EXPUNGE 1',
      'S: ...c',
      'C: d UID SEARCH FROM smith',
      'S: * SEARCH 3',
      'S: d OK done',
      'C: e SEARCH FROM smith',
      'S: * SEARCH 2',
      'S: e OK done',
      'C: f SEARCH FROM nobody',
      'S: * SEARCH',
      'S: f OK done',
      'C: g SELECT Sent',
      'S: ...g',
      'C: h SEARCH ALL',
      'S: * SEARCH',
      'S: h OK done',
    ],
  },
]);
