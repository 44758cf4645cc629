/**
 * Evaluates SEARCH keys (RFC 9051 section 6.4.4) over the messages that the client knows. A key is first asked what flags,
 * UID, size and dates say; only a message that these leave open is read, and once for all keys. Rests between slices, so
 * a search over any number of messages does not hold the event loop.
 */
import type { Mailbox, Message, Uid } from '../../store/account/types.ts';
import { casemap } from '../codec/casemap.ts';
import { dayStartMs, MONTHS } from '../codec/dates.ts';
import type { NormalRanges } from '../codec/sequenceSet.ts';
import { holds, normalRanges } from '../codec/sequenceSet.ts';
import type { DateSearchKey, Day, SearchKey, SequenceSet, TextSearchKey } from '../codec/types.ts';
import { MessageContent } from './content.ts';
import type { Slices } from './slices.ts';
import { MessageText } from './text.ts';

export interface SearchScope {
  readonly mailbox: Mailbox;
  /** The client's numbering. A message in it that the mailbox no longer has is not found. */
  readonly view: { readonly exists: number; uidAt(sequence: number): Uid };
  /** `$`: the saved result (RFC 9051 section 6.4.4.1). */
  readonly saved: readonly Uid[];
  readonly nowMs: number;
  /** Octets of a message's content. */
  readonly read: (message: Message, from: number, octets: number) => Promise<Buffer>;
  readonly slices: Slices;
}

export interface SearchResult {
  /** Ascending, same length as `uids`. */
  readonly sequences: readonly number[];
  readonly uids: readonly Uid[];
  /** The highest modseq among the found when a MODSEQ key was used (RFC 7162 section 3.1.5). */
  readonly modseq: number | undefined;
}

const DAY_MS = 86_400_000;
/** Messages between two looks at the clock. */
const STRIDE = 64;

/** Runs a search. Rejects with what `read` rejects with; a message that went away meanwhile is passed over. */
export async function search(key: SearchKey, scope: SearchScope): Promise<SearchResult> {
  const { mailbox, view, slices } = scope;
  const test = compile(key, scope);
  const needles = [...needlesOf(key)];
  const sequences: number[] = [];
  const uids: Uid[] = [];
  let highest = 0;
  for (let sequence = 1; sequence <= view.exists; sequence++) {
    if (sequence % STRIDE === 0 && slices.due) await slices.rest();
    const uid = view.uidAt(sequence);
    const index = mailbox.indexOf(uid);
    if (index < 0) continue;
    const message = mailbox.at(index);
    const { modseq, size } = message;
    const verdict =
      test.quick(message, sequence) ?? (await inContent(test, uid, size, sequence, needles, scope));
    if (!verdict) continue;
    sequences.push(sequence);
    uids.push(uid);
    highest = Math.max(highest, modseq);
  }
  const modseq = uids.length > 0 && usesModseq(key) ? highest : undefined;
  return { sequences, uids, modseq };
}

/** A key made ready for many messages. */
interface Test {
  /** What is known without content; undefined when only the content tells. */
  quick(message: Message, sequence: number): boolean | undefined;
  /** Asked only where `quick` was undefined. */
  full(subject: Subject): Promise<boolean>;
}

/** A message while its content is looked at. Rows do not outlive an await, so each look takes a new one. */
interface Subject {
  readonly text: MessageText;
  readonly sequence: number;
  /** Undefined when the message has gone meanwhile. */
  readonly row: () => Message | undefined;
}

async function inContent(
  test: Test,
  uid: Uid,
  size: number,
  sequence: number,
  needles: readonly string[],
  scope: SearchScope,
): Promise<boolean> {
  if (scope.slices.due) await scope.slices.rest();
  const { mailbox } = scope;
  let isGone = false;
  const row = () => {
    const index = mailbox.indexOf(uid);
    if (index < 0) isGone = true;
    return index < 0 ? undefined : mailbox.at(index);
  };
  const read = async (from: number, octets: number) => {
    const message = row();
    // Nothing more to read: what is left of the look goes on with nothing, and is not counted.
    return message === undefined ? Buffer.alloc(0) : await scope.read(message, from, octets);
  };
  const text = new MessageText(new MessageContent(size, read, scope.slices), needles, scope.slices);
  const verdict = await test.full({ text, sequence, row });
  return verdict && !isGone;
}

function compile(key: SearchKey, scope: SearchScope): Test {
  switch (key.kind) {
    case 'AND':
      return every(key.keys.map((one) => compile(one, scope)));
    case 'OR':
      return not(every([not(compile(key.left, scope)), not(compile(key.right, scope))]));
    case 'NOT':
      return not(compile(key.key, scope));
    case 'BODY':
    case 'TEXT': {
      const needle = casemap(key.text);
      return content(({ text }) => (key.kind === 'BODY' ? text.bodyHas(needle) : text.textHas(needle)));
    }
    case 'BCC':
    case 'CC':
    case 'FROM':
    case 'SUBJECT':
    case 'TO':
      return header(key.kind.toLowerCase(), key.text);
    case 'HEADER':
      return header(key.field.toLowerCase(), key.text);
    case 'SENTBEFORE':
    case 'SENTON':
    case 'SENTSINCE':
      return content(async ({ text }) => {
        const day = sentDay(await text.date());
        return day !== undefined && dayMatches(key.kind, dayStartMs(day), key.day);
      });
    case 'BEFORE':
    case 'ON':
    case 'SINCE':
      return quick((message) => dayMatches(key.kind, message.internalDateMs, key.day));
    default:
      return quick(quickTest(key, scope));
  }
}

type QuickKey = Exclude<SearchKey, { kind: 'AND' | 'OR' | 'NOT' | 'HEADER' | DateSearchKey | TextSearchKey }>;
type QuickTest = (message: Message, sequence: number) => boolean;

/** Keys that the mailbox's own data answers. */
function quickTest(key: QuickKey, scope: SearchScope): QuickTest {
  switch (key.kind) {
    case 'ALL':
      return () => true;
    case 'ANSWERED':
    case 'DELETED':
    case 'DRAFT':
    case 'FLAGGED':
    case 'SEEN':
      return flagTest(`\\${key.kind}`, true);
    case 'UNANSWERED':
    case 'UNDELETED':
    case 'UNDRAFT':
    case 'UNFLAGGED':
    case 'UNSEEN':
      return flagTest(`\\${key.kind.slice(2)}`, false);
    // RFC 9051 appendix E: \Recent is gone, so no message is recent and all are old.
    case 'NEW':
    case 'RECENT':
      return () => false;
    case 'OLD':
      return () => true;
    case 'KEYWORD':
      return flagTest(key.flag, true);
    case 'UNKEYWORD':
      return flagTest(key.flag, false);
    case 'LARGER':
      return (message) => message.size > key.octets;
    case 'SMALLER':
      return (message) => message.size < key.octets;
    // RFC 5032 section 3: by the internal date.
    case 'OLDER':
      return (message) => message.internalDateMs <= scope.nowMs - key.seconds * 1000;
    case 'YOUNGER':
      return (message) => message.internalDateMs > scope.nowMs - key.seconds * 1000;
    case 'MODSEQ':
      return (message) => message.modseq >= key.modseq;
    case 'EMAILID':
      return (message) => message.emailId === key.id;
    // RFC 8474 section 5.2: the server knows no threads, so no message has this id.
    case 'THREADID':
      return () => false;
    case 'SEQUENCE': {
      if (key.set.kind === 'saved') return uidTest(key.set, scope);
      const ranges = normalRanges(key.set.ranges, scope.view.exists);
      return (_, sequence) => holds(ranges, sequence);
    }
    case 'UID':
      return uidTest(key.set, scope);
    default:
      return key satisfies never;
  }
}

function uidTest(set: SequenceSet, scope: SearchScope): QuickTest {
  if (set.kind === 'saved') {
    const saved = new Set<number>(scope.saved);
    return (message) => saved.has(message.uid);
  }
  const { view } = scope;
  const ranges: NormalRanges = normalRanges(set.ranges, view.exists === 0 ? 0 : view.uidAt(view.exists));
  return (message) => holds(ranges, message.uid);
}

/** Flags are compared without case (RFC 9051 section 2.3.2). */
function flagTest(flag: string, wanted: boolean): QuickTest {
  const lower = flag.toLowerCase();
  return ({ flags }) => flags.some((one) => one.toLowerCase() === lower) === wanted;
}

/** Days are those of UTC, as INTERNALDATE is given in UTC. */
function dayMatches(kind: DateSearchKey, ms: number, day: Day): boolean {
  const start = dayStartMs(day);
  if (kind === 'BEFORE' || kind === 'SENTBEFORE') return ms < start;
  if (kind === 'SINCE' || kind === 'SENTSINCE') return ms >= start;
  return ms >= start && ms < start + DAY_MS;
}

/** The day in a Date field, disregarding time and zone (RFC 9051 section 6.4.4), two-digit years by RFC 5322 section 4.3. */
function sentDay(date: string | undefined): Day | undefined {
  const match = /(?:^|[\s,])(\d{1,2})\s{1,5}([a-z]{3})[a-z]{0,6}\s{1,5}(\d{2,4})(?!\d)/i.exec(
    date?.slice(0, 200) ?? '',
  );
  if (match === null) return undefined;
  const month = MONTHS.findIndex((name) => name.toLowerCase() === match[2]!.toLowerCase()) + 1;
  const digits = match[3]!;
  const year =
    Number(digits) + (digits.length === 4 ? 0 : digits.length === 3 || Number(digits) >= 50 ? 1900 : 2000);
  return month === 0 ? undefined : { year, month, day: Number(match[1]) };
}

function quick(test: QuickTest): Test {
  return {
    quick: test,
    full: async ({ row, sequence }) => {
      const message = row();
      return message !== undefined && test(message, sequence);
    },
  };
}

function content(full: (subject: Subject) => Promise<boolean>): Test {
  return { quick: () => undefined, full };
}

function header(name: string, text: string): Test {
  const needle = casemap(text);
  return content((subject) => subject.text.headerHas(name, needle));
}

function not(test: Test): Test {
  return {
    quick(message, sequence) {
      const verdict = test.quick(message, sequence);
      return verdict === undefined ? undefined : !verdict;
    },
    full: async (subject) => !(await test.full(subject)),
  };
}

/** All of them: what is cheap decides first, and content is looked at only while nothing has failed. */
function every(tests: readonly Test[]): Test {
  return {
    quick(message, sequence) {
      let verdict: boolean | undefined = true;
      for (const test of tests) {
        const one = test.quick(message, sequence);
        if (one === false) return false;
        if (one === undefined) verdict = undefined;
      }
      return verdict;
    },
    async full(subject) {
      for (const test of tests) {
        const message = subject.row();
        const known = message === undefined ? false : test.quick(message, subject.sequence);
        if (!(known ?? (await test.full(subject)))) return false;
      }
      return true;
    },
  };
}

/** Every text that is looked for in bodies, by casemap. */
function needlesOf(key: SearchKey): ReadonlySet<string> {
  const needles = new Set<string>();
  walk(key, (one) => {
    if ((one.kind === 'BODY' || one.kind === 'TEXT') && one.text !== '') needles.add(casemap(one.text));
  });
  return needles;
}

function usesModseq(key: SearchKey): boolean {
  let uses = false;
  walk(key, (one) => {
    uses ||= one.kind === 'MODSEQ';
  });
  return uses;
}

/** Visits a key and all keys in it; the parser has bounded the depth. */
function walk(key: SearchKey, visit: (key: SearchKey) => void): void {
  visit(key);
  if (key.kind === 'AND') for (const one of key.keys) walk(one, visit);
  else if (key.kind === 'NOT') walk(key.key, visit);
  else if (key.kind === 'OR') {
    walk(key.left, visit);
    walk(key.right, visit);
  }
}
