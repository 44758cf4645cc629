/**
 * Where clients come in: the listeners of a worker that are closed while its member is Not-Ready, and opened again where they
 * were, also where the kernel chose the port (docs/cluster.md). Sessions that are there go on. Balancers are told at once, by
 * `/health`; so the listeners stay open for a while longer, and whoever a balancer still sends is served.
 */
import type { Logger } from '../lib/logging.ts';
import type {
  Address,
  Clock,
  Connection,
  Listener,
  ListenOptions,
  Net,
  Timer,
} from '../platform/platform.ts';

export interface ClientDoorsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Between the wish to close and the closing. */
  readonly delayMs: number;
}

export type Listen<C, O> = (
  address: Address,
  accept: (connection: C) => void,
  options: O,
) => Promise<Listener>;

/** A port that could not be had again: somebody else may have it for a moment. */
const RETRY_MS = 1000;

interface Door {
  shut(): Promise<void>;
  /** Rejects as `listen` does. */
  open(): Promise<void>;
}

export class ClientDoors {
  readonly #o: ClientDoorsOptions;
  readonly #doors = new Set<Door>();
  #wanted: 'open' | 'shut' = 'open';
  #are: 'open' | 'shut' | 'between' = 'open';
  #isWorking = false;
  #timer: Timer | undefined;
  #ended = false;

  constructor(options: ClientDoorsOptions) {
    this.#o = options;
  }

  /** Every door is open: clients may come. */
  get areOpen(): boolean {
    return this.#are === 'open';
  }

  /** Listens as `listen` does, until it is closed for good; meanwhile `be` closes and opens it. */
  listening<C, O>(listen: Listen<C, O>): Listen<C, O> {
    return async (address, accept, options) => {
      let listener: Listener | undefined = await listen(address, accept, options);
      const at = listener.address;
      let isOver = false;
      const shut = async (): Promise<void> => {
        const closing = listener;
        listener = undefined;
        await closing?.close();
      };
      const door = {
        shut,
        async open() {
          if (listener !== undefined || isOver) return;
          listener = await listen({ ...address, port: at.port }, accept, options);
          // Closed for good meanwhile.
          if (isOver) await shut();
        },
      };
      this.#doors.add(door);
      return {
        address: at,
        close: () => {
          isOver = true;
          this.#doors.delete(door);
          return shut();
        },
      };
    };
  }

  /** The same for what wants a whole network. */
  net(net: Net): Net {
    const listen = this.listening<Connection, ListenOptions>((address, accept, options) =>
      net.listen(address, accept, options),
    );
    return {
      listen: (address, accept, options = {}) => listen(address, accept, options),
      connect: (address, options) => net.connect(address, options),
    };
  }

  /** What is wanted now; `atOnce` where no client was ever sent here. */
  be(wanted: 'open' | 'shut', atOnce = false): void {
    if (this.#ended || (wanted === this.#wanted && !atOnce)) return;
    if (wanted !== this.#wanted) this.#o.logger.info({ doors: wanted }, TOLD[wanted]);
    this.#wanted = wanted;
    this.#timer?.cancel();
    const delayMs = wanted === 'open' || atOnce ? 0 : this.#o.delayMs;
    this.#timer = this.#o.clock.timer(delayMs, () => void this.#settle());
  }

  /** Nothing is opened or closed any more, but by who was given a listener. */
  end(): void {
    this.#ended = true;
    this.#timer?.cancel();
  }

  /** Until they are as is wanted. What is wanted may change meanwhile: whoever closes early is opened again. */
  async #settle(): Promise<void> {
    if (this.#isWorking) return;
    this.#isWorking = true;
    const { clock, logger } = this.#o;
    try {
      while (!this.#ended && this.#are !== this.#wanted) {
        const wanted = this.#wanted;
        this.#are = 'between';
        const done = [...this.#doors].map((door) => (wanted === 'open' ? door.open() : door.shut()));
        // All that can be had are open, whatever becomes of the others.
        const failed = (await Promise.allSettled(done)).find(({ status }) => status === 'rejected');
        if (failed?.status === 'rejected') throw failed.reason;
        this.#are = wanted;
      }
    } catch (err) {
      logger.warn({ err, retryMs: RETRY_MS }, 'listeners not opened again');
      if (!this.#ended) this.#timer = clock.timer(RETRY_MS, () => void this.#settle());
    } finally {
      this.#isWorking = false;
    }
  }
}

const TOLD = {
  open: 'listeners for clients are opened again',
  shut: 'made not ready: listeners for clients are closed soon',
} as const;
