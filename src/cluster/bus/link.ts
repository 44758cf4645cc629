/**
 * One connection of the bus: hellos, frames in and out, whether the peer is still there, and the end. Whoever dialled asks
 * (calls, notices, streams); the other side answers; so no two sides ever make the same stream id. The accepting side says
 * hello only after it has checked the other's: who has its hello has been let in.
 */

import { Failure, type FailureCode } from '../../lib/failure.ts';
import type { Logger } from '../../lib/logging.ts';
import type { Clock, Connection, Timer } from '../../platform/platform.ts';
import { Answerer, type CallHandler, type NoticeHandler } from './answerer.ts';
import { decodeFailure, encodeFailure } from './body.ts';
import { Caller } from './caller.ts';
import { encodeFrame, type Frame, FrameReader, FrameType } from './frame.ts';
import type { Gate } from './gate.ts';
import { decodeHello, encodeHello, type Hello, refuseHello } from './hello.ts';
import { Inflow } from './inflow.ts';
import type { BusLimits } from './limits.ts';
import { Outbox } from './outbox.ts';
import type { Share } from './shares.ts';
import { type StreamHandler, Streams } from './stream.ts';
import type { Body, BusStream, Peer } from './types.ts';

/** What answers at this end; shared by all links of a bus. */
export interface Services {
  readonly calls: ReadonlyMap<string, CallHandler>;
  readonly notices: ReadonlyMap<string, NoticeHandler>;
  readonly streams: ReadonlyMap<string, StreamHandler>;
}

export interface LinkOptions {
  readonly connection: Connection;
  readonly dialled: boolean;
  readonly hello: Hello;
  readonly services: Services;
  readonly clock: Clock;
  readonly limits: BusLimits;
  /** Where connections are TLS: who the peer is and what it may ask. */
  readonly gate?: Gate | undefined;
  /** Why the peer is not let in for what its program knows; looked at again by `recheck`. */
  readonly refuse?: (hello: Hello) => string | undefined;
  /** Of the member at the other end; undefined where nobody is proven. */
  readonly share?: Share | undefined;
  readonly logger: Logger;
  /** The peer's hello was accepted. */
  readonly onReady: (link: Link) => void;
  /** The peer did not let us in for what our program knows; its words. */
  readonly onTurnedAway?: (why: string) => void;
  /** Called once, last, also when the link was never ready. */
  readonly onClosed: (link: Link, why: string) => void;
}

/** What exists once the peer's hello is known. */
interface Ready {
  readonly hello: Hello;
  readonly peer: Peer;
  readonly outbox: Outbox;
  readonly caller: Caller;
  readonly answerer: Answerer;
  readonly inflow: Inflow;
  readonly streams: Streams;
}

const ID_MAX = 2 ** 32 - 1;
/** A tick so much later than asked means that this process stood still: what the peer sent meanwhile is still unread. */
const LATE_FACTOR = 2;

export class Link {
  readonly #options: LinkOptions;
  readonly #reader: FrameReader;
  #ready: Ready | undefined;
  #state: 'hello' | 'ready' | 'ending' | 'closed' = 'hello';
  #why: string | undefined;
  #timer: Timer | undefined;
  #heardMs: number;
  #tickMs: number;
  #usedMs: number;
  #lastId = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    const { clock, limits, connection } = options;
    this.#heardMs = clock.monotonicMs();
    this.#tickMs = this.#heardMs;
    this.#usedMs = this.#heardMs;
    this.#reader = new FrameReader(limits.frameOctetsMax, (frame) => this.#frame(frame));
    connection.start({
      data: (bytes) => this.#data(bytes),
      drained: () => this.#ready?.outbox.drained(),
      ended: () => this.#end('the peer ended the connection'),
      closed: (cause) =>
        this.#closed(cause === undefined ? 'connection ended' : `connection lost: ${cause.message}`),
    });
    if (options.dialled) connection.write(this.#helloFrame());
    this.#timer = clock.timer(limits.helloTimeoutMs, () => this.#refuse('no hello in time'));
  }

  get dialled(): boolean {
    return this.#options.dialled;
  }

  /** The peer, once its hello was accepted. */
  get peer(): Peer | undefined {
    return this.#ready?.peer;
  }

  /** Ends the connection when its certificate is no longer good, or its program knows too little. */
  recheck(): void {
    const { gate, connection, refuse } = this.#options;
    if (this.#ready === undefined) return;
    if (gate?.stillGood(connection.tls?.peerCertificate) === false)
      return this.#refuse('the certificate was revoked');
    const why = refuse?.(this.#ready.hello);
    if (why !== undefined) this.#refuse(why, 'refused');
  }

  /** True while calls can be made. */
  get usable(): boolean {
    return this.#state === 'ready';
  }

  /** See `Bus.call`; `request` is service and body, encoded. */
  call(request: Buffer, urgent: boolean, timeoutMs: number, signal: AbortSignal | undefined): Promise<Body> {
    const ready = this.#ready;
    if (ready === undefined || this.#state !== 'ready')
      return Promise.reject(new Failure('unavailable', this.#why ?? 'not connected'));
    if (request.length > ready.hello.callOctetsMax)
      return Promise.reject(new Failure('limit', `call of ${request.length} octets`));
    this.#usedMs = this.#options.clock.monotonicMs();
    return ready.caller.call(
      request,
      urgent && request.length <= ready.hello.urgentOctetsMax,
      timeoutMs,
      signal,
    );
  }

  /** Sends a notice, or drops it when too much waits already. */
  notify(request: Buffer, urgent: boolean): void {
    const ready = this.#ready;
    if (ready === undefined || this.#state !== 'ready' || request.length > ready.hello.callOctetsMax) return;
    if (this.#noticesOctets + request.length > this.#options.limits.noticesQueuedOctetsMax) return;
    this.#usedMs = this.#options.clock.monotonicMs();
    this.#noticesOctets += request.length;
    const left = (): void => {
      this.#noticesOctets -= request.length;
    };
    const id = this.#nextId();
    if (urgent && request.length <= ready.hello.urgentOctetsMax)
      ready.outbox.urgent(FrameType.notice, id, request, left);
    else ready.outbox.call(FrameType.notice, id, request, left);
  }

  /** Opens a stream. */
  open(request: Buffer): BusStream {
    const ready = this.#ready;
    if (ready === undefined || this.#state !== 'ready')
      throw new Failure('unavailable', this.#why ?? 'not connected');
    this.#usedMs = this.#options.clock.monotonicMs();
    return ready.streams.open(this.#nextId(), request);
  }

  /** Tells the peer why and ends the connection, after what waits to be sent now. */
  close(why: string): void {
    this.#refuse(why);
  }

  /** Drops the connection at once. */
  destroy(why: string): void {
    this.#why ??= why;
    this.#options.connection.destroy();
    this.#closed(why);
  }

  #noticesOctets = 0;

  #helloFrame(): Buffer {
    return encodeFrame(FrameType.hello, 0, 0, encodeHello(this.#options.hello));
  }

  #data(bytes: Buffer): void {
    if (this.#state === 'ending' || this.#state === 'closed') return;
    this.#heardMs = this.#options.clock.monotonicMs();
    const why = this.#reader.push(bytes);
    if (why !== undefined) this.#refuse(why);
  }

  #frame(frame: Frame): string | undefined {
    if (this.#state === 'ending' || this.#state === 'closed') return undefined;
    if (frame.type === FrameType.close) return this.#closedByPeer(frame);
    const ready = this.#ready;
    if (ready === undefined)
      return frame.type === FrameType.hello ? this.#hello(frame) : 'a frame before the hello';
    return this.#options.dialled ? this.#answerFrame(ready, frame) : this.#requestFrame(ready, frame);
  }

  /** Frames that only the side that dialled gets. */
  #answerFrame(ready: Ready, frame: Frame): string | undefined {
    switch (frame.type) {
      case FrameType.answer:
        return ready.caller.answer(frame);
      case FrameType.failure:
        return ready.caller.failed(frame);
      default:
        return this.#commonFrame(ready, frame);
    }
  }

  /** Frames that only the side that accepted gets. */
  #requestFrame(ready: Ready, frame: Frame): string | undefined {
    switch (frame.type) {
      case FrameType.call:
        return ready.answerer.call(frame);
      case FrameType.notice:
        return ready.answerer.notice(frame);
      case FrameType.cancel:
        ready.answerer.cancel(frame.id);
        return undefined;
      case FrameType.open:
        return ready.streams.message(frame);
      default:
        return this.#commonFrame(ready, frame);
    }
  }

  #commonFrame(ready: Ready, frame: Frame): string | undefined {
    switch (frame.type) {
      case FrameType.message:
        return ready.streams.message(frame);
      case FrameType.fin:
        ready.streams.fin(frame);
        return undefined;
      case FrameType.reset:
        return ready.streams.resetByPeer(frame);
      case FrameType.credit:
        return credit(ready, frame);
      case FrameType.ping:
        ready.outbox.control(FrameType.pong, 0, frame.payload);
        return undefined;
      case FrameType.pong:
        return undefined;
      default:
        return `a frame of type ${frame.type} from this side`;
    }
  }

  #hello(frame: Frame): string | undefined {
    const {
      connection,
      dialled,
      hello: own,
      limits,
      clock,
      logger,
      services,
      gate,
      share,
      refuse,
      onReady,
    } = this.#options;
    const hello = decodeHello(frame.payload);
    if (typeof hello === 'string') return hello;
    const stated = { member: hello.peer.member, clusterId: hello.clusterId };
    const proven = gate?.prove(connection.tls?.peerCertificate, stated, connection.remote);
    if (typeof proven === 'string') return proven;
    const refused = refuseHello(own, hello);
    if (refused !== undefined) return refused;
    const knowsLess = refuse?.(hello);
    if (knowsLess !== undefined) {
      this.#refuse(knowsLess, 'refused');
      return undefined;
    }
    if (!dialled) connection.write(this.#helloFrame());
    const outbox = new Outbox({
      write: (octets) => connection.write(octets),
      overflow: () => this.destroy('the peer does not read'),
      writeOctets: limits.writeOctets,
      urgentQueuedOctetsMax: limits.urgentQueuedOctetsMax,
      frameOctetsMax: Math.min(hello.frameOctetsMax, limits.frameOctetsMax),
      begunOctetsMax: hello.begunOctetsMax,
      connectionCredit: hello.connectionCredit,
    });
    const inflow = new Inflow(limits, outbox, share);
    const peer = proven === undefined ? hello.peer : { ...hello.peer, proven };
    this.#ready = {
      hello,
      peer,
      outbox,
      caller: new Caller({ clock, outbox, inflow, limits, nextId: () => this.#nextId() }),
      answerer: new Answerer({
        peer,
        outbox,
        inflow,
        limits,
        answerOctetsMax: hello.callOctetsMax,
        urgentOctetsMax: hello.urgentOctetsMax,
        calls: services.calls,
        notices: services.notices,
        gate,
        logger,
      }),
      inflow,
      streams: new Streams({
        peer,
        outbox,
        limits,
        peerCredit: hello.streamCredit,
        peerMessageOctetsMax: hello.streamMessageOctetsMax,
        handlers: services.streams,
        gate,
        share,
        logger,
      }),
    };
    this.#state = 'ready';
    this.#timer?.cancel();
    this.#tickMs = clock.monotonicMs();
    this.#timer = clock.timer(limits.pingAfterMs, () => this.#tick());
    onReady(this);
    return undefined;
  }

  /** Asks a silent peer whether it is there, drops one that stays silent, ends a connection of no use. */
  #tick(): void {
    const ready = this.#ready;
    if (this.#state !== 'ready' || ready === undefined) return;
    const { clock, limits, dialled } = this.#options;
    const now = clock.monotonicMs();
    if (now - this.#tickMs > LATE_FACTOR * limits.pingAfterMs) this.#heardMs = Math.max(this.#heardMs, now);
    this.#tickMs = now;
    const silentMs = now - this.#heardMs;
    if (silentMs >= limits.silentMs) {
      this.destroy(`nothing heard for ${Math.round(silentMs)} ms`);
      return;
    }
    const busy = ready.caller.size > 0 || ready.streams.size > 0;
    if (dialled && !busy && now - this.#usedMs >= limits.idleMs) {
      this.close('not used');
      return;
    }
    if (silentMs >= limits.pingAfterMs / 2) ready.outbox.control(FrameType.ping, 0, Buffer.alloc(0));
    this.#timer = clock.timer(limits.pingAfterMs, () => this.#tick());
  }

  #closedByPeer(frame: Frame): undefined {
    const failure = decodeFailure(frame.payload);
    if (typeof failure !== 'string' && failure.code === 'refused')
      this.#options.onTurnedAway?.(failure.message);
    this.#end(`closed by the peer: ${typeof failure === 'string' ? failure : failure.message}`);
  }

  /** Our end of the connection, with a reason the peer is told; 'refused': its program knows too little. */
  #refuse(why: string, code: FailureCode = 'unavailable'): void {
    if (this.#state === 'ending' || this.#state === 'closed') return;
    this.#ready?.outbox.flush();
    this.#options.connection.write(encodeFrame(FrameType.close, 0, 0, encodeFailure(new Failure(code, why))));
    this.#end(why);
  }

  /** Everything open fails now; what was written leaves, then the connection ends, by force after a while. */
  #end(why: string): void {
    if (this.#state === 'ending' || this.#state === 'closed') return;
    this.#state = 'ending';
    this.#why = why;
    this.#timer?.cancel();
    const { connection, clock, limits } = this.#options;
    this.#timer = clock.timer(limits.closeGraceMs, () => this.destroy(why));
    this.#over(why);
    connection.end();
  }

  #closed(why: string): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#why ??= why;
    this.#timer?.cancel();
    this.#over(this.#why);
    this.#options.onClosed(this, this.#why);
  }

  #over(why: string): void {
    const ready = this.#ready;
    if (ready === undefined) return;
    ready.outbox.end();
    ready.caller.closed(why);
    ready.answerer.closed(why);
    ready.streams.closed(why);
    ready.inflow.closed();
  }

  /** Counts up, passes over what is in use, begins again when 32 bits are used up. */
  #nextId(): number {
    do this.#lastId = this.#lastId === ID_MAX ? 1 : this.#lastId + 1;
    while (this.#ready?.caller.has(this.#lastId) === true || this.#ready?.streams.has(this.#lastId) === true);
    return this.#lastId;
  }
}

function credit(ready: Ready, frame: Frame): string | undefined {
  if (frame.payload.length !== 4) return 'credit of a wrong length';
  const octets = frame.payload.readUInt32LE(0);
  if (frame.id !== 0) return ready.streams.credit(frame.id, octets);
  return ready.outbox.connectionCredit(octets);
}
