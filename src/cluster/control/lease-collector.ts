/** Asks workers which of their leases are running: one question at a time to each, and only its own answer counts. */
import type { Clock } from '../../platform/platform.ts';
import type { Incarnation } from '../../store/ids.ts';
import type { Bus } from '../bus/types.ts';
import { readLeasesAnswer, Service, type WorkerInfo } from '../messages.ts';
import type { ClusterLogger } from '../types.ts';
import type { Collected } from './types.ts';

export interface LeaseCollectorOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly logger: ClusterLogger;
}

export class LeaseCollector {
  readonly #o: LeaseCollectorOptions;
  readonly #asking = new Set<Incarnation>();

  constructor(options: LeaseCollectorOptions) {
    this.#o = options;
  }

  /** The answer binds the worker to `controlEpoch`. `took` is not called when there is none. */
  ask(
    { incarnation, address }: Pick<WorkerInfo, 'incarnation' | 'address'>,
    controlEpoch: number,
    took: (collected: Collected) => void,
  ): void {
    if (this.#asking.has(incarnation)) return;
    this.#asking.add(incarnation);
    const { bus, clock, timeoutMs, logger } = this.#o;
    const askedAt = clock.monotonicMs();
    void bus
      .call(address, Service.leases, { controlEpoch }, { timeoutMs })
      .then(readLeasesAnswer)
      .finally(() => this.#asking.delete(incarnation))
      .then(
        (answer) => {
          // A port may be another worker's by now.
          if (answer.worker.incarnation === incarnation)
            took({ answer, askedAt, receivedAt: clock.monotonicMs() });
        },
        (error: unknown) => logger.info({ err: error, incarnation }, 'leases not reported'),
      );
  }
}
