/**
 * One logged-in session as its frontend keeps it (docs/architecture.md, section 3, sessions outlive backends): commands go
 * to the account's owner one at a time; when the owner is lost, the session is attached to the next one and the command is
 * sent again under its transaction id, unless the client has seen a part of its answer.
 */
import type { BusStream } from '../../cluster/bus/types.ts';
import type { OpenTransaction, TransactionNumbers } from '../../directory/transactions.ts';
import { Failure, failureCode } from '../../lib/failure.ts';
import type { Logger } from '../../lib/logging.ts';
import type { Clock } from '../../platform/platform.ts';
import { type ObjectId, objectKey } from '../../store/ids.ts';
import { slotOfObject } from '../../store/slots.ts';
import {
  type Attach,
  PIECE_OCTETS,
  type SessionState,
  type ToFrontend,
  type ToOwner,
} from '../relay/messages.ts';
import type { Dial } from './dial.ts';

export interface RelayOptions {
  readonly object: ObjectId;
  readonly login: string;
  readonly remoteAddress: string;
  readonly dial: Dial;
  readonly transactions: TransactionNumbers;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Without any news from an owner for so long a command is answered `NO [UNAVAILABLE]`. */
  readonly stallMs: number;
  /** Hands bytes to the client; resolves when its socket takes more. Rejects when the client is gone. */
  readonly write: (bytes: Buffer) => Promise<void>;
}

export interface RelayedCommand {
  readonly tag: string;
  readonly octets: Buffer;
  /** For IDLE: resolves when the client sent DONE. */
  readonly done?: Promise<void>;
}

/** What the connection does after a command. */
export type Afterwards = 'go-on' | 'close';

export class Relay {
  readonly #options: RelayOptions;
  #state: SessionState = { enabled: [], selected: undefined };
  #stream: BusStream | undefined;
  #messages: AsyncIterator<unknown> | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** After ENABLE UTF8=ACCEPT and so on: what the grammar of the next command depends on. */
  get enabled(): readonly string[] {
    return this.#state.enabled;
  }

  async run(command: RelayedCommand): Promise<Afterwards> {
    const { clock, stallMs, transactions, write } = this.#options;
    using transaction = transactions.begin();
    const attempt = new Attempt(clock, stallMs);
    void command.done?.then(() => attempt.done());
    for (;;) {
      try {
        return await this.#attempt(command, transaction, attempt);
      } catch (error) {
        this.detach(error);
        const next = attempt.afterLoss(error);
        if (next !== 'again') {
          this.#options.logger.warn(
            { object: objectKey(this.#options.object), err: error, next },
            'imap owner lost',
          );
          if (next === 'cut') return 'close';
          if (next === 'bye') return await this.#bye();
          await write(
            Buffer.from(`${command.tag} NO [UNAVAILABLE] temporarily unavailable, try again later\r\n`),
          );
          return 'go-on';
        }
        await this.#options.dial.changed();
        await clock.sleep(attempt.nextPauseMs());
      }
    }
  }

  /** Lets the owner forget the session; it can be attached again at any time. */
  detach(reason?: unknown): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#messages = undefined;
    if (stream === undefined) return;
    if (reason === undefined) stream.end();
    else stream.reset(reason instanceof Error ? reason : new Failure('unavailable', 'session detached'));
  }

  async #attempt(
    command: RelayedCommand,
    transaction: OpenTransaction,
    attempt: Attempt,
  ): Promise<Afterwards> {
    await attempt.bounded(this.#attach(attempt.leftMs));
    const stream = this.#stream!;
    const messages = this.#messages!;
    if (attempt.idling) await stream.send({ kind: 'idle-again', tag: command.tag } satisfies ToOwner);
    else await attempt.bounded(sendCommand(stream, command.octets, transaction, attempt.progress));
    attempt.onDone(() => void stream.send({ kind: 'done' } satisfies ToOwner).catch(() => undefined)); // loss shows below
    for (;;) {
      const next = await attempt.bounded(messages.next());
      if (next.done) throw new Failure('unavailable', 'the owner ended the session');
      const message = next.value as ToFrontend;
      if (message.kind === 'end') {
        // From here on the command is answered, whatever becomes of the owner.
        this.#state = message.state;
        await this.#options.write(message.bytes);
        return 'go-on';
      }
      attempt.wrote(message, command.done !== undefined);
      await this.#options.write(message.bytes);
      if (message.told !== undefined && this.#state.selected !== undefined)
        this.#state = { ...this.#state, selected: { ...this.#state.selected, told: message.told } };
    }
  }

  async #attach(timeoutMs: number): Promise<void> {
    if (this.#stream !== undefined && !this.#stream.closed.aborted) return;
    const { dial, object, login, remoteAddress } = this.#options;
    const attach: Attach = { object, login, remoteAddress, state: this.#state };
    const stream = await dial.open(slotOfObject(object), 'imap.session', attach, timeoutMs);
    this.#stream = stream;
    this.#messages = stream.messages[Symbol.asyncIterator]();
  }

  async #bye(): Promise<Afterwards> {
    await this.#options.write(
      Buffer.from('* BYE [UNAVAILABLE] the session cannot be continued, log in again\r\n'),
    );
    return 'close';
  }
}

const PAUSE_MS = 20;
const PAUSE_MS_MAX = 1000;

/** What has happened to a command so far, over all owners it was sent to. */
class Attempt {
  readonly #clock: Clock;
  readonly #stallMs: number;
  #deadlineMs: number;
  #pauseMs = 0;
  #wrote = false;
  #cut = false;
  #isDone = false;
  #tellDone: (() => void) | undefined;
  /** The client has been told to idle: a next owner must not tell it again. */
  idling = false;
  /** How much of a countable answer the client has: a next owner goes on from there. */
  progress = 0;

  constructor(clock: Clock, stallMs: number) {
    this.#clock = clock;
    this.#stallMs = stallMs;
    this.#deadlineMs = clock.monotonicMs() + stallMs;
  }

  /** Before the next try: at first none, later longer, so that thousands of idle sessions do not beat on a lost owner. */
  nextPauseMs(): number {
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(PAUSE_MS_MAX, Math.max(PAUSE_MS, pauseMs * 2));
    return pauseMs;
  }

  get leftMs(): number {
    return Math.max(1, this.#deadlineMs - this.#clock.monotonicMs());
  }

  /** An IDLE that is waiting has no deadline: nothing is owed to the client. */
  get #waiting(): boolean {
    return this.idling && !this.#isDone;
  }

  wrote({ whole, progress }: { readonly whole: boolean; readonly progress?: number }, idle: boolean): void {
    this.#deadlineMs = this.#clock.monotonicMs() + this.#stallMs;
    this.#pauseMs = 0;
    this.#cut = !whole;
    if (!whole) return;
    if (progress !== undefined) this.progress = progress;
    else if (idle) this.idling = true;
    else this.#wrote = true;
  }

  done(): void {
    this.#isDone = true;
    this.#deadlineMs = this.#clock.monotonicMs() + this.#stallMs;
    this.#tellDone?.();
  }

  onDone(tell: () => void): void {
    this.#tellDone = tell;
    if (this.#isDone) tell();
  }

  afterLoss(error: unknown): 'again' | 'refuse' | 'cut' | 'bye' {
    this.#tellDone = undefined;
    if (this.#cut) return 'cut';
    const code = failureCode(error);
    if (code === 'not-found' || code === 'damaged') return 'bye';
    if (this.#wrote) return 'refuse';
    if (this.#waiting) return 'again';
    return this.#clock.monotonicMs() < this.#deadlineMs ? 'again' : 'refuse';
  }

  /** Rejects with 'unavailable' when the deadline passes first. */
  async bounded<T>(work: Promise<T>): Promise<T> {
    let expire: (error: Error) => void = () => undefined;
    const expired = new Promise<never>((_, reject) => (expire = reject));
    expired.catch(() => undefined); // looked at through the race only
    const check = (): void => {
      if (!this.#waiting && this.#clock.monotonicMs() >= this.#deadlineMs)
        expire(new Failure('unavailable', 'no answer from the owner'));
      else timer = this.#clock.timer(this.#waiting ? this.#stallMs : this.leftMs, check);
    };
    let timer = this.#clock.timer(this.#waiting ? this.#stallMs : this.leftMs, check);
    work.catch(() => undefined); // may reject after the race is over
    try {
      return await Promise.race([work, expired]);
    } finally {
      timer.cancel();
    }
  }
}

async function sendCommand(
  stream: BusStream,
  octets: Buffer,
  transaction: OpenTransaction,
  progress: number,
): Promise<void> {
  let from = 0;
  for (; octets.length - from > PIECE_OCTETS; from += PIECE_OCTETS)
    await stream.send({ kind: 'piece', bytes: octets.subarray(from, from + PIECE_OCTETS) } satisfies ToOwner);
  const bytes = octets.subarray(from);
  await stream.send({ kind: 'command', bytes, transaction: transaction.id, progress } satisfies ToOwner);
}
