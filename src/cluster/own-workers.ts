/** The workers of a supervisor's own member, as they say hello each Heartbeat. Pure. */
import type { Incarnation } from '../store/ids.ts';
import { NO_WORKER_FACTS, type WorkerFacts } from './facts.ts';
import type { Hello, WorkerInfo } from './messages.ts';

interface Heard {
  readonly hello: Hello;
  readonly at: number;
}

export class OwnWorkers {
  /** Long enough that one that is not listed any more does not call itself ready any more (readiness.ts). */
  readonly #unheardMs: number;
  readonly #heard = new Map<Incarnation, Heard>();

  constructor(unheardMs: number) {
    this.#unheardMs = unheardMs;
  }

  /** True for one that is new. */
  hello(now: number, hello: Hello): boolean {
    const { incarnation } = hello.worker;
    const isNew = !this.#heard.has(incarnation);
    this.#heard.set(incarnation, { hello, at: now });
    return isNew;
  }

  gone(incarnation: Incarnation): void {
    this.#heard.delete(incarnation);
  }

  /** Each Heartbeat: whoever was not heard for too long is none of ours any more. */
  tick(now: number): void {
    for (const [incarnation, { at }] of this.#heard)
      if (now - at >= this.#unheardMs) this.#heard.delete(incarnation);
  }

  infos(): WorkerInfo[] {
    return this.#hellos().map(({ worker }) => worker);
  }

  /** In the order of `infos`. */
  facts(): WorkerFacts[] {
    return this.#hellos().map(({ facts }) => facts ?? NO_WORKER_FACTS);
  }

  get haveSlots(): boolean {
    return this.#hellos().some(({ slots }) => slots > 0);
  }

  /** There is one, and all are. */
  get areReady(): boolean {
    const hellos = this.#hellos();
    return hellos.length > 0 && hellos.every(({ ready }) => ready);
  }

  #hellos(): Hello[] {
    return [...this.#heard.values()].map(({ hello }) => hello);
  }
}
