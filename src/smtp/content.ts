/**
 * A message while it arrives, by DATA or by BDAT. Octets are copied together, so that small pieces cost no more than what
 * is in them, and counted against the budget of all clients. The first thing that is wrong refuses the message; what comes
 * after that is thrown away, as the client goes on sending.
 *
 * What is stored is what was sent: no line is folded, no character set changed. Text must have CRLF line ends and no NUL;
 * BODY=BINARYMIME content is free of that (RFC 3030 section 3), and only then is changed before it is stored (binary.ts).
 */

import { Arrival } from '../lib/arrival.ts';
import type { Budget } from '../lib/budget.ts';
import type { Clock } from '../platform/platform.ts';
import { type HeaderFacts, inspectHeader } from './codec/header.ts';
import { TextLines } from './codec/text-lines.ts';
import { HEADER_OCTETS_MAX, RECEIVED_FIELDS_MAX, TEXT_LINE_OCTETS_MAX } from './limits.ts';
import {
  BARE_LINE_END,
  HEADER_TOO_LONG,
  LINE_TOO_LONG,
  LOOP,
  NUL_IN_TEXT,
  STORAGE_FULL,
  TOO_LARGE,
} from './replies.ts';
import type { BodyType, Reply } from './types.ts';

export interface ContentOptions {
  readonly messageOctetsMax: number;
  readonly budget: Pick<Budget, 'take' | 'give'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

export interface Message {
  /** The content, cut anywhere. */
  readonly parts: readonly Buffer[];
  readonly hasDate: boolean;
  readonly hasMessageId: boolean;
  /** No NUL, and no CR or LF but CRLF. */
  readonly isText: boolean;
}

const FIRST_BLOCK_OCTETS = 8 * 1024;
const BLOCK_OCTETS_MAX = 1024 * 1024;

export class Content implements Disposable {
  readonly #options: ContentOptions;
  readonly #isBinary: boolean;
  readonly #lines = new TextLines();
  /** So far; false only for binary content, which goes on. */
  #isText = true;
  readonly #arrival: Arrival;
  #blocks: Buffer[] = [];
  /** Octets used of the last block. */
  #used = 0;
  #octets = 0;
  #taken = 0;
  #refusal: Reply | undefined;

  constructor(options: ContentOptions, body: BodyType) {
    this.#options = options;
    this.#isBinary = body === 'BINARYMIME';
    this.#arrival = new Arrival(options.clock.monotonicMs());
  }

  /** Why the message is refused already. */
  get refusal(): Reply | undefined {
    return this.#refusal;
  }

  /** It takes longer than a message may, from its first octet on, pauses between chunks included. */
  get isLate(): boolean {
    return this.#options.clock.monotonicMs() >= this.#arrival.untilMs;
  }

  add(octets: Buffer): void {
    this.#octets += octets.length;
    this.#arrival.add(octets.length);
    if (this.#refusal !== undefined) return;
    const refusal = this.#judge(octets);
    if (refusal === undefined) this.#append(octets);
    else this.#refuse(refusal);
  }

  /** The whole message, or the reply that refuses it. It counts against the budget until this object is disposed of. */
  end(): Message | Reply {
    const endsInCr = this.#lines.endsInCr;
    if (endsInCr && !this.#isBinary) this.#refuse(BARE_LINE_END);
    if (this.#refusal !== undefined) return this.#refusal;
    const parts = this.#blocks.map((block, n) =>
      n < this.#blocks.length - 1 ? block : block.subarray(0, this.#used),
    );
    const facts = headerFacts(parts);
    if (facts.octets > HEADER_OCTETS_MAX) return HEADER_TOO_LONG;
    if (facts.receivedFields > RECEIVED_FIELDS_MAX) return LOOP;
    const { hasDate, hasMessageId } = facts;
    return { parts, hasDate, hasMessageId, isText: this.#isText && !endsInCr };
  }

  /** More memory for what is made of the message, given back with it; false when there is none. */
  take(octets: number): boolean {
    if (!this.#options.budget.take(octets)) return false;
    this.#taken += octets;
    return true;
  }

  [Symbol.dispose](): void {
    this.#blocks = [];
    this.#options.budget.give(this.#taken);
    this.#taken = 0;
  }

  #judge(octets: Buffer): Reply | undefined {
    if (this.#octets > this.#options.messageOctetsMax) return TOO_LARGE;
    const lines = this.#lines;
    if (this.#isBinary) {
      this.#isText &&= lines.feed(octets) < 0 && !lines.hasNul;
      return undefined;
    }
    if (lines.feed(octets) >= 0) return BARE_LINE_END;
    if (lines.hasNul) return NUL_IN_TEXT;
    return lines.longestOctets > TEXT_LINE_OCTETS_MAX ? LINE_TOO_LONG : undefined;
  }

  #append(octets: Buffer): void {
    for (let from = 0; from < octets.length; ) {
      const block = this.#room();
      if (block === undefined) {
        this.#refuse(STORAGE_FULL);
        return;
      }
      const copied = octets.copy(block, this.#used, from);
      this.#used += copied;
      from += copied;
    }
  }

  /** A block with room in it; undefined when the budget has none. */
  #room(): Buffer | undefined {
    const last = this.#blocks.at(-1);
    if (last !== undefined && this.#used < last.length) return last;
    const octets = last === undefined ? FIRST_BLOCK_OCTETS : Math.min(2 * last.length, BLOCK_OCTETS_MAX);
    if (!this.take(octets)) return undefined;
    const block = Buffer.allocUnsafeSlow(octets);
    this.#blocks.push(block);
    this.#used = 0;
    return block;
  }

  /** Nothing of a refused message is kept. */
  #refuse(reply: Reply): void {
    this.#refusal = reply;
    this[Symbol.dispose]();
  }
}

/** Most headers end in the first block; only for a longer one are blocks put together. */
function headerFacts(parts: readonly Buffer[]): HeaderFacts {
  const [first = Buffer.alloc(0)] = parts;
  const facts = inspectHeader(first);
  if (parts.length < 2 || facts.octets < first.length) return facts;
  let count = 0;
  for (let octets = 0; count < parts.length && octets <= HEADER_OCTETS_MAX; )
    octets += parts[count++]!.length;
  return inspectHeader(Buffer.concat(parts.slice(0, count)));
}
