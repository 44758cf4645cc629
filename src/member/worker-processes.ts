/**
 * The worker processes of a supervisor: one for each place, started again when it dies. Its exit is told at once, before
 * anything else is done: by it the controller frees the slots of this very child (docs/architecture.md, section 3).
 */
import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { newIncarnation } from '../cluster/incarnation.ts';
import type { SecurityFiles } from '../cluster/security/member-security.ts';
import type { Logger } from '../lib/logging.ts';
import type { Clock, Random, Timer } from '../platform/platform.ts';
import type { Incarnation } from '../store/ids.ts';
import { Backoff } from './backoff.ts';
import { type FromWorker, packStart, type Services, type ToWorker, type WorkerStart } from './protocol.ts';
import { ASK_EVERY_MS, Silence } from './silence.ts';

const PROGRAM = fileURLToPath(new URL('worker-main.ts', import.meta.url));

/** A child process as far as it is used here. */
export type Child = Pick<ChildProcess, 'pid' | 'on' | 'send' | 'kill' | 'connected'>;

export interface WorkerProcessesOptions {
  readonly count: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** All but what each process has for itself. Read anew for each: `security` may be a getter, as keys change. */
  readonly start: Omit<WorkerStart, 'kind' | 'index' | 'incarnation' | 'ports'>;
  /** UV_THREADPOOL_SIZE of a worker. */
  readonly poolSize: number;
  /** This very child has exited. */
  readonly onExit: (incarnation: Incarnation) => void;
  /** Something that status() tells has changed. */
  readonly onChange: () => void;
  /** For tests; by default src/member/worker-main.ts. */
  readonly fork?: (poolSize: number) => Child;
}

export interface WorkerState {
  readonly index: number;
  readonly pid: number | undefined;
  readonly ready: boolean;
  readonly services: Services;
}

/** Why a worker says it cannot start. */
export type StartProblem = Extract<FromWorker, { kind: 'failed' }>;

interface Place {
  readonly index: number;
  readonly backoff: Backoff;
  child: Child | undefined;
  startedMs: number;
  ready: boolean;
  services: Services;
  /** Its start, while it is to be started again. */
  timer: Timer | undefined;
  /** From when it is ready on. */
  silence: Silence | undefined;
}

export class WorkerProcesses {
  readonly #options: WorkerProcessesOptions;
  readonly #places: readonly Place[];
  readonly #fork: (poolSize: number) => Child;
  #stopping = false;
  #asking: Timer | undefined;
  #allGone: (() => void) | undefined;
  #problem: ((problem: StartProblem) => void) | undefined;
  #allReady: (() => void) | undefined;

  constructor(options: WorkerProcessesOptions) {
    this.#options = options;
    this.#fork = options.fork ?? forkWorker;
    this.#places = Array.from({ length: options.count }, (_, index) => ({
      index,
      backoff: new Backoff(),
      child: undefined,
      startedMs: 0,
      ready: false,
      services: {},
      timer: undefined,
      silence: undefined,
    }));
  }

  /** Starts all; resolves when all are ready for the first time, or with why one cannot start. */
  start(): Promise<StartProblem | undefined> {
    return new Promise((resolve) => {
      this.#allReady = () => resolve(undefined);
      this.#problem = resolve;
      for (const place of this.#places) this.#start(place);
      this.#ask();
    });
  }

  /** A worker that hangs keeps its connections and, while its supervisor lives, is not replaced by anything else. */
  #ask(): void {
    if (this.#stopping) return;
    const { clock, logger } = this.#options;
    this.#asking = clock.timer(ASK_EVERY_MS, () => this.#ask());
    for (const { index, child, silence } of this.#places) {
      if (child?.connected !== true || silence === undefined) continue;
      if (silence.isTooLong(clock.monotonicMs())) {
        logger.error({ index, pid: child.pid }, 'worker hangs, killed');
        child.kill('SIGKILL');
      } else child.send({ kind: 'ping' } satisfies ToWorker, () => undefined);
    }
  }

  status(): readonly WorkerState[] {
    return this.#places.map(({ index, child, ready, services }) => ({
      index,
      pid: child?.pid,
      ready,
      services,
    }));
  }

  /** Gives all of them the member's certificate and keys as they are now. */
  tellSecurity(files: SecurityFiles): void {
    for (const { child } of this.#places)
      if (child?.connected === true)
        child.send({ kind: 'security', files } satisfies ToWorker, () => undefined);
  }

  /** Ends all in good order; those that are not gone after `graceMs` and a bit are killed. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#asking?.cancel();
    for (const place of this.#places) {
      place.timer?.cancel();
      if (place.child?.connected === true)
        place.child.send({ kind: 'stop', graceMs } satisfies ToWorker, () => undefined);
    }
    const timer = this.#options.clock.timer(graceMs + KILL_AFTER_MS, () => this.kill());
    await this.#gone();
    timer.cancel();
  }

  /** Ends all at once. */
  kill(): void {
    this.#stopping = true;
    this.#asking?.cancel();
    for (const place of this.#places) {
      place.timer?.cancel();
      place.child?.kill('SIGKILL');
    }
  }

  #gone(): Promise<void> {
    if (this.#places.every(({ child }) => child === undefined)) return Promise.resolve();
    return new Promise((resolve) => {
      this.#allGone = resolve;
    });
  }

  #start(place: Place): void {
    const { clock, random, logger, start, poolSize, onChange } = this.#options;
    const incarnation = newIncarnation(random);
    const child = this.#fork(poolSize);
    place.child = child;
    place.startedMs = clock.monotonicMs();
    child.on('message', (message) => this.#told(place, child, message as FromWorker));
    child.on('exit', (code, signal) => this.#exited(place, child, incarnation, code, signal));
    child.on('error', (err) => {
      // A process that could not be made never exits.
      logger.error({ err, index: place.index }, 'worker not started');
      if (child.pid === undefined) this.#exited(place, child, incarnation, null, null);
    });
    const message: WorkerStart = {
      ...start,
      kind: 'start',
      index: place.index,
      incarnation,
      ports: place.services,
    };
    // The callback takes the error of a child that is gone already; its exit is told anyway.
    child.send(packStart(message), () => undefined);
    onChange();
  }

  #told(place: Place, child: Child, message: FromWorker): void {
    if (place.child !== child) return;
    place.silence?.heard(this.#options.clock.monotonicMs());
    if (message.kind === 'pong') return;
    if (message.kind === 'failed') {
      this.#options.logger.error({ index: place.index, code: message.code }, message.why);
      this.#problem?.(message);
      return;
    }
    place.ready = true;
    place.silence = new Silence(this.#options.clock.monotonicMs());
    place.services = message.services;
    this.#options.onChange();
    if (this.#places.every(({ ready }) => ready)) this.#allReady?.();
  }

  #exited(
    place: Place,
    child: Child,
    incarnation: Incarnation,
    code: number | null,
    signal: string | null,
  ): void {
    if (place.child !== child) return;
    const { clock, logger, onExit, onChange } = this.#options;
    onExit(incarnation);
    place.child = undefined;
    place.silence = undefined;
    place.ready = false;
    if (this.#stopping) {
      onChange();
      if (this.#places.every((each) => each.child === undefined)) this.#allGone?.();
      return;
    }
    const pauseMs = place.backoff.died(clock.monotonicMs() - place.startedMs);
    logger.error(
      { index: place.index, pid: child.pid, code, signal, pauseMs },
      'worker died, starting another',
    );
    place.timer = clock.timer(pauseMs, () => this.#start(place));
    onChange();
  }
}

/** Beyond the grace given: what a worker that hangs gets. */
const KILL_AFTER_MS = 2000;

function forkWorker(poolSize: number): Child {
  const options: ForkOptions = {
    serialization: 'advanced',
    env: { ...process.env, UV_THREADPOOL_SIZE: String(poolSize) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  };
  return fork(PROGRAM, [], options);
}
