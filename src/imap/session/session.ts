/**
 * The owner's side of one IMAP session: what is selected, what the client has been told, what it enabled. Commands
 * (src/imap/commands/) work on it one at a time; a frontend holds a copy of `state()` to go on elsewhere.
 */

import { Decoder, Encoder } from '../../lib/encoder.ts';
import { Failure } from '../../lib/failure.ts';
import type { Clock } from '../../platform/platform.ts';
import { Slices } from '../../platform/slices.ts';
import { decodeRanges, encodeRanges, type UidRanges } from '../../store/account/ranges.ts';
import type { Account, Mailbox, MailboxId, Message, Uid } from '../../store/account/types.ts';
import type { TransactionId } from '../../store/ids.ts';
import { formatRanges, type NormalRanges, normalRanges } from '../codec/sequenceSet.ts';
import type { Refused, SequenceSet } from '../codec/types.ts';
import type { Envelopes } from '../fetch/envelopes.ts';
import { flagsItem, modseqItem, uidItem } from '../fetch/facts.ts';
import type { SelectedState, SessionState, StateNews } from '../wire.ts';
import { flagsLines, SpokenFlags } from './flags.ts';
import { inSlices, STRIDE } from './in-slices.ts';
import type { Output } from './output.ts';
import { type RecentBook, RecentUids } from './recent.ts';
import { View } from './view.ts';

export interface Selected {
  readonly mailboxId: MailboxId;
  readonly uidValidity: number;
  readonly readOnly: boolean;
  readonly view: View;
  /** `$` of RFC 5182. */
  savedSearch: UidRanges;
  /** The `$` that the frontend has a copy of. */
  savedSearchSent: UidRanges | undefined;
  /** \Recent to this session. */
  readonly recent: RecentUids;
  /** RECENT as told last. */
  recentTold: number;
  /** Keywords that a FLAGS response has named. */
  readonly spoken: SpokenFlags;
}

export interface SessionOptions {
  readonly account: Account;
  readonly output: Output;
  readonly clock: Clock;
  readonly appendOctetsMax: number;
  /** As CAPABILITY says them. */
  readonly capabilities: readonly string[];
  readonly recent: RecentBook;
  readonly envelopes: Envelopes;
  /** Aborted when nobody waits for the session's work any more: the account has gone, or the frontend. */
  readonly ended: AbortSignal;
}

/** What of the flags the client knows without being told, when changes are told. */
export interface Known {
  /** True when the client works out for itself that the message now has these flags (STORE with .SILENT). */
  readonly flags?: (uid: Uid, flags: readonly string[]) => boolean;
  /** The modseq as of which the answer of this very command has told a message's flags. */
  readonly answered?: ReadonlyMap<Uid, number>;
}

export class Session {
  readonly account: Account;
  readonly output: Output;
  readonly clock: Clock;
  readonly appendOctetsMax: number;
  readonly capabilities: readonly string[];
  readonly enabled = new Set<string>();
  readonly recent: RecentBook;
  readonly envelopes: Envelopes;
  readonly ended: AbortSignal;
  selected: Selected | undefined;
  /** Of the command that runs now. */
  transaction: TransactionId | undefined;
  /** The command that runs now was put to another owner before, and may be done: then its transaction has the result. */
  isRepeated = false;
  tag = '*';
  /** Of the command that runs now: how much of its answer the client has, where that can be counted. */
  progress: number | undefined;

  constructor(options: SessionOptions) {
    this.account = options.account;
    this.output = options.output;
    this.clock = options.clock;
    this.appendOctetsMax = options.appendOctetsMax;
    this.capabilities = options.capabilities;
    this.recent = options.recent;
    this.envelopes = options.envelopes;
    this.ended = options.ended;
  }

  get utf8(): boolean {
    return this.enabled.has('UTF8=ACCEPT');
  }

  /** RFC 7162 section 3.1: after a CONDSTORE enabling command, MODSEQ is told with every change of flags. */
  get condstore(): boolean {
    return this.enabled.has('CONDSTORE');
  }

  /** A CONDSTORE enabling command. With a mailbox selected the client is told from where on it hears of changes. */
  enableCondstore(): void {
    if (this.condstore) return;
    this.enabled.add('CONDSTORE');
    if (this.selected !== undefined)
      this.output.line(`* OK [HIGHESTMODSEQ ${this.selected.view.told.changes}] highest`);
  }

  /** The selected mailbox as it is now. Failure 'not-found' when it was deleted meanwhile. */
  mailbox(): { readonly selected: Selected; readonly mailbox: Mailbox } {
    const selected = this.selected;
    const mailbox = selected && this.account.mailboxById(selected.mailboxId);
    if (selected === undefined || mailbox === undefined)
      throw new Failure('not-found', 'the selected mailbox has been deleted');
    return { selected, mailbox };
  }

  /** Selects a mailbox, whose messages the client is about to be told. */
  select(mailbox: Mailbox, readOnly: boolean): Selected {
    const recent = new RecentUids();
    const view = View.of(mailbox);
    this.#claimRecent(mailbox.id, recent, readOnly, 1, view.told.uid);
    return (this.selected = newSelected(mailbox, readOnly, view, recent));
  }

  /** For the frontend's copy: of `$` only what it has not been told. */
  stateNews(): StateNews {
    const enabled = [...this.enabled];
    const { selected } = this;
    if (selected === undefined) return { enabled, selected };
    const { mailboxId, uidValidity, readOnly, view, recent, savedSearch, savedSearchSent } = selected;
    const isNew = savedSearch !== savedSearchSent;
    selected.savedSearchSent = savedSearch;
    const facts = { mailboxId, uidValidity, readOnly, told: view.told, recent: recent.ranges };
    return { enabled, selected: { ...facts, ...(isNew && { savedSearch: encodeSaved(savedSearch) }) } };
  }

  /** The parser has refused a command. RFC 5182 section 2.1: a SEARCH that is answered NO has found nothing. */
  refused(parsed: Refused): void {
    if (this.selected !== undefined && parsed.code.startsWith('[BADCHARSET')) this.selected.savedSearch = [];
  }

  /** Takes up a session that another owner served. Failure 'not-found' when its view cannot be built again. */
  restore(state: SessionState): void {
    for (const name of state.enabled) this.enabled.add(name);
    if (state.selected === undefined) return;
    const { mailboxId, uidValidity, readOnly, told, savedSearch }: SelectedState = state.selected;
    const mailbox = this.account.mailboxById(mailboxId as MailboxId);
    const view = mailbox && mailbox.uidValidity === uidValidity ? View.rebuild(mailbox, told) : undefined;
    if (mailbox === undefined || view === undefined)
      throw new Failure('not-found', 'the view of the selected mailbox cannot be built again');
    const recent = new RecentUids(state.selected.recent);
    if (!readOnly) this.recent.told(mailbox.id, told.uid + 1);
    // No keyword counts as named: one that came since the client was told is named with the next change of flags.
    this.selected = newSelected(mailbox, readOnly, view, recent, []);
    this.selected.savedSearch = decodeSaved(savedSearch);
    this.selected.savedSearchSent = this.selected.savedSearch;
  }

  /** For a command that looks at many messages. */
  slices(): Slices {
    return new Slices(this.clock, this.ended);
  }

  /** Flags as this session sees them: with \Recent, which is nobody else's. */
  flagsOf({ uid, flags }: Pick<Message, 'uid' | 'flags'>): readonly string[] {
    return this.selected?.recent.has(uid) ? [...flags, '\\Recent'] : flags;
  }

  /** `* 1 FETCH (…)` for a message whose flags, or whose modseq alone, the client is told unasked. */
  flagsLine(sequence: number, message: Pick<Message, 'uid' | 'flags' | 'modseq'>, withFlags = true): string {
    const items = [
      uidItem(message),
      ...(withFlags ? [flagsItem({ flags: this.flagsOf(message) })] : []),
      ...(this.condstore ? [modseqItem(message)] : []),
    ];
    return `* ${sequence} FETCH (${items.join(' ')})`;
  }

  /**
   * Untagged responses for all that changed since the client was last told. All of them go in one piece with what the
   * client then knows: a part of the EXPUNGEs alone would leave a next owner with another numbering than the client.
   */
  async tellChanges(expunges: boolean, known: Known = {}): Promise<void> {
    const { selected } = this;
    if (selected === undefined) return;
    const mailbox = this.account.mailboxById(selected.mailboxId);
    const { view, recent } = selected;
    const before = view.told.uid;
    const changes = await view.takeChanges(mailbox, expunges, this.slices());
    if (view.told.uid > before)
      this.#claimRecent(selected.mailboxId, recent, selected.readOnly, before + 1, view.told.uid);
    await this.tell(expungeLines(changes.expunged));
    if (changes.exists !== undefined) this.output.line(`* ${changes.exists} EXISTS`);
    const recentNow = recent.countIn(view);
    // RFC 3501 section 7.3.2: when the mailbox grew, and whenever it is another number.
    if (changes.exists !== undefined || recentNow !== selected.recentTold)
      this.output.line(`* ${recentNow} RECENT`);
    selected.recentTold = recentNow;
    if (mailbox === undefined) return;
    if (changes.flags.length > 0 || changes.exists !== undefined) this.#tellKeywords(selected, mailbox);
    await this.tell(this.#changedLines(selected, mailbox, changes.flags, known));
  }

  /**
   * Lines of any number, made one by one, with rests between them; `undefined` where there was work for no line. Never so
   * much without the one or the other that it holds the loop.
   */
  async tell(lines: Iterable<string | undefined>): Promise<void> {
    const slices = this.slices();
    let batch: string[] = [];
    let looked = 0;
    for (const line of lines) {
      if (line !== undefined) batch.push(line);
      if (++looked % BATCH_LINES !== 0) continue;
      this.output.lines(batch);
      batch = [];
      if (slices.due) await slices.rest();
    }
    this.output.lines(batch);
  }

  *#changedLines(
    selected: Selected,
    mailbox: Mailbox,
    uids: readonly Uid[],
    known: Known,
  ): Generator<string | undefined> {
    for (const uid of uids) yield this.#changedLine(selected, mailbox, uid, known);
  }

  /** Undefined for a message of which the client need not be told. */
  #changedLine(selected: Selected, mailbox: Mailbox, uid: Uid, known: Known): string | undefined {
    const sequence = selected.view.sequenceOf(uid);
    const index = mailbox.indexOf(uid);
    if (sequence === 0 || index < 0) return undefined;
    const message = mailbox.at(index);
    if (known.answered?.get(uid) === message.modseq) return undefined;
    const knowsFlags = known.flags?.(uid, message.flags) ?? false;
    // RFC 7162 section 3.1.3: a silent STORE still tells the new modseq, without the flags.
    return knowsFlags && !this.condstore ? undefined : this.flagsLine(sequence, message, !knowsFlags);
  }

  /** A keyword that no FLAGS response has named is named before a message has it (RFC 3501 section 7.2.6). */
  #tellKeywords(selected: Selected, mailbox: Mailbox): void {
    if (!selected.spoken.learn(mailbox.keywords)) return;
    for (const line of flagsLines(mailbox.keywords, selected.readOnly)) this.output.line(line);
  }

  /** Messages `first` to `last` are about to be told: those nobody was told of are recent to this session. */
  #claimRecent(mailbox: MailboxId, recent: RecentUids, readOnly: boolean, first: number, last: number): void {
    recent.add(Math.max(first, this.recent.first(mailbox)), last);
    // RFC 3501 section 6.3.2: EXAMINE must not cause messages to lose \Recent.
    if (!readOnly) this.recent.told(mailbox, last + 1);
  }

  /** Sends what the output holds, with what the client then knows. */
  async flush(): Promise<void> {
    await this.output.flush(this.selected?.view.told);
  }

  /**
   * The messages a set names, by the ranges of their UIDs. Sequence numbers are the client's; UIDs that are not there are
   * passed over, and so is what lies above all that the client was told of. Undefined when a sequence number is above
   * EXISTS, which `*` is in an empty mailbox (RFC 3501 section 9, seq-number: the server answers BAD).
   *
   * Between two messages of the client's numbering there is no other, so what follows each other in it is one range,
   * whatever UIDs are missing there.
   */
  async ranges(set: SequenceSet, uid: boolean): Promise<UidRanges | undefined> {
    const { selected } = this;
    if (selected === undefined) return undefined;
    const { view, savedSearch } = selected;
    const byUid = uid || set.kind === 'saved';
    if (view.exists === 0) return byUid ? [] : undefined;
    const named = set.kind === 'saved' ? savedRanges(savedSearch) : numbered(set, view, uid);
    if (!byUid && (named.at(-1)?.to ?? 0) > view.exists) return undefined;
    const slices = this.slices();
    const ranges: (readonly [number, number])[] = [];
    for (const [at, { from, to }] of named.entries()) {
      if (at % STRIDE === STRIDE - 1 && slices.due) await slices.rest();
      const first = byUid ? view.lowerBound(from) + 1 : from;
      const last = byUid ? view.lowerBound(to + 1) : to;
      if (first <= last) ranges.push([view.uidAt(first), view.uidAt(last)]);
    }
    return ranges;
  }

  /** The messages a set names, one by one and ascending; else as `ranges`. */
  async messages(set: SequenceSet, uid: boolean): Promise<readonly Uid[] | undefined> {
    const ranges = await this.ranges(set, uid);
    const view = this.selected?.view;
    if (ranges === undefined || view === undefined) return undefined;
    const slices = this.slices();
    const chosen: Uid[] = [];
    for (const [first, last] of ranges) {
      const end = view.sequenceOf(last);
      for (let sequence = view.sequenceOf(first); sequence <= end; sequence++) {
        if (chosen.length % STRIDE === STRIDE - 1 && slices.due) await slices.rest();
        chosen.push(view.uidAt(sequence));
      }
    }
    return chosen;
  }

  /** Whether some of the messages that the client counts in these ranges are no longer in the mailbox. */
  async someGone(ranges: UidRanges): Promise<boolean> {
    const { selected, mailbox } = this.mailbox();
    const slices = this.slices();
    // The mailbox has none that the client does not count below the last it counts: numbers tell.
    const gone = await inSlices(
      ranges,
      slices,
      ([first, last]) =>
        mailbox.lowerBound(last + 1) - mailbox.lowerBound(first) <
        selected.view.lowerBound(last + 1) - selected.view.lowerBound(first),
    );
    return gone.length > 0;
  }

  /** `formatRanges` for any number of ranges. */
  async formatted(ranges: UidRanges): Promise<string> {
    const slices = this.slices();
    const pieces: string[] = [];
    for (let at = 0; at < ranges.length; at += STRIDE) {
      if (slices.due) await slices.rest();
      pieces.push(formatRanges(ranges.slice(at, at + STRIDE)));
    }
    return pieces.join(',');
  }
}

function numbered(set: Extract<SequenceSet, { kind: 'ranges' }>, view: View, uid: boolean): NormalRanges {
  return normalRanges(set.ranges, uid ? view.uidAt(view.exists) : view.exists);
}

function savedRanges(saved: UidRanges): NormalRanges {
  return saved.map(([from, to]) => ({ from, to }));
}

function newSelected(
  mailbox: Mailbox,
  readOnly: boolean,
  view: View,
  recent: RecentUids,
  spoken = mailbox.keywords,
): Selected {
  return {
    mailboxId: mailbox.id,
    uidValidity: mailbox.uidValidity,
    readOnly,
    view,
    savedSearch: [],
    savedSearchSent: undefined,
    recent,
    recentTold: recent.countIn(view),
    spoken: new SpokenFlags(spoken),
  };
}

function encodeSaved(saved: UidRanges): Buffer {
  if (saved.length === 0) return Buffer.alloc(0);
  const encoder = new Encoder();
  encodeRanges(encoder, saved);
  return encoder.done();
}

function decodeSaved(octets: Buffer): UidRanges {
  return octets.length === 0 ? [] : decodeRanges(new Decoder(octets));
}

/** Lines between two looks at the clock. */
const BATCH_LINES = 256;

function* expungeLines(sequences: readonly number[]): Generator<string> {
  for (const sequence of sequences) yield `* ${sequence} EXPUNGE`;
}
