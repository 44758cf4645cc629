/**
 * The connections of an HTTP listener: their number, and their time. A client gets so long for each request, from its first
 * octet or the end of the answer before, and so long to take an answer; whoever is slower is dropped. (Node's own limits
 * are for servers that listen by themselves; here sockets come from our door, with PROXY header and TLS done.)
 */
import type { Server } from 'node:http';
import type { Clock, Timer } from '../platform/platform.ts';
import type { HttpSocket } from './types.ts';

/** For a whole request, its waiting included: an idle connection ends after it. */
export const REQUEST_MS_MAX = 10_000;
/** For the answer to be made and taken. */
export const ANSWER_MS_MAX = 30_000;

const TOO_MANY =
  'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\nRetry-After: 5\r\n\r\n';

interface Open {
  readonly accepted: HttpSocket;
  timer: Timer;
  isAnswering: boolean;
}

export class HttpConnections {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #max: number;
  readonly #open = new Map<HttpSocket['socket'], Open>();
  #closing = false;
  #allGone: (() => void) | undefined;

  constructor(server: Server, clock: Clock, max: number) {
    this.#server = server;
    this.#clock = clock;
    this.#max = max;
  }

  get size(): number {
    return this.#open.size;
  }

  accept(accepted: HttpSocket): void {
    const { socket } = accepted;
    socket.on('error', () => socket.destroy());
    if (this.#closing || this.#open.size >= this.#max) {
      // Whoever does not read it is not waited for.
      socket.end(TOO_MANY, () => socket.destroy());
      return;
    }
    const open: Open = { accepted, timer: this.#deadline(accepted, REQUEST_MS_MAX), isAnswering: false };
    this.#open.set(socket, open);
    socket.once('close', () => {
      open.timer.cancel();
      this.#open.delete(socket);
      if (this.#open.size === 0) this.#allGone?.();
    });
    this.#server.emit('connection', socket);
  }

  /** Whose socket this is; undefined once it is gone. */
  of(socket: HttpSocket['socket']): HttpSocket | undefined {
    return this.#open.get(socket)?.accepted;
  }

  get isClosing(): boolean {
    return this.#closing;
  }

  /** A request has come. */
  begun(socket: HttpSocket['socket']): void {
    this.#set(socket, true, ANSWER_MS_MAX);
  }

  /** Its answer was taken. */
  answered(socket: HttpSocket['socket']): void {
    this.#set(socket, false, REQUEST_MS_MAX);
    if (this.#closing) socket.end();
  }

  /** Drops who is not being answered, and the others after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    for (const [socket, { isAnswering }] of this.#open) if (!isAnswering) socket.destroy();
    if (this.#open.size === 0) return;
    const gone = new Promise<void>((resolve) => {
      this.#allGone = resolve;
    });
    const timer = this.#clock.timer(graceMs, () => {
      for (const socket of this.#open.keys()) socket.destroy();
    });
    await gone;
    timer.cancel();
  }

  #set(socket: HttpSocket['socket'], isAnswering: boolean, ms: number): void {
    const open = this.#open.get(socket);
    if (open === undefined) return;
    open.timer.cancel();
    open.timer = this.#deadline(open.accepted, ms);
    open.isAnswering = isAnswering;
  }

  #deadline({ socket }: HttpSocket, ms: number): Timer {
    return this.#clock.timer(ms, () => socket.destroy());
  }
}
