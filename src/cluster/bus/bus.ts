/**
 * The bus of one process: listens, dials by use, keeps one connection for each address it dials and one for each that
 * dialled it. A call goes out on the connection we dialled, never on one that a peer made and said an address for. When two
 * processes dial each other at once there are two connections, each used by who dialled it: nothing has to be decided.
 */
import { Failure } from '../../lib/failure.ts';
import type { Logger } from '../../lib/logging.ts';
import type { Address, Connection, Listener, Platform } from '../../platform/platform.ts';
import type { CallHandler, NoticeHandler } from './answerer.ts';
import { encodeRequest } from './body.ts';
import { BUS_VERSION, type Hello } from './hello.ts';
import { BUS_LIMITS, type BusLimits, checkLimits } from './limits.ts';
import { Link } from './link.ts';
import type { StreamHandler } from './stream.ts';
import type { Body, Bus, BusStream, CallOptions, Peer } from './types.ts';

export interface BusOptions {
  readonly platform: Pick<Platform, 'clock' | 'net'>;
  /** Who this process is. */
  readonly self: Omit<Peer, 'address'>;
  /** Where to listen; port 0 lets the kernel choose. */
  readonly listen: Address;
  /** The host that peers dial, when it is not the one listened on. */
  readonly advertisedHost?: string;
  /** Of the storage; peers of another cluster are refused. Empty when not known (yet). */
  readonly clusterId?: string;
  /** The highest feature level this process knows. */
  readonly featureLevel?: number;
  /** Services whose messages go ahead of all others; by default those of the coordination. */
  readonly urgent?: (service: string) => boolean;
  readonly limits?: Partial<BusLimits>;
  readonly logger: Logger;
}

/** Listens and gives the bus; rejects with the error of `listen`. */
export async function createBus(options: BusOptions): Promise<Bus> {
  const limits = { ...BUS_LIMITS, ...options.limits };
  const why = checkLimits(limits);
  if (why !== undefined) throw new RangeError(why);
  // Connections may come before `listen` returned and the address is known.
  const early: Connection[] = [];
  let accept = (connection: Connection): void => {
    early.push(connection);
  };
  const listener = await options.platform.net.listen(options.listen, (connection) => accept(connection));
  const bus = new TcpBus(options, limits, listener);
  accept = (connection) => bus.accept(connection);
  for (const connection of early) bus.accept(connection);
  return bus;
}

/** A connection we dial or have dialled. */
interface Dialled {
  readonly link: Promise<Link>;
  /** Once it is ready. */
  ready: Link | undefined;
  /** Notices that wait for it. */
  readonly notices: { readonly request: Buffer; readonly urgent: boolean }[];
  noticesOctets: number;
}

/** Notices that wait for a connection being made. */
const NOTICES_WAITING_MAX = 256;

/** What src/cluster/messages.ts names: heartbeats, renewals, reports, the slot map. */
function isCoordination(service: string): boolean {
  return service.startsWith('cluster.') || service.startsWith('worker.');
}

class TcpBus implements Bus {
  readonly self: Peer;
  readonly #options: BusOptions;
  readonly #limits: BusLimits;
  readonly #listener: Listener;
  readonly #hello: Hello;
  readonly #urgent: (service: string) => boolean;
  readonly #calls = new Map<string, CallHandler>();
  readonly #notices = new Map<string, NoticeHandler>();
  readonly #streams = new Map<string, StreamHandler>();
  readonly #listeners = new Set<(peer: Peer, up: boolean) => void>();
  /** By `host:port` as given by the caller. */
  readonly #dialled = new Map<string, Dialled>();
  readonly #links = new Set<Link>();
  #accepted = 0;
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;
  #linksGone: (() => void) | undefined;

  constructor(options: BusOptions, limits: BusLimits, listener: Listener) {
    this.#options = options;
    this.#limits = limits;
    this.#listener = listener;
    this.#urgent = options.urgent ?? isCoordination;
    const address = { host: options.advertisedHost ?? listener.address.host, port: listener.address.port };
    this.self = { ...options.self, address };
    this.#hello = {
      version: BUS_VERSION,
      clusterId: options.clusterId ?? '',
      peer: this.self,
      featureLevel: options.featureLevel ?? 0,
      frameOctetsMax: limits.frameOctetsMax,
      callOctetsMax: limits.callOctetsMax,
      streamMessageOctetsMax: limits.streamMessageOctetsMax,
      urgentOctetsMax: limits.urgentOctetsMax,
      begunOctetsMax: limits.begunOctetsMax,
      connectionCredit: limits.connectionCredit,
      streamCredit: limits.streamCredit,
    };
  }

  serve(service: string, handler: CallHandler): void {
    register(this.#calls, service, handler);
  }

  onNotice(service: string, handler: NoticeHandler): void {
    register(this.#notices, service, handler);
  }

  onStream(service: string, handler: StreamHandler): void {
    register(this.#streams, service, handler);
  }

  async call(to: Address, service: string, body: Body, options: CallOptions): Promise<Body> {
    const request = encodeRequest(service, body);
    const urgent = this.#urgent(service);
    const ready = this.#usable(to);
    if (options.signal?.aborted === true) throw new Failure('unavailable', 'cancelled before it was sent');
    if (ready !== undefined) return ready.call(request, urgent, options.timeoutMs, options.signal);
    const untilMs = this.#options.platform.clock.monotonicMs() + options.timeoutMs;
    const link = await this.#link(to, options);
    const leftMs = untilMs - this.#options.platform.clock.monotonicMs();
    return link.call(request, urgent, Math.max(0, leftMs), options.signal);
  }

  notify(to: Address, service: string, body: Body): void {
    if (this.#closing.signal.aborted) return;
    const request = encodeRequest(service, body);
    const urgent = this.#urgent(service);
    const dialled = this.#dial(to);
    if (dialled.ready !== undefined) {
      dialled.ready.notify(request, urgent);
      return;
    }
    const octets = dialled.noticesOctets + request.length;
    if (dialled.notices.length >= NOTICES_WAITING_MAX || octets > this.#limits.noticesQueuedOctetsMax) return;
    dialled.notices.push({ request, urgent });
    dialled.noticesOctets = octets;
  }

  async open(to: Address, service: string, body: Body, options: CallOptions): Promise<BusStream> {
    const request = encodeRequest(service, body);
    const link = this.#usable(to) ?? (await this.#link(to, options));
    if (options.signal?.aborted === true) throw new Failure('unavailable', 'cancelled before it was sent');
    return link.open(request);
  }

  onPeer(listener: (peer: Peer, up: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** A connection that a peer made. */
  accept(connection: Connection): void {
    if (this.#closing.signal.aborted || this.#accepted >= this.#limits.connectionsMax) {
      connection.destroy();
      return;
    }
    this.#accepted++;
    const link = this.#newLink(connection, false, {
      ready: () => undefined,
      closed: () => {
        this.#accepted--;
      },
    });
    this.#links.add(link);
  }

  async #close(): Promise<void> {
    this.#closing.abort(new Failure('unavailable', 'this process is stopping'));
    await this.#listener.close();
    for (const link of this.#links) link.close('stopping');
    while (this.#links.size > 0)
      await new Promise<void>((resolve) => {
        this.#linksGone = resolve;
      });
  }

  /** The link to an address, dialled when there is none, waited for as long as the caller wants. */
  #link(to: Address, options: CallOptions): Promise<Link> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closing.signal.reason as Failure);
    if (options.signal?.aborted === true)
      return Promise.reject(new Failure('unavailable', 'cancelled before it was sent'));
    const { link } = this.#dial(to);
    return new Promise<Link>((resolve, reject) => {
      const done = (): void => {
        timer.cancel();
        options.signal?.removeEventListener('abort', cancelled);
      };
      const timer = this.#options.platform.clock.timer(options.timeoutMs, () => {
        done();
        reject(new Failure('unavailable', `no connection to ${key(to)} in ${options.timeoutMs} ms`));
      });
      const cancelled = (): void => {
        done();
        reject(new Failure('unavailable', 'cancelled before it was sent'));
      };
      options.signal?.addEventListener('abort', cancelled, { once: true });
      link.then(
        (value) => {
          done();
          resolve(value);
        },
        (cause: unknown) => {
          done();
          reject(new Failure('unavailable', `no connection to ${key(to)}: ${message(cause)}`, { cause }));
        },
      );
    });
  }

  /** The link that calls to an address go out on now, if any. */
  #usable(to: Address): Link | undefined {
    const link = this.#dialled.get(key(to))?.ready;
    return link?.usable === true ? link : undefined;
  }

  #dial(to: Address): Dialled {
    const name = key(to);
    const known = this.#dialled.get(name);
    // One that is being ended serves nobody any more: the next use dials anew.
    if (known !== undefined && known.ready?.usable !== false) return known;
    const forget = (): void => {
      if (this.#dialled.get(name) === dialled) this.#dialled.delete(name);
    };
    const dialled: Dialled = {
      link: this.#connect(to, forget),
      ready: undefined,
      notices: [],
      noticesOctets: 0,
    };
    this.#dialled.set(name, dialled);
    dialled.link.then(
      (link) => {
        if (!link.usable) return;
        dialled.ready = link;
        for (const notice of dialled.notices) link.notify(notice.request, notice.urgent);
        dialled.notices.length = 0;
      },
      (err: unknown) => {
        forget();
        this.#options.logger.debug({ err, to: name }, 'no connection');
      },
    );
    return dialled;
  }

  async #connect(to: Address, forget: () => void): Promise<Link> {
    const connection = await this.#options.platform.net.connect(to, {
      timeoutMs: this.#limits.dialTimeoutMs,
      signal: this.#closing.signal,
    });
    if (this.#closing.signal.aborted) {
      connection.destroy();
      throw this.#closing.signal.reason as Failure;
    }
    return new Promise<Link>((resolve, reject) => {
      const link = this.#newLink(connection, true, {
        ready: () => resolve(link),
        closed: (why) => {
          forget();
          reject(new Failure('unavailable', why));
        },
      });
      this.#links.add(link);
    });
  }

  #newLink(
    connection: Connection,
    dialled: boolean,
    told: { readonly ready: () => void; readonly closed: (why: string) => void },
  ): Link {
    const { logger, platform } = this.#options;
    return new Link({
      connection,
      dialled,
      hello: this.#hello,
      services: { calls: this.#calls, notices: this.#notices, streams: this.#streams },
      clock: platform.clock,
      limits: this.#limits,
      logger,
      onReady: (link) => {
        told.ready();
        if (link.peer !== undefined) this.#tell(link.peer, true);
      },
      onClosed: (link, why) => {
        this.#links.delete(link);
        told.closed(why);
        const remote = key(connection.remote);
        logger.debug({ peer: link.peer?.member, remote, dialled, why }, 'bus connection closed');
        if (link.peer !== undefined) this.#tell(link.peer, false);
        if (this.#links.size === 0) this.#linksGone?.();
      },
    });
  }

  #tell(peer: Peer, up: boolean): void {
    for (const listener of this.#listeners) listener(peer, up);
  }
}

function register<T>(table: Map<string, T>, service: string, handler: T): void {
  if (table.has(service)) throw new Error(`${service} is served already`);
  table.set(service, handler);
}

function key(address: Address): string {
  return `${address.host}:${address.port}`;
}

function message(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
