/**
 * A participant's care for reservations that stay: it asks the owner of the first log how the intent stands. The
 * question makes that owner open its log and carry the intent on; the answer 'closed' frees the names here.
 */
import type { SlotRouter } from '../cluster/types.ts';
import { failureCode } from '../lib/failure.ts';
import type { Logger } from '../lib/logging.ts';
import type { Clock } from '../platform/platform.ts';
import type { ObjectHost } from '../store/host/host.ts';
import type { Epoch, Slot } from '../store/ids.ts';
import type { OpenSlot } from '../store/slot/slot.ts';
import { intentKey, type Participation } from '../store/slot/types.ts';
import { writeIntentId } from './bodies.ts';
import { undo } from './participant.ts';
import { readCount, readFields, readText } from './wire.ts';

export interface ReservationCheckOptions {
  readonly host: ObjectHost;
  readonly router: SlotRouter;
  readonly clock: Clock;
  readonly logger: Logger;
}

const ASK_TIMEOUT_MS = 5000;
/** A reservation found when its slot is opened is asked about after this long; most are finished by then. */
const PATIENCE_MS = 2000;
/** Intents asked about at once; those beyond are asked about when somebody meets them again. */
const ASKED_MAX = 256;

export class ReservationCheck {
  readonly #options: ReservationCheckOptions;
  readonly #asked = new Set<string>();

  constructor(options: ReservationCheckOptions) {
    this.#options = options;
  }

  opened(open: OpenSlot): void {
    const old = open.state.reservations();
    if (old.length === 0) return;
    const timer = this.#options.clock.timer(PATIENCE_MS, () => {
      for (const { intent } of old) {
        const participation = open.state.participation(intent);
        if (participation?.state === 'reserved') this.check(participation, open.slot);
      }
    });
    void open.log.failed.then(() => timer.cancel());
  }

  /** Asks once at a time; the caller does not wait. */
  check(participation: Participation, slot: Slot): void {
    const key = `${slot} ${intentKey(participation.intent)}`;
    if (this.#asked.has(key) || this.#asked.size >= ASKED_MAX) return;
    this.#asked.add(key);
    this.#ask(slot, participation)
      .catch((error: unknown) =>
        this.#options.logger.debug({ err: error, slot }, 'asking about a reservation did not succeed'),
      )
      .finally(() => this.#asked.delete(key));
  }

  async #ask(slot: Slot, participation: Participation): Promise<void> {
    const { host, router } = this.#options;
    const { intent, object } = participation;
    const body = { intent: writeIntentId(intent) };
    const answer = readFields(
      await router.call(intent.slot, 'directory.intent', body, {
        timeoutMs: ASK_TIMEOUT_MS,
        repeatable: true,
      }),
    );
    if (readText(answer.state, 'state') !== 'closed') return;
    // The owner closes an intent only when every participant has confirmed, so this reservation came too late to be
    // one of it: a decided intent has no reservation left.
    const step = { intent, epoch: readCount(answer.epoch, 'epoch') as Epoch, lowestOpen: 0 };
    try {
      await host.run(slot, async () => (await host.slot(slot)).change((draft) => undo(draft, step, object)));
    } catch (error) {
      if (failureCode(error) !== 'moved') throw error;
    }
  }
}
