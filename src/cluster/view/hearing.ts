/**
 * What one process knows of the controller by its statements. Pure. "To hear the controller is to get that statement
 * with authority in it"; "who has answered a controller refuses smaller" control epochs: every statement is answered,
 * and so is a candidate's question.
 */
import type { Address } from '../../platform/platform.ts';
import type { Statement } from '../messages.ts';

export interface Heard {
  readonly member: string;
  readonly address: Address;
  readonly controlEpoch: number;
}

export class Hearing {
  #accepted = 0;
  #heardAt: number | undefined;
  #last: Statement | undefined;

  /** False when the statement is of a smaller control epoch than one already answered, and so is refused. */
  statement(now: number, statement: Statement): boolean {
    if (!this.accept(statement.controlEpoch)) return false;
    const last = this.#last;
    if (last?.controlEpoch === statement.controlEpoch && last.counter > statement.counter) return true;
    this.#last = statement;
    if (statement.authorityLeftMs > 0) this.#heardAt = now;
    return true;
  }

  /** A message of this control epoch is about to be answered. False when it must be refused. */
  accept(controlEpoch: number): boolean {
    if (controlEpoch < this.#accepted) return false;
    this.#accepted = controlEpoch;
    return true;
  }

  get accepted(): number {
    return this.#accepted;
  }

  /** The newest statement, of the accepted control epoch only. */
  get last(): Statement | undefined {
    return this.#last?.controlEpoch === this.#accepted ? this.#last : undefined;
  }

  /** Who stated last, whatever control epoch has been answered since. */
  get lastMember(): string | undefined {
    return this.#last?.member;
  }

  /** Milliseconds since a statement with authority came; undefined: never. */
  heardAgoMs(now: number): number | undefined {
    return this.#heardAt === undefined ? undefined : now - this.#heardAt;
  }

  /** Who to talk to: the sender of the newest statement, unless a candidate with a larger epoch was answered since. */
  controller(): Heard | undefined {
    const last = this.last;
    return last && { member: last.member, address: last.address, controlEpoch: last.controlEpoch };
  }
}
