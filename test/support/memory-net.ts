/**
 * A `Net` in memory for unit tests: connections that deliver at once (by microtasks), in order, and never break by
 * themselves. Several platforms may share one, as processes share a host; there are no addresses but what `listen` says.
 */
import type {
  Address,
  Clock,
  Connection,
  ConnectOptions,
  Listener,
  ListenOptions,
  Net,
} from '../../src/platform/platform.ts';
import { agreeOnTls, type BothTls } from './memory-tls.ts';
import { Endpoint, type Medium, netError } from './tcp.ts';

const FIRST_EPHEMERAL_PORT = 32768;
const ANY_HOST: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

interface Listening {
  readonly address: Address;
  readonly accept: (connection: Connection) => void;
  readonly options: Pick<ListenOptions, 'tls'>;
}

export class MemoryNet implements Net {
  readonly #clock: Clock;
  readonly #listening = new Map<string, Listening>();
  #lastPort = FIRST_EPHEMERAL_PORT;
  /** While true, a connection attempt gets no answer. */
  silent = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async listen(
    address: Address,
    onConnection: (connection: Connection) => void,
    options: Pick<ListenOptions, 'tls'> = {},
  ): Promise<Listener> {
    const actual = { host: address.host, port: address.port === 0 ? ++this.#lastPort : address.port };
    const key = keyOf(actual);
    if (this.#listening.has(key)) throw netError('EADDRINUSE', 'listen', actual);
    const entry = { address: actual, accept: onConnection, options };
    this.#listening.set(key, entry);
    return {
      address: actual,
      close: async () => {
        if (this.#listening.get(key) === entry) this.#listening.delete(key);
      },
    };
  }

  async connect(address: Address, options: ConnectOptions): Promise<Connection> {
    options.signal?.throwIfAborted();
    if (this.silent) {
      await this.#clock.sleep(options.timeoutMs, options.signal);
      throw netError('ETIMEDOUT', 'connect', address);
    }
    await Promise.resolve();
    options.signal?.throwIfAborted();
    const target = this.#listening.get(keyOf(address)) ?? this.#anyHost(address.port);
    if (target === undefined) throw netError('ECONNREFUSED', 'connect', address);
    const local = { host: address.host, port: ++this.#lastPort };
    const tls = agreeOnTls(target.options, options, { from: local, to: address });
    if (tls === undefined) throw netError('EPROTO', 'handshake', address);
    const [near, far] = connectedPair(local, address, tls);
    queueMicrotask(() => target.accept(far));
    return near;
  }

  #anyHost(port: number): Listening | undefined {
    for (const host of ANY_HOST) {
      const found = this.#listening.get(keyOf({ host, port }));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** Two ends of one connection, for tests that need no listener. */
export function connectedPair(
  local: Address = { host: '127.0.0.1', port: 1 },
  remote: Address = { host: '127.0.0.1', port: 2 },
  tls: BothTls = { client: undefined, server: undefined },
): readonly [Endpoint, Endpoint] {
  const near: Endpoint = new Endpoint(
    local,
    remote,
    atOnceTo(() => far),
    tls.client,
  );
  const far: Endpoint = new Endpoint(
    remote,
    local,
    atOnceTo(() => near),
    tls.server,
  );
  return [near, far];
}

function atOnceTo(other: () => Endpoint): Medium {
  return {
    send: (segment) => queueMicrotask(() => other().receive(segment)),
    soon: (run) => queueMicrotask(run),
    chunk: (first) => first,
  };
}

function keyOf(address: Address): string {
  return `${address.host}:${address.port}`;
}
