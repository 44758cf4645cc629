/**
 * A whole IMAP server in one process: the real listener on a real socket, the real frontend, owner, session and account;
 * only log and bus are in memory. `moveOwner` does to the sessions what the loss of a backend does.
 */

import type { BusStream } from '../../src/cluster/bus/types.ts';
import type { SlotMap } from '../../src/cluster/types.ts';
import { TransactionNumbers } from '../../src/directory/transactions.ts';
import { createDial } from '../../src/imap/frontend/dial.ts';
import { serveImapOwner } from '../../src/imap/owner.ts';
import type { ToFrontend } from '../../src/imap/relay/messages.ts';
import { type ImapListener, startImapListener } from '../../src/imap/service.ts';
import { Failure } from '../../src/lib/failure.ts';
import { noLogger } from '../../src/lib/logging.ts';
import { realPlatform } from '../../src/platform/real/platform.ts';
import type { OpenAccount } from '../../src/store/account/account.ts';
import type { Incarnation } from '../../src/store/ids.ts';
import { Bed, ID } from '../store/account/support.ts';
import { LineClient } from '../support/line-client.ts';
import { MemoryStream } from './memory-stream.ts';

export const USER = 'user1@lab.example';
export const PASSWORD = 'correct horse';

export class ImapBed {
  readonly bed = new Bed();
  readonly listener: ImapListener;
  #account: OpenAccount;
  #accept: (body: unknown, stream: BusStream) => void = () => undefined;
  readonly #streams = new Set<MemoryStream>();
  /** While true no owner answers. */
  away = false;
  /** The owner dies: when it is about to tell the end of a command, or after a first part of an answer. */
  loseNext: ToFrontend['kind'] | undefined;

  private constructor(listener: ImapListener, account: OpenAccount) {
    this.listener = listener;
    this.#account = account;
  }

  get account(): OpenAccount {
    return this.#account;
  }

  static async start(
    t: { teardown(run: () => unknown): void },
    options: { readonly stallMs?: number } = {},
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
      authenticator: {
        verifyPassword: async (login, password) => {
          if (login !== USER || password !== PASSWORD) throw new Failure('refused', 'wrong');
          return { kind: 'account', login, object: ID };
        },
      },
      dial: createDial({ open }, map, platform.clock),
      transactions: new TransactionNumbers('f'.repeat(32) as Incarnation),
      clock: platform.clock,
      logger: noLogger,
      appendOctetsMax: 10_000_000,
      connectionsMax: 1000,
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
    });
    t.teardown(async () => {
      await listener.close(0);
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
