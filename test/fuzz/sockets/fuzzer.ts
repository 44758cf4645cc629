/**
 * Fuzzes the sockets of a lab: many clients at a time, each walked to a state and let loose. What must hold afterwards:
 * the same processes, none larger than before by more than a bound, and everybody else is served at once.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import type { Address } from '../../../src/platform/platform.ts';
import { parseExposition } from '../../http/exposition.ts';
import { Lab } from '../../support/lab.ts';
import { LineClient } from '../../support/line-client.ts';
import { Prng } from '../../support/prng.ts';
import { attack } from './attack.ts';
import { Ended, FuzzClient } from './client.ts';
import { type State, statesOf } from './states.ts';

/** The first is not fuzzed. Each of the others is held back for a while when too many log-ins to it failed. */
const ACCOUNTS = 13;
const FLAGS = ['--backends', '1', '--frontends', '1', '--accounts', String(ACCOUNTS)];
const CLIENTS_AT_ONCE = 24;
/** "Still served": an answer within this. */
const ANSWER_MS_MAX = 1000;
/** A closed session waits for a while for its client's FIN; a log-in that is slowed down is answered first. */
const LEAVING_MS_MAX = 20_000;
const LOOK_MS = 50;

export interface Door extends Omit<State, 'steps'> {
  readonly member: string;
  readonly address: Address;
  /** The same walk as each of the accounts. */
  readonly walks: readonly State['steps'][];
}

/** A process, and the octets it has in memory. */
export type Memory = ReadonlyMap<number, number>;

export class SocketFuzzer {
  readonly lab: Lab;
  readonly doors: readonly Door[];
  /** The frontend's certificate: whoever has it is let in by the bus. */
  readonly #member: ConnectionOptions;
  readonly #seed: string;
  #next = 0;
  /** Walks that got to their state, by door. */
  readonly #reached = new Map<Door, number>();

  private constructor(lab: Lab, member: ConnectionOptions, doors: readonly Door[], seed: string) {
    this.lab = lab;
    this.#member = member;
    this.doors = doors;
    this.#seed = seed;
  }

  static async start(seed: string): Promise<SocketFuzzer> {
    const lab = await Lab.start(FLAGS);
    try {
      const { members, accounts, postmaster } = await lab.file();
      const frontend = join(lab.base, 'fe1');
      const [cert, key] = await Promise.all(
        ['member.pem', 'member.key'].map((name) => readFile(join(frontend, 'Settings/Cluster', name))),
      );
      const clusterId = (await readFile(join(frontend, 'ClusterID'), 'utf8')).trim();
      const member = { cert, key };
      const doors: Door[] = [];
      for (const { name, services } of members) {
        const ports = new Map(Object.entries(services)).set('bus', await busAddress(lab, name));
        const fuzzed = accounts.slice(1).values();
        const ids = () => ({ account: fuzzed.next().value!, administrator: postmaster, clusterId });
        const all = Array.from({ length: accounts.length - 1 }, () => statesOf(ids()));
        for (const [index, state] of all[0]!.entries()) {
          const address = ports.get(state.service);
          const walks = all.map((states) => states[index]!.steps);
          if (address !== undefined) doors.push({ ...state, member: name, address, walks });
        }
      }
      return new SocketFuzzer(lab, member, doors, seed);
    } catch (error) {
      await lab.stop();
      throw error;
    }
  }

  /** How many connections there were. */
  get connections(): number {
    return this.#next;
  }

  /** Doors whose state nobody has reached: the walk is wrong, or the server does not let anybody there. */
  get unreached(): readonly string[] {
    return this.doors
      .filter((door) => !this.#reached.has(door))
      .map(({ member, service, name }) => `${member} ${service}: ${name}`);
  }

  /** So many more connections, or until `goesOn` says no. */
  async run(connections: number, goesOn: () => boolean = () => true): Promise<void> {
    const end = this.#next + connections;
    const client = async () => {
      while (this.#next < end && goesOn()) await this.#connection(this.#next++);
    };
    await Promise.all(Array.from({ length: CLIENTS_AT_ONCE }, client));
  }

  /** The connection with this number: door, walk and attack follow from it and the seed. */
  async #connection(number: number): Promise<void> {
    const random = new Prng(`${this.#seed}/${number}`);
    const door = this.doors[number % this.doors.length]!;
    let client: FuzzClient | undefined;
    try {
      client = await FuzzClient.connect(door.address, random);
      for (const step of random.pick(door.walks))
        if (step.kind === 'send') client.send(step.octets);
        else if (step.kind === 'expect') await client.expect(step.answer);
        else await client.secure(door.service === 'bus' ? this.#member : {});
      this.#reached.set(door, (this.#reached.get(door) ?? 0) + 1);
      await attack(client, door, random);
    } catch (error) {
      // Whoever floods the account may be refused; a door that nobody gets through is seen in `unreached`.
      if (!(error instanceof Ended)) throw error;
    } finally {
      client?.destroy();
    }
  }

  /** Of supervisors and workers, and of whatever they have started. */
  async memory(): Promise<Memory> {
    const pids = await this.lab.processes();
    return new Map(await Promise.all(pids.map(async (pid) => [pid, await rssOctets(pid)] as const)));
  }

  /** Throws unless somebody else is served within a second: the status, a log-in, a message. */
  async assertServed(): Promise<void> {
    const { accounts } = await this.lab.file();
    const { login, password } = accounts[0]!;
    for (const member of ['be1', 'fe1']) {
      const { host, port } = await this.lab.service(member, 'admin');
      await within(`the status of ${member}`, async () => {
        const answer = await fetch(`http://${host}:${port}/status.json`, {
          headers: { connection: 'close' },
        });
        const { standing } = (await answer.json()) as { readonly standing: string };
        if (standing !== 'ready') throw new Error(`${member} is ${standing}`);
      });
    }
    await within('a log-in', async () => {
      const client = await LineClient.connect(await this.lab.service('fe1', 'imap'), ANSWER_MS_MAX);
      await client.line();
      const answer = await client.command('a', `LOGIN ${login} ${password}`);
      client.close();
      if (answer.at(-1)?.startsWith('a OK') !== true) throw new Error(`not logged in: ${answer.at(-1)}`);
    });
    await within('a message', async () => {
      const client = await LineClient.connect(await this.lab.service('fe1', 'lmtp'), ANSWER_MS_MAX);
      await client.reply();
      for (const [line, wanted] of [
        ['LHLO x', '250'],
        ['MAIL FROM:<>', '250'],
        [`RCPT TO:<${login}>`, '250'],
        ['DATA', '354'],
        ['Subject: x\r\n\r\nx\r\n.', '250'],
      ] as const) {
        client.send(`${line}\r\n`);
        const reply = await client.reply();
        if (!reply.startsWith(wanted)) throw new Error(`${line}: ${reply}`);
      }
      client.close();
    });
  }

  /** Throws unless soon nobody is connected any more, and no octet of a message is held for anybody. */
  async assertNothingLeft(): Promise<void> {
    let left = await this.#left();
    const endMs = performance.now() + LEAVING_MS_MAX;
    while (left.length > 0 && performance.now() < endMs) {
      await sleep(LOOK_MS);
      left = await this.#left();
    }
    if (left.length > 0) throw new Error(`still there after ${LEAVING_MS_MAX} ms: ${left.join(', ')}`);
  }

  async #left(): Promise<readonly string[]> {
    const found: string[] = [];
    for (const member of ['be1', 'fe1']) {
      const { host, port } = await this.lab.service(member, 'admin');
      const answer = await fetch(`http://${host}:${port}/metrics`, { headers: { connection: 'close' } });
      const metrics = parseExposition(await answer.text());
      // We ask through the administration's door ourselves.
      for (const name of ['postern_connections', 'postern_receiving_octets'])
        for (const [series, value] of metrics.get(name)?.series ?? [])
          if (value > (series.includes('service="admin"') ? 1 : 0))
            found.push(`${member} ${series} ${value}`);
    }
    return found;
  }

  async stop(): Promise<void> {
    await this.lab.stop();
  }
}

async function within(what: string, act: () => Promise<void>): Promise<void> {
  const startMs = performance.now();
  await act();
  const tookMs = performance.now() - startMs;
  if (tookMs > ANSWER_MS_MAX) throw new Error(`${what} took ${tookMs.toFixed(0)} ms`);
}

async function busAddress(lab: Lab, member: string): Promise<Address> {
  const settings = await readFile(join(lab.base, member, 'Settings/Main.settings'), 'utf8');
  const [, host = '', port = ''] = /ClusterAddress = "([^:]+):(\d+)"/.exec(settings) ?? [];
  return { host, port: Number(port) };
}

async function rssOctets(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]);
}
