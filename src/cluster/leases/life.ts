/**
 * Life connections (docs/architecture.md, section 3, Leases): how a backend supervisor proves that a backend worker of
 * another member is dead, without waiting for its leases. The worker's life socket is "apart from the bus, on a port
 * chosen by the kernel, opened before the first lease, … never closed by our code". Proof is: the connection "was ended
 * by a FIN (never RST or time-out) *and* a new connection is refused". On only by a setting.
 */
import type { Address, Clock, Connection, Listener, Net, Timer } from '../../platform/platform.ts';
import type { Incarnation } from '../../store/ids.ts';

/** The hello is the incarnation: 32 hexadecimal digits, and nothing after it. */
const HELLO_OCTETS = 32;
/** Connections to one life socket: a supervisor for each backend, and those that a restart left behind. */
const CONNECTIONS_MAX = 1024;

/** The worker's side. There is no way to close it: the kernel does when the process ends. */
export async function openLifeSocket(net: Net, host: string, incarnation: Incarnation): Promise<Listener> {
  let open = 0;
  return net.listen({ host, port: 0 }, (connection) => {
    open++;
    connection.start({
      data: () => undefined,
      closed: () => {
        open--;
      },
    });
    if (open > CONNECTIONS_MAX) return connection.destroy();
    connection.write(Buffer.from(incarnation));
  });
}

/** An open question is asked again so soon: slots wait for the answer. */
const AFTER_FIN_MS = 20;

export interface Watched {
  readonly incarnation: Incarnation;
  readonly life: Address;
}

/** The supervisor's side: one connection to each worker, dialled again whenever it ended in another way. */
export class LifeWatch {
  readonly #net: Net;
  readonly #clock: Clock;
  readonly #retryMs: number;
  readonly #proven: (incarnation: Incarnation) => void;
  readonly #watches = new Map<Incarnation, Watch>();

  constructor(net: Net, clock: Clock, retryMs: number, proven: (incarnation: Incarnation) => void) {
    this.#net = net;
    this.#clock = clock;
    this.#retryMs = retryMs;
    this.#proven = proven;
  }

  /** The workers to watch from now on; connections to others are dropped. */
  watch(workers: readonly Watched[]): void {
    const wanted = new Set(workers.map(({ incarnation }) => incarnation));
    for (const [incarnation, watch] of this.#watches) {
      if (wanted.has(incarnation)) continue;
      watch.stop();
      this.#watches.delete(incarnation);
    }
    for (const worker of workers) {
      if (this.#watches.has(worker.incarnation)) continue;
      const watch = new Watch(this.#net, this.#clock, this.#retryMs, worker, () =>
        this.#proven(worker.incarnation),
      );
      this.#watches.set(worker.incarnation, watch);
      watch.dial();
    }
  }

  stop(): void {
    this.watch([]);
  }
}

class Watch {
  readonly #net: Net;
  readonly #clock: Clock;
  readonly #retryMs: number;
  readonly #worker: Watched;
  readonly #proven: () => void;
  readonly #stopped = new AbortController();
  #connection: Connection | undefined;
  #timer: Timer | undefined;
  #received = Buffer.alloc(0);

  constructor(net: Net, clock: Clock, retryMs: number, worker: Watched, proven: () => void) {
    this.#net = net;
    this.#clock = clock;
    this.#retryMs = retryMs;
    this.#worker = worker;
    this.#proven = proven;
  }

  /** `afterFin`: the connection before was ended by a FIN, after its hello was the right one. */
  dial(afterFin = false): void {
    const options = { timeoutMs: this.#retryMs, signal: this.#stopped.signal };
    this.#net.connect(this.#worker.life, options).then(
      (connection) => this.#connected(connection, afterFin),
      (error: unknown) => {
        if (this.#stopped.signal.aborted) return;
        if (afterFin && (error as NodeJS.ErrnoException).code === 'ECONNREFUSED') this.#proven();
        // A time-out proves nothing; the question stays open as long as nothing else answers it.
        else this.#again(afterFin);
      },
    );
  }

  stop(): void {
    this.#stopped.abort(new Error('no longer watched'));
    this.#timer?.cancel();
    this.#connection?.destroy();
  }

  /**
   * A kernel that ends a process closes its sockets one after another, the listener not always first: a connection that
   * it still took and then reset, without a hello, answers nothing, and the question goes on.
   */
  #connected(connection: Connection, afterFin: boolean): void {
    this.#connection = connection;
    this.#received = Buffer.alloc(0);
    let fin = false;
    connection.start({
      data: (bytes) => {
        this.#received = Buffer.concat([this.#received, bytes]).subarray(0, HELLO_OCTETS + 1);
      },
      ended: () => {
        fin = true;
      },
      closed: (cause) => {
        if (this.#stopped.signal.aborted) return;
        const itself = this.#received.toString('latin1') === this.#worker.incarnation;
        if (fin && cause === undefined && itself) this.dial(true);
        else this.#again(afterFin && !itself);
      },
    });
    if (this.#stopped.signal.aborted) connection.destroy();
  }

  #again(afterFin: boolean): void {
    const pauseMs = afterFin ? AFTER_FIN_MS : this.#retryMs;
    this.#timer = this.#clock.timer(pauseMs, () => this.dial(afterFin));
  }
}
