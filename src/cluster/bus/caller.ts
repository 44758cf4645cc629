/**
 * The calls that one dialled connection has open. Keeps the promise of `Bus.call`: 'unavailable' only when the last octet
 * of the request was never given to the connection, so that the handler cannot have run; 'unknown' from then on.
 */
import { Failure } from '../../lib/failure.ts';
import type { Clock, Timer } from '../../platform/platform.ts';
import { Assembler } from './assembler.ts';
import { decodeBody, decodeFailure } from './body.ts';
import { type Frame, FrameFlag, FrameType } from './frame.ts';
import type { Inflow } from './inflow.ts';
import type { BusLimits } from './limits.ts';
import type { Lane, Outbox } from './outbox.ts';
import type { Body } from './types.ts';

export interface CallerOptions {
  readonly clock: Clock;
  readonly outbox: Outbox;
  readonly inflow: Inflow;
  readonly limits: BusLimits;
  readonly nextId: () => number;
}

interface Pending {
  readonly resolve: (body: Body) => void;
  readonly reject: (failure: Failure) => void;
  readonly timer: Timer;
  readonly unlisten: (() => void) | undefined;
  readonly answer: Assembler;
  lane: Lane | undefined;
  handedOver: boolean;
  /** Of the request, while any of it waits to be sent. */
  queuedOctets: number;
}

export class Caller {
  readonly #options: CallerOptions;
  readonly #pending = new Map<number, Pending>();
  #queuedOctets = 0;

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#pending.size;
  }

  has(id: number): boolean {
    return this.#pending.has(id);
  }

  /** Sends a request and waits for its answer. */
  call(request: Buffer, urgent: boolean, timeoutMs: number, signal: AbortSignal | undefined): Promise<Body> {
    const { clock, outbox, limits, nextId } = this.#options;
    const queued = this.#queuedOctets + request.length;
    if (this.#pending.size >= limits.callsMax || queued > limits.callsQueuedOctetsMax)
      return Promise.reject(new Failure('unavailable', 'too many calls are waiting for this peer'));
    this.#queuedOctets = queued;
    const id = nextId();
    return new Promise<Body>((resolve, reject) => {
      const cancelled = (): void => this.#giveUp(id, 'cancelled');
      signal?.addEventListener('abort', cancelled, { once: true });
      const pending: Pending = {
        resolve,
        reject,
        timer: clock.timer(timeoutMs, () => this.#giveUp(id, `no answer in ${Math.round(timeoutMs)} ms`)),
        unlisten: signal && (() => signal.removeEventListener('abort', cancelled)),
        answer: new Assembler(),
        lane: undefined,
        handedOver: false,
        queuedOctets: request.length,
      };
      this.#pending.set(id, pending);
      const handedOver = (): void => {
        pending.handedOver = true;
        this.#notQueued(pending);
      };
      if (urgent) outbox.urgent(FrameType.call, id, request, handedOver);
      else pending.lane = outbox.call(FrameType.call, id, request, handedOver);
    });
  }

  /** A piece of an answer. A reason when it makes no sense; an answer to a call given up is passed over. */
  answer(frame: Frame): string | undefined {
    const { inflow, limits } = this.#options;
    if ((frame.flags & FrameFlag.urgent) === 0) {
      const why = inflow.received(frame.payload.length);
      if (why !== undefined) return why;
    }
    const pending = this.#pending.get(frame.id);
    if (pending === undefined) return undefined;
    const max = (frame.flags & FrameFlag.urgent) === 0 ? limits.callOctetsMax : limits.urgentOctetsMax;
    const before = pending.answer.begunOctets;
    const step = pending.answer.take(frame, max);
    if (step.kind === 'bad') return step.why;
    const why = inflow.begun(pending.answer.begunOctets - before);
    if (why !== undefined || step.kind === 'more') return why;
    const decoded = decodeBody(step.value);
    this.#forget(frame.id, pending);
    if (typeof decoded === 'string')
      pending.reject(new Failure('unknown', `answer makes no sense: ${decoded}`));
    else pending.resolve(decoded.body);
    return undefined;
  }

  /** The call failed at the peer. */
  failed(frame: Frame): string | undefined {
    const failure = decodeFailure(frame.payload);
    if (typeof failure === 'string') return failure;
    const pending = this.#pending.get(frame.id);
    if (pending === undefined) return undefined;
    this.#forget(frame.id, pending);
    pending.reject(failure);
    return undefined;
  }

  /** The connection went. */
  closed(why: string): void {
    for (const [id, pending] of this.#pending) {
      this.#forget(id, pending);
      pending.reject(lost(pending, why));
    }
  }

  #giveUp(id: number, why: string): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#forget(id, pending);
    const { outbox } = this.#options;
    const seen = pending.lane === undefined || outbox.drop(pending.lane);
    if (seen) outbox.control(FrameType.cancel, id, Buffer.alloc(0));
    pending.reject(lost(pending, why));
  }

  #notQueued(pending: Pending): void {
    this.#queuedOctets -= pending.queuedOctets;
    pending.queuedOctets = 0;
  }

  #forget(id: number, pending: Pending): void {
    this.#pending.delete(id);
    this.#notQueued(pending);
    pending.timer.cancel();
    pending.unlisten?.();
    this.#options.inflow.begun(-pending.answer.begunOctets);
  }
}

function lost(pending: Pending, why: string): Failure {
  return new Failure(pending.handedOver ? 'unknown' : 'unavailable', why);
}
