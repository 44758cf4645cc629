/**
 * A whole IMAP server in one process: the real listener on a real socket, the real frontend, owner, session and account;
 * only log and bus are in memory. `moveOwner` does to the sessions what the loss of a backend does.
 */

import { pbkdf2Sync } from 'node:crypto';
import type { BusStream } from '../../src/cluster/bus/types.ts';
import { createDial } from '../../src/cluster/dial.ts';
import type { SlotMap } from '../../src/cluster/types.ts';
import { TransactionNumbers } from '../../src/directory/transactions.ts';
import { serveImapOwner } from '../../src/imap/owner.ts';
import { startImapListener } from '../../src/imap/service.ts';
import type { ToFrontend } from '../../src/imap/wire.ts';
import { createBudget } from '../../src/lib/budget.ts';
import { Failure } from '../../src/lib/failure.ts';
import { noLogger } from '../../src/lib/logging.ts';
import { checkProof, scramKeys } from '../../src/login/scram.ts';
import type { AuthenticatedAs, Authenticator, LoginAttempt } from '../../src/login/types.ts';
import type { TlsServerOptions } from '../../src/platform/platform.ts';
import { realPlatform } from '../../src/platform/real/platform.ts';
import type { ClientListener } from '../../src/relay/listener.ts';
import type { OpenAccount } from '../../src/store/account/account.ts';
import type { Incarnation } from '../../src/store/ids.ts';
import { Bed, ID } from '../store/account/support.ts';
import { LineClient } from '../support/line-client.ts';
import { MemoryStream } from './memory-stream.ts';

export const USER = 'user1@lab.example';
export const PASSWORD = 'correct horse';

export interface ImapBedOptions {
  readonly stallMs?: number;
  readonly tls?: TlsServerOptions;
  readonly implicitTls?: boolean;
  readonly connectionsMax?: number;
  readonly sessionsMax?: number;
  readonly receivingOctetsMax?: number;
  /** In place of the rule for networks: every client here is on loopback. */
  readonly passwordsAllowed?: (connection: { readonly tls: unknown }) => boolean;
  /** Thrown by the next log-ins, one each. */
  readonly failures?: Failure[];
}

export class ImapBed {
  readonly bed = new Bed();
  readonly listener: ClientListener;
  /** What log-ins were asked with. */
  readonly attempts: LoginAttempt[] = [];
  #account: OpenAccount;
  #accept: (body: unknown, stream: BusStream) => void = () => undefined;
  readonly #streams = new Set<MemoryStream>();
  /** While true no owner answers. */
  away = false;
  /** The owner dies: when it is about to tell the end of a command, or after a first part of an answer. */
  loseNext: ToFrontend['kind'] | undefined;

  private constructor(listener: ClientListener, account: OpenAccount) {
    this.listener = listener;
    this.#account = account;
  }

  get account(): OpenAccount {
    return this.#account;
  }

  static async start(
    t: { teardown(run: () => unknown): void },
    options: ImapBedOptions = {},
  ): Promise<ImapBed> {
    const platform = realPlatform();
    const late: { bed?: ImapBed } = {};
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
    const listener = await startImapListener({
      net: platform.net,
      listen: { host: '127.0.0.1', port: 0 },
      shared: false,
      authenticator: authenticatorOf(options.failures ?? [], (attempt) => late.bed!.attempts.push(attempt)),
      random: platform.random,
      tls: options.tls,
      implicitTls: options.implicitTls ?? false,
      ...(options.passwordsAllowed && { passwordsAllowed: options.passwordsAllowed }),
      dial: createDial({ open }, map, platform.clock),
      transactions: new TransactionNumbers('f'.repeat(32) as Incarnation),
      clock: platform.clock,
      logger: noLogger,
      appendOctetsMax: 10_000_000,
      budget: createBudget(options.receivingOctetsMax ?? 100_000_000),
      connectionsMax: options.connectionsMax ?? 1000,
      stallMs: options.stallMs ?? 5000,
    });
    const bed = new ImapBed(listener, undefined as never);
    late.bed = bed;
    bed.#account = await bed.bed.open();
    serveImapOwner({
      bus: { onStream: (_, handler) => void (bed.#accept = handler) },
      host: { account: async () => ({ account: bed.#account, [Symbol.dispose]: () => undefined }) },
      clock: platform.clock,
      logger: noLogger,
      appendOctetsMax: 10_000_000,
      ...(options.sessionsMax !== undefined && { sessionsMax: options.sessionsMax }),
    });
    t.teardown(async () => {
      await listener.close(1000);
      await bed.#account.close();
    });
    return bed;
  }

  async #open(body: unknown): Promise<BusStream> {
    if (this.away) throw new Failure('unavailable', 'no owner now');
    const [near, far] = MemoryStream.pair();
    this.#streams.add(near);
    const send = far.send.bind(far);
    far.send = async (message: unknown) => {
      const { kind } = message as ToFrontend;
      const dies = this.loseNext === kind;
      if (dies) this.loseNext = undefined;
      if (!dies || kind === 'output') await send(message);
      if (dies) far.reset(new Failure('unknown', 'connection lost'));
    };
    this.#accept(body, far);
    return near;
  }

  /** The owner is lost; another one opens the account from what is durable. */
  async moveOwner(): Promise<void> {
    for (const stream of this.#streams) stream.reset(new Failure('unknown', 'connection lost'));
    this.#streams.clear();
    this.#account = await this.bed.open();
  }

  /** A client that has read the greeting and, unless told otherwise, logged in. */
  async client(login = true): Promise<LineClient> {
    const client = await LineClient.connect(this.listener.address, 20_000);
    await client.line();
    if (login) await client.command('login', `LOGIN ${USER} "${PASSWORD}"`);
    return client;
  }
}

/** One account, by its password and by SCRAM-SHA-256; `postmaster` is an administrator without mailboxes. */
function authenticatorOf(failures: Failure[], tell: (attempt: LoginAttempt) => void): Authenticator {
  const who: AuthenticatedAs = { kind: 'account', login: USER, object: ID };
  const salt = Buffer.from('0123456789abcdef');
  const iterations = 4096;
  const begin = (attempt: LoginAttempt): void => {
    tell(attempt);
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
  };
  return {
    verifyPassword: async (login, password, attempt) => {
      begin(attempt);
      if (password !== PASSWORD) throw new Failure('refused', 'wrong');
      if (login === 'postmaster') return { kind: 'administrator', login, object: undefined };
      if (login !== USER) throw new Failure('refused', 'wrong');
      return who;
    },
    beginScram: async (login, attempt) => {
      begin(attempt);
      const keys = scramKeys(pbkdf2Sync(PASSWORD, salt, iterations, 32, 'sha256'), salt, iterations);
      return {
        salt,
        iterations,
        verify: async (authMessage, proof) => {
          const serverSignature = login === USER ? checkProof(keys, authMessage, proof) : undefined;
          if (serverSignature === undefined) throw new Failure('refused', 'wrong');
          return { who, serverSignature };
        },
      };
    },
  };
}
