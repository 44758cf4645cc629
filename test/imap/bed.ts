/**
 * A whole IMAP server in one process: the real listener on a real socket, the real frontend, owner, session and account;
 * only log and bus are in memory (test/support/owner-bed.ts).
 */

import { pbkdf2Sync } from 'node:crypto';
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
import type { Incarnation } from '../../src/store/ids.ts';
import { Bed, ID } from '../store/account/support.ts';
import { LineClient } from '../support/line-client.ts';
import { OwnerBed } from '../support/owner-bed.ts';

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

export class ImapBed extends OwnerBed<ToFrontend['kind']> {
  /** What log-ins were asked with. */
  readonly attempts: LoginAttempt[] = [];
  #listener!: ClientListener;

  get listener(): ClientListener {
    return this.#listener;
  }

  static async start(
    t: { teardown(run: () => unknown): void },
    options: ImapBedOptions = {},
  ): Promise<ImapBed> {
    const { net, clock, random } = realPlatform();
    const disk = new Bed();
    const bed = new ImapBed(disk, await disk.open());
    serveImapOwner({
      ...bed.owner,
      clock,
      logger: noLogger,
      appendOctetsMax: 10_000_000,
      ...(options.sessionsMax !== undefined && { sessionsMax: options.sessionsMax }),
    });
    bed.#listener = await startImapListener({
      net,
      listen: { host: '127.0.0.1', port: 0 },
      shared: false,
      authenticator: authenticatorOf(options.failures ?? [], (attempt) => bed.attempts.push(attempt)),
      random,
      tls: options.tls,
      implicitTls: options.implicitTls ?? false,
      ...(options.passwordsAllowed && { passwordsAllowed: options.passwordsAllowed }),
      dial: bed.dial(clock),
      transactions: new TransactionNumbers('f'.repeat(32) as Incarnation),
      clock,
      logger: noLogger,
      appendOctetsMax: 10_000_000,
      budget: createBudget(options.receivingOctetsMax ?? 100_000_000),
      connectionsMax: options.connectionsMax ?? 1000,
      stallMs: options.stallMs ?? 5000,
    });
    t.teardown(async () => {
      await bed.listener.close(1000);
      await bed.account.close();
    });
    return bed;
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
