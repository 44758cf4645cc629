/**
 * What a key of SEARCH is: a row of the table (table.ts) that holds its grammar and its test. A key is first asked what
 * flags, UID, size and dates say; only a message that these leave open is read, and once for all keys.
 */
import type { MessageText } from '../../message/text.ts';
import type { Slices } from '../../platform/slices.ts';
import type { UidRanges } from '../../store/account/ranges.ts';
import type { Mailbox, Message, Uid } from '../../store/account/types.ts';
import type { Capabilities } from '../capability.ts';
import type { Reader } from '../codec/reader.ts';
import type { SearchKey } from './table.ts';

export interface SearchScope {
  readonly mailbox: Mailbox;
  /** The client's numbering. A message in it that the mailbox no longer has is not found. */
  readonly view: { readonly exists: number; uidAt(sequence: number): Uid };
  /** \Recent to this session. */
  readonly isRecent: (uid: Uid) => boolean;
  /** `$`: the saved result (RFC 5182). */
  readonly saved: UidRanges;
  readonly nowMs: number;
  /** Octets of a message's content. */
  readonly read: (message: Message, from: number, octets: number) => Promise<Buffer>;
  readonly slices: Slices;
}

/** A key made ready for many messages. */
export interface Test {
  /** What is known without content; undefined when only the content tells. */
  quick(message: Message, sequence: number): boolean | undefined;
  /** Asked only where `quick` was undefined. */
  full(subject: Subject): Promise<boolean>;
}

/** A message while its content is looked at. Rows do not outlive an await, so each look takes a new one. */
export interface Subject {
  readonly text: MessageText;
  readonly sequence: number;
  /** Undefined when the message has gone meanwhile. */
  readonly row: () => Message | undefined;
}

export interface SearchKeySpec<K extends { readonly kind: string }> {
  readonly kind: K['kind'];
  /** The grammar has no word for it: a sequence set, a list in parentheses. */
  readonly isWordless?: boolean;
  readonly capabilities?: Capabilities;
  /** RFC 7162 section 3.1.5: using it enables CONDSTORE, and the answer says the highest modseq found. */
  readonly enablesCondstore?: boolean;
  /** Reads its arguments, behind the space; absent where there are none. */
  parse?(arguments_: KeyArguments): K;
  /** `compile` makes ready the keys within this one. */
  test(key: K, scope: SearchScope, compile: (inner: SearchKey) => Test): Test;
  /** The keys within it. */
  inner?(key: K): readonly SearchKey[];
  /** What it looks for in bodies, by casemap: all needles of a search are looked for in one pass. */
  needle?(key: K): string;
}

/** What a key's arguments are read with. */
export interface KeyArguments {
  readonly reader: Reader;
  /** astring in the command's charset. */
  text(): string;
  /** Another key; nesting is bounded. */
  key(): SearchKey;
}

export type QuickTest = (message: Message, sequence: number) => boolean;

/** The mailbox's own data answers it. */
export function quick(test: QuickTest): Test {
  return {
    quick: test,
    full: async ({ row, sequence }) => {
      const message = row();
      return message !== undefined && test(message, sequence);
    },
  };
}

/** Only the content answers it. */
export function content(full: (subject: Subject) => Promise<boolean>): Test {
  return { quick: () => undefined, full };
}
