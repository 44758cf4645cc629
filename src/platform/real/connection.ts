/**
 * `Connection` over a socket of Node, in the clear or within TLS. Sockets are half-open inside, so that a FIN of the peer
 * is told (`ended`) before ours is sent and what is queued still goes; keep-alive, so that a dead path ends in ETIMEDOUT.
 */
import type { Socket } from 'node:net';
import type { Address, Connection, ConnectionEvents, TlsInfo, TlsServerOptions } from '../platform.ts';
import { netError } from './errors.ts';
import type { AcceptedSocket } from './sockets.ts';

const KEEP_ALIVE_IDLE_MS = 15_000;
const KEEP_ALIVE_INTERVAL_MS = 5_000;
const KEEP_ALIVE_PROBES = 4;
/** Written while a handshake runs; `write` answers false from here on. */
const HELD_HIGH_WATER_OCTETS = 64 * 1024;

export class RealConnection implements Connection {
  readonly local: Address;
  readonly remote: Address;
  readonly #accepted: AcceptedSocket;
  #tls: TlsInfo | undefined;
  /** What octets go through now; `#accepted.raw` is below it within TLS. */
  #socket: Socket;
  #events: ConnectionEvents | undefined;
  #cause: Error | undefined;
  #isClosed = false;
  /** `closed` was told. */
  #isOver = false;
  #isPaused = false;
  #isGathering = false;
  #handshake: Handshake | undefined;

  constructor(accepted: AcceptedSocket) {
    this.#accepted = accepted;
    this.#socket = accepted.socket;
    this.#tls = accepted.tls;
    this.local = accepted.local;
    this.remote = accepted.remote;
    accepted.raw.setKeepAlive(true, KEEP_ALIVE_IDLE_MS, KEEP_ALIVE_INTERVAL_MS, KEEP_ALIVE_PROBES);
    this.#watch(accepted.socket);
  }

  get tls(): TlsInfo | undefined {
    return this.#tls;
  }

  start(events: ConnectionEvents): void {
    if (this.#events !== undefined) throw new Error('connection started twice');
    this.#events = events;
    if (this.#isClosed) queueMicrotask(() => this.#tellClosed());
    else if (this.#handshake === undefined) this.#listen();
  }

  async secure(options: TlsServerOptions): Promise<TlsInfo> {
    if (this.#tls !== undefined || this.#handshake !== undefined) throw new Error('TLS is on already');
    if (this.#isClosed) throw netError('ECONNRESET', 'handshake', this.remote);
    const raw = this.#socket;
    const handshake = new Handshake(raw.writableNeedDrain);
    this.#handshake = handshake;
    // What was said in the clear leaves in the clear, before the first octet of TLS.
    this.#scatter();
    raw.off('data', this.#onData);
    raw.off('end', this.#onEnd);
    raw.off('drain', this.#onDrain);
    try {
      const { socket, tls } = await this.#accepted.secure(options);
      if (raw.destroyed) throw netError('ECONNRESET', 'handshake', this.remote);
      this.#socket = socket;
      this.#tls = tls;
      this.#watch(socket);
      this.#handshake = undefined;
      if (this.#events !== undefined) this.#listen();
      for (const bytes of handshake.held) this.write(bytes);
      if (handshake.owesDrain && !socket.writableNeedDrain) this.#onDrain();
      if (handshake.isEnding) this.end();
      return tls;
    } catch (error) {
      this.#handshake = undefined;
      this.#cause ??= error as Error;
      // The caller learns of the failure first.
      if (this.#isClosed) setImmediate(() => this.#tellClosed());
      else raw.destroy();
      throw error;
    }
  }

  write(bytes: Buffer): boolean {
    // Dropped octets need no waiting; who writes after the end is told by `closed`, or knows of its own `end`.
    if (this.#socket.destroyed || this.#socket.writableEnded) return true;
    if (this.#handshake !== undefined) return this.#handshake.hold(bytes);
    this.#gather();
    return this.#socket.write(bytes);
  }

  get queuedOctets(): number {
    return this.#socket.writableLength + (this.#handshake?.octets ?? 0);
  }

  /** Before `start` only noted: a socket that flows without a listener drops what comes. */
  pause(): void {
    this.#isPaused = true;
    if (this.#isListening) this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#isListening) this.#socket.resume();
  }

  end(): void {
    if (this.#handshake !== undefined) this.#handshake.isEnding = true;
    else if (!this.#socket.destroyed && !this.#socket.writableEnded) this.#socket.end();
  }

  destroy(): void {
    if (this.#socket.destroyed) return;
    this.#cause ??= netError('ECONNABORTED', 'destroy', this.remote);
    // While our FIN waits to be sent Node refuses a reset, and nothing would ever be closed.
    if (this.#socket.writableEnded) this.#socket.destroy();
    else this.#accepted.raw.resetAndDestroy();
  }

  get #isListening(): boolean {
    return this.#events !== undefined && this.#handshake === undefined;
  }

  #watch(socket: Socket): void {
    socket.on('error', (error) => {
      this.#cause ??= error;
    });
    socket.on('close', () => {
      // Below TLS the raw socket closes too, and before it.
      if (socket !== this.#socket) return;
      this.#isClosed = true;
      if (this.#handshake === undefined) this.#tellClosed();
    });
    // A server that did not like our certificate may have gone between its handshake and this line.
    if (socket.closed) this.#isClosed = true;
  }

  #tellClosed(): void {
    if (this.#events === undefined || this.#isOver) return;
    this.#isOver = true;
    this.#events.closed(this.#cause);
  }

  #listen(): void {
    this.#socket.on('end', this.#onEnd);
    this.#socket.on('drain', this.#onDrain);
    // A listener for data starts the flow, unless the socket was paused before.
    if (this.#isPaused) this.#socket.pause();
    this.#socket.on('data', this.#onData);
  }

  readonly #onData = (bytes: Buffer): void => this.#events?.data(bytes);

  readonly #onDrain = (): void => this.#events?.drained?.();

  readonly #onEnd = (): void => {
    this.#events?.ended?.();
    if (this.#events?.halfOpen !== true) this.end();
  };

  /**
   * What is written while the loop goes through the sockets that are ready leaves in one call when it is through: behind a
   * bus connection there are the clients of all the others, and a call for each costs more than what is in it.
   */
  #gather(): void {
    if (this.#isGathering) return;
    const socket = this.#socket;
    this.#isGathering = true;
    socket.cork();
    setImmediate(() => {
      if (socket === this.#socket) this.#isGathering = false;
      socket.uncork();
    });
  }

  /** What was gathered leaves at once. */
  #scatter(): void {
    if (!this.#isGathering) return;
    this.#isGathering = false;
    this.#socket.uncork();
  }
}

/** What is asked of a connection while its handshake runs. */
class Handshake {
  readonly held: Buffer[] = [];
  octets = 0;
  isEnding = false;
  /** `write` has answered false, before or since, and `drained` was not told. */
  owesDrain: boolean;

  constructor(owesDrain: boolean) {
    this.owesDrain = owesDrain;
  }

  hold(bytes: Buffer): boolean {
    if (this.isEnding) return true;
    this.held.push(bytes);
    this.octets += bytes.length;
    if (this.octets < HELD_HIGH_WATER_OCTETS) return true;
    this.owesDrain = true;
    return false;
  }
}
