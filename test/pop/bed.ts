/**
 * A whole POP3 server in one process: the real listener, frontend, owner, session and account; only log and bus are in
 * memory (test/support/owner-bed.ts). By default on a real socket with the real clock; `world` puts it on a network in
 * memory and a clock that the test moves.
 */
import { TransactionNumbers } from '../../src/directory/transactions.ts';
import { Failure, type FailureCode } from '../../src/lib/failure.ts';
import { noLogger } from '../../src/lib/logging.ts';
import type { Authenticator, LoginAttempt } from '../../src/login/types.ts';
import type { Clock, Connection, Net, Random, TlsServerOptions } from '../../src/platform/platform.ts';
import { realPlatform } from '../../src/platform/real/platform.ts';
import { servePopOwner } from '../../src/pop/owner.ts';
import { startPopListener } from '../../src/pop/service.ts';
import type { ToFrontend } from '../../src/pop/wire.ts';
import type { ClientListener } from '../../src/relay/listener.ts';
import { rangesOf } from '../../src/store/account/ranges.ts';
import type { Uid } from '../../src/store/account/types.ts';
import type { Incarnation } from '../../src/store/ids.ts';
import { Bed, ID, INBOX } from '../store/account/support.ts';
import { LineClient } from '../support/line-client.ts';
import { OwnerBed } from '../support/owner-bed.ts';
import { Received } from '../support/received.ts';

export const USER = 'user1@lab.example';
export const PASSWORD = 'correct horse';
/** A name that leads to no account. */
export const ADMINISTRATOR = 'postmaster';

export interface PopWorld {
  readonly net: Net;
  readonly clock: Clock;
  readonly random: Random;
}

export interface PopBedOptions {
  readonly world?: PopWorld;
  /** On a network in memory the clients have the same address. */
  readonly host?: string;
  readonly stallMs?: number;
  readonly connectionsMax?: number;
  readonly tls?: TlsServerOptions;
  readonly implicit?: boolean;
  readonly sessionsMax?: number;
}

export class PopBed extends OwnerBed<ToFrontend['kind']> {
  readonly attempts: LoginAttempt[] = [];
  /** What the authenticator says to everybody. */
  loginFails: FailureCode | undefined;
  #listener!: ClientListener;

  get listener(): ClientListener {
    return this.#listener;
  }

  static async start(
    t: { teardown(run: () => unknown): void },
    options: PopBedOptions = {},
  ): Promise<PopBed> {
    const { net, clock, random } = options.world ?? hastyPlatform();
    const disk = new Bed();
    const bed = new PopBed(disk, await disk.open());
    servePopOwner({
      ...bed.owner,
      clock,
      logger: noLogger,
      ...(options.sessionsMax !== undefined && { sessionsMax: options.sessionsMax }),
    });
    bed.#listener = await startPopListener({
      net,
      listen: { host: options.host ?? '127.0.0.1', port: 0 },
      shared: false,
      tls: options.tls,
      implicit: options.implicit ?? false,
      authenticator: bed.#authenticator(),
      dial: bed.dial(clock),
      transactions: new TransactionNumbers('f'.repeat(32) as Incarnation),
      clock,
      random,
      logger: noLogger,
      connectionsMax: options.connectionsMax ?? 1000,
      stallMs: options.stallMs ?? 5000,
    });
    t.teardown(async () => {
      await bed.listener.close(2000);
      await bed.account.close();
    });
    return bed;
  }

  async append(...contents: readonly (string | Buffer)[]): Promise<void> {
    for (const content of contents)
      await this.account.append(INBOX, {
        content: Buffer.from(content as string, 'latin1'),
        flags: [],
        internalDateMs: 0,
      });
  }

  /** Another session expunges these UIDs. */
  async expunge(...uids: readonly number[]): Promise<void> {
    const ranges = rangesOf(uids as Uid[]);
    await this.account.storeFlags(INBOX, { uids: ranges, mode: 'add', flags: ['\\Deleted'] });
    await this.account.expunge(INBOX, ranges);
  }

  /** What is in INBOX now: `uid flags`. */
  get inbox(): readonly string[] {
    const inbox = this.account.mailbox('INBOX')!;
    return Array.from({ length: inbox.exists }, (_, index) => {
      const { uid, flags } = inbox.at(index);
      return [uid, ...flags].join(' ');
    });
  }

  get uidValidity(): number {
    return this.account.mailbox('INBOX')!.uidValidity;
  }

  /** One account by its password, and an administrator who has none. */
  #authenticator(): Authenticator {
    return {
      verifyPassword: async (login, password, attempt) => {
        this.attempts.push(attempt);
        if (this.loginFails !== undefined) throw new Failure(this.loginFails, 'as told');
        if (password !== PASSWORD) throw new Failure('refused', 'wrong');
        if (login === ADMINISTRATOR) return { kind: 'administrator', login, object: undefined };
        if (login !== USER) throw new Failure('refused', 'wrong');
        return { kind: 'account', login, object: ID };
      },
      beginScram: () => Promise.reject(new Failure('unavailable', 'no SCRAM here')),
    };
  }

  /** A client that has read the greeting and, unless told otherwise, logged in. */
  async client(login = true): Promise<PopClient> {
    const client = new PopClient(await LineClient.connect(this.listener.address, 20_000));
    await client.line();
    if (login) await client.logIn();
    return client;
  }
}

/** The real platform, where nobody sleeps long: a wrong password costs a test no second. */
function hastyPlatform(): PopWorld {
  const { net, clock, random } = realPlatform();
  const hasty: Clock = {
    monotonicMs: () => clock.monotonicMs(),
    wallMs: () => clock.wallMs(),
    timer: (delayMs, run) => clock.timer(delayMs, run),
    sleep: (delayMs, signal) => clock.sleep(Math.min(delayMs, 20), signal),
  };
  return { net, clock: hasty, random };
}

export interface LinesOf {
  send(text: string): void;
  line(): Promise<string>;
  close(): void;
}

/** A client's end of a connection of any network, as lines. */
export class ConnectionLines implements LinesOf {
  readonly connection: Connection;
  readonly #received = new Received();

  constructor(connection: Connection) {
    this.connection = connection;
    connection.start({
      data: (octets) => this.#received.add(octets),
      closed: () => this.#received.end(),
    });
  }

  get isEnded(): boolean {
    return this.#received.isOver;
  }

  send(text: string): void {
    this.connection.write(Buffer.from(text, 'latin1'));
  }

  line(): Promise<string> {
    return this.#received.line();
  }

  close(): void {
    this.connection.destroy();
  }
}

/** Commands and their answers, as lines. */
export class PopClient {
  readonly #lines: LinesOf;

  constructor(lines: LinesOf) {
    this.#lines = lines;
  }

  send(text: string): void {
    this.#lines.send(text);
  }

  line(): Promise<string> {
    return this.#lines.line();
  }

  async logIn(): Promise<string> {
    await this.say(`USER ${USER}`);
    return this.say(`PASS ${PASSWORD}`);
  }

  /** A command with a single-line answer. */
  async say(command: string): Promise<string> {
    this.#lines.send(`${command}\r\n`);
    return this.#lines.line();
  }

  /** A command with a multi-line answer: its lines, unstuffed, without the last dot; the first line alone after -ERR. */
  async all(command: string): Promise<readonly string[]> {
    this.#lines.send(`${command}\r\n`);
    return this.rest([await this.#lines.line()]);
  }

  /** What is left of a multi-line answer. */
  async rest(lines: string[] = []): Promise<readonly string[]> {
    if (lines[0]?.startsWith('-ERR')) return lines;
    for (;;) {
      const line = await this.#lines.line();
      if (line === '.') return lines;
      lines.push(line.startsWith('.') ? line.slice(1) : line);
    }
  }

  /** Resolves when the server has ended the connection; gives the lines that came before. */
  async end(): Promise<readonly string[]> {
    const lines: string[] = [];
    for (;;) {
      const line = await this.#lines.line().catch(() => undefined);
      if (line === undefined) return lines;
      lines.push(line);
    }
  }

  close(): void {
    this.#lines.close();
  }
}
