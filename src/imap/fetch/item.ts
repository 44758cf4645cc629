/** What an item of FETCH is: a row of the table (table.ts) that holds its grammar and its part of the response. */
import type { MessageContent } from '../../message/content.ts';
import type { LaterOctets } from '../../message/section.ts';
import type { Message } from '../../store/account/types.ts';
import type { Capabilities } from '../capability.ts';
import type { Reader } from '../codec/reader.ts';
import type { Piece, WriteContext } from '../codec/write.ts';
import type { EnvelopeCache } from './envelopes.ts';

/** What a response says of a message apart from its content: a copy, as rows are valid until the next await only. */
export type MessageFacts = Pick<Message, 'uid' | 'modseq' | 'flags' | 'internalDateMs' | 'size' | 'emailId'>;

/** A message that is being answered. */
export interface Fetched {
  readonly facts: MessageFacts;
  readonly content: MessageContent;
  readonly context: WriteContext;
  readonly envelopes: EnvelopeCache;
}

/** A response in order; what is large is read by `content.chunks` when its turn comes. */
export type FetchPiece = Piece | LaterOctets;

export interface FetchItemSpec<I extends { readonly kind: string }> {
  readonly kind: I['kind'];
  /** What a client writes for it, up to and with a "[" where one follows; the kind itself where this is absent. */
  readonly words?: readonly string[];
  readonly capabilities?: Capabilities;
  /** RFC 7162 section 3.1: asking for it is a CONDSTORE enabling command. */
  readonly enablesCondstore?: boolean;
  /** Reads what follows the word; absent where nothing does. */
  parse?(reader: Reader, word: string): I;
  /** RFC 9051 section 6.4.5. The command sets \Seen before it asks for the response. */
  setsSeen?(item: I): boolean;
  /** The item's name and its value; a promise only where something must be read. */
  write(item: I, message: Fetched): readonly FetchPiece[] | Promise<readonly FetchPiece[]>;
}
