/**
 * What the beds of POP3 and IMAP stand on: the owner of one account whose log is in memory, and a bus that is streams in
 * memory. `moveOwner` does to the sessions what the loss of a backend does.
 */
import type { Bus, BusStream } from '../../src/cluster/bus/types.ts';
import { createDial, type Dial } from '../../src/cluster/dial.ts';
import type { SlotMap } from '../../src/cluster/types.ts';
import { Failure, type FailureCode } from '../../src/lib/failure.ts';
import type { Clock } from '../../src/platform/platform.ts';
import type { OpenAccount } from '../../src/store/account/account.ts';
import type { AccountHandle } from '../../src/store/host/types.ts';
import type { Incarnation } from '../../src/store/ids.ts';
import { MemoryStream } from '../imap/memory-stream.ts';
import { Bed } from '../store/account/support.ts';

/** `Kind`: of the messages that the owner sends. */
export abstract class OwnerBed<Kind extends string> {
  readonly bed: Bed;
  #account: OpenAccount;
  #accept: (body: unknown, stream: BusStream) => void = () => undefined;
  readonly #streams = new Set<MemoryStream>();
  /** While set no owner answers, with this. */
  away: FailureCode | undefined;
  /** An owner takes everything and says nothing. */
  mute = false;
  /** The owner dies at its n-th message of this kind from here on: before the message is sent, or when it has `arrived`. */
  loseAt: { readonly kind: Kind; left: number; readonly arrived?: true } | undefined;

  protected constructor(bed: Bed, account: OpenAccount) {
    this.bed = bed;
    this.#account = account;
  }

  get account(): OpenAccount {
    return this.#account;
  }

  /** The owner's ends of the bus and of the store: one service, one account. */
  protected get owner(): {
    readonly bus: Pick<Bus, 'onStream'>;
    readonly host: { account(): Promise<AccountHandle> };
  } {
    return {
      bus: { onStream: (_, handler) => void (this.#accept = handler) },
      host: { account: async () => ({ account: this.#account, [Symbol.dispose]: () => undefined }) },
    };
  }

  /** The frontend's way to whoever is the owner. */
  protected dial(clock: Clock): Dial {
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
    return createDial({ open: async (_, __, body) => this.#open(body) }, map, clock);
  }

  /** A stream to the owner, as a frontend that is not ours might open it. */
  stream(body: unknown): BusStream {
    const [near, far] = MemoryStream.pair();
    this.#accept(body, far);
    return near;
  }

  /** The owner is lost; another one opens the account from what is durable. */
  async moveOwner(): Promise<void> {
    for (const stream of this.#streams) stream.reset(lost());
    this.#streams.clear();
    this.#account = await this.bed.open();
  }

  #open(body: unknown): BusStream {
    if (this.away !== undefined) throw new Failure(this.away, 'no owner now');
    const [near, far] = MemoryStream.pair();
    this.#streams.add(near);
    const send = far.send.bind(far);
    far.send = async (message: unknown) => {
      if (this.mute) return;
      const dies = this.#diesAt((message as { readonly kind: Kind }).kind);
      if (dies === undefined || dies.arrived) await send(message);
      if (dies !== undefined) far.reset(lost());
    };
    this.#accept(body, far);
    return near;
  }

  #diesAt(kind: Kind): OwnerBed<Kind>['loseAt'] {
    const { loseAt } = this;
    if (loseAt?.kind !== kind || --loseAt.left > 0) return undefined;
    this.loseAt = undefined;
    return loseAt;
  }
}

function lost(): Failure {
  return new Failure('unknown', 'connection lost');
}
