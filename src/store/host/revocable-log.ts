/**
 * A log that its host can take away: after `revoke` every call of it, the waiting ones too, is refused at once, also
 * while the storage below hangs. Whoever holds the object then sees exactly what a failed log shows.
 */
import { Failure } from '../../lib/failure.ts';
import type { Log, LogMaintenance, Place, RecordInput } from '../log/types.ts';
import type { HostedLog } from './types.ts';

export class RevocableLog implements Log {
  readonly failed: Promise<Error>;
  readonly maintenance?: LogMaintenance;
  readonly #inner: HostedLog;
  readonly #closedInOrder: () => void;
  readonly #revoked = Promise.withResolvers<Error>();
  /** Calls that wait. A set of our own: a race with one long-lived promise would keep every call's reaction for ever. */
  readonly #waiting = new Set<(reason: Error) => void>();
  #reason: Error | undefined;
  #hasFailed = false;
  #isClosed = false;
  #appended = 0;
  /** How many of the appends are known to have settled. */
  #settled = 0;

  constructor(inner: HostedLog, closedInOrder: () => void = () => undefined) {
    this.#inner = inner;
    this.#closedInOrder = closedInOrder;
    this.failed = Promise.race([inner.failed, this.#revoked.promise]);
    void inner.failed.then(() => {
      this.#hasFailed = true;
    });
    const { maintenance } = inner;
    if (maintenance !== undefined) this.maintenance = this.#revocable(maintenance);
  }

  /** Ends it for its users, and without writing. */
  revoke(reason: Error): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#revoked.resolve(reason);
    for (const refuse of this.#waiting) refuse(reason);
    this.#waiting.clear();
    if (!this.#isClosed) this.#inner.abandon(reason.message);
  }

  writable(): Promise<void> {
    return this.#unlessRevoked(false, () => this.#inner.writable());
  }

  append(records: readonly RecordInput[]): readonly Place[] {
    this.#assertHeld();
    this.#appended++;
    return this.#inner.append(records);
  }

  async settled(): Promise<void> {
    const appended = this.#appended;
    await this.#unlessRevoked(appended > this.#settled, () => this.#inner.settled());
    this.#settled = Math.max(this.#settled, appended);
  }

  read(place: Place, from?: number, octets?: number): Promise<Buffer> {
    return this.#unlessRevoked(false, () => this.#inner.read(place, from, octets));
  }

  /** Closing one that was revoked writes nothing and is done at once. */
  async close(): Promise<void> {
    try {
      await this.#unlessRevoked(false, () => this.#inner.close());
      if (this.#hasFailed) return;
      this.#isClosed = true;
      this.#closedInOrder();
    } catch (error) {
      if (this.#reason === undefined) throw error;
    }
  }

  #revocable(inner: LogMaintenance): LogMaintenance {
    return {
      get files() {
        return inner.files;
      },
      get countedOctets() {
        return inner.countedOctets;
      },
      get replayed() {
        return inner.replayed;
      },
      get isDamaged() {
        return inner.isDamaged;
      },
      rotate: () => this.#unlessRevoked(false, () => inner.rotate()),
      replaced: (numbers) => {
        this.#assertHeld();
        this.#appended++;
        inner.replaced(numbers);
      },
      currentPlace: (place) => inner.currentPlace(place),
      readRecord: (place) => this.#unlessRevoked(false, () => inner.readRecord(place)),
      // What was begun goes on: written late it is as true, and nobody who must not wait waits for it.
      writeSnapshot: async (content, inTurn) => {
        this.#assertHeld();
        await inner.writeSnapshot(content, inTurn);
      },
    };
  }

  #assertHeld(): void {
    if (this.#reason !== undefined) throw new Failure('unavailable', this.#reason.message);
  }

  /** What was in flight when it was revoked may have happened or not; what was not, has not. */
  #unlessRevoked<T>(inFlight: boolean, call: () => Promise<T>): Promise<T> {
    const refusal = (reason: Error) =>
      new Failure(inFlight ? 'unknown' : 'unavailable', reason.message, { cause: reason });
    if (this.#reason !== undefined) return Promise.reject(refusal(this.#reason));
    return new Promise<T>((resolve, reject) => {
      const refuse = (reason: Error) => reject(refusal(reason));
      this.#waiting.add(refuse);
      call().then(
        (value) => this.#waiting.delete(refuse) && resolve(value),
        (error: unknown) => this.#waiting.delete(refuse) && reject(error as Error),
      );
    });
  }
}
