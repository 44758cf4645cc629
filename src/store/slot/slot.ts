/**
 * An open slot: its log and its state. Every change and every answer goes through `change` and `read`, which keep the
 * pattern of the log (src/store/log/types.ts): decide and apply in one turn, show only what has settled. A refusal is
 * an answer too, and waits in the same way.
 */
import { DecodeError } from '../../lib/encoder.ts';
import { Failure } from '../../lib/failure.ts';
import { type DomainId, type ObjectId, objectKey, type Slot } from '../ids.ts';
import type { Lease, Log, LogRecord } from '../log/types.ts';
import { slotDigits } from './path.ts';
import { decodeChange, encodeChange, SLOT_RECORD_TYPES, type SlotChange, typeOf } from './records.ts';
import { SlotState } from './state.ts';

/** Collects the records of one change; they count together or not at all. */
export interface Draft {
  readonly state: SlotState;
  /** Modseq of the next record put; with the lease's epoch it makes a serial or an intent's id. */
  readonly nextModseq: number;
  readonly put: (change: SlotChange) => void;
}

export interface OpenSlotOptions {
  readonly slot: Slot;
  readonly lease: Lease;
  openLog(replay: (record: LogRecord) => void, knownTypes: ReadonlySet<number>): Promise<Log>;
}

/** The object key in the first record of a slot's log. */
export function slotObjectKey(slot: Slot): string {
  return objectKey({
    domainId: 0 as DomainId,
    name: `slot-${slotDigits(slot)}`,
    serial: '0',
  });
}

export class OpenSlot {
  readonly slot: Slot;
  readonly lease: Lease;
  readonly state: SlotState;
  readonly log: Log;

  private constructor(options: OpenSlotOptions, state: SlotState, log: Log) {
    this.slot = options.slot;
    this.lease = options.lease;
    this.state = state;
    this.log = log;
  }

  static async open(options: OpenSlotOptions): Promise<OpenSlot> {
    const state = new SlotState(options.slot);
    const replay = ({ type, modseq, payload }: LogRecord) => state.apply(modseq, decode(type, payload));
    return new OpenSlot(options, state, await options.openLog(replay, SLOT_RECORD_TYPES));
  }

  /**
   * Changes the slot: `decide` looks at the state and puts records, or throws, all in one turn. Resolves with what it
   * returned when its records, and all that it saw, are durable and the lease was held after that. When nothing was
   * put it is a read.
   */
  async change<T>(decide: (draft: Draft) => T): Promise<T> {
    await this.log.writable();
    return this.read(() => {
      const changes: SlotChange[] = [];
      const { state } = this;
      const first = state.modseq + 1;
      const draft: Draft = {
        state,
        get nextModseq() {
          return first + changes.length;
        },
        put: (change) => void changes.push(change),
      };
      const result = decide(draft);
      if (changes.length === 0) return result;
      this.log.append(
        changes.map((change, index) => ({
          type: typeOf(change),
          modseq: first + index,
          payload: [encodeChange(change)],
        })),
      );
      for (const [index, change] of changes.entries()) state.apply(first + index, change);
      return result;
    });
  }

  /** An answer from the state, given when all that it may show has settled. */
  async read<T>(look: (state: SlotState) => T): Promise<T> {
    let answer: { readonly value: T } | { readonly refusal: unknown };
    try {
      answer = { value: look(this.state) };
    } catch (refusal) {
      answer = { refusal };
    }
    await this.log.settled();
    if ('refusal' in answer) throw answer.refusal;
    return answer.value;
  }

  close(): Promise<void> {
    return this.log.close();
  }
}

/** The serial of an object made by the record with this modseq (docs/architecture.md, section 8, 1). */
export function serialOf(lease: Lease, modseq: number): string {
  return `${lease.epoch.toString(16)}-${modseq.toString(16)}`;
}

/** For an error message: which object. */
export function describeObject(id: ObjectId): string {
  return `object ${objectKey(id)}`;
}

function decode(type: number, payload: Buffer): SlotChange {
  try {
    return decodeChange(type, payload);
  } catch (error) {
    if (error instanceof DecodeError)
      throw new Failure('damaged', `slot log: record of type ${type}: ${error.message}`, { cause: error });
    throw error;
  }
}
