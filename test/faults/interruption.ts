/**
 * How long accounts are not served when something dies: one IMAP session an account asks for STATUS again and again, and
 * the longest time without an answer counts. Used by the fault test (few tries) and by bench/interruption.ts (many).
 */
import type { Lab, Login } from '../support/lab.ts';
import { LineClient } from '../support/line-client.ts';

const PATIENCE_MS = 30_000;
const PACE_MS = 10;
/** A worker stopped for so long loses no lease, but its accounts give no answer: so they show themselves. */
const OWNER_PROBE_MS = 400;
/** After this long everything is served again, or the aim is missed by far. */
const WATCH_MS: Readonly<Record<Fault, number>> = {
  'process killed': 4000,
  'process paused': 8000,
  'controller killed': 6000,
};

export type Fault = 'process killed' | 'process paused' | 'controller killed';

export interface Interruption {
  /** Longest time without an answer over the accounts of the backend that was hit. */
  readonly ownMs: number;
  /** The same over all other accounts. */
  readonly othersMs: number;
  /** Accounts the backend had. */
  readonly accounts: number;
}

/** One try. The lab is as before when it resolves: all members run and are ready. */
export async function interrupt(lab: Lab, fault: Fault): Promise<Interruption> {
  const backends = (await lab.file()).members
    .filter(({ role }) => role === 'backend')
    .map(({ name }) => name);
  const controller = await controllerOf(lab, backends);
  const target = fault === 'controller killed' ? controller : backends.find((name) => name !== controller)!;
  const { accounts } = await lab.file();
  const probes = await Promise.all(accounts.map((account) => Probe.start(lab, account)));
  try {
    const own = await ownedBy(lab, target, probes);
    const start = performance.now();
    if (fault === 'process killed') await lab.killWorkers(target);
    else await lab.act(fault === 'process paused' ? 'pause' : 'kill', target);
    await new Promise((done) => setTimeout(done, WATCH_MS[fault]));
    const gaps = probes.map((probe) => ({ own: own.has(probe), ms: probe.longestSince(start) }));
    const longest = (isOwn: boolean): number =>
      Math.max(0, ...gaps.filter((gap) => gap.own === isOwn).map(({ ms }) => ms));
    return { ownMs: longest(true), othersMs: longest(false), accounts: own.size };
  } finally {
    await Promise.all(probes.map((probe) => probe.stop()));
    if (fault === 'process paused') await lab.act('resume', target);
    if (fault === 'controller killed') await lab.act('start', target);
  }
}

/** `median 0.31 s, max 0.42 s of 5`. */
export function summary(values: readonly number[]): string {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
  return `median ${seconds(median(values))}, max ${seconds(Math.max(0, ...values))} of ${values.length}`;
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

async function controllerOf(lab: Lab, backends: readonly string[]): Promise<string> {
  for (;;) {
    for (const name of backends) if ((await lab.status(name)).isController) return name;
    await new Promise((done) => setTimeout(done, PACE_MS));
  }
}

/** Tries until the backend has any: after a fault the slots are spread again one by one. */
async function ownedBy(lab: Lab, backend: string, probes: readonly Probe[]): Promise<ReadonlySet<Probe>> {
  for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; ) {
    const own = await stalledWith(lab, backend, probes);
    // Slots may be on the move still: twice the same is believed.
    const again = await stalledWith(lab, backend, probes);
    if (own.size > 0 && own.symmetricDifference(again).size === 0) return own;
  }
  throw new Error(`${backend} owns none of the accounts`);
}

async function stalledWith(lab: Lab, backend: string, probes: readonly Probe[]): Promise<ReadonlySet<Probe>> {
  const { workers } = await lab.status(backend);
  const start = performance.now();
  for (const worker of workers) process.kill(worker, 'SIGSTOP');
  await new Promise((done) => setTimeout(done, OWNER_PROBE_MS));
  for (const worker of workers) process.kill(worker, 'SIGCONT');
  await new Promise((done) => setTimeout(done, OWNER_PROBE_MS));
  return new Set(probes.filter((probe) => probe.longestSince(start) > OWNER_PROBE_MS * 0.7));
}

/** Asks for one account's STATUS, one question after the other, and remembers when answers came. */
class Probe {
  readonly #client: LineClient;
  readonly #answers: number[] = [];
  #stopping = false;
  #running: Promise<void> = Promise.resolve();

  private constructor(client: LineClient) {
    this.#client = client;
  }

  static async start(lab: Lab, account: Login): Promise<Probe> {
    const client = await LineClient.connect(await lab.service('fe1', 'imap'), PATIENCE_MS);
    await client.line();
    const login = await client.command('a', `LOGIN ${account.login} "${account.password}"`);
    if (!login.at(-1)!.startsWith('a OK')) throw new Error(login.at(-1));
    const probe = new Probe(client);
    probe.#running = probe.#run();
    return probe;
  }

  /** Longest time between answers since then, the present one included. */
  longestSince(start: number): number {
    const since = [start, ...this.#answers.filter((at) => at > start), performance.now()];
    return Math.max(...since.slice(1).map((at, index) => at - since[index]!));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
    this.#client.close();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const lines = await this.#client.command('b', 'STATUS INBOX (MESSAGES)');
      if (lines.at(-1)!.startsWith('b OK')) this.#answers.push(performance.now());
      await new Promise((done) => setTimeout(done, PACE_MS));
    }
  }
}
