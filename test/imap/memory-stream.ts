/** A pair of bus streams in memory: messages both ways, end and reset, without a bus. */
import type { BusStream, Peer } from '../../src/cluster/bus/types.ts';
import { Failure } from '../../src/lib/failure.ts';

export class MemoryStream implements BusStream {
  readonly peer = {} as Peer;
  private other!: MemoryStream;
  readonly #queue: unknown[] = [];
  #ended = false;
  #wake: () => void = () => undefined;
  readonly #closed = new AbortController();

  static pair(): [near: MemoryStream, far: MemoryStream] {
    const near = new MemoryStream();
    const far = new MemoryStream();
    near.other = far;
    far.other = near;
    return [near, far];
  }

  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  async send(message: unknown): Promise<void> {
    this.closed.throwIfAborted();
    this.other.#queue.push(structuredCloneWithBuffers(message));
    this.other.#wake();
    await Promise.resolve();
  }

  readonly messages: AsyncIterable<unknown> = {
    [Symbol.asyncIterator]: () => ({ next: () => this.#next() }),
  };

  async #next(): Promise<IteratorResult<unknown>> {
    for (;;) {
      if (this.#queue.length > 0) return { done: false, value: this.#queue.shift() };
      this.closed.throwIfAborted();
      if (this.#ended) return { done: true, value: undefined };
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  end(): void {
    this.other.#ended = true;
    this.other.#wake();
  }

  reset(reason: Error): void {
    this.#closed.abort(reason);
    this.other.#closed.abort(reason instanceof Failure ? reason : new Failure('unknown', reason.message));
    this.#wake();
    this.other.#wake();
  }
}

/** What crosses a bus arrives as another object; Buffers stay Buffers. */
function structuredCloneWithBuffers(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(structuredCloneWithBuffers);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, structuredCloneWithBuffers(each)]),
  );
}
