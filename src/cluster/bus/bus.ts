/**
 * The bus of one process: listens, dials by use, keeps one connection for each address it dials and one for each that
 * dialled it. A call goes out on the connection we dialled, never on one that a peer made and said an address for. When two
 * processes dial each other at once there are two connections, each used by who dialled it: nothing has to be decided.
 */
import { Failure } from '../../lib/failure.ts';
import { formatEndpoint } from '../../lib/ip.ts';
import type { Logger } from '../../lib/logging.ts';
import type { Address, Connection, Listener, ListenOptions, Platform } from '../../platform/platform.ts';
import { FeatureLevel } from '../level.ts';
import { isCoordination } from '../messages.ts';
import type { BusSecurity } from '../security/types.ts';
import type { CallHandler, NoticeHandler } from './answerer.ts';
import { encodeRequest } from './body.ts';
import { FOR_ANOTHER, Gate, passedOn } from './gate.ts';
import { BUS_VERSION, type Hello } from './hello.ts';
import { BUS_LIMITS, type BusLimits, checkLimits } from './limits.ts';
import { Link } from './link.ts';
import { Seldom } from './seldom.ts';
import { Shares } from './shares.ts';
import type { StreamHandler } from './stream.ts';
import type { Body, Bus, BusStream, CallOptions, Peer } from './types.ts';

export interface BusOptions {
  readonly platform: Pick<Platform, 'clock' | 'net'>;
  /** Who this process is. */
  readonly self: Omit<Peer, 'address'>;
  /** Where to listen; port 0 lets the kernel choose. */
  readonly listen: Address;
  /** Of the storage; peers of another cluster are refused. Empty when not known (yet). */
  readonly clusterId?: string;
  readonly limits?: Partial<BusLimits>;
  /** What this process knows and the cluster asks for; shared with its node. Who knows less is not let in. */
  readonly level?: FeatureLevel;
  /**
   * Certificates: every connection is TLS 1.3 with one at each end, and the table of rights holds (docs/doors.md). Without
   * it everything is in the clear and everybody may do everything: unit tests and the simulation.
   */
  readonly security?: BusSecurity;
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
  const listener = await options.platform.net.listen(
    options.listen,
    (connection) => accept(connection),
    listenOptions(options.security),
  );
  const bus = new TcpBus(options, limits, listener);
  accept = (connection) => bus.accept(connection);
  for (const connection of early) bus.accept(connection);
  return bus;
}

/** "TLS 1.3 with certificates both ways." */
function listenOptions(security: BusSecurity | undefined): ListenOptions {
  if (security === undefined) return {};
  return {
    tls: {
      minVersion: 'TLSv1.3',
      identity: () => security.identity(),
      clientAuthorities: () => security.authorities(),
    },
  };
}

/** A connection we dial or have dialled. */
interface Dialled {
  readonly link: Promise<Link>;
  /** Once it is ready. */
  ready: Link | undefined;
  /** Notices that wait for it. */
  readonly notices: { readonly service: string; readonly request: Buffer; readonly urgent: boolean }[];
  noticesOctets: number;
  /** Calls that wait for it, and their octets. */
  calls: number;
  callsOctets: number;
}

/** Notices that wait for a connection being made. */
const NOTICES_WAITING_MAX = 256;

class TcpBus implements Bus {
  readonly self: Peer;
  readonly #options: BusOptions;
  readonly #limits: BusLimits;
  readonly #listener: Listener;
  readonly #hello: Hello;
  readonly #gate: Gate | undefined;
  readonly #seldom: Seldom;
  readonly #level: FeatureLevel;
  readonly #unsubscribe: readonly ((() => void) | undefined)[];
  readonly #calls = new Map<string, CallHandler>();
  readonly #notices = new Map<string, NoticeHandler>();
  readonly #streams = new Map<string, StreamHandler>();
  readonly #listeners = new Set<(peer: Peer, up: boolean) => void>();
  /** By `host:port` as given by the caller. */
  readonly #dialled = new Map<string, Dialled>();
  readonly #links = new Set<Link>();
  readonly #shares: Shares;
  #accepted = 0;
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;
  #linksGone: (() => void) | undefined;

  constructor(options: BusOptions, limits: BusLimits, listener: Listener) {
    this.#options = options;
    this.#limits = limits;
    this.#shares = new Shares(limits);
    this.#listener = listener;
    const { security, logger, platform, level = new FeatureLevel() } = options;
    this.#level = level;
    this.self = { ...options.self, address: listener.address, ...(security && { proven: security.self }) };
    this.#gate = security && new Gate(security, platform.clock, logger);
    this.#seldom = new Seldom(platform.clock);
    const recheck = (): void => {
      for (const link of this.#links) link.recheck();
    };
    this.#unsubscribe = [security?.onRevoked(recheck), level.onChange(recheck)];
    this.#hello = {
      version: BUS_VERSION,
      clusterId: options.clusterId ?? '',
      peer: this.self,
      featureLevel: level.known,
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
    const { asker } = options;
    const request =
      asker === undefined
        ? encodeRequest(service, body)
        : encodeRequest(FOR_ANOTHER, passedOn(asker, service, body));
    const urgent = isCoordination(service);
    const ready = this.#usable(to);
    if (options.signal?.aborted === true) throw new Failure('unavailable', 'cancelled before it was sent');
    if (ready !== undefined) {
      this.#mustAnswer(service, ready);
      return ready.call(request, urgent, options.timeoutMs, options.signal);
    }
    const untilMs = this.#options.platform.clock.monotonicMs() + options.timeoutMs;
    const link = await this.#waiting(to, request.length, options);
    this.#mustAnswer(service, link);
    const leftMs = untilMs - this.#options.platform.clock.monotonicMs();
    return link.call(request, urgent, Math.max(0, leftMs), options.signal);
  }

  notify(to: Address, service: string, body: Body): void {
    if (this.#closing.signal.aborted) return;
    const request = encodeRequest(service, body);
    const urgent = isCoordination(service);
    const dialled = this.#dial(to);
    if (dialled.ready !== undefined) {
      this.#notifyOn(dialled.ready, service, request, urgent);
      return;
    }
    const octets = dialled.noticesOctets + request.length;
    if (dialled.notices.length >= NOTICES_WAITING_MAX || octets > this.#limits.noticesQueuedOctetsMax) return;
    dialled.notices.push({ service, request, urgent });
    dialled.noticesOctets = octets;
  }

  async open(to: Address, service: string, body: Body, options: CallOptions): Promise<BusStream> {
    const request = encodeRequest(service, body);
    const link = this.#usable(to) ?? (await this.#link(to, options));
    if (options.signal?.aborted === true) throw new Failure('unavailable', 'cancelled before it was sent');
    this.#mustAnswer(service, link);
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
    // By its certificate, before it has said anything: who says nothing takes a place too.
    const member = this.#memberOf(connection);
    if (member !== undefined && this.#shares.accepted(member) >= this.#limits.memberConnectionsMax) {
      if (this.#seldom.may(`connections ${member}`))
        this.#options.logger.warn(
          { member, max: this.#limits.memberConnectionsMax },
          'too many connections of a member',
        );
      connection.destroy();
      return;
    }
    this.#accepted++;
    const link = this.#newLink(connection, member, false, {
      ready: () => undefined,
      closed: () => {
        this.#accepted--;
      },
    });
    this.#links.add(link);
  }

  /** Failure 'unavailable', as nothing was sent, when what this peer says to it would not be believed. */
  #mustAnswer(service: string, link: Link): void {
    const why = this.#gate?.refuseAnswerer(service, link.peer);
    if (why !== undefined) throw new Failure('unavailable', why);
  }

  /** Why a peer is not let in for what it knows; told to the log, now and then. */
  #refuseLevel({ peer, featureLevel }: Hello): string | undefined {
    const why = this.#level.refuse(peer.member, featureLevel);
    if (why !== undefined && this.#seldom.may(`level ${peer.member}`))
      this.#options.logger.warn({ member: peer.member, level: featureLevel }, `connection refused: ${why}`);
    return why;
  }

  #turnedAway(to: Address, why: string): void {
    const by = formatEndpoint(to);
    this.#level.turnedAway(by, why);
    if (this.#seldom.may(`turned away ${by}`)) this.#options.logger.error({ by }, `not let in: ${why}`);
  }

  #notifyOn(link: Link, service: string, request: Buffer, urgent: boolean): void {
    if (this.#gate?.refuseAnswerer(service, link.peer) === undefined) link.notify(request, urgent);
  }

  async #close(): Promise<void> {
    for (const end of this.#unsubscribe) end?.();
    this.#closing.abort(new Failure('unavailable', 'this process is stopping'));
    await this.#listener.close();
    for (const link of this.#links) link.close('stopping');
    while (this.#links.size > 0)
      await new Promise<void>((resolve) => {
        this.#linksGone = resolve;
      });
  }

  /** `#link` for a call: so many wait for a connection that is being made, and no more. */
  async #waiting(to: Address, octets: number, options: CallOptions): Promise<Link> {
    const dialled = this.#dial(to);
    const { callsMax, callsQueuedOctetsMax } = this.#limits;
    if (dialled.calls >= callsMax || dialled.callsOctets + octets > callsQueuedOctetsMax)
      throw new Failure('unavailable', `too many calls wait for a connection to ${formatEndpoint(to)}`);
    dialled.calls++;
    dialled.callsOctets += octets;
    try {
      return await this.#link(to, options);
    } finally {
      dialled.calls--;
      dialled.callsOctets -= octets;
    }
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
        reject(
          new Failure('unavailable', `no connection to ${formatEndpoint(to)} in ${options.timeoutMs} ms`),
        );
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
          reject(
            new Failure('unavailable', `no connection to ${formatEndpoint(to)}: ${message(cause)}`, {
              cause,
            }),
          );
        },
      );
    });
  }

  /** The link that calls to an address go out on now, if any. */
  #usable(to: Address): Link | undefined {
    const link = this.#dialled.get(formatEndpoint(to))?.ready;
    return link?.usable === true ? link : undefined;
  }

  #dial(to: Address): Dialled {
    const name = formatEndpoint(to);
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
      calls: 0,
      callsOctets: 0,
    };
    this.#dialled.set(name, dialled);
    dialled.link.then(
      (link) => {
        if (!link.usable) return;
        dialled.ready = link;
        for (const { service, request, urgent } of dialled.notices)
          this.#notifyOn(link, service, request, urgent);
        dialled.notices.length = 0;
      },
      (err: unknown) => {
        forget();
        this.#notConnected(err, name);
      },
    );
    return dialled;
  }

  /** A member that is down is no news; one whose certificate is not believed is. */
  #notConnected(err: unknown, to: string): void {
    const { logger } = this.#options;
    const { code } = err as { readonly code?: unknown };
    if (isHandshakeError(code) && this.#seldom.may(to))
      logger.warn({ err, to, code }, 'TLS handshake failed');
    else logger.debug({ err, to }, 'no connection');
  }

  async #connect(to: Address, forget: () => void): Promise<Link> {
    const { security, platform } = this.#options;
    const connection = await platform.net.connect(to, {
      timeoutMs: this.#limits.dialTimeoutMs,
      signal: this.#closing.signal,
      ...(security && {
        tls: {
          minVersion: 'TLSv1.3' as const,
          identity: () => security.identity(),
          authorities: () => security.authorities(),
        },
      }),
    });
    if (this.#closing.signal.aborted) {
      connection.destroy();
      throw this.#closing.signal.reason as Failure;
    }
    return new Promise<Link>((resolve, reject) => {
      const link = this.#newLink(connection, this.#memberOf(connection), true, {
        ready: () => {
          this.#level.turnedAway(formatEndpoint(to), undefined);
          resolve(link);
        },
        turnedAway: (why) => this.#turnedAway(to, why),
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
    member: string | undefined,
    dialled: boolean,
    told: {
      readonly ready: () => void;
      readonly turnedAway?: (why: string) => void;
      readonly closed: (why: string) => void;
    },
  ): Link {
    const { logger, platform } = this.#options;
    const share = member === undefined ? undefined : this.#shares.enter(member);
    if (share !== undefined && !dialled) share.accepted++;
    return new Link({
      connection,
      dialled,
      hello: this.#hello,
      services: { calls: this.#calls, notices: this.#notices, streams: this.#streams },
      clock: platform.clock,
      limits: this.#limits,
      gate: this.#gate,
      refuse: (hello) => this.#refuseLevel(hello),
      share,
      logger,
      ...(told.turnedAway && { onTurnedAway: told.turnedAway }),
      onReady: (link) => {
        told.ready();
        if (link.peer !== undefined) this.#tell(link.peer, true);
      },
      onClosed: (link, why) => {
        this.#links.delete(link);
        if (share !== undefined && !dialled) share.accepted--;
        share?.left();
        told.closed(why);
        const remote = formatEndpoint(connection.remote);
        logger.debug({ peer: link.peer?.member, remote, dialled, why }, 'bus connection closed');
        if (link.peer !== undefined) this.#tell(link.peer, false);
        if (this.#links.size === 0) this.#linksGone?.();
      },
    });
  }

  /** As its certificate says; '' for one that is nobody's. Undefined where there are none. */
  #memberOf({ tls }: Connection): string | undefined {
    const { security } = this.#options;
    if (security === undefined) return undefined;
    return (tls?.peerCertificate && security.identify(tls.peerCertificate)?.member) ?? '';
  }

  #tell(peer: Peer, up: boolean): void {
    for (const listener of this.#listeners) listener(peer, up);
  }
}

/** What OpenSSL says of a certificate, and of a handshake (`ERR_SSL_…`, an alert of the peer among them). */
export function isHandshakeError(code: unknown): boolean {
  return (
    typeof code === 'string' && /^(?:ERR_SSL_|ERR_TLS_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/.test(code)
  );
}

function register<T>(table: Map<string, T>, service: string, handler: T): void {
  if (service === FOR_ANOTHER) throw new Error('the name of calls that are passed on');
  if (table.has(service)) throw new Error(`${service} is served already`);
  table.set(service, handler);
}

function message(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
