/**
 * A small balancer: it looks at `/health` of each frontend every moment, and sends clients in turn to those that are ready. Refused at
 * one, it looks again and takes another, as real ones do; a frontend that refuses while it says that it is ready has failed a client.
 */
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from '../../src/platform/platform.ts';
import { LineClient } from '../support/line-client.ts';

/** Of five seconds in real life; the less often it looks, the longer a member that stops must go on taking clients. */
const LOOK_MS = 100;
const ANSWER_MS = 10_000;
/** One of two frontends is there at any time. */
const NOBODY_MS = 30_000;
const PATIENCE_MS = 60_000;

export interface Frontend {
  readonly name: string;
  readonly health: Address;
  readonly services: Readonly<Record<string, Address>>;
}

export class Balancer {
  /** What no frontend may do. */
  readonly violations: string[] = [];
  /** Refused by one that was not ready any more, which the look before did not show. */
  redirected = 0;
  readonly #frontends: readonly Frontend[];
  readonly #ready = new Map<string, boolean>();
  #next = 0;
  #isOver = false;
  readonly #looking: Promise<unknown>;

  constructor(frontends: readonly Frontend[]) {
    this.#frontends = frontends;
    this.#looking = Promise.all(frontends.map((each) => this.#look(each)));
  }

  /** A client's connection, with the first line that the server said. */
  async connect(service: string): Promise<{ readonly client: LineClient; readonly greeting: string }> {
    for (const untilMs = performance.now() + NOBODY_MS; ; ) {
      const frontend = this.#pick();
      if (frontend === undefined) {
        if (performance.now() > untilMs) throw new Error(`no frontend was ready for ${NOBODY_MS} ms`);
        await sleep(LOOK_MS / 2);
        continue;
      }
      const greeted = await greet(frontend.services[service]!);
      if (greeted !== undefined) return greeted;
      if (await this.#isReady(frontend))
        this.violations.push(`${frontend.name} refuses ${service} and says that it is ready`);
      this.redirected++;
      this.#ready.set(frontend.name, false);
    }
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#looking;
  }

  #pick(): Frontend | undefined {
    const ready = this.#frontends.filter(({ name }) => this.#ready.get(name) === true);
    return ready[this.#next++ % Math.max(1, ready.length)];
  }

  async #look(frontend: Frontend): Promise<void> {
    for (; !this.#isOver; await sleep(LOOK_MS)) this.#ready.set(frontend.name, await this.#isReady(frontend));
  }

  async #isReady({ health }: Frontend): Promise<boolean> {
    return (await healthOf(health)) === 200;
  }
}

/** Undefined when refused, or ended without a word: it was in the queue of a listener that closed. */
async function greet(
  at: Address,
): Promise<{ readonly client: LineClient; readonly greeting: string } | undefined> {
  let client: LineClient | undefined;
  try {
    client = await LineClient.connect(at, PATIENCE_MS);
    return { client, greeting: await client.line() };
  } catch {
    client?.close();
    return undefined;
  }
}

/** The status of `/health`; undefined when nobody answers. */
export function healthOf({ host, port }: Address): Promise<number | undefined> {
  return new Promise((resolve) => {
    const asked = request({ host, port, path: '/health', agent: false, timeout: ANSWER_MS }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(undefined));
    asked.end();
  });
}
