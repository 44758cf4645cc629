/**
 * The real password hasher: a child process of its own, so that neither the event loop nor libuv's pool of a worker is
 * ever busy with passwords (docs/architecture.md, section 4). It is started by the first question, again after it
 * died or gave no answer for long, and a question that was with it then is answered 'unavailable'.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Failure } from '../lib/failure.ts';
import type { Clock } from '../platform/platform.ts';
import type { Argon2Parameters, PasswordHasher } from './credentials.ts';
import { HASH_QUEUE_LIMITS } from './hash-queue.ts';

export type HashQuestion = {
  readonly id: number;
  readonly password: Uint8Array;
  readonly salt: Uint8Array;
} & (
  | { readonly kind: 'argon2id'; readonly parameters: Argon2Parameters }
  | { readonly kind: 'pbkdf2'; readonly iterations: number }
);

export type HashAnswer =
  | { readonly id: number; readonly tag: Uint8Array }
  | { readonly id: number; readonly error: string };

type Distribute<T> = T extends unknown ? Omit<T, 'id'> : never;

const PROGRAM = fileURLToPath(new URL('hasher-process.ts', import.meta.url));

/** An answer takes some ten milliseconds, the start of the process some hundred; one that takes this long never comes. */
export const ANSWER_MS_MAX = 20_000;

/** Bound it with a HashQueue: this one asks as many at a time as it is asked. */
export class ProcessHasher implements PasswordHasher, Disposable {
  readonly #clock: Pick<Clock, 'timer'> | undefined;
  #child: ChildProcess | undefined;
  #isOver = false;
  #lastId = 0;
  readonly #asked = new Map<
    number,
    { readonly resolve: (tag: Buffer) => void; readonly reject: (error: Error) => void }
  >();

  /** Without a clock a process that gives no answer is waited for: fit for a program of one question. */
  constructor(clock?: Pick<Clock, 'timer'>) {
    this.#clock = clock;
  }

  argon2id(password: Buffer, salt: Buffer, parameters: Argon2Parameters): Promise<Buffer> {
    return this.#ask({ kind: 'argon2id', password, salt, parameters });
  }

  pbkdf2(password: Buffer, salt: Buffer, iterations: number): Promise<Buffer> {
    return this.#ask({ kind: 'pbkdf2', password, salt, iterations });
  }

  /** The id of the process, while there is one. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Ends the process; later questions are refused. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    if (this.#child !== undefined) this.#lose(this.#child, 'the password hasher is closed');
  }

  #ask(question: Distribute<HashQuestion>): Promise<Buffer> {
    if (this.#isOver) return Promise.reject(new Failure('unavailable', 'the password hasher is closed'));
    const child = (this.#child ??= this.#start());
    const id = ++this.#lastId;
    const timer = this.#clock?.timer(ANSWER_MS_MAX, () =>
      this.#lose(child, 'the password hasher gives no answer'),
    );
    return new Promise<Buffer>((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      // Whoever asked is kept alive until the answer; the process alone keeps nobody.
      child.ref();
      child.channel?.ref();
      child.send({ ...question, id }, (error) => {
        if (error) this.#lose(child, `the password hasher did not take a question: ${error.message}`);
      });
    }).finally(() => timer?.cancel());
  }

  #start(): ChildProcess {
    const child = fork(PROGRAM, {
      serialization: 'advanced',
      execArgv: [],
      // Each thread of a pool keeps its arena of 19 MiB: as many threads as questions at once, not as many as ours.
      env: { UV_THREADPOOL_SIZE: String(HASH_QUEUE_LIMITS.atOnce) },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    child.on('message', (answer: HashAnswer) => {
      const asked = this.#asked.get(answer.id);
      this.#asked.delete(answer.id);
      if ('tag' in answer) asked?.resolve(Buffer.from(answer.tag));
      else asked?.reject(new Failure('unavailable', `the password hasher: ${answer.error}`));
      if (this.#asked.size > 0) return;
      child.unref();
      child.channel?.unref();
    });
    child.on('error', (error) => this.#lose(child, `the password hasher: ${error.message}`));
    child.on('disconnect', () => this.#lose(child, 'the password hasher has gone'));
    child.on('exit', () => this.#lose(child, 'the password hasher has ended'));
    return child;
  }

  #lose(child: ChildProcess, why: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    child.kill('SIGKILL');
    for (const { reject } of this.#asked.values()) reject(new Failure('unavailable', why));
    this.#asked.clear();
  }
}
