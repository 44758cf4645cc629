/**
 * A whole POP3 server in one process: the real listener, frontend, owner, session and account; only log and bus are in
 * memory. `moveOwner` does to the sessions what the loss of a backend does. By default on a real socket with the real
 * clock; `world` puts it on a network in memory and a clock that the test moves.
 */
import type { BusStream } from '../../src/cluster/bus/types.ts';
import { createDial } from '../../src/cluster/dial.ts';
import type { SlotMap } from '../../src/cluster/types.ts';
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
import type { OpenAccount } from '../../src/store/account/account.ts';
import type { Uid } from '../../src/store/account/types.ts';
import type { Incarnation } from '../../src/store/ids.ts';
import { MemoryStream } from '../imap/memory-stream.ts';
import { Bed, ID, INBOX } from '../store/account/support.ts';
import { LineClient } from '../support/line-client.ts';

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

export class PopBed {
  readonly bed = new Bed();
  readonly attempts: LoginAttempt[] = [];
  readonly listener: ClientListener;
  #account!: OpenAccount;
  #accept: (body: unknown, stream: BusStream) => void = () => undefined;
  readonly #streams = new Set<MemoryStream>();
  /** While set no owner answers, with this. */
  away: FailureCode | undefined;
  /** An owner takes everything and says nothing. */
  mute = false;
  /** What the authenticator says to everybody. */
  loginFails: FailureCode | undefined;
  /** The owner dies when it is about to send its n-th message of this kind from here on; the message is lost. */
  loseAt: { readonly kind: ToFrontend['kind']; left: number } | undefined;

  private constructor(listener: ClientListener) {
    this.listener = listener;
  }

  get account(): OpenAccount {
    return this.#account;
  }

  static async start(
    t: { teardown(run: () => unknown): void },
    options: PopBedOptions = {},
  ): Promise<PopBed> {
    const { net, clock, random } = options.world ?? hastyPlatform();
    const late: { bed?: PopBed } = {};
    const map: SlotMap = {
      version: 1,
      owner: () => ({
        incarnation: '0'.repeat(32) as Incarnation,
        address: { host: 'x', port: 1 },
        member: 'be1',
      }),
      owners: () => [],
      newer: (_, signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    };
    const open = (_: unknown, __: string, body: unknown): Promise<BusStream> => late.bed!.#open(body);
    const listener = await startPopListener({
      net,
      listen: { host: options.host ?? '127.0.0.1', port: 0 },
      shared: false,
      tls: options.tls,
      implicit: options.implicit ?? false,
      authenticator: authenticator(() => late.bed!),
      dial: createDial({ open }, map, clock),
      transactions: new TransactionNumbers('f'.repeat(32) as Incarnation),
      clock,
      random,
      logger: noLogger,
      connectionsMax: options.connectionsMax ?? 1000,
      stallMs: options.stallMs ?? 5000,
    });
    const bed = new PopBed(listener);
    late.bed = bed;
    bed.#account = await bed.bed.open();
    servePopOwner({
      bus: { onStream: (_, handler) => void (bed.#accept = handler) },
      host: { account: async () => ({ account: bed.#account, [Symbol.dispose]: () => undefined }) },
      clock,
      logger: noLogger,
      ...(options.sessionsMax !== undefined && { sessionsMax: options.sessionsMax }),
    });
    t.teardown(async () => {
      await listener.close(2000);
      await bed.#account.close();
    });
    return bed;
  }

  async #open(body: unknown): Promise<BusStream> {
    if (this.away !== undefined) throw new Failure(this.away, 'no owner now');
    const [near, far] = MemoryStream.pair();
    this.#streams.add(near);
    const send = far.send.bind(far);
    far.send = async (message: unknown) => {
      if (this.mute) return;
      const lose = this.loseAt;
      if (lose?.kind === (message as ToFrontend).kind && --lose.left === 0) {
        this.loseAt = undefined;
        far.reset(new Failure('unknown', 'connection lost'));
      }
      await send(message);
    };
    this.#accept(body, far);
    return near;
  }

  /** A stream to the owner, as a frontend that is not ours might open it. */
  stream(body: unknown): BusStream {
    const [near, far] = MemoryStream.pair();
    this.#accept(body, far);
    return near;
  }

  /** The owner is lost; another one opens the account from what is durable. */
  async moveOwner(): Promise<void> {
    for (const stream of this.#streams) stream.reset(new Failure('unknown', 'connection lost'));
    this.#streams.clear();
    this.#account = await this.bed.open();
  }

  async append(...contents: readonly (string | Buffer)[]): Promise<void> {
    for (const content of contents)
      await this.#account.append(INBOX, {
        content: Buffer.from(content as string, 'latin1'),
        flags: [],
        internalDateMs: 0,
      });
  }

  /** Another session expunges these UIDs. */
  async expunge(...uids: readonly number[]): Promise<void> {
    await this.#account.storeFlags(INBOX, { uids: uids as Uid[], mode: 'add', flags: ['\\Deleted'] });
    await this.#account.expunge(INBOX, uids as Uid[]);
  }

  /** What is in INBOX now: `uid flags`. */
  get inbox(): readonly string[] {
    const inbox = this.#account.mailbox('INBOX')!;
    return Array.from({ length: inbox.exists }, (_, index) => {
      const { uid, flags } = inbox.at(index);
      return [uid, ...flags].join(' ');
    });
  }

  get uidValidity(): number {
    return this.#account.mailbox('INBOX')!.uidValidity;
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

function authenticator(bed: () => PopBed): Authenticator {
  return {
    verifyPassword: async (login, password, attempt) => {
      const { loginFails, attempts } = bed();
      attempts.push(attempt);
      if (loginFails !== undefined) throw new Failure(loginFails, 'as told');
      if (password !== PASSWORD) throw new Failure('refused', 'wrong');
      if (login === ADMINISTRATOR) return { kind: 'administrator', login, object: undefined };
      if (login !== USER) throw new Failure('refused', 'wrong');
      return { kind: 'account', login, object: ID };
    },
    beginScram: () => Promise.reject(new Failure('unavailable', 'no SCRAM here')),
  };
}

export interface LinesOf {
  send(text: string): void;
  line(): Promise<string>;
  close(): void;
}

/** A client's end of a connection of any network, as lines. */
export class ConnectionLines implements LinesOf {
  readonly connection: Connection;
  #text = '';
  #isEnded = false;
  #wake: () => void = () => undefined;

  constructor(connection: Connection) {
    this.connection = connection;
    connection.start({
      data: (bytes) => {
        this.#text += bytes.toString('latin1');
        this.#wake();
      },
      closed: () => {
        this.#isEnded = true;
        this.#wake();
      },
    });
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  send(text: string): void {
    this.connection.write(Buffer.from(text, 'latin1'));
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return line;
      }
      if (this.#isEnded) throw new Error('connection ended');
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
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
