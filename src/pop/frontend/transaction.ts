/**
 * The TRANSACTION state of a session, as its frontend keeps it: what commands the owner of the account answers, and what
 * a next owner needs to go on (docs/pop.md): the maildrop as it was opened, the UIDs marked as deleted, and those whose
 * \Seen is not written.
 */

import type { BusStream } from '../../cluster/bus/types.ts';
import type { Dial } from '../../cluster/dial.ts';
import type { OpenTransaction, TransactionNumbers } from '../../directory/transactions.ts';
import { failureCode } from '../../lib/failure.ts';
import type { Logger } from '../../lib/logging.ts';
import type { Clock } from '../../platform/platform.ts';
import { ClientGone } from '../../relay/client.ts';
import { type Exchange, OwnerTie } from '../../relay/tie.ts';
import { type ObjectId, objectKey } from '../../store/ids.ts';
import { err, ok, TRY_LATER } from '../codec/response.ts';
import { SOME_NOT_REMOVED } from '../commands/quit.ts';
import { UidList } from '../uid-list.ts';
import {
  type Attach,
  type Opened,
  type OwnerCommand,
  POP_SERVICE,
  type StateChange,
  type ToFrontend,
  type ToOwner,
  UIDS_PER_MESSAGE,
} from '../wire.ts';

/** `isLast`: they end the answer to a command. */
export type Write = (bytes: Buffer, isLast: boolean) => Promise<void>;

export interface TransactionOptions {
  readonly object: ObjectId;
  readonly login: string;
  readonly dial: Dial;
  readonly transactions: TransactionNumbers;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Without any news from an owner for so long a command is answered `-ERR [SYS/TEMP]`. */
  readonly stallMs: number;
  /** Hands octets to the client. Rejects with ClientGone. */
  readonly write: Write;
}

/** What the connection does after a command. */
export type Afterwards = 'go-on' | 'close';

export class Transaction {
  readonly #options: TransactionOptions;
  readonly #tie: OwnerTie;
  #opened: Opened | null = null;
  readonly #deleted = new UidList();
  readonly #seen = new UidList();

  constructor(options: TransactionOptions) {
    this.#options = options;
    const { object, login, dial, clock, stallMs } = options;
    this.#tie = new OwnerTie({
      service: POP_SERVICE,
      object,
      dial,
      clock,
      stallMs,
      attach: () => ({ object, login, opened: this.#opened }) satisfies Attach,
      prepare: (stream) => this.#sendMarks(stream),
    });
  }

  /** Opens the maildrop and answers the log-in; or answers why it cannot be opened, and says what the connection does then. */
  async open(): Promise<'opened' | Afterwards> {
    return (await this.#exchange({ name: 'open' })) ?? 'opened';
  }

  async run(command: OwnerCommand): Promise<Afterwards> {
    const isQuit = command.name === 'QUIT';
    if (isQuit && this.#deleted.count === 0 && this.#seen.count === 0) {
      await this.#line(ok('bye'));
      return 'close';
    }
    using transaction = isQuit ? this.#options.transactions.begin() : undefined;
    const afterwards = (await this.#exchange(command, transaction)) ?? 'go-on';
    return isQuit ? 'close' : afterwards;
  }

  /** The client has left; nothing is deleted. */
  detach(): void {
    this.#tie.detach();
  }

  /** Undefined when the command was answered by the owner. */
  async #exchange(command: OwnerCommand, transaction?: OpenTransaction): Promise<Afterwards | undefined> {
    const { logger, object, write } = this.#options;
    const answer = new Answer(command, transaction, write, (changed) => this.#apply(changed));
    try {
      await this.#tie.exchange(answer);
      return undefined;
    } catch (error) {
      if (error instanceof ClientGone) throw error;
      const { name } = command;
      logger.warn({ object: objectKey(object), err: error, command: name }, 'pop: owner lost');
      // In the middle of a response the client understands nothing but the end of the connection.
      if (answer.progress > 0) return 'close';
      const code = failureCode(error);
      const isLost = name !== 'open' && (code === 'not-found' || code === 'damaged');
      if (code === 'limit' && name === 'open') {
        // RFC 2449 section 8.1.1: the log-in was right, and the maildrop is in use.
        await this.#line(err('too many sessions, end some of them', 'IN-USE'));
        return 'close';
      }
      if (name === 'QUIT') await this.#line(SOME_NOT_REMOVED);
      else if (isLost) await this.#line(err('the session cannot be continued, log in again', 'SYS/TEMP'));
      else await this.#line(TRY_LATER);
      return isLost ? 'close' : 'go-on';
    }
  }

  #apply({ opened, marked, unmarked, seen, seenWritten }: StateChange): void {
    if (opened !== undefined) this.#opened = opened;
    if (marked !== undefined) this.#deleted.push(marked);
    if (unmarked) this.#deleted.clear();
    if (seen !== undefined) this.#seen.push(seen);
    if (seenWritten) this.#seen.clear();
  }

  async #sendMarks(stream: BusStream): Promise<void> {
    const none = Buffer.alloc(0);
    for (const deleted of this.#deleted.pieces(UIDS_PER_MESSAGE))
      await stream.send({ kind: 'marks', deleted, seen: none } satisfies ToOwner);
    for (const seen of this.#seen.pieces(UIDS_PER_MESSAGE))
      await stream.send({ kind: 'marks', deleted: none, seen } satisfies ToOwner);
  }

  #line(text: string): Promise<void> {
    return this.#options.write(Buffer.from(`${text}\r\n`), true);
  }
}

/** One command and how much of its answer the client has, over all owners it was put to. */
class Answer implements Exchange {
  /** As the owner counts it. */
  progress = 0;
  readonly canGoOn = true;
  readonly #command: OwnerCommand;
  readonly #transaction: OpenTransaction | undefined;
  readonly #write: Write;
  readonly #apply: (changed: StateChange) => void;

  constructor(
    command: OwnerCommand,
    transaction: OpenTransaction | undefined,
    write: Write,
    apply: (changed: StateChange) => void,
  ) {
    this.#command = command;
    this.#transaction = transaction;
    this.#write = write;
    this.#apply = apply;
  }

  ask(stream: BusStream): Promise<void> {
    const { progress } = this;
    const command = this.#command;
    const transaction = this.#transaction?.id ?? null;
    return stream.send({ kind: 'command', command, progress, transaction } satisfies ToOwner);
  }

  async take(message: unknown): Promise<boolean> {
    const news = message as ToFrontend;
    switch (news.kind) {
      case 'working':
        return false;
      case 'output':
        // From here on the client has it, whatever becomes of the owner.
        this.progress = news.progress;
        await this.#write(news.bytes, false);
        return false;
      case 'end':
        this.#apply(news.changed);
        this.#transaction?.[Symbol.dispose]();
        await this.#write(news.bytes, true);
        return true;
      default:
        news satisfies never;
        return false;
    }
  }
}
