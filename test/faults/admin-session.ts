/** Administration by a script whose member may die at any moment: what got no answer is told apart from what was refused. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from '../../src/platform/platform.ts';
import { Cli } from '../support/cli.ts';
import type { Login } from '../support/lab.ts';
import { LineClient } from '../support/line-client.ts';
import type { Prng } from '../support/prng.ts';

const PAUSE_MS = 50;
/** By then everything that is asked again and again has been answered, whatever was killed meanwhile. */
const SETTLE_MS = 60_000;
const IMAP_PATIENCE_MS = 20_000;

/** Where the members of a lab answer; ports stay when a member is started again. */
export interface Doors {
  readonly pwd: readonly Address[];
  readonly smtp: readonly Address[];
  readonly imap: readonly Address[];
  readonly postmaster: Login;
}

export class AdminSession {
  readonly #doors: Doors;
  readonly #random: Prng;
  #cli: Cli | undefined;

  constructor(doors: Doors, random: Prng) {
    this.#doors = doors;
    this.#random = random;
  }

  /** The answer; undefined when the operation may or may not have been done: no answer, or `try again later`. */
  async ask(command: string): Promise<string | undefined> {
    try {
      // A script that goes on with another member now and then.
      if (this.#random.chance(0.1)) this.close();
      this.#cli ??= await Cli.connect(this.#random.pick(this.#doors.pwd), this.#doors.postmaster);
      const answer = await this.#cli.run(command);
      if (!answer.startsWith('501')) return answer;
    } catch {
      // Gone with its member: another one is asked next time.
      this.close();
    }
    await sleep(PAUSE_MS);
    return undefined;
  }

  /** Aliases of the account that a name leads to; undefined when it leads nowhere. Asks until it is told. */
  async look(name: string): Promise<readonly string[] | undefined> {
    const answer = await settled(`GETACCOUNTALIASES ${name}`, () => this.ask(`GETACCOUNTALIASES ${name}`));
    if (answer.startsWith('513')) return undefined;
    const list = /^201 \((.*)\)$/.exec(answer);
    if (list === null) throw new Error(`GETACCOUNTALIASES ${name}: ${answer}`);
    return list[1]!.split(',').filter(Boolean).sort();
  }

  close(): void {
    this.#cli?.close();
    this.#cli = undefined;
  }
}

/** Asks until there is an answer. Rejects when there is none for far too long: something is not reachable. */
export async function settled<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  for (const endMs = performance.now() + SETTLE_MS; performance.now() < endMs; await sleep(PAUSE_MS)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
  }
  throw new Error(`${what}: no answer for ${SETTLE_MS} ms`);
}

/** Whether a name and this password log in; asks until the server knows. */
export function logsIn(doors: Doors, { login, password }: Login): Promise<boolean> {
  let tries = 0;
  return settled(`LOGIN ${login}`, async () => {
    let client: LineClient | undefined;
    try {
      client = await LineClient.connect(doors.imap[tries++ % doors.imap.length]!, IMAP_PATIENCE_MS);
      await client.line();
      const answer = (await client.command('a', `LOGIN ${login} "${password}"`)).at(-1)!;
      if (answer.startsWith('a OK')) return true;
      // RFC 5530 section 3: any other code, UNAVAILABLE above all, says nothing about the password.
      return answer.startsWith('a NO [AUTHENTICATIONFAILED]') ? false : undefined;
    } catch {
      return undefined;
    } finally {
      client?.close();
    }
  });
}
