/**
 * Streams of one connection, both sides. What a peer may send on a stream is bounded by that stream's own credit, returned
 * as its messages are consumed: a consumer that is slow stops its own sender and nobody else. A message longer than the
 * credit goes in pieces: while its consumer waits for it, the credit of what came already is returned at once.
 */
import { Failure } from '../../lib/failure.ts';
import type { Logger } from '../../lib/logging.ts';
import { Assembler } from './assembler.ts';
import { decodeBody, decodeFailure, decodeRequest, encodeFailure, encodeMessage } from './body.ts';
import { Fifo } from './fifo.ts';
import { type Frame, FrameFlag, FrameType } from './frame.ts';
import type { Gate } from './gate.ts';
import { creditPayload } from './inflow.ts';
import type { BusLimits } from './limits.ts';
import { Lane, type Outbox } from './outbox.ts';
import type { Share } from './shares.ts';
import type { Body, BusStream, Peer } from './types.ts';

export type StreamHandler = (body: Body, stream: BusStream) => void;

export interface StreamsOptions {
  readonly peer: Peer;
  readonly outbox: Outbox;
  readonly limits: BusLimits;
  /** What the peer takes, from its hello. */
  readonly peerCredit: number;
  readonly peerMessageOctetsMax: number;
  readonly handlers: ReadonlyMap<string, StreamHandler>;
  /** Says who may open what; undefined where there are no certificates. */
  readonly gate: Gate | undefined;
  /** Of the member at the other end; undefined where nobody is proven. */
  readonly share?: Share | undefined;
  readonly logger: Logger;
}

/** All streams of a connection. */
export class Streams {
  readonly #options: StreamsOptions;
  readonly #streams = new Map<number, Stream>();
  /** Octets of messages that wait for a consumer, all streams together. */
  #held = 0;

  constructor(options: StreamsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#streams.size;
  }

  has(id: number): boolean {
    return this.#streams.has(id);
  }

  /** Opens a stream from this side. */
  open(id: number, request: Buffer): BusStream {
    const { limits, outbox, peerMessageOctetsMax } = this.#options;
    if (this.#streams.size >= limits.streamsMax)
      throw new Failure('unavailable', 'too many streams to this peer');
    if (request.length > peerMessageOctetsMax) throw new Failure('limit', 'body too long to open a stream');
    const stream = this.#make(id);
    outbox.stream(stream.lane, FrameType.open, [request]);
    return stream;
  }

  /** A piece of the request that opens a stream, or of a message. Frames of streams that are over are passed over. */
  message(frame: Frame): string | undefined {
    if ((frame.flags & FrameFlag.urgent) !== 0) return 'an urgent stream message';
    let stream = this.#streams.get(frame.id);
    if (frame.type === FrameType.open && (frame.flags & FrameFlag.first) !== 0) {
      if (stream !== undefined) return `stream ${frame.id} was opened twice`;
      stream = this.#make(frame.id);
      // When it begins, not when its body is whole: what is begun costs memory too.
      if (this.#streams.size > this.#options.limits.streamsMax) {
        stream.reset(new Failure('unavailable', 'too many streams'));
        return undefined;
      }
    }
    if (stream === undefined) return undefined;
    const step = stream.received(frame);
    if (step === undefined || typeof step === 'string') return step;
    return this.#opened(stream, step);
  }

  fin(frame: Frame): void {
    this.#streams.get(frame.id)?.finished();
  }

  resetByPeer(frame: Frame): string | undefined {
    const failure = decodeFailure(frame.payload);
    if (typeof failure === 'string') return failure;
    this.#streams.get(frame.id)?.over(failure);
    return undefined;
  }

  credit(id: number, octets: number): string | undefined {
    const stream = this.#streams.get(id);
    if (stream === undefined) return undefined;
    if (stream.lane.credit + octets > this.#options.peerCredit) return 'more credit than the hello said';
    this.#options.outbox.streamCredit(stream.lane, octets);
    return undefined;
  }

  closed(why: string): void {
    for (const stream of this.#streams.values()) stream.over(new Failure('unknown', why));
  }

  #opened(stream: Stream, octets: Buffer): string | undefined {
    const request = decodeRequest(octets);
    if (typeof request === 'string') return request;
    const { handlers, logger, peer, gate } = this.#options;
    const refused = gate?.admit(request.service, request.body, peer);
    if (refused instanceof Failure) {
      stream.reset(refused);
      return undefined;
    }
    const handler = handlers.get(request.service);
    if (handler === undefined) {
      stream.reset(new Failure('unavailable', `no stream service ${request.service} here`));
      return undefined;
    }
    try {
      handler(request.body, stream);
    } catch (error) {
      if (!(error instanceof Failure))
        logger.error({ err: error, service: request.service, from: peer.member }, 'stream handler failed');
      stream.reset(error instanceof Error ? error : new Error(String(error)));
    }
    return undefined;
  }

  #make(id: number): Stream {
    const { peer, outbox, limits, share, peerCredit, peerMessageOctetsMax } = this.#options;
    const stream = new Stream({
      id,
      peer,
      outbox,
      limits,
      peerCredit,
      peerMessageOctetsMax,
      hold: (change) => {
        this.#held += change;
        const isShareKept = share?.heldByStreams(change) !== false;
        return change <= 0 || (isShareKept && this.#held <= limits.heldStreamOctetsMax);
      },
      forget: () => this.#streams.delete(id),
    });
    this.#streams.set(id, stream);
    return stream;
  }
}

interface StreamOptions {
  readonly id: number;
  readonly peer: Peer;
  readonly outbox: Outbox;
  readonly limits: BusLimits;
  readonly peerCredit: number;
  readonly peerMessageOctetsMax: number;
  /** Octets waiting for the consumer changed; false when that is too much for the connection. */
  readonly hold: (change: number) => boolean;
  readonly forget: () => void;
}

interface Waiting {
  readonly octets: Buffer;
  /** Octets of the frames it came in. */
  readonly held: number;
  /** Octets whose credit has not been returned. */
  readonly unreturned: number;
}

class Stream implements BusStream {
  readonly peer: Peer;
  readonly lane: Lane;
  readonly #options: StreamOptions;
  readonly #controller = new AbortController();
  readonly #assembler = new Assembler();
  readonly #queue = new Fifo<Waiting>();
  readonly #sends = new Fifo<{ readonly resolve: () => void; readonly reject: (reason: Failure) => void }>();
  /** Octets received and not returned as credit: waiting, being put together, or owed. */
  #outstanding = 0;
  /** Octets to be returned with the next credit frame. */
  #owed = 0;
  /** Octets of the message being put together whose credit has not been returned. */
  #unreturned = 0;
  /** Octets of the frames of the message being put together. */
  #part = 0;
  #held = 0;
  #wake: (() => void) | undefined;
  /** A stream begins, on both sides, with the message that opened it. */
  #peerEnded = false;
  #weEnded = false;
  #finLeft = false;
  #failure: Failure | undefined;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.peer = options.peer;
    this.lane = new Lane(options.id, options.peerCredit);
  }

  get closed(): AbortSignal {
    return this.#controller.signal;
  }

  send(message: Body): Promise<void> {
    const { limits, outbox, peerMessageOctetsMax } = this.#options;
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#weEnded) return Promise.reject(new Failure('unavailable', 'this side of the stream has ended'));
    let parts: readonly Buffer[];
    try {
      parts = encodeMessage(message);
    } catch (error) {
      return Promise.reject(error);
    }
    const octets = parts.reduce((sum, part) => sum + part.length, 0);
    if (octets > peerMessageOctetsMax)
      return Promise.reject(new Failure('limit', `stream message of ${octets} octets`));
    if (this.lane.queuedOctets + octets > limits.streamQueuedOctetsMax)
      return Promise.reject(new Failure('limit', 'too many stream messages wait for credit'));
    return new Promise<void>((resolve, reject) => {
      this.#sends.push({ resolve, reject });
      outbox.stream(this.lane, FrameType.message, parts, () => this.#sends.shift()?.resolve());
    });
  }

  /** One loop at a time; a loop that was left may be taken up by another. */
  readonly messages: AsyncIterable<Body> = {
    [Symbol.asyncIterator]: (): AsyncIterator<Body> => ({
      next: () => this.#next(),
      return: () => Promise.resolve({ done: true, value: undefined }),
    }),
  };

  end(): void {
    if (this.#weEnded || this.#failure !== undefined) return;
    this.#weEnded = true;
    this.#options.outbox.stream(this.lane, FrameType.fin, [], () => {
      this.#finLeft = true;
      this.#closeIfDone();
    });
  }

  reset(reason: Error): void {
    if (this.#failure !== undefined || this.#controller.signal.aborted) return;
    this.#options.outbox.drop(this.lane);
    this.#options.outbox.control(FrameType.reset, this.#options.id, encodeFailure(reason));
    this.#fail(
      reason instanceof Failure ? reason : new Failure('unknown', reason.message, { cause: reason }),
    );
  }

  /** A frame came; gives the request that opened the stream when it is whole, or a reason. */
  received(frame: Frame): Buffer | string | undefined {
    const { limits } = this.#options;
    if (this.#peerEnded) return 'a message after the end of its stream';
    this.#outstanding += frame.payload.length;
    if (this.#outstanding > limits.streamCredit + limits.frameOctetsMax)
      return 'more than the credit of a stream';
    const step = this.#assembler.take(frame, limits.streamMessageOctetsMax);
    if (step.kind === 'bad') return step.why;
    this.#unreturned += frame.payload.length;
    this.#part += frame.payload.length;
    if (!this.#hold(frame.payload.length)) {
      this.reset(new Failure('limit', 'too much waits to be read on this connection'));
      return undefined;
    }
    if (step.kind === 'more') {
      if (this.#queue.length === 0) this.#returnPart();
      return undefined;
    }
    const unreturned = this.#unreturned;
    const held = this.#part;
    this.#unreturned = 0;
    this.#part = 0;
    if (frame.type === FrameType.open) {
      this.#hold(-held);
      this.#return(unreturned);
      return step.value;
    }
    this.#queue.push({ octets: step.value, held, unreturned });
    this.#wakeUp();
    return undefined;
  }

  /** The peer sends no more. */
  finished(): void {
    this.#peerEnded = true;
    this.#wakeUp();
    this.#closeIfDone();
  }

  /** The stream is over: the peer reset it, or the connection went. */
  over(failure: Failure): void {
    if (this.#failure !== undefined || this.#controller.signal.aborted) return;
    this.#options.outbox.drop(this.lane);
    this.#fail(failure);
  }

  async #next(): Promise<IteratorResult<Body>> {
    for (;;) {
      const waiting = this.#queue.shift();
      if (waiting !== undefined) return this.#consume(waiting);
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#peerEnded) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #consume(waiting: Waiting): IteratorResult<Body> {
    this.#hold(-waiting.held);
    this.#return(waiting.unreturned);
    if (this.#queue.length === 0) this.#returnPart();
    const decoded = decodeBody(waiting.octets);
    if (typeof decoded !== 'string') return { done: false, value: decoded.body };
    const failure = new Failure('invalid', decoded);
    this.reset(failure);
    throw failure;
  }

  /** Returns the credit of the message that is being put together: nobody can consume it before it is whole. */
  #returnPart(): void {
    const octets = this.#unreturned;
    this.#unreturned = 0;
    this.#return(octets);
  }

  #return(octets: number): void {
    this.#owed += octets;
    if (this.#owed < this.#options.limits.streamCredit / 2 || this.#failure !== undefined) return;
    this.#options.outbox.control(FrameType.credit, this.#options.id, creditPayload(this.#owed));
    this.#outstanding -= this.#owed;
    this.#owed = 0;
  }

  #hold(change: number): boolean {
    // What is left to be read of a stream that is over is its consumer's own, and perhaps nobody's.
    if (this.#controller.signal.aborted) return true;
    this.#held += change;
    return this.#options.hold(change);
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  #closeIfDone(): void {
    if (!this.#peerEnded || !this.#finLeft) return;
    this.#hold(-this.#held);
    this.#options.forget();
    this.#controller.abort(new Failure('unavailable', 'the stream has ended'));
  }

  #fail(failure: Failure): void {
    this.#failure = failure;
    this.#queue.clear();
    this.#hold(-this.#held);
    for (let send = this.#sends.shift(); send !== undefined; send = this.#sends.shift()) send.reject(failure);
    this.#options.forget();
    this.#wakeUp();
    this.#controller.abort(failure);
  }
}
