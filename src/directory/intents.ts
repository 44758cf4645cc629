/**
 * Operations on an object whose names lie in several slots: rename, aliases, delete (docs/architecture.md, section 3
 * rule 5). The owner of the object entry's slot writes an intent in that slot's log, reserves at every participant (its
 * own slot goes the same way), and one *decided* record commits. Before that record an intent can only be undone, after
 * it only finished, by whoever owns the log; a closed record ends it when every participant has confirmed.
 *
 * Only the opening of the slot that began an intent may decide it. Any later opening, also by the same worker, undoes
 * what is not decided: the earlier one can write no more, for its log was given up.
 */
import { Failure, failureCode } from '../lib/failure.ts';
import type { Logger } from '../lib/logging.ts';
import type { Clock } from '../platform/platform.ts';
import type { ObjectHost } from '../store/host/host.ts';
import { type ObjectId, objectKey, type Slot } from '../store/ids.ts';
import type { StepRecord } from '../store/slot/records.ts';
import type { Draft, OpenSlot } from '../store/slot/slot.ts';
import {
  type Intent,
  type IntentChange,
  type IntentId,
  intentKey,
  type Name,
  nameKey,
} from '../store/slot/types.ts';
import { slotOf } from '../store/slots.ts';
import type { Share } from './participant.ts';
import { someAtOnce } from './some-at-once.ts';

export type StepKind = 'reserve' | 'finish' | 'undo';

/** Takes a step to the owner of a participating slot, wherever it is. */
export type SendStep = (
  slot: Slot,
  kind: StepKind,
  step: StepRecord,
  share: Share,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
) => Promise<void>;

export interface IntentOptions {
  readonly host: ObjectHost;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly send: SendStep;
  /** Told when a deletion has been decided, durably. */
  readonly deleted: (object: ObjectId) => void;
}

/** One try of a step at one participant. */
const STEP_TIMEOUT_MS = 3000;
/** Steps of one intent under way at once. */
const STEPS_AT_ONCE = 8;
/** Steps under way at once when it has been decided how it ends: participants that are away are waited for among them. */
const LAST_STEPS_AT_ONCE = 32;
const RETRY_MS = 100;
const RETRY_MS_MAX = 2000;

/** How an operation came out, for those who wait for it. */
interface Run {
  /** Durable; resolves also when an earlier owner had decided it. Rejects when it was undone or its log has gone. */
  readonly decided: Promise<void>;
  /** Every participant has confirmed. Rejects as `decided` does. */
  readonly closed: Promise<void>;
}

export class Intents {
  readonly #options: IntentOptions;
  readonly #slots = new WeakMap<OpenSlot, SlotIntents>();

  constructor(options: IntentOptions) {
    this.#options = options;
  }

  /** Carries on what an opened slot holds. */
  opened(open: OpenSlot): void {
    const intents = this.#of(open);
    for (const intent of open.state.intents()) intents.run(intent.id, 'carry-on');
  }

  /**
   * Runs an intent that this opening of the slot has just written; to be called in the turn that wrote it, so that no
   * repeated request takes it for one that an earlier owner left open.
   */
  begin(open: OpenSlot, id: IntentId): Run {
    return this.#of(open).run(id, 'begin');
  }

  /** The run of an intent that is open in this slot. */
  running(open: OpenSlot, id: IntentId): Run {
    return this.#of(open).run(id, 'carry-on');
  }

  #of(open: OpenSlot): SlotIntents {
    let intents = this.#slots.get(open);
    if (intents === undefined) this.#slots.set(open, (intents = new SlotIntents(open, this.#options)));
    return intents;
  }
}

/** Puts the record of a new intent; the check that the object has none open is the caller's. */
export function openIntent(
  draft: Draft,
  open: OpenSlot,
  what: {
    readonly object: ObjectId;
    readonly request: string;
    readonly change: IntentChange;
    readonly before: readonly Name[];
    readonly after: readonly Name[];
  },
): IntentId {
  const id = { slot: open.slot, epoch: open.lease.epoch, modseq: draft.nextModseq };
  const { object, request, change, before, after } = what;
  const intent = { object, request, change, add: without(after, before), drop: without(before, after) };
  draft.put({ kind: 'intent-opened', intent: { id, state: 'open', ...intent } });
  return id;
}

function without(names: readonly Name[], others: readonly Name[]): readonly Name[] {
  const keys = new Set(others.map(nameKey));
  return names.filter((name) => !keys.has(nameKey(name)));
}

/** The intents of one opening of a slot; ends with it. */
class SlotIntents {
  readonly #open: OpenSlot;
  readonly #options: IntentOptions;
  readonly #over = new AbortController();
  readonly #runs = new Map<string, Run>();

  constructor(open: OpenSlot, options: IntentOptions) {
    this.#open = open;
    this.#options = options;
    void open.log.failed.then((reason) =>
      this.#over.abort(new Failure('unknown', `slot ${open.slot}: ${reason.message}`, { cause: reason })),
    );
  }

  run(id: IntentId, how: 'begin' | 'carry-on'): Run {
    const key = intentKey(id);
    const running = this.#runs.get(key);
    if (running !== undefined) return running;
    const decided = Promise.withResolvers<void>();
    const closed = this.#drive(id, how, decided.resolve).finally(() => this.#runs.delete(key));
    closed.catch(decided.reject);
    decided.promise.catch(() => undefined); // nobody needs to wait for it
    const run = { decided: decided.promise, closed };
    this.#runs.set(key, run);
    return run;
  }

  async #drive(id: IntentId, how: 'begin' | 'carry-on', decided: () => void): Promise<void> {
    const refusal = how === 'begin' ? await this.#reserveAndDecide(id) : await this.#beSure();
    const intent = this.#intent(id);
    const isDecided = intent.state === 'decided';
    if (isDecided) {
      // Settled, or found in the log: no later owner can see it undecided.
      if (intent.change.kind === 'delete') this.#options.deleted(intent.object);
      decided();
    }
    await this.#insist(isDecided ? 'finish' : 'undo', intent);
    await this.#close(id);
    if (!isDecided) throw refusal ?? new Failure('unavailable', `intent ${intentKey(id)} was undone`);
  }

  /**
   * An intent found in the log ends as this log says, but only once a later owner is sure to find the same: a log that
   * could not be taken yet (no space) is read all the same, and what it does not show may still count for others.
   */
  async #beSure(): Promise<undefined> {
    for (let pauseMs = RETRY_MS; ; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
      try {
        await this.#change(() => undefined);
        return undefined;
      } catch {
        this.#over.signal.throwIfAborted();
        await this.#options.clock.sleep(pauseMs, this.#over.signal);
      }
    }
  }

  /** Gives the reason why it is to be undone, if it is. */
  async #reserveAndDecide(id: IntentId): Promise<unknown> {
    // In this turn its record is only planned. Nobody may hear of an intent that a later owner might not find.
    await Promise.resolve();
    await this.#open.read(() => undefined);
    try {
      const intent = this.#intent(id);
      await someAtOnce(STEPS_AT_ONCE, sharesOf(intent), ([slot, share]) =>
        this.#send(slot, 'reserve', intent, share),
      );
      await this.#change(({ put }) => put({ kind: 'intent-decided', intent: id }));
      return undefined;
    } catch (error) {
      this.#over.signal.throwIfAborted();
      // Applied, yet not known to be durable: only who opens the log again can tell.
      if (this.#intent(id).state === 'decided') throw error;
      return error;
    }
  }

  async #close(id: IntentId): Promise<void> {
    for (;;) {
      try {
        return await this.#change(({ put }) => put({ kind: 'intent-closed', intent: id }));
      } catch (error) {
        this.#over.signal.throwIfAborted();
        if (this.#open.state.intent(id) === undefined) throw error;
        await this.#options.clock.sleep(RETRY_MS_MAX, this.#over.signal);
      }
    }
  }

  #intent(id: IntentId): Intent {
    const intent = this.#open.state.intent(id);
    if (intent === undefined) throw new Failure('damaged', `intent ${intentKey(id)} is not in its log`);
    return intent;
  }

  /**
   * Sends until every participant has confirmed, for as long as this opening lasts: in rounds, so that those who are
   * away keep nobody else waiting.
   */
  async #insist(kind: 'finish' | 'undo', intent: Intent): Promise<void> {
    let shares: ReadonlyMap<Slot, Share> = sharesOf(intent);
    for (let pauseMs = RETRY_MS; ; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
      const left = new Map<Slot, Share>();
      await someAtOnce(LAST_STEPS_AT_ONCE, shares, async ([slot, share]) => {
        try {
          await this.#send(slot, kind, intent, share);
        } catch (error) {
          this.#over.signal.throwIfAborted();
          left.set(slot, share);
          this.#noteTry(error, slot, kind, intent);
        }
      });
      if (left.size === 0) return;
      shares = left;
      await this.#options.clock.sleep(pauseMs, this.#over.signal);
    }
  }

  #noteTry(error: unknown, slot: Slot, kind: StepKind, intent: Intent): void {
    const fields = { err: error, slot, intent: intentKey(intent.id), object: objectKey(intent.object) };
    // A participant never refuses these of the owner of the first log: somebody has to look.
    if (failureCode(error) === 'refused') this.#options.logger.error(fields, `${kind} was refused`);
    else this.#options.logger.debug(fields, `${kind} did not succeed yet`);
  }

  #send(slot: Slot, kind: StepKind, intent: Intent, share: Share): Promise<void> {
    const { lease, state } = this.#open;
    const step = { intent: intent.id, epoch: lease.epoch, lowestOpen: state.lowestOpen() };
    return this.#options.send(slot, kind, step, share, {
      timeoutMs: STEP_TIMEOUT_MS,
      signal: this.#over.signal,
    });
  }

  /** A change of our own log, which a planned move waits for. */
  #change(decide: (draft: Draft) => void): Promise<void> {
    return this.#options.host.run(this.#open.slot, () => this.#open.change(decide));
  }
}

/** What each slot has to do for an intent, by slot. */
function sharesOf(intent: Pick<Intent, 'object' | 'add' | 'drop'>): ReadonlyMap<Slot, Share> {
  const shares = new Map<Slot, { object: ObjectId; add: Name[]; drop: Name[] }>();
  const shareOf = ({ domainId, name }: Name) => {
    const slot = slotOf(domainId, name);
    let share = shares.get(slot);
    if (share === undefined) shares.set(slot, (share = { object: intent.object, add: [], drop: [] }));
    return share;
  };
  for (const name of intent.add) shareOf(name).add.push(name);
  for (const name of intent.drop) shareOf(name).drop.push(name);
  return shares;
}
