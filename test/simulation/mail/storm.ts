/**
 * One seed: a cluster starts, a domain and accounts are made, clients work while a nemesis harms members, then everything
 * heals. From then on all accounts are served within 5 s (docs/architecture.md, section 6, invariant 7); clients finish,
 * and every promise is looked for: through IMAP, through the names, and on the storage.
 */
import { Prng } from '../../support/prng.ts';
import { type Bug, NO_BUG } from '../bugs/bug.ts';
import { CALM, type FaultKind, type Faults } from '../faults.ts';
import { Book } from '../history/book.ts';
import { EVERY_HARM, type Harm, Nemesis } from '../nemesis.ts';
import { SimulationError, type World } from '../world.ts';
import { BOXES, type ClientOptions, Mailer, Reader } from './clients.ts';
import { Cluster } from './cluster.ts';
import type { Reply, Request } from './door.ts';
import { DoorClient } from './door-client.ts';
import { type Look, MailboxLedger } from './mailbox-ledger.ts';
import { Registrar } from './registrar.ts';
import { Rot } from './rot.ts';
import { describeShape, drawShape, type Shape } from './shape.ts';
import { compareSnapshots } from './snapshot-check.ts';
import { scanStorage } from './storage-scan.ts';

export interface StormOptions {
  readonly seed: number;
  readonly bug?: Bug;
  readonly stormMs?: number;
  readonly traceLines?: number;
  readonly logs?: boolean;
}

/** Plain data, to be told from thread to thread. */
export interface StormResult {
  readonly seed: number;
  readonly shape: string;
  /** What was promised and is not so; empty when all is well. */
  readonly broken: readonly string[];
  readonly hash: string;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  /** The last events, as many as were asked for. */
  readonly trace: string;
  readonly steps: number;
  readonly harms: number;
  readonly takeOvers: number;
  /** Acknowledged messages, flags, account operations and settings that were looked for. */
  readonly acknowledged: number;
  /** Single comparisons of what was seen with what was known. */
  readonly checked: number;
  readonly looks: number;
  /** Commits of the owners' logs that settled, each found on the storage. */
  readonly commits: number;
  /** Histories of names that were too tangled to be decided. */
  readonly undecided: number;
}

const START_LIMIT_MS = 15_000;
const STORM_MS: readonly [number, number] = [2000, 6000];
/** Invariant 7, and what F's simulation allows a cluster to find itself again. */
const SERVED_LIMIT_MS = 5000;
/** Longest patience of a client, and a little. */
const FINISH_LIMIT_MS = 25_000;
const REST_LIMIT_MS = 20_000;
const ACCOUNTS = ['anna', 'bert'];
/** Octets of this one's log rot, where the shape says so: what its clients see is checked until then. */
const ROTTING = 'dora';
const REGISTRARS = ['x', 'y', 'z'];
/** Who looks at every name at the end. */
const LAST = 'last';
/** Intents that were left open are carried on, and answers that are late come. */
const SETTLING_MS = 500;

const WEATHER: Partial<Faults> = {
  latencyMs: [0.1, 3],
  killConnection: 0.0003,
  stallConnection: 0.0001,
  slowWay: 0.001,
  slowWayMsMax: 700,
  splitReads: 0.1,
  answerLost: 0.002,
  requestTwice: 0.01,
  retransmitMsMax: 300,
  tcpTimeoutMs: 2500,
  keepAliveMs: 4000,
  clockRate: 0.05,
  wallSkewMs: 800,
  timerLateMs: 4,
  diskLatencyMs: [0.1, 4],
  slowCall: 0.01,
  slowMsMax: 250,
  lostReply: 0.001,
  ioError: 0.001,
  noSpace: 0.0005,
  splitWrite: 0.2,
  attributeCacheMs: 3000,
};

/** Of the harms. */
const LONG_SHARE = 0.25;
/** Beyond a lease. */
const LONG_MS: readonly [number, number] = [1800, 3300];

/** Without StorageFence, machines whose clocks stand still are not covered (architecture, section 3, rule 3). */
const NEEDS_FENCE: ReadonlySet<Harm> = new Set<Harm>(['freeze-machine', 'overtaken-frozen']);

export async function runStorm(options: StormOptions): Promise<StormResult> {
  const storm = new Storm(options);
  return storm.run();
}

class Storm {
  readonly #options: StormOptions;
  readonly #bug: Bug;
  readonly #random: Prng;
  readonly #shape: Shape;
  readonly #broken: string[] = [];
  readonly #mail: readonly MailboxLedger[];
  readonly #book = new Book();
  readonly #readers: Reader[] = [];
  readonly #running: Promise<void>[] = [];
  #cluster: Cluster | undefined;
  #isStopped = false;
  #rot: Rot | undefined;
  /** Accounts that a name led to at the end. */
  readonly #alive = new Set<string>();
  #harms = 0;

  constructor(options: StormOptions) {
    this.#options = options;
    this.#bug = options.bug ?? NO_BUG;
    this.#random = new Prng(`storm ${options.seed}`);
    this.#shape = drawShape(this.#random.fork('shape'), this.#bug.shape);
    const broken = (what: string) => this.#note(what);
    this.#mail = ACCOUNTS.map((account) => new MailboxLedger(account, broken));
  }

  async run(): Promise<StormResult> {
    try {
      await this.#phases();
    } catch (error) {
      if (!(error instanceof SimulationError)) throw error;
      this.#broken.push(`${error.message.split('\n')[0]}\n${this.#cluster?.describe()}`);
      if (error.cause instanceof Error) this.#broken.push(String(error.cause.stack));
      // That something took too long says nothing of what was promised before.
      if (this.#cluster !== undefined) await this.#scan();
    }
    return this.#result();
  }

  get #world(): World {
    return this.#cluster!.world;
  }

  async #phases(): Promise<void> {
    const { seed, traceLines, logs } = this.#options;
    this.#cluster = new Cluster({
      seed,
      bug: this.#bug,
      shape: this.#shape,
      faults: WEATHER,
      ...(traceLines && { traceLines }),
      ...(logs && { logs }),
    });
    this.#rot = new Rot(this.#cluster, this.#random.fork('rot'), ROTTING);
    await this.#cluster.start(START_LIMIT_MS);
    const rotting = new MailboxLedger(ROTTING, this.#brokenFor(ROTTING));
    const ledgers = this.#shape.rots ? [...this.#mail, rotting] : this.#mail;
    await this.#prepare(ledgers);
    this.#startClients(ledgers);
    await this.#harm();
    await this.#servedAgain();
    await this.#finish();
    await this.#atRest();
    await this.#scan();
  }

  /** A domain and the accounts that mail goes to. */
  async #prepare(ledgers: readonly MailboxLedger[]): Promise<void> {
    await this.#surely({ do: 'domain' });
    for (const ledger of ledgers) {
      const { account } = ledger;
      await this.#surely({ do: 'create', name: account });
      const options = this.#client(`${account}-prepare`);
      const reader = new Reader(options, account, ledger, 'watches');
      const prepared = async () => {
        while (!(await reader.prepare())) await options.platform.clock.sleep(50);
      };
      await this.#world.settle(prepared(), START_LIMIT_MS);
      reader.close();
    }
  }

  async #harm(): Promise<void> {
    const world = this.#world;
    const all = this.#bug.harms ?? EVERY_HARM;
    const mayFreeze = this.#shape.fence || this.#bug.harms !== undefined;
    const harms = mayFreeze ? all : all.filter((harm) => !NEEDS_FENCE.has(harm));
    const { machines } = this.#cluster!;
    const restart = () => undefined; // the cluster's operating systems do that
    const long = { share: this.#bug.longShare ?? LONG_SHARE, lastsMs: LONG_MS };
    const common = { machines, harms, restart, long };
    const nemeses = [new Nemesis(world, { ...common, restMs: [20, 300], lastsMs: [20, 800] })];
    // Some seeds have two harms at a time: safe is safe, whatever happens.
    if (this.#random.chance(0.5))
      nemeses.push(new Nemesis(world, { ...common, restMs: [50, 700], lastsMs: [20, 1200] }));
    const { saboteur } = this.#cluster!;
    saboteur.start();
    for (const nemesis of nemeses) nemesis.start();
    const stormMs = this.#options.stormMs ?? this.#random.between(...STORM_MS);
    if (this.#shape.rots) this.#rot?.start(stormMs);
    await world.run(world.nowMs + stormMs);
    saboteur.stop();
    this.#harms += saboteur.count;
    for (const nemesis of nemeses) {
      nemesis.stop();
      this.#harms += nemesis.count;
    }
    world.heal();
    world.setFaults({ latencyMs: CALM.latencyMs });
  }

  #startClients(ledgers: readonly MailboxLedger[]): void {
    for (const [index, ledger] of ledgers.entries()) {
      const { account } = ledger;
      const changing = new Reader(this.#client(`${account}-changes`), account, ledger, 'changes');
      const watching = new Reader(this.#client(`${account}-watches`), account, ledger, 'watches');
      this.#readers.push(changing, watching);
      const mailer = new Mailer(this.#client(`${account}-mailer`), `m${index}`, ledger);
      for (const client of [mailer, changing, watching]) this.#running.push(client.run());
    }
    for (const name of REGISTRARS) this.#running.push(this.#registrar(name).run());
  }

  #registrar(name: string): Registrar {
    const options = {
      ...this.#client(`registrar-${name}`),
      nowMs: () => this.#world.nowMs,
      mailShare: this.#bug.mailShare,
    };
    return new Registrar(options, name, this.#book);
  }

  /** "After healing all accounts are served within 5 s": mail goes in, and both mailboxes can be read. */
  async #servedAgain(): Promise<void> {
    const world = this.#world;
    const startMs = world.nowMs;
    const served = this.#mail.map(async (ledger) => {
      const { account } = ledger;
      const options = this.#client(`${account}-served`);
      const door = new DoorClient(options.platform, options.hosts, 0);
      const delivery = ledger.sends(`served-${account}`);
      while (!delivery.isAcknowledged) {
        delivery.failedTries++;
        const text = `Subject: ${delivery.mark}\r\n\r\n`;
        const reply = await door.ask({ do: 'deliver', to: account, text });
        if (reply?.kind === 'done') {
          delivery.failedTries--;
          delivery.isAcknowledged = true;
        } else await options.platform.clock.sleep(20);
      }
      door.close();
      const reader = new Reader(options, account, ledger, 'watches');
      while ((await reader.lookAtAll()) === undefined) await options.platform.clock.sleep(20);
      reader.close();
    });
    await world.settle(Promise.all(served), REST_LIMIT_MS);
    const tookMs = world.nowMs - startMs;
    if (tookMs > SERVED_LIMIT_MS) this.#note(`served again only ${tookMs.toFixed(0)} ms after the healing`);
  }

  async #finish(): Promise<void> {
    this.#isStopped = true;
    await this.#world.settle(Promise.all(this.#running), FINISH_LIMIT_MS);
  }

  /** What was left open comes to its end, then everything is looked at, through every frontend. */
  async #atRest(): Promise<void> {
    const world = this.#world;
    await world.run(() => this.#cluster!.isServing(), { untilMs: world.nowMs + REST_LIMIT_MS });
    await world.run(world.nowMs + SETTLING_MS);
    await world.settle(
      this.#registrar(LAST).lookAtAll((request) => this.#again(request)),
      REST_LIMIT_MS,
    );
    for (const { entries } of this.#book.allGroups)
      for (const { client, outcome } of entries)
        if (client === LAST && outcome.kind === 'done' && outcome.value !== null)
          this.#alive.add(outcome.value);
    for (const what of this.#book.check()) this.#note(what);
    for (const [index] of this.#cluster!.hosts.entries())
      for (const ledger of this.#mail) await this.#lookAtMail(ledger, index);
  }

  async #lookAtMail(ledger: MailboxLedger, frontend: number): Promise<void> {
    const { hosts } = this.#cluster!;
    const options = { ...this.#client(`${ledger.account}-at-rest-${frontend}`), hosts: [hosts[frontend]!] };
    const reader = new Reader(options, ledger.account, ledger, 'reads all');
    const look = async (): Promise<readonly Look[]> => {
      for (;;) {
        const looks = await reader.lookAtAll();
        if (looks !== undefined) return looks;
        await options.platform.clock.sleep(50);
      }
    };
    const looks = await this.#world.settle(look(), REST_LIMIT_MS);
    reader.close();
    if (looks.length !== BOXES.length) this.#note(`${ledger.account}: not every mailbox is there`);
    ledger.atRest(looks);
  }

  async #scan(): Promise<void> {
    const { tree, promises } = this.#cluster!;
    const scanned = await scanStorage(tree, promises, this.#alive);
    this.#broken.push(...scanned.problems, ...this.#cluster!.problems);
    this.#takeOvers = scanned.takeOvers;
    this.#broken.push(...(await compareSnapshots(tree, promises)));
  }

  #takeOvers = 0;

  /** Asks until it is done, in the calm before the storm. */
  async #surely(request: Request): Promise<void> {
    await this.#world.settle(this.#again(request, true), START_LIMIT_MS);
  }

  async #again(request: Request, mayExist = false): Promise<Reply & { kind: 'done' }> {
    const options = this.#client(`ask-${this.#asked++}`);
    for (let tries = 0; ; tries++) {
      const door = new DoorClient(options.platform, options.hosts, tries);
      const reply = await door.ask(request);
      door.close();
      if (reply?.kind === 'done') return reply;
      if (mayExist && reply?.kind === 'failed' && reply.code === 'exists')
        return { kind: 'done', value: null };
      this.#world.note(`asked again: ${JSON.stringify(request)} ${JSON.stringify(reply)}`);
      await options.platform.clock.sleep(50);
    }
  }

  #asked = 0;

  /** What clients of an account see that rots says nothing any more; the storage is looked at all the same. */
  #brokenFor(account: string): (what: string) => void {
    return (what) => {
      if (account !== ROTTING || this.#rot?.hasRotted !== true) this.#note(what);
    };
  }

  #client(name: string): ClientOptions {
    const { platform } = this.#world.machine('clients').process(name);
    return {
      platform,
      hosts: this.#cluster!.hosts,
      random: this.#random.fork(name),
      broken: this.#brokenFor(name.split('-')[0]!),
      stopped: () => this.#isStopped,
      note: (what) => this.#world.note(`  {${name}} ${what}`),
      beginLook: () => this.#cluster!.beginLook(),
    };
  }

  #note(what: string): void {
    this.#broken.push(`${this.#world.nowMs.toFixed(1)} ms: ${what}`);
    this.#world.note(`BROKEN ${what}`);
  }

  #result(): StormResult {
    const world = this.#world;
    const sum = (pick: (ledger: MailboxLedger | Book) => number) =>
      [...this.#mail, this.#book].reduce((all, ledger) => all + pick(ledger), 0);
    return {
      seed: this.#options.seed,
      shape: describeShape(this.#shape),
      broken: this.#broken,
      hash: world.trace.hash,
      faults: world.counters.counts(),
      trace: this.#options.traceLines === undefined ? '' : world.trace.text(),
      steps: world.trace.count,
      harms: this.#harms,
      takeOvers: this.#takeOvers,
      acknowledged: sum(({ acknowledged }) => acknowledged),
      checked: sum(({ checked }) => checked),
      looks: this.#readers.reduce((all, { looks }) => all + looks, 0),
      commits: this.#cluster!.promises.commits,
      undecided: this.#book.undecided,
    };
  }
}
