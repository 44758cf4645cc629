/** IMAP on the owner of the account: takes a frontend's stream and runs the session's commands, one at a time. */
import type { Bus, BusStream } from '../cluster/bus/types.ts';
import { readFields } from '../directory/bodies.ts';
import { readObjectId, readTransactionId } from '../directory/wire.ts';
import { Failure } from '../lib/failure.ts';
import type { Logger } from '../lib/logging.ts';
import type { Clock } from '../platform/platform.ts';
import { serveOwned } from '../relay/owned.ts';
import type { Account } from '../store/account/types.ts';
import type { AccountHandle } from '../store/host/types.ts';
import type { ObjectId } from '../store/ids.ts';
import { capabilitiesAfterLogin } from './capabilities.ts';
import { refusedLine } from './codec/write.ts';
import { runIdle } from './commands/idle.ts';
import { parseCommand } from './commands/parse.ts';
import { runCommand } from './commands/run.ts';
import { Envelopes } from './fetch/envelopes.ts';
import { Output } from './session/output.ts';
import { RecentBooks } from './session/recent.ts';
import { Session, type SessionOptions } from './session/session.ts';
import type { Attach, SessionState, ToFrontend, ToOwner } from './wire.ts';

export interface OwnerOptions {
  readonly bus: Pick<Bus, 'onStream'>;
  /** Failure 'moved', 'unavailable', 'not-found'. */
  readonly host: { account(id: ObjectId): Promise<AccountHandle> };
  readonly clock: Clock;
  readonly logger: Logger;
  readonly appendOctetsMax: number;
  /** See OwnedOptions. */
  readonly sessionsMax?: number;
}

/** While a command runs its frontend hears so often that it does. */
const WORKING_MS = 1000;

export function serveImapOwner(options: OwnerOptions): void {
  const { bus, host, logger, sessionsMax } = options;
  const books = new RecentBooks();
  const envelopes = new Envelopes();
  serveOwned<Attach>({
    bus,
    host,
    logger,
    service: 'imap.session',
    ...(sessionsMax !== undefined && { sessionsMax }),
    read: readAttach,
    run: async (attach, account, stream) => {
      const session = newSession(options, account, stream, { recent: books.of(account), envelopes });
      session.restore(attach.state);
      try {
        await new Conversation(session, stream, options.clock, options.appendOctetsMax).run();
      } finally {
        await session.recent.save();
      }
    },
  });
}

/** What one frontend tells another owner is not looked into: members are who their certificates say. Failure 'invalid'. */
function readAttach(body: unknown): Attach {
  const { object, state } = readFields(body);
  return {
    object: readObjectId(object),
    state: readFields(state) as unknown as SessionState,
  };
}

function newSession(
  { clock, appendOctetsMax }: OwnerOptions,
  account: Account,
  stream: BusStream,
  shared: Pick<SessionOptions, 'recent' | 'envelopes'>,
): Session {
  const output = new Output(
    () => account.settled(),
    (bytes, whole, told) => {
      const { progress, selected } = session;
      const more = {
        ...(told && { told }),
        ...(told && selected && { recent: selected.recent.ranges }),
        ...(whole && progress !== undefined && { progress }),
      };
      return stream.send({ kind: 'output', bytes, whole, ...more } satisfies ToFrontend);
    },
  );
  const ended = AbortSignal.any([account.gone, stream.closed]);
  const capabilities = capabilitiesAfterLogin({ appendOctetsMax });
  const session: Session = new Session({
    account,
    output,
    clock,
    appendOctetsMax,
    capabilities,
    ...shared,
    ended,
  });
  return session;
}

/** Of a command besides its message: 64 literals of 64 KiB, and lines. */
const COMMAND_OCTETS_MAX = 8 * 2 ** 20;

/** The messages of one stream, in order. */
class Conversation {
  readonly #session: Session;
  readonly #stream: BusStream;
  readonly #clock: Clock;
  readonly #messages: AsyncIterator<unknown>;
  readonly #frameOctetsMax: number;
  #pieces: Buffer[] = [];
  #pieceOctets = 0;
  #resumeFrom = 0;

  constructor(session: Session, stream: BusStream, clock: Clock, appendOctetsMax: number) {
    this.#frameOctetsMax = appendOctetsMax + COMMAND_OCTETS_MAX;
    this.#session = session;
    this.#stream = stream;
    this.#clock = clock;
    this.#messages = stream.messages[Symbol.asyncIterator]();
  }

  /** Failure 'limit' for more than any frontend lets a client send. */
  #piece(bytes: Buffer): void {
    this.#pieceOctets += bytes.length;
    if (this.#pieceOctets > this.#frameOctetsMax) throw new Failure('limit', 'a command without an end');
    this.#pieces.push(bytes);
  }

  async run(): Promise<void> {
    for (let message = await this.#next(); message !== undefined; message = await this.#next()) {
      switch (message.kind) {
        case 'piece':
          this.#piece(message.bytes);
          break;
        case 'command':
          this.#session.transaction =
            message.transaction === null ? undefined : readTransactionId(message.transaction);
          this.#session.isRepeated = message.again;
          this.#resumeFrom = message.progress;
          this.#pieceOctets = 0;
          await this.#command(Buffer.concat([...this.#pieces.splice(0), message.bytes]));
          break;
        case 'idle-again':
          await this.#idle(message.tag, true);
          break;
        case 'done':
          break; // crossed the end of an IDLE that had ended already
        default:
          message satisfies never;
      }
    }
  }

  async #command(octets: Buffer): Promise<void> {
    const session = this.#session;
    const parsed = parseCommand(octets, { utf8: session.utf8 });
    if (parsed.kind === 'command' && parsed.command.name === 'IDLE')
      return await this.#idle(parsed.tag, false);
    const working = this.#sayWorking();
    try {
      if (parsed.kind === 'command') await runCommand(session, parsed.tag, parsed.command, this.#resumeFrom);
      else {
        session.refused(parsed);
        session.output.line(refusedLine(parsed));
      }
      await this.#end();
    } finally {
      working.stop();
    }
  }

  async #idle(tag: string, again: boolean): Promise<void> {
    let how: string | undefined;
    // Anything that comes now ends the IDLE: the frontend sends nothing else.
    const done = this.#next().then(
      (message) => void (how = message?.kind === 'done' ? message.how : undefined),
    );
    await runIdle(this.#session, done, again);
    // RFC 2177 section 3: DONE and nothing else ends the command.
    this.#session.output.line(`${tag} ${how === 'other' ? 'BAD expected DONE' : 'OK idle ended'}`);
    await this.#end();
  }

  async #end(): Promise<void> {
    const bytes = await this.#session.output.last();
    await this.#stream.send({ kind: 'end', bytes, state: this.#session.stateNews() } satisfies ToFrontend);
  }

  #sayWorking(): { stop(): void } {
    const again = (): void => {
      // A lost stream is found out by whoever sends the answer.
      this.#stream.send({ kind: 'working' } satisfies ToFrontend).catch(() => undefined);
      timer = this.#clock.timer(WORKING_MS, again);
    };
    let timer = this.#clock.timer(WORKING_MS, again);
    return { stop: () => timer.cancel() };
  }

  async #next(): Promise<ToOwner | undefined> {
    const { value, done } = await this.#messages.next();
    return done ? undefined : (value as ToOwner);
  }
}
