/**
 * Tells commands from the octets of messages, in place of smtp-server's parser: one command at a time, each line with its
 * limit, a message by dots (DATA) or by count (BDAT). Nothing behind a bare line end of a command is interpreted (RFC 5321
 * section 2.3.8), nothing behind the end of a retired stream (STARTTLS, QUIT) at all. Of the library's class only the
 * Writable is used that sockets are piped into, and `isClosed`.
 */
import { SMTPStream } from 'smtp-server/lib/smtp-stream.js';
import { Dots } from '../codec/dots.ts';
import { AUTH_LINE_OCTETS_MAX, COMMANDS_IN_A_TURN_MAX } from '../limits.ts';
import type { Framing } from '../session/types.ts';

const CR = 0x0d;
const LF = 0x0a;
const NOTHING = Buffer.alloc(0);

export interface StreamEvents {
  /** Octets came. False: they are not to be looked at. */
  heard(): boolean;
  /** A line without CRLF, a view of what was received: valid until `done` is called. */
  command(line: Buffer, done: () => void): void;
  /** Octets of a message, a view of what was received. False: its end cannot be told, and nothing more is. */
  content(octets: Buffer): boolean;
  /** The message or chunk is whole. */
  contentEnd(done: () => void): void;
  /** What came cannot be commands. Nothing more is told. */
  refused(why: 'bare-line-end' | 'line-too-long'): void;
  /** All that was received is carried out. */
  idle(): void;
  /** The client has sent its FIN, and all that came before it is carried out. */
  ended(): void;
}

type Mode = { readonly kind: 'commands' } | { readonly kind: 'dots'; readonly dots: Dots } | Counted;
interface Counted {
  readonly kind: 'counted';
  left: number;
}

const COMMANDS: Mode = { kind: 'commands' };

export class SessionStream extends SMTPStream {
  readonly #events: StreamEvents;
  /** Received and not carried out: octets from `#at` on. */
  #input: Buffer = NOTHING;
  #at = 0;
  #mode: Mode = COMMANDS;
  /** A command or the end of a message is being carried out. */
  #isBusy = false;
  #isLooping = false;
  /** Tells the socket to give more. */
  #next: ((error?: Error | null) => void) | undefined;

  constructor(events: StreamEvents) {
    super();
    this.#events = events;
  }

  /** To be called by a command before it is done: what follows it is a message. */
  receive(framing: Framing): void {
    this.#mode =
      framing.kind === 'dots'
        ? { kind: 'dots', dots: new Dots() }
        : { kind: 'counted', left: framing.octets };
  }

  /** Forgets what was received and tells nothing any more. */
  retire(): void {
    this.isClosed = true;
    this.#input = NOTHING;
    this.#at = 0;
  }

  override _write(
    chunk: Buffer,
    _encoding: BufferEncoding | 'buffer',
    next: (error?: Error | null) => void,
  ): void {
    if (this.isClosed || !this.#events.heard()) {
      next();
      return;
    }
    this.#input =
      this.#at < this.#input.length ? Buffer.concat([this.#input.subarray(this.#at), chunk]) : chunk;
    this.#at = 0;
    this.#next = next;
    this.#go();
  }

  /** Comes behind the last `_write`. A client that half-closes still gets its replies. */
  override _final(done: () => void): void {
    if (!this.isClosed) this.#events.ended();
    done();
  }

  /** A line without its end at the end of the connection is no command. */
  override _flushData(): void {}

  #go(): void {
    if (this.#isLooping) return;
    this.#isLooping = true;
    try {
      for (let count = 0; !this.#isBusy && this.#step(); count++)
        if (count >= COMMANDS_IN_A_TURN_MAX) {
          this.#isBusy = true;
          setImmediate(() => this.#resume());
        }
    } finally {
      this.#isLooping = false;
    }
    if (!this.#isBusy) this.#wantMore();
  }

  #resume(): void {
    this.#isBusy = false;
    this.#go();
  }

  #wantMore(): void {
    // An idle connection keeps nothing of what it sent.
    if (this.#at === this.#input.length) [this.#input, this.#at] = [NOTHING, 0];
    if (!this.isClosed) this.#events.idle();
    const next = this.#next;
    this.#next = undefined;
    next?.();
  }

  /** Begins something that says when it is done, in this turn or later. */
  #during(begin: (done: () => void) => void): void {
    let isDone = false;
    this.#isBusy = true;
    begin(() => {
      if (isDone) return;
      isDone = true;
      this.#resume();
    });
  }

  /** One command, or some octets of a message; false when more must be received before that. */
  #step(): boolean {
    if (this.isClosed) return false;
    const mode = this.#mode;
    switch (mode.kind) {
      case 'commands':
        return this.#command();
      case 'dots':
        return this.#dots(mode.dots);
      case 'counted':
        return this.#counted(mode);
    }
  }

  #command(): boolean {
    const lf = this.#input.indexOf(LF, this.#at);
    const to = lf < 0 ? this.#input.length : lf + 1;
    if (to - this.#at > AUTH_LINE_OCTETS_MAX) return this.#refuse('line-too-long');
    const cr = this.#input.subarray(this.#at, to).indexOf(CR) + this.#at;
    const isBare = cr < this.#at ? lf >= 0 : cr + 1 < to && cr + 1 !== lf;
    if (isBare) return this.#refuse('bare-line-end');
    if (lf < 0) return false;
    const line = this.#input.subarray(this.#at, lf - 1);
    this.#at = to;
    this.#during((done) => this.#events.command(line, done));
    return true;
  }

  #dots(dots: Dots): boolean {
    if (this.#at === this.#input.length) return false;
    const { text, end } = dots.feed(this.#input.subarray(this.#at));
    if (!text.every((octets) => this.#events.content(octets))) this.retire();
    if (this.isClosed) return false;
    this.#at = end < 0 ? this.#input.length : this.#at + end;
    if (end >= 0) this.#end();
    return end >= 0;
  }

  #counted(mode: Counted): boolean {
    const octets = this.#input.subarray(this.#at, this.#at + mode.left);
    this.#at += octets.length;
    mode.left -= octets.length;
    if (octets.length > 0 && !this.#events.content(octets)) this.retire();
    if (mode.left > 0 || this.isClosed) return false;
    this.#end();
    return true;
  }

  #end(): void {
    this.#mode = COMMANDS;
    this.#during((done) => this.#events.contentEnd(done));
  }

  #refuse(why: 'bare-line-end' | 'line-too-long'): boolean {
    this.#events.refused(why);
    this.retire();
    return false;
  }
}
