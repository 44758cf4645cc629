/**
 * Finds whole commands in what a client sends: lines that may go on in literals (RFC 9051 section 4.3, RFC 7888). It
 * knows no grammar but tag, verb and the `{n}` or `{n+}` at the end of a line, so it stays in step with the client
 * whatever the command says; the parser judges the rest.
 *
 * Invariants: memory is bounded by the limits; time is linear in the octets; every refused command is answered once and
 * the next command is found at the place where the client, which knows only `+` and tagged answers, begins it:
 * - a refused synchronising literal never follows, so the next line is a new command (RFC 9051 section 4.3);
 * - a refused non-synchronising literal is on its way, so it and the rest of its command are read and dropped
 *   (RFC 7888 section 4), up to a limit beyond which only BYE is left.
 */

import type { Budget } from '../../lib/budget.ts';
import { Accumulator } from './accumulator.ts';
import type { Refused } from './types.ts';

export interface FramingLimits {
  /** All lines of one command together, without literals (RFC 7162 section 4 asks for 8192 at least); above 65. */
  readonly lineOctetsMax: number;
  /** One literal of a command that brings no message. */
  readonly literalOctetsMax: number;
  /** One literal of a command that does. */
  readonly appendOctetsMax: number;
  /** Names of commands that bring messages, upper case. */
  readonly messageVerbs: ReadonlySet<string>;
  /** Literals in one command. */
  readonly literalsMax: number;
  /** Octets of refused commands read and dropped before the connection is given up. */
  readonly discardOctetsMax: number;
  /** What all connections together may hold; literals up to LITERAL_UNCOUNTED_OCTETS are not worth counting. */
  readonly budget?: Pick<Budget, 'take' | 'give'>;
}

const LITERAL_UNCOUNTED_OCTETS = 64 * 1024;
/** Taken from the budget at a time, as a literal comes: what is announced and does not come holds nothing. */
const RESERVED_OCTETS = 256 * 1024;

export type Framed =
  /** One command without its last CRLF, literals in place (`{3}CRLFabc`). The receiver owns the octets. */
  | { readonly kind: 'command'; readonly octets: Buffer }
  /** A bare line, without CRLF: the answer to a challenge, or DONE. */
  | { readonly kind: 'line'; readonly octets: Buffer }
  | { readonly kind: 'more' }
  /** The client waits for `+ ` before it sends a literal. Said once a literal. */
  | { readonly kind: 'continue' }
  /** Refused as a whole; answer `tag status code why` (or `* BAD` without a tag) and go on. */
  | Refused
  /** Not to be resynchronised: `* BYE why`, close. Repeats itself. */
  | { readonly kind: 'fatal'; readonly why: string };

/** What the session can take next: a command, or a line that answers a `+` (AUTHENTICATE, IDLE). */
export type Want = 'command' | 'line';

type Refusal = Omit<Refused, 'kind' | 'tag'>;

const LF = 0x0a;
const CR = 0x0d;
/** Enough of a line's end to hold `~{18446744073709551615+}` and CRLF. */
const TAIL_OCTETS = 32;
/** Where the tag is looked for. */
const HEAD_OCTETS = 256;

export class Framer {
  /** May be replaced at any time; counts from the next line on. */
  limits: FramingLimits;

  readonly #input: Buffer[] = [];
  #inputOctets = 0;

  /** The command so far. While it is refused only tag, verb and the tail of the present line are kept. */
  readonly #command = new Accumulator();
  /** Where the present line begins in #command. */
  #lineAt = 0;
  /** Octets of lines of this command, kept or dropped. */
  #lineOctets = 0;
  #literals = 0;
  /** Octets of the present literal still to come. */
  #literalLeft = 0;
  #refusal: Refusal | undefined;
  #tag: string | undefined;
  #dropped = 0;
  #fatal: string | undefined;
  /** Taken from the budget for the command that arrives, or that was given out last. */
  #reserved = 0;
  /** Of that, what the present literal has not filled yet; undefined when it is not counted. */
  #room: number | undefined;
  #isGivenOut = false;

  constructor(limits: FramingLimits) {
    this.limits = limits;
  }

  /** Octets given and not yet used: the measure for pausing the socket. */
  get bufferedOctets(): number {
    return this.#inputOctets;
  }

  /** A command has begun and has not ended. */
  get isWithin(): boolean {
    return this.#literalLeft > 0 || this.#lineOctets > 0;
  }

  /** Takes octets from the network; they may be overwritten once `next` said 'more'. */
  push(octets: Buffer): void {
    if (octets.length === 0) return;
    this.#input.push(octets);
    this.#inputOctets += octets.length;
  }

  /** Gives back what the budget lent; nothing is asked of this framer after that. */
  end(): void {
    this.limits.budget?.give(this.#reserved);
    this.#reserved = 0;
  }

  /** The next thing that happened; call until it says 'more', and when the command given out last was dealt with. */
  next(want: Want = 'command'): Framed {
    if (this.#isGivenOut) this.end();
    this.#isGivenOut = false;
    for (;;) {
      if (this.#fatal !== undefined) return { kind: 'fatal', why: this.#fatal };
      if (this.#literalLeft > 0) {
        if (!this.#readLiteral()) return { kind: 'more' };
        continue;
      }
      if (!this.#readLine()) {
        if (this.#fatal === undefined) return { kind: 'more' };
        continue;
      }
      const framed = this.#endOfLine(want);
      if (framed !== undefined) return framed;
    }
  }

  /** Consumes octets of a literal; true when it is complete. */
  #readLiteral(): boolean {
    while (this.#literalLeft > 0) {
      const chunk = this.#input[0];
      if (chunk === undefined) return false;
      const part = chunk.subarray(0, this.#literalLeft);
      if (!this.#hasRoom(part.length)) this.#refuse(TOO_MUCH);
      if (this.#refusal === undefined) this.#command.append(part);
      else this.#drop(part.length);
      this.#literalLeft -= part.length;
      this.#consume(part.length);
    }
    this.#lineAt = this.#command.length;
    return true;
  }

  /** Consumes octets up to and with a LF; true when one was found. */
  #readLine(): boolean {
    for (;;) {
      const chunk = this.#input[0];
      if (chunk === undefined) return false;
      const lf = chunk.indexOf(LF);
      const part = lf < 0 ? chunk : chunk.subarray(0, lf + 1);
      this.#lineOctets += part.length;
      if (this.#lineOctets > this.limits.lineOctetsMax)
        this.#refuse({ status: 'BAD', code: '[LIMIT] ', why: 'command line too long' }, part);
      if (this.#refusal === undefined) this.#command.append(part);
      else this.#keepTail(part);
      this.#consume(part.length);
      if (this.#fatal !== undefined) return false;
      if (lf >= 0) return true;
    }
  }

  #endOfLine(want: Want): Framed | undefined {
    const line = this.#command.from(this.#lineAt);
    const crlf = line.length >= 2 && line[line.length - 2] === CR;
    // RFC 9051 section 2.2: lines end with CRLF. A bare LF ends a line too, so that one bad line costs one answer.
    if (!crlf) {
      this.#refuse({ status: 'BAD', code: '', why: 'a line must end with CRLF' });
      return this.#end(want);
    }
    const literal = want === 'command' ? literalAtEnd(line.subarray(0, line.length - 2)) : undefined;
    if (literal === undefined) {
      if (this.#refusal !== undefined) return this.#end(want);
      this.#command.truncate(this.#command.length - 2);
      const octets = this.#command.take();
      this.#reset();
      this.#isGivenOut = true;
      return { kind: want, octets };
    }
    const refusal = this.#judgeLiteral(literal);
    if (refusal !== undefined) this.#refuse(refusal);
    if (this.#refusal !== undefined) {
      if (literal.synchronising) return this.#end(want);
      if (!Number.isSafeInteger(literal.octets)) this.#fatal = 'literal too large';
      // Nothing is allotted for it: #drop counts what really comes and gives up at the limit.
    }
    this.#literals++;
    this.#literalLeft = literal.octets;
    this.#lineAt = this.#command.length;
    return literal.synchronising ? { kind: 'continue' } : undefined;
  }

  #judgeLiteral(literal: Literal): Refusal | undefined {
    if (this.#literals >= this.limits.literalsMax)
      return { status: 'BAD', code: '[LIMIT] ', why: 'too many literals in one command' };
    const isAppend = this.limits.messageVerbs.has(verbOf(this.#command.from(0)) ?? '');
    if (isAppend && literal.octets > this.limits.appendOctetsMax)
      // RFC 7889 section 4: TOOBIG when the message is larger than APPENDLIMIT.
      return { status: 'NO', code: '[TOOBIG] ', why: 'message too large' };
    if (!isAppend && literal.octets > this.limits.literalOctetsMax)
      return { status: 'NO', code: '[LIMIT] ', why: 'literal too large' };
    if (isAppend && this.#command.length + literal.octets > this.#appendCommandOctetsMax)
      return { status: 'NO', code: '[TOOBIG] ', why: 'command too large' };
    return this.#mayCome(literal.octets) ? undefined : TOO_MUCH;
  }

  /** Whether there is room for it now; nothing is taken before it comes. */
  #mayCome(octets: number): boolean {
    const { budget } = this.limits;
    this.#room = undefined;
    if (this.#refusal !== undefined || budget === undefined || octets <= LITERAL_UNCOUNTED_OCTETS)
      return true;
    if (!budget.take(octets)) return false;
    budget.give(octets);
    this.#room = 0;
    return true;
  }

  /** Takes room for octets of the present literal that have come. */
  #hasRoom(octets: number): boolean {
    const { budget } = this.limits;
    if (this.#refusal !== undefined || budget === undefined || this.#room === undefined) return true;
    const wanted = octets - this.#room;
    if (wanted > 0) {
      const taken = Math.max(wanted, Math.min(RESERVED_OCTETS, this.#literalLeft));
      if (!budget.take(taken)) return false;
      this.#reserved += taken;
      this.#room += taken;
    }
    this.#room -= octets;
    return true;
  }

  /** A message, a mailbox name as a literal, and the lines. */
  get #appendCommandOctetsMax(): number {
    return this.limits.appendOctetsMax + this.limits.literalOctetsMax + this.limits.lineOctetsMax;
  }

  /** From now on the command is only followed to its end. The first reason stands. */
  #refuse(refusal: Refusal, arriving: Buffer = Buffer.alloc(0)): void {
    if (this.#refusal !== undefined) return;
    if (this.#command.length < HEAD_OCTETS)
      this.#tag = tagOf(Buffer.concat([this.#command.from(0), arriving.subarray(0, HEAD_OCTETS)]));
    else this.#tag = tagOf(this.#command.from(0));
    this.#refusal = refusal;
    const tail = Buffer.from(this.#command.from(Math.max(this.#lineAt, this.#command.length - TAIL_OCTETS)));
    this.#command.clear();
    this.end();
    this.#command.append(tail);
    this.#lineAt = 0;
  }

  #keepTail(part: Buffer): void {
    this.#drop(part.length);
    const tail = Buffer.concat([this.#command.from(this.#lineAt), part.subarray(-TAIL_OCTETS)]);
    this.#command.clear();
    this.#command.append(tail.subarray(-TAIL_OCTETS));
    this.#lineAt = 0;
  }

  #drop(octets: number): void {
    this.#dropped += octets;
    if (this.#dropped > this.limits.discardOctetsMax) this.#fatal = 'too much input refused';
  }

  #end(want: Want): Framed {
    const { status, code, why } = this.#refusal!;
    // A bare line begins with no tag; the session knows the tag of the command it belongs to.
    const framed: Framed = {
      kind: 'bad',
      tag: want === 'command' ? this.#tag : undefined,
      status,
      code,
      why,
    };
    this.#command.clear();
    this.#reset();
    this.#isGivenOut = true;
    return framed;
  }

  #reset(): void {
    this.#lineAt = 0;
    this.#lineOctets = 0;
    this.#literals = 0;
    this.#literalLeft = 0;
    this.#refusal = undefined;
    this.#tag = undefined;
    this.#dropped = 0;
  }

  #consume(octets: number): void {
    const chunk = this.#input[0]!;
    if (octets < chunk.length) this.#input[0] = chunk.subarray(octets);
    else this.#input.shift();
    this.#inputOctets -= octets;
  }
}

const TOO_MUCH: Refusal = {
  status: 'NO',
  code: '[LIMIT] ',
  why: 'too much is being received, try again later',
};

interface Literal {
  readonly octets: number;
  readonly synchronising: boolean;
}

/** RFC 9051 section 9, literal: `{n}` or `{n+}` at the end of a line; `~{n}` (literal8) is framed alike. */
function literalAtEnd(line: Buffer): Literal | undefined {
  if (line[line.length - 1] !== 0x7d) return undefined; // }
  const match = /\{(\d{1,20})(\+?)\}$/.exec(line.toString('latin1', Math.max(0, line.length - TAIL_OCTETS)));
  if (match === null) return undefined;
  const octets = Number(match[1]);
  return { octets, synchronising: match[2] === '' };
}

/**
 * The tag a command begins with, when it is one (RFC 9051 section 9, tag: ASTRING-CHARs without "+") of at most 64 octets:
 * less than the shortest line limit, so that it does not depend on how much of a refused line has come.
 */
export function tagOf(command: Buffer): string | undefined {
  const match = /^[^\0-\x20"%()*+\\{\x7f-\xff]{1,64}(?=[ \r\n])/.exec(
    command.toString('latin1', 0, HEAD_OCTETS),
  );
  return match?.[0];
}

/** The name of a command, or of one that has begun to arrive, in upper case; of a UID form the name behind UID. */
export function verbOf(command: Buffer): string | undefined {
  return VERB.exec(command.toString('latin1', 0, VERB_OCTETS))?.[1]?.toUpperCase();
}

/** As far as tag and name go; a client with longer tags gets the small literal limit. */
const VERB_OCTETS = 300;
const VERB = /^[^ ]{1,255} (?:UID )?([a-z]{1,32})(?: |$)/i;
