/**
 * A client's connection as both states work with it: reads its commands, says lines to it, and ends it when it sends too
 * much that is no command.
 */
import type { Clock, Connection } from '../../platform/platform.ts';
import { Client } from '../../relay/client.ts';
import { LineReader } from '../../relay/line-reader.ts';
import { COMMAND_OCTETS_MAX, type Command, parseCommand, type State } from '../codec/command.ts';
import { END, err } from '../codec/response.ts';

/** Lines that are no commands, one after another: then it is no mail client. */
export const BAD_MAX = 10;

export class Door {
  readonly client: Client;
  readonly reader: LineReader;
  #bad = 0;

  constructor(connection: Connection, clock: Clock) {
    this.client = new Client(connection, clock);
    this.reader = new LineReader(connection, clock);
    this.client.start(this.reader);
  }

  get connection(): Connection {
    return this.client.connection;
  }

  /**
   * The next command that this state has; what is none is answered. Undefined when the connection is over: nothing is
   * sent to a client that was silent for too long (RFC 1939 section 3).
   */
  async next(state: State, untilMs: number): Promise<Command | undefined> {
    for (;;) {
      const read = await this.reader.next(COMMAND_OCTETS_MAX, untilMs);
      if (read.kind === 'closed' || read.kind === 'late') return undefined;
      const parsed =
        read.kind === 'line'
          ? parseCommand(read.octets, state)
          : ({ kind: 'bad', why: `a command has ${COMMAND_OCTETS_MAX} octets at most` } as const);
      if (parsed.kind === 'command') {
        this.#bad = 0;
        return parsed.command;
      }
      if (!(await this.bad(parsed.why))) return undefined;
    }
  }

  /** Answers what is no command; false when there have been too many. */
  async bad(why: string): Promise<boolean> {
    const isLast = ++this.#bad >= BAD_MAX;
    await this.line(err(isLast ? `${why}; too many of these, closing` : why));
    return !isLast;
  }

  line(text: string): Promise<void> {
    return this.write(Buffer.from(`${text}\r\n`));
  }

  /** A multi-line response, none of whose lines begins with a dot. */
  lines(first: string, rest: readonly string[]): Promise<void> {
    return this.write(Buffer.from([first, ...rest, END, ''].join('\r\n')));
  }

  /**
   * To a client that has left nothing is said, and what it asked for before is done: one that sends QUIT and closes has
   * issued a QUIT (RFC 1939 section 6).
   */
  async write(bytes: Buffer): Promise<void> {
    if (!this.client.gone) await this.client.write(bytes);
  }
}
