/**
 * One logged-in session as its frontend keeps it (docs/imap-relay.md): commands go to the account's owner one at a time;
 * when the owner is lost, the session is attached to the next one and the command is sent again under its transaction id,
 * unless the client has seen a part of its answer that cannot be continued.
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
import { specOfFrame } from '../commands/parse.ts';
import type { Repeat } from '../commands/types.ts';
import {
  type Attach,
  NEW_SESSION,
  PIECE_OCTETS,
  type SessionState,
  type ToFrontend,
  type ToOwner,
} from '../wire.ts';

export interface RelayOptions {
  readonly object: ObjectId;
  readonly dial: Dial;
  readonly transactions: TransactionNumbers;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Without any news from an owner for so long a command is answered `NO [UNAVAILABLE]`. */
  readonly stallMs: number;
  /** The client, to which answers go. */
  readonly client: {
    readonly gone: boolean;
    readonly closed: Promise<void>;
    /** Resolves when its socket takes more. Rejects with ClientGone. */
    write(bytes: Buffer): Promise<void>;
  };
}

export interface RelayedCommand {
  readonly tag: string;
  readonly octets: Buffer;
  /** For IDLE: called once, when the client has been told to idle; resolves when it does so no longer. */
  readonly idle?: () => Promise<IdleEnd>;
}

/** How a client's IDLE ended: DONE or a leaving client, another line, or nothing at all for too long. */
export type IdleEnd = 'done' | 'other' | 'silence';

/** What the connection does after a command. */
export type Afterwards = 'go-on' | 'close';

export class Relay {
  readonly #options: RelayOptions;
  readonly #tie: OwnerTie;
  #state: SessionState = NEW_SESSION;
  #running: Running | undefined;

  constructor(options: RelayOptions) {
    const { object, dial, clock, stallMs, client } = options;
    this.#options = options;
    const attach = (): Attach => ({ object, state: this.#running?.state ?? this.#state });
    this.#tie = new OwnerTie({ service: 'imap.session', object, dial, clock, stallMs, attach });
    // Nobody waits for what runs: a search of a large mailbox ends where it is.
    void client.closed.then(() => this.#tie.detach(new ClientGone('the client is gone')));
  }

  async run(command: RelayedCommand): Promise<Afterwards> {
    const { transactions, client } = this.#options;
    const repeat = specOfFrame(command.octets)?.repeat ?? 'safe';
    using transaction = repeat === 'safe' ? undefined : transactions.begin();
    const running = new Running(command, transaction, this.#options, this.#state);
    this.#running = running;
    try {
      await this.#tie.exchange(running);
      return 'go-on';
    } catch (error) {
      return error instanceof ClientGone || client.gone
        ? 'close'
        : await this.#failed(error, running, repeat);
    } finally {
      this.#state = running.state;
      this.#running = undefined;
    }
  }

  /** Lets the owner forget the session; it can be attached again at any time. */
  detach(): void {
    this.#tie.detach();
  }

  async #failed(error: unknown, running: Running, repeat: Repeat): Promise<Afterwards> {
    const { logger, object, client } = this.#options;
    logger.warn({ object: objectKey(object), err: error }, 'imap owner lost');
    // The client is in the middle of a response: nothing that is sent now would be understood.
    if (running.isCut) return 'close';
    const code = failureCode(error);
    const isOver = code === 'not-found' || code === 'damaged';
    // Whether it was done is not known, and a client that is told NO does it once more, which would make copies.
    const isUnknown = repeat === 'none' && running.isAsked;
    if (isOver || isUnknown) {
      const why = isOver
        ? 'the session cannot be continued, log in again'
        : 'it is not known what became of it';
      await client.write(Buffer.from(`* BYE [UNAVAILABLE] ${why}\r\n`));
      return 'close';
    }
    if (code === 'limit') {
      const [tag, why] = [running.tag, '[LIMIT] too many sessions, end some of them'];
      await client.write(Buffer.from(`${tag} NO ${why}\r\n* BYE ${why}\r\n`));
      return 'close';
    }
    running.failed();
    const no = `${running.tag} NO [UNAVAILABLE] temporarily unavailable, try again later\r\n`;
    await client.write(Buffer.from(no));
    return 'go-on';
  }
}

/** One command, over all owners it is put to. */
class Running implements Exchange {
  readonly #command: RelayedCommand;
  readonly #transaction: OpenTransaction | undefined;
  readonly #options: Pick<RelayOptions, 'client'>;
  #state: SessionState;
  #stream: BusStream | undefined;
  /** The client has been told to idle: a next owner must not tell it again. */
  #isIdling = false;
  #ended: IdleEnd | undefined;
  /** How much of a countable answer the client has: a next owner goes on from there. */
  #progress = 0;
  /** The client has a part of an answer that cannot be continued. */
  #hasPart = false;
  /** It has been put to an owner, so it may have been done. */
  isAsked = false;
  /** The client has a part of a response. */
  isCut = false;

  constructor(
    command: RelayedCommand,
    transaction: OpenTransaction | undefined,
    options: Pick<RelayOptions, 'client'>,
    state: SessionState,
  ) {
    this.#command = command;
    this.#transaction = transaction;
    this.#options = options;
    this.#state = state;
  }

  get tag(): string {
    return this.#command.tag;
  }

  /** The session as it is now, whether or not the command was answered. */
  get state(): SessionState {
    return this.#state;
  }

  /** The client is told NO. RFC 3501 section 6.3.1: a SELECT that fails leaves no mailbox selected. */
  failed(): void {
    if (specOfFrame(this.#command.octets)?.selects === true)
      this.#state = { ...this.#state, selected: undefined };
  }

  get canGoOn(): boolean {
    return !this.isCut && !this.#hasPart && !this.#options.client.gone;
  }

  /** An IDLE that waits: nothing is owed to the client before its end. */
  get isPatient(): boolean {
    return this.#isIdling && this.#ended === undefined;
  }

  async ask(stream: BusStream): Promise<void> {
    this.#stream = stream;
    if (this.#isIdling) {
      await stream.send({ kind: 'idle-again', tag: this.tag } satisfies ToOwner);
      this.#tellEnd();
      return;
    }
    const { octets } = this.#command;
    let from = 0;
    for (; octets.length - from > PIECE_OCTETS; from += PIECE_OCTETS)
      await stream.send({
        kind: 'piece',
        bytes: octets.subarray(from, from + PIECE_OCTETS),
      } satisfies ToOwner);
    const bytes = octets.subarray(from);
    const transaction = this.#transaction?.id ?? null;
    const again = this.isAsked;
    this.isAsked = true;
    const progress = this.#progress;
    await stream.send({ kind: 'command', bytes, transaction, progress, again } satisfies ToOwner);
  }

  async take(message: unknown): Promise<boolean> {
    const news = message as ToFrontend;
    switch (news.kind) {
      case 'working':
        return false;
      case 'end':
        // From here on the command is answered, whatever becomes of the owner or takes the client its time.
        this.#state = merged(this.#state, news.state);
        this.#transaction?.[Symbol.dispose]();
        await this.#options.client.write(news.bytes);
        return true;
      case 'output':
        await this.#output(news);
        return false;
      default:
        return news satisfies never;
    }
  }

  async #output({
    bytes,
    whole,
    progress,
    told,
    recent,
  }: Extract<ToFrontend, { kind: 'output' }>): Promise<void> {
    const { idle } = this.#command;
    const begins = idle !== undefined && whole && !this.#isIdling;
    this.isCut = !whole;
    if (begins) this.#isIdling = true;
    else if (whole && progress !== undefined) this.#progress = progress;
    else if (whole && idle === undefined) this.#hasPart = true;
    await this.#options.client.write(bytes);
    const { selected } = this.#state;
    if (told !== undefined && selected !== undefined)
      this.#state = { ...this.#state, selected: { ...selected, told, recent: recent ?? selected.recent } };
    // Only now is the next line of the client the end of its IDLE, and no command.
    if (begins)
      void idle().then((how) => {
        this.#ended = how;
        this.#tellEnd();
      });
  }

  #tellEnd(): void {
    if (this.#ended === undefined) return;
    const done: ToOwner = { kind: 'done', how: this.#ended };
    // A stream that is lost shows where its messages are read.
    this.#stream?.send(done).catch(() => undefined);
  }
}

/** What an owner leaves out of a state is what it was. */
function merged(
  before: SessionState,
  { enabled, selected }: Extract<ToFrontend, { kind: 'end' }>['state'],
): SessionState {
  if (selected === undefined) return { enabled, selected };
  const savedSearch = selected.savedSearch ?? before.selected?.savedSearch ?? NOTHING_SAVED;
  return { enabled, selected: { ...selected, savedSearch } };
}

const NOTHING_SAVED = Buffer.alloc(0);
