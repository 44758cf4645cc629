/**
 * Threads that run seeds side by side, each seed in one of them and exactly as it would run alone; results come in the
 * order of the seeds. A thread whose seed does not come to an end, or that fails, is replaced, and the seed is broken.
 */
import { Worker } from 'node:worker_threads';
import { NO_BUG } from '../bugs/bug.ts';
import type { StormResult } from '../mail/storm.ts';

export interface ThreadSetup {
  readonly bug: string;
  /** Without stacks in errors. */
  readonly quick: boolean;
}

export interface Task {
  readonly seed: number;
  readonly stormMs?: number;
  readonly traceLines?: number;
  readonly logs?: boolean;
}

export interface CrewOptions {
  readonly jobs: number;
  readonly bug?: string;
  readonly quick?: boolean;
  /** For every seed. */
  readonly task?: Omit<Task, 'seed'>;
  /** A seed that takes longer hangs. */
  readonly hangMs?: number;
}

const HANG_MS = 180_000;
/** Whatever a run leaves behind in its thread does not add up for ever. */
const SEEDS_PER_THREAD = 400;
/** A run leaves garbage all the time and keeps little: with a young generation of this size it is collected seldom. */
const YOUNG_MB = 96;

/** Results in the order of `seeds`; whoever stops reading ends the threads. */
export async function* runSeeds(
  seeds: Iterable<number>,
  options: CrewOptions,
): AsyncGenerator<StormResult, void, undefined> {
  const source = seeds[Symbol.iterator]();
  const results: Promise<StormResult>[] = [];
  const threads = Array.from({ length: options.jobs }, () => new Thread(options));
  let isOver = false;
  const feed = (thread: Thread): void => {
    const { value: seed, done } = isOver ? { value: undefined, done: true } : source.next();
    if (done === true || seed === undefined) return;
    const result = thread.run(seed);
    results.push(result);
    // Registered before anybody awaits it: there is a next result before this one is read.
    void result.then(() => feed(thread));
  };
  try {
    for (const thread of threads) feed(thread);
    for (let at = 0; at < results.length; at++) yield await results[at]!;
  } finally {
    isOver = true;
    await Promise.all(threads.map((thread) => thread.end()));
  }
}

class Thread {
  readonly #options: CrewOptions;
  #worker: Worker | undefined;
  #seeds = 0;

  constructor(options: CrewOptions) {
    this.#options = options;
  }

  async run(seed: number): Promise<StormResult> {
    if (++this.#seeds % SEEDS_PER_THREAD === 0) await this.end();
    const { bug = NO_BUG.name, quick = true, task = {}, hangMs = HANG_MS } = this.#options;
    this.#worker ??= new Worker(new URL('./seed-thread.ts', import.meta.url), {
      workerData: { bug, quick } satisfies ThreadSetup,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    const worker = this.#worker;
    const { promise, resolve } = Promise.withResolvers<StormResult>();
    const fail = (why: string): void => {
      this.#worker = undefined;
      void worker.terminate();
      resolve(failed(seed, why));
    };
    const hung = setTimeout(() => fail(`no end after ${hangMs} ms`), hangMs);
    worker.once('message', resolve);
    worker.once('error', (error: Error) => fail(`the thread failed: ${error.stack ?? error.message}`));
    worker.once('exit', () => fail('the thread ended'));
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
    worker.postMessage({ seed, ...task } satisfies Task);
    try {
      return await promise;
    } finally {
      clearTimeout(hung);
      worker.removeAllListeners('message');
      worker.removeAllListeners('error');
      worker.removeAllListeners('exit');
    }
  }

  async end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }
}

function failed(seed: number, why: string): StormResult {
  const nothing = { steps: 0, harms: 0, takeOvers: 0, acknowledged: 0, checked: 0, looks: 0, commits: 0 };
  return { seed, shape: '?', broken: [why], hash: '', faults: {}, trace: '', undecided: 0, ...nothing };
}
