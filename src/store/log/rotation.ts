/** When a log goes on in its next file: one rotation at a time, and after one that failed the next only a little later. */
import type { Logger } from '../../lib/logging.ts';
import type { Clock } from '../../platform/platform.ts';
import { NO_SPACE_RETRY_MS } from './limits.ts';

export interface RotationOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly object: string;
  /** Creates the next file and turns to it. */
  readonly rotate: () => Promise<void>;
}

export class Rotation {
  readonly #options: RotationOptions;
  #running: Promise<void> | undefined;
  #notBeforeMs = 0;

  constructor(options: RotationOptions) {
    this.#options = options;
  }

  /** Somebody's wish: rejects when it fails. One under way is that rotation. */
  now(): Promise<void> {
    this.#running ??= this.#options.rotate().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** For a file that has grown large, which is no one's wish: a failure leaves it growing, and is tried again. */
  whenTime(): void {
    const { clock, logger, object } = this.#options;
    if (this.#running !== undefined || clock.monotonicMs() < this.#notBeforeMs) return;
    this.now().catch((error: unknown) => {
      this.#notBeforeMs = clock.monotonicMs() + NO_SPACE_RETRY_MS;
      logger.warn({ object, err: error }, 'a log file stays larger than it should');
    });
  }

  /** Resolves when none is under way, however that ended. */
  async ended(): Promise<void> {
    await this.#running?.catch(() => undefined);
  }
}
