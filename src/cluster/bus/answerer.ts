/** The calls and notices that came in on one accepted connection: puts requests together, runs handlers, answers. */
import { Failure, failureCode } from '../../lib/failure.ts';
import type { Logger } from '../../lib/logging.ts';
import { Assembler } from './assembler.ts';
import { decodeRequest, encodeBody, encodeFailure } from './body.ts';
import { type Frame, FrameFlag, FrameType } from './frame.ts';
import type { Gate } from './gate.ts';
import type { Inflow } from './inflow.ts';
import type { BusLimits } from './limits.ts';
import type { Lane, Outbox } from './outbox.ts';
import type { Body, CallContext, Peer } from './types.ts';

export type CallHandler = (body: Body, context: CallContext) => unknown;
export type NoticeHandler = (body: Body, from: Peer) => void;

export interface AnswererOptions {
  readonly peer: Peer;
  readonly outbox: Outbox;
  readonly inflow: Inflow;
  readonly limits: BusLimits;
  /** What the peer takes, from its hello. */
  readonly answerOctetsMax: number;
  readonly urgentOctetsMax: number;
  readonly calls: ReadonlyMap<string, CallHandler>;
  readonly notices: ReadonlyMap<string, NoticeHandler>;
  /** Says who may ask what; undefined where there are no certificates. */
  readonly gate: Gate | undefined;
  readonly logger: Logger;
}

/** A call that is being received or answered. */
class Incoming {
  readonly urgent: boolean;
  readonly assembler = new Assembler();
  /** The answer, once it waits to be sent. */
  lane: Lane | undefined;
  #controller: AbortController | undefined;
  #over: Error | undefined;

  constructor(urgent: boolean) {
    this.urgent = urgent;
  }

  /** Made when a handler asks for it; few do. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#over !== undefined) this.#controller.abort(this.#over);
    return this.#controller.signal;
  }

  abort(why: Error): void {
    this.#over = why;
    this.#controller?.abort(why);
  }
}

export class Answerer {
  readonly #options: AnswererOptions;
  /** Until they are answered or cancelled. */
  readonly #calls = new Map<number, Incoming>();
  readonly #notices = new Map<number, Assembler>();
  /** Handlers that have not come back, those of cancelled calls too. */
  #running = 0;

  constructor(options: AnswererOptions) {
    this.#options = options;
  }

  /** A piece of a request. */
  call(frame: Frame): string | undefined {
    const refused = this.#received(frame);
    if (refused !== undefined) return refused;
    let incoming = this.#calls.get(frame.id);
    if ((frame.flags & FrameFlag.first) !== 0) {
      if (incoming !== undefined) return `call ${frame.id} began twice`;
      incoming = new Incoming((frame.flags & FrameFlag.urgent) !== 0);
      this.#calls.set(frame.id, incoming);
    }
    // The rest of a call that was refused when it began.
    if (incoming === undefined) return undefined;
    if (this.#running + this.#calls.size > 2 * this.#options.limits.callsMax)
      return this.#fail(frame.id, incoming, new Failure('unavailable', 'too many calls at once'));
    const step = this.#assemble(incoming.assembler, frame);
    if (step === undefined || typeof step === 'string') return step;
    return this.#run(frame.id, incoming, step);
  }

  /** A piece of a notice. */
  notice(frame: Frame): string | undefined {
    const refused = this.#received(frame);
    if (refused !== undefined) return refused;
    const assembler = this.#notices.get(frame.id) ?? new Assembler();
    const step = this.#assemble(assembler, frame);
    if (step === undefined) {
      this.#notices.set(frame.id, assembler);
      return this.#notices.size > this.#options.limits.callsMax ? 'too many notices at once' : undefined;
    }
    this.#notices.delete(frame.id);
    if (typeof step === 'string') return step;
    const request = decodeRequest(step);
    if (typeof request === 'string') return request;
    const { notices, logger, peer, gate } = this.#options;
    // A refusal is logged; a notice has no answer.
    if (gate?.admit(request.service, request.body, peer) instanceof Failure) return undefined;
    const handler = notices.get(request.service);
    if (handler === undefined) {
      logger.debug({ service: request.service, from: peer.member }, 'notice for nobody');
      return undefined;
    }
    try {
      handler(request.body, peer);
    } catch (err) {
      logger.error({ err, service: request.service, from: peer.member }, 'notice handler failed');
    }
    return undefined;
  }

  /** The caller gave up: nothing is sent to it any more. */
  cancel(id: number): void {
    const incoming = this.#calls.get(id);
    if (incoming === undefined) return;
    this.#end(id, incoming, new Failure('unknown', 'cancelled by the caller'));
  }

  closed(why: string): void {
    for (const [id, incoming] of this.#calls) this.#end(id, incoming, new Failure('unknown', why));
    this.#notices.clear();
  }

  #received(frame: Frame): string | undefined {
    return (frame.flags & FrameFlag.urgent) === 0
      ? this.#options.inflow.received(frame.payload.length)
      : undefined;
  }

  /** The whole message, or nothing yet, or why it is bad. */
  #assemble(assembler: Assembler, frame: Frame): Buffer | string | undefined {
    const { inflow, limits } = this.#options;
    const max = (frame.flags & FrameFlag.urgent) === 0 ? limits.callOctetsMax : limits.urgentOctetsMax;
    const before = assembler.begunOctets;
    const step = assembler.take(frame, max);
    if (step.kind === 'bad') return step.why;
    const why = inflow.begun(assembler.begunOctets - before);
    if (why !== undefined) return why;
    return step.kind === 'value' ? step.value : undefined;
  }

  #run(id: number, incoming: Incoming, octets: Buffer): string | undefined {
    const { calls, inflow, peer, gate } = this.#options;
    const decoded = decodeRequest(octets);
    if (typeof decoded === 'string') return this.#fail(id, incoming, new Failure('invalid', decoded));
    const request = gate?.admit(decoded.service, decoded.body, peer) ?? { ...decoded, from: peer };
    if (request instanceof Failure) return this.#fail(id, incoming, request);
    const handler = calls.get(request.service);
    if (handler === undefined)
      return this.#fail(id, incoming, new Failure('unavailable', `no service ${request.service} here`));
    inflow.held(octets.length);
    this.#running++;
    const settled = (): void => {
      this.#running--;
      inflow.held(-octets.length);
    };
    const context: CallContext = {
      from: request.from,
      get signal() {
        return incoming.signal;
      },
    };
    let result: unknown;
    try {
      result = handler(request.body, context);
    } catch (error) {
      settled();
      return this.#refuse(id, incoming, request.service, error);
    }
    if (!(result instanceof Promise)) {
      settled();
      this.#answer(id, incoming, request.service, result);
      return undefined;
    }
    result.then(
      (body: Body) => {
        settled();
        this.#answer(id, incoming, request.service, body);
      },
      (error: unknown) => {
        settled();
        this.#refuse(id, incoming, request.service, error);
      },
    );
    return undefined;
  }

  #answer(id: number, incoming: Incoming, service: string, body: Body): void {
    if (this.#calls.get(id) !== incoming) return;
    const { outbox, answerOctetsMax, urgentOctetsMax } = this.#options;
    let payload: Buffer;
    try {
      payload = encodeBody(body);
    } catch (error) {
      this.#refuse(id, incoming, service, error);
      return;
    }
    if (payload.length > answerOctetsMax) {
      // The work is done, only its answer cannot be told: for the caller that is 'unknown'.
      this.#fail(id, incoming, new Failure('unknown', `answer of ${payload.length} octets is too long`));
      return;
    }
    if (incoming.urgent && payload.length <= urgentOctetsMax) {
      this.#calls.delete(id);
      outbox.urgent(FrameType.answer, id, payload);
    } else incoming.lane = outbox.call(FrameType.answer, id, payload, () => this.#calls.delete(id));
  }

  #refuse(id: number, incoming: Incoming, service: string, error: unknown): undefined {
    if (failureCode(error) === undefined)
      this.#options.logger.error(
        { err: error, service, from: this.#options.peer.member },
        'call handler failed',
      );
    if (this.#calls.get(id) === incoming) this.#fail(id, incoming, error);
  }

  #fail(id: number, incoming: Incoming, error: unknown): undefined {
    this.#options.inflow.begun(-incoming.assembler.begunOctets);
    this.#calls.delete(id);
    this.#options.outbox.control(FrameType.failure, id, encodeFailure(error));
  }

  #end(id: number, incoming: Incoming, why: Error): void {
    this.#options.inflow.begun(-incoming.assembler.begunOctets);
    this.#calls.delete(id);
    if (incoming.lane !== undefined) this.#options.outbox.drop(incoming.lane);
    incoming.abort(why);
  }
}
