/** IMAP on the owner of the account: takes a frontend's stream and runs the session's commands, one at a time. */
import type { Bus, BusStream } from '../cluster/bus/types.ts';
import { readObjectId, readTransactionId } from '../directory/wire.ts';
import { Failure } from '../lib/failure.ts';
import type { Logger } from '../lib/logging.ts';
import type { Clock } from '../platform/platform.ts';
import type { AccountHandle } from '../store/host/types.ts';
import type { ObjectId } from '../store/ids.ts';
import { parseCommand } from './codec/parse.ts';
import { idle } from './commands/idle.ts';
import { runCommand } from './commands/table.ts';
import type { Attach, ToFrontend, ToOwner } from './relay/messages.ts';
import { Output } from './session/output.ts';
import { Session } from './session/session.ts';

export interface OwnerOptions {
  readonly bus: Pick<Bus, 'onStream'>;
  /** Failure 'moved', 'unavailable', 'not-found'. */
  readonly host: { account(id: ObjectId): Promise<AccountHandle> };
  readonly clock: Clock;
  readonly logger: Logger;
  readonly appendOctetsMax: number;
}

export function serveImapOwner(options: OwnerOptions): void {
  options.bus.onStream('imap.session', (body, stream) => void serve(options, body as Attach, stream));
}

/** Never rejects: whatever ends a session is told to the frontend, which knows what to do about it. */
async function serve(options: OwnerOptions, attach: Attach, stream: BusStream): Promise<void> {
  const { clock, logger, appendOctetsMax } = options;
  try {
    const object = readObjectId(attach.object);
    using handle = await options.host.account(object);
    const { account } = handle;
    const output = new Output(
      () => account.settled(),
      (bytes, whole, told) => {
        const { progress } = session;
        const more = { ...(told && { told }), ...(whole && progress !== undefined && { progress }) };
        return stream.send({ kind: 'output', bytes, whole, ...more } satisfies ToFrontend);
      },
    );
    const session: Session = new Session({ account, login: attach.login, output, clock, appendOctetsMax });
    // Nothing more is shown once the account is lost, and an idle frontend must hear of it.
    const onGone = (): void => stream.reset(goneFailure(account.gone));
    account.gone.addEventListener('abort', onGone);
    try {
      account.gone.throwIfAborted();
      session.restore(attach.state);
      await new Conversation(session, stream).run();
      stream.end();
    } finally {
      account.gone.removeEventListener('abort', onGone);
    }
  } catch (error) {
    if (stream.closed.aborted) return;
    if (!(error instanceof Failure)) logger.error({ login: attach.login, err: error }, 'imap session failed');
    stream.reset(
      error instanceof Failure ? error : new Failure('unavailable', 'session failed', { cause: error }),
    );
  }
}

function goneFailure(gone: AbortSignal): Failure {
  return gone.reason instanceof Failure
    ? gone.reason
    : new Failure('unavailable', 'the account has moved on');
}

/** The messages of one stream, in order. */
class Conversation {
  readonly #session: Session;
  readonly #stream: BusStream;
  readonly #messages: AsyncIterator<unknown>;
  #pieces: Buffer[] = [];
  #resumeFrom = 0;

  constructor(session: Session, stream: BusStream) {
    this.#session = session;
    this.#stream = stream;
    this.#messages = stream.messages[Symbol.asyncIterator]();
  }

  async run(): Promise<void> {
    for (let message = await this.#next(); message !== undefined; message = await this.#next()) {
      switch (message.kind) {
        case 'piece':
          this.#pieces.push(message.bytes);
          break;
        case 'command':
          this.#session.transaction = readTransactionId(message.transaction);
          this.#resumeFrom = message.progress;
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
    if (parsed.kind === 'bad') {
      const words = [parsed.tag ?? '*', parsed.status, parsed.code.trim(), parsed.why];
      session.output.line(words.filter((word) => word !== '').join(' '));
    } else if (parsed.command.name === 'IDLE') return await this.#idle(parsed.tag, false);
    else await runCommand(session, parsed.tag, parsed.command, this.#resumeFrom);
    await this.#end();
  }

  async #idle(tag: string, again: boolean): Promise<void> {
    // Anything that comes now ends the IDLE: the frontend sends nothing else.
    const done = this.#next().then(() => undefined);
    await idle(this.#session, done, again);
    this.#session.output.line(`${tag} OK idle ended`);
    await this.#end();
  }

  async #end(): Promise<void> {
    const bytes = await this.#session.output.last();
    await this.#stream.send({ kind: 'end', bytes, state: this.#session.state() } satisfies ToFrontend);
  }

  async #next(): Promise<ToOwner | undefined> {
    const { value, done } = await this.#messages.next();
    return done ? undefined : (value as ToOwner);
  }
}
