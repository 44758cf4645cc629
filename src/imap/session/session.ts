/**
 * The owner's side of one IMAP session: what is selected, what the client has been told, what it enabled. Commands
 * (src/imap/commands/) work on it one at a time; a frontend holds a copy of `state()` to go on elsewhere.
 */
import { Failure } from '../../lib/failure.ts';
import type { Clock } from '../../platform/platform.ts';
import type { Account, Mailbox, MailboxId, Uid } from '../../store/account/types.ts';
import type { TransactionId } from '../../store/ids.ts';
import { normalRanges } from '../codec/sequenceSet.ts';
import type { SequenceSet } from '../codec/types.ts';
import type { SessionState } from '../relay/messages.ts';
import type { Output } from './output.ts';
import { View } from './view.ts';

export interface Selected {
  readonly mailboxId: MailboxId;
  readonly uidValidity: number;
  readonly readOnly: boolean;
  readonly view: View;
  /** `$` of RFC 9051 section 6.4.4.1. */
  savedSearch: readonly Uid[];
}

export interface SessionOptions {
  readonly account: Account;
  /** As the client logged in; for logs. */
  readonly login: string;
  readonly output: Output;
  readonly clock: Clock;
  readonly appendOctetsMax: number;
}

export class Session {
  readonly account: Account;
  readonly login: string;
  readonly output: Output;
  readonly clock: Clock;
  readonly appendOctetsMax: number;
  readonly enabled = new Set<string>();
  selected: Selected | undefined;
  /** Of the command that runs now. */
  transaction: TransactionId | undefined;
  tag = '*';
  /** Of the command that runs now: how much of its answer the client has, where that can be counted. */
  progress: number | undefined;

  constructor(options: SessionOptions) {
    this.account = options.account;
    this.login = options.login;
    this.output = options.output;
    this.clock = options.clock;
    this.appendOctetsMax = options.appendOctetsMax;
  }

  get utf8(): boolean {
    return this.enabled.has('UTF8=ACCEPT');
  }

  /** RFC 7162 section 3.1: after a CONDSTORE enabling command, MODSEQ is told with every change of flags. */
  get condstore(): boolean {
    return this.enabled.has('CONDSTORE');
  }

  /** The selected mailbox as it is now. Failure 'not-found' when it was deleted meanwhile. */
  mailbox(): { readonly selected: Selected; readonly mailbox: Mailbox } {
    const selected = this.selected;
    const mailbox = selected && this.account.mailboxById(selected.mailboxId);
    if (selected === undefined || mailbox === undefined)
      throw new Failure('not-found', 'the selected mailbox has been deleted');
    return { selected, mailbox };
  }

  state(): SessionState {
    const { selected } = this;
    return {
      enabled: [...this.enabled],
      selected: selected && {
        mailboxId: selected.mailboxId,
        uidValidity: selected.uidValidity,
        readOnly: selected.readOnly,
        told: selected.view.told,
        savedSearch: selected.savedSearch,
      },
    };
  }

  /** Takes up a session that another owner served. Failure 'not-found' when its view cannot be built again. */
  restore(state: SessionState): void {
    for (const name of state.enabled) this.enabled.add(name);
    if (state.selected === undefined) return;
    const { mailboxId, uidValidity, readOnly, told, savedSearch } = state.selected;
    const mailbox = this.account.mailboxById(mailboxId as MailboxId);
    const view = mailbox && mailbox.uidValidity === uidValidity ? View.rebuild(mailbox, told) : undefined;
    if (view === undefined)
      throw new Failure('not-found', 'the view of the selected mailbox cannot be built again');
    this.selected = {
      mailboxId: mailboxId as MailboxId,
      uidValidity,
      readOnly,
      view,
      savedSearch: savedSearch as Uid[],
    };
  }

  /** Untagged responses for all that changed since the client was last told. `silent`: UIDs whose flags it knows. */
  tellChanges(expunges: boolean, silent: ReadonlySet<Uid> = NONE): void {
    const { selected, output } = this;
    if (selected === undefined) return;
    const mailbox = this.account.mailboxById(selected.mailboxId);
    const changes = selected.view.takeChanges(mailbox, expunges);
    for (const sequence of changes.expunged) output.line(`* ${sequence} EXPUNGE`);
    if (changes.exists !== undefined) output.line(`* ${changes.exists} EXISTS`);
    if (mailbox === undefined) return;
    for (const uid of changes.flags) {
      const sequence = selected.view.sequenceOf(uid);
      const index = mailbox.indexOf(uid);
      if (sequence === 0 || index < 0) continue;
      const { flags, modseq } = mailbox.at(index);
      const condstore = this.condstore ? ` MODSEQ (${modseq})` : '';
      if (silent.has(uid) && !this.condstore) continue;
      // RFC 7162 section 3.1.3: a silent STORE still tells the new modseq, without the flags.
      const items = silent.has(uid) ? '' : ` FLAGS (${flags.join(' ')})`;
      output.line(`* ${sequence} FETCH (UID ${uid}${items}${condstore})`);
    }
  }

  /** Sends what the output holds, with what the client then knows. */
  async flush(): Promise<void> {
    await this.output.flush(this.selected?.view.told);
  }

  /**
   * The messages a set names, ascending. Sequence numbers are the client's; UIDs that are not there are passed over.
   * Undefined when a sequence number is above EXISTS (RFC 9051 section 9, seq-number: the server answers BAD).
   */
  messages(set: SequenceSet, uid: boolean): Uid[] | undefined {
    const { selected } = this;
    if (selected === undefined) return undefined;
    const { view } = selected;
    if (set.kind === 'saved') return selected.savedSearch.filter((each) => view.sequenceOf(each) > 0);
    const largest = view.exists === 0 ? 0 : uid ? view.uidAt(view.exists) : view.exists;
    const ranges = normalRanges(set.ranges, largest);
    const chosen: Uid[] = [];
    for (const { from, to } of ranges) {
      if (!uid && to > view.exists) return undefined;
      const first = uid ? view.lowerBound(from) + 1 : from;
      const last = uid ? view.lowerBound(to + 1) : to;
      for (let sequence = first; sequence <= last; sequence++) chosen.push(view.uidAt(sequence));
    }
    return chosen;
  }
}

const NONE: ReadonlySet<Uid> = new Set();
