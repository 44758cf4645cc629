/** IMAP: framing, every command, sequence sets, mailbox names, list patterns, dates. */
import assert from 'node:assert/strict';
import { parseDateTime, parseDay } from '../../../src/imap/codec/dates.ts';
import { Framer, type FramingLimits, tagOf } from '../../../src/imap/codec/framing.ts';
import { decodeMailboxName, encodeMailboxName } from '../../../src/imap/codec/mailboxName.ts';
import { formatNumbers, holds, normalRanges } from '../../../src/imap/codec/sequenceSet.ts';
import { parseCommand, specOfFrame } from '../../../src/imap/commands/parse.ts';
import { COMMAND_NAMES, type CommandName } from '../../../src/imap/commands/table.ts';
import { AUTHENTICATED_LIMITS, UNAUTHENTICATED_LIMITS } from '../../../src/imap/limits.ts';
import { compilePattern } from '../../../src/imap/session/pattern.ts';
import {
  accepted,
  anyOf,
  assertSame,
  type FuzzTarget,
  halves,
  maybe,
  type Outcome,
  refused,
  target,
} from '../target.ts';

/** At least one of each command that there is; the compiler sees when one is new. */
const COMMANDS: Readonly<Record<CommandName, readonly string[]>> = {
  CAPABILITY: ['CAPABILITY'],
  NOOP: ['NOOP'],
  LOGOUT: ['LOGOUT'],
  STARTTLS: ['STARTTLS'],
  AUTHENTICATE: ['AUTHENTICATE PLAIN', 'AUTHENTICATE SCRAM-SHA-256 biwsbj1qb2Uscj14', 'AUTHENTICATE PLAIN ='],
  LOGIN: ['LOGIN joe "se\\"cret"', 'LOGIN {3}\r\njoe {6+}\r\nsecret'],
  ENABLE: ['ENABLE CONDSTORE UTF8=ACCEPT'],
  ID: ['ID NIL', 'ID ("name" "x" "version" NIL)'],
  NAMESPACE: ['NAMESPACE'],
  IDLE: ['IDLE'],
  SELECT: ['SELECT INBOX', 'SELECT "a b" (CONDSTORE)', 'SELECT {5}\r\nINBOX'],
  EXAMINE: ['EXAMINE &AOk-t&AOk-'],
  CREATE: ['CREATE a/b', 'CREATE s (USE (\\Sent \\Drafts))'],
  DELETE: ['DELETE a'],
  RENAME: ['RENAME a "b c"'],
  SUBSCRIBE: ['SUBSCRIBE a'],
  UNSUBSCRIBE: ['UNSUBSCRIBE a'],
  LIST: ['LIST "" *', 'LIST (SUBSCRIBED) "" ("a%" b*) RETURN (CHILDREN STATUS (MESSAGES UNSEEN))'],
  LSUB: ['LSUB "a/" %'],
  STATUS: ['STATUS INBOX (MESSAGES UIDNEXT HIGHESTMODSEQ)'],
  APPEND: ['APPEND INBOX (\\Seen $x) " 1-Feb-1994 21:52:25 -0800" {3+}\r\nabc', 'APPEND a {0}\r\n'],
  CHECK: ['CHECK'],
  CLOSE: ['CLOSE'],
  UNSELECT: ['UNSELECT'],
  EXPUNGE: ['EXPUNGE', 'UID EXPUNGE 1:*'],
  SEARCH: [
    'SEARCH ALL',
    'SEARCH CHARSET UTF-8 OR (FROM "a" NOT SEEN) (SINCE 1-Feb-1994 1:3,5:*) TEXT {1+}\r\nx',
    'UID SEARCH RETURN (MIN MAX COUNT SAVE) HEADER X "" MODSEQ 5 UID $ LARGER 10',
  ],
  FETCH: [
    'FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE UID RFC822.SIZE)',
    'UID FETCH 1,3:5 BODY.PEEK[1.2.HEADER.FIELDS (From "To")]<0.1024> (CHANGEDSINCE 12)',
    'FETCH * (BODY[] BODY[TEXT] BODY[3.MIME] MODSEQ)',
    'FETCH 2 FULL',
  ],
  STORE: ['STORE 1:4 +FLAGS.SILENT (\\Deleted a)', 'UID STORE * (UNCHANGEDSINCE 3) FLAGS ()'],
  COPY: ['COPY 1:2 a', 'UID COPY $ b'],
  MOVE: ['UID MOVE 7 Trash'],
};
const WORDS = [
  ...COMMAND_NAMES,
  'UID ',
  'BODY[',
  'HEADER.FIELDS (',
  '{3+}\r\n',
  '{99999999999}\r\n',
  '~{1}\r\n',
  '(',
  ')',
  '((',
  'NOT ',
  'OR ',
  '"',
  '\\',
  '*',
  ':',
  ',',
  '$',
  'NIL',
  '&',
  '&-',
  '\r\n',
  '\0',
  '\xe9',
];
const SEEDS = COMMAND_NAMES.flatMap((name) => COMMANDS[name]).map((text) => `a1 ${text}`);
const LINE_OCTETS_MAX = AUTHENTICATED_LIMITS.lineOctetsMax;

/** All frames of the octets, as the connection takes them: whatever comes, in bounded memory. */
function framed(pieces: readonly Buffer[], limits: FramingLimits): readonly object[] {
  const framer = new Framer(limits);
  const frames: object[] = [];
  for (const piece of pieces) {
    framer.push(piece);
    for (let frame = framer.next(); frame.kind !== 'more'; frame = framer.next()) {
      frames.push(frame);
      if (frame.kind === 'fatal') return frames;
    }
  }
  assert.ok(framer.bufferedOctets <= limits.lineOctetsMax, 'what was not used is bounded');
  return frames;
}

const LIMITS = [AUTHENTICATED_LIMITS, UNAUTHENTICATED_LIMITS];

function parsed(octets: Buffer, utf8: boolean): Outcome {
  specOfFrame(octets);
  tagOf(octets);
  const step = parseCommand(octets, { utf8 });
  if (step.kind !== 'bad') return accepted(step);
  // What is written into a response line must not be able to end it.
  assert.match(`${step.tag} ${step.code}`, /^[\x20-\x7e]*$/);
  assert.match(step.why, /^[\x20-\x7e]{1,200}$/);
  return refused(step);
}

export const TARGETS: readonly FuzzTarget[] = [
  target({
    name: 'imap-framing',
    seeds: [...SEEDS, SEEDS.join('\r\n')].map((text) => `${text}\r\n`),
    words: WORDS,
    octetsMax: 16 * 1024,
    // Each of very many empty lines is told; the connection takes one at a time.
    growth: 256,
    run(input) {
      const whole = LIMITS.flatMap((limits) => framed([input], limits));
      const isGood = whole.some((frame) => 'kind' in frame && frame.kind === 'command');
      return isGood ? accepted(whole) : refused(whole);
    },
    check: (input, { value }) =>
      assertSame(
        LIMITS.flatMap((limits) => framed(halves(input), limits)),
        value,
        'the cut changes the frames',
      ),
  }),
  target({
    name: 'imap-command',
    seeds: SEEDS,
    words: WORDS,
    octetsMax: LINE_OCTETS_MAX,
    // A number of a set or a section takes two octets of input and an object of two fields.
    growth: 64,
    run: (input) => anyOf([parsed(input, false), parsed(input, true)]),
  }),
  target({
    name: 'imap-sequence-set',
    seeds: ['1', '*', '1:*', '1:3,5,7:9', '4294967295:1', '5:5,*:*', '$'],
    words: [':', ',', '*', '0', '4294967295', '4294967296', '1:', '$'],
    octetsMax: LINE_OCTETS_MAX,
    growth: 64,
    run(input) {
      const step = parseCommand(Buffer.concat([Buffer.from('a FETCH '), input, Buffer.from(' UID')]), {
        utf8: false,
      });
      if (step.kind === 'bad' || step.command.name !== 'FETCH') return refused();
      const { set } = step.command;
      if (set.kind === 'saved') return accepted(set);
      for (const largest of [0, 1, 1000]) {
        const ranges = normalRanges(set.ranges, largest);
        for (const [index, { from, to }] of ranges.entries()) {
          const before = index === 0 ? -1 : ranges[index - 1]!.to;
          assert.ok(from <= to && from > before + 1 && holds(ranges, from) && holds(ranges, to));
        }
      }
      const known = normalRanges(set.ranges, 1000);
      const numbers = Array.from({ length: 1001 }, (_, number) => number).filter((each) =>
        holds(known, each),
      );
      formatNumbers(numbers);
      return accepted(set.ranges);
    },
  }),
  target({
    name: 'imap-mailbox-name',
    seeds: ['INBOX', 'inbox', 'a/b', '&AOk-t&AOk-', '&-', '&2D3cAA-', 'a&-b', '&U,BTFw-'],
    words: ['&', '-', '&-', '&AGE-', '/', '%', '*', '\xc3\xa9', '\xcc\x81', '&2D0-', '\0'],
    octetsMax: LINE_OCTETS_MAX,
    run(input) {
      const read = [true, false].map((utf8) => {
        const name = decodeMailboxName(input, utf8);
        if (name !== undefined)
          assert.equal(
            decodeMailboxName(encodeMailboxName(name, utf8), utf8),
            name,
            'what is sent is read again',
          );
        return maybe(name);
      });
      return anyOf(read);
    },
  }),
  target({
    name: 'imap-list-pattern',
    seeds: ['*', '%', 'a*b%c', 'INBOX/%', '', '%/%', '**%%'],
    words: ['*', '%', '*a', '%a', '/', 'INBOX', 'inbox'],
    // commands/list.ts refuses longer ones.
    octetsMax: 2000,
    run(input) {
      const matches = compilePattern(input.toString());
      const names = ['INBOX', 'INBOX/a', 'a', 'a/b/c', 'a'.repeat(1000), 'a/'.repeat(500), ''];
      return accepted(names.filter((name) => matches(name)));
    },
  }),
  target({
    name: 'imap-date',
    seeds: ['1-Feb-1994', '29-Feb-2024', ' 1-Feb-1994 21:52:25 -0800', '31-Dec-9999 23:59:60 +1400'],
    words: ['-', ':', ' ', '+', 'Feb', '00', '99', '9999'],
    octetsMax: 1000,
    run(input) {
      const text = input.toString('latin1');
      const ms = parseDateTime(text);
      if (ms !== undefined) assert.ok(Number.isSafeInteger(ms));
      return anyOf([maybe(ms), maybe(parseDay(text))]);
    },
  }),
];
