/**
 * One seed: a cluster starts, a domain and accounts are made, clients work while a nemesis harms members, then everything
 * heals. From then on all accounts are served within 5 s (docs/architecture.md, section 6, invariant 7); clients finish,
 * and every promise is looked for: through IMAP, through the names, and on the storage.
 */
import { Prng } from '../../support/prng.ts';
import { CALM, type Faults } from '../faults.ts';
import { EVERY_HARM, type Harm, Nemesis } from '../nemesis.ts';
import { SimulationError, type World } from '../world.ts';
import { Administrator, BOXES, type ClientOptions, Mailer, Reader } from './clients.ts';
import { Cluster } from './cluster.ts';
import type { Reply, Request } from './door.ts';
import { DoorClient } from './door-client.ts';
import type { Look } from './mailbox-ledger.ts';
import { MailboxLedger } from './mailbox-ledger.ts';
import { NameLedger } from './name-ledger.ts';
import { NO_PLANT, type Plant } from './plant.ts';
import { scanStorage } from './storage-scan.ts';

export interface StormOptions {
  readonly seed: number;
  readonly plant?: Plant;
  readonly stormMs?: number;
  readonly traceLines?: number;
  readonly logs?: boolean;
}

export interface StormResult {
  readonly seed: number;
  /** What was promised and is not so; empty when all is well. */
  readonly broken: readonly string[];
  readonly world: World;
  readonly steps: number;
  readonly harms: number;
  readonly takeOvers: number;
  /** Acknowledged messages, flags, names and settings that were looked for. */
  readonly acknowledged: number;
  /** Single comparisons of what was seen with what was known. */
  readonly checked: number;
  readonly looks: number;
  /** Commits of the owners' logs that settled, each found on the storage. */
  readonly commits: number;
}

const START_LIMIT_MS = 10_000;
const STORM_MS = 6000;
/** Invariant 7, and what F's simulation allows a cluster to find itself again. */
const SERVED_LIMIT_MS = 5000;
/** Longest patience of a client, and a little. */
const FINISH_LIMIT_MS = 25_000;
const REST_LIMIT_MS = 20_000;
const ACCOUNTS = ['anna', 'bert', 'cleo'];

const WEATHER: Partial<Faults> = {
  latencyMs: [0.1, 3],
  killConnection: 0.0003,
  splitReads: 0.1,
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

/** Without StorageFence, machines whose clocks stand still are not covered (architecture, section 3, rule 3). */
const NEEDS_FENCE: ReadonlySet<Harm> = new Set<Harm>(['freeze-machine']);

export async function runStorm(options: StormOptions): Promise<StormResult> {
  const storm = new Storm(options);
  return storm.run();
}

class Storm {
  readonly #options: StormOptions;
  readonly #plant: Plant;
  readonly #random: Prng;
  readonly #broken: string[] = [];
  readonly #mail: readonly MailboxLedger[];
  readonly #names: NameLedger;
  readonly #readers: Reader[] = [];
  readonly #running: Promise<void>[] = [];
  #cluster: Cluster | undefined;
  #isStopped = false;
  #harms = 0;

  constructor(options: StormOptions) {
    this.#options = options;
    this.#plant = options.plant ?? NO_PLANT;
    this.#random = new Prng(`storm ${options.seed}`);
    const broken = (what: string) => this.#note(what);
    this.#mail = ACCOUNTS.map((account) => new MailboxLedger(account, broken));
    this.#names = new NameLedger(broken);
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
    const fence = this.#plant.fence ?? this.#random.chance(0.8);
    const frontends = 1 + this.#random.below(2);
    const faults = WEATHER;
    const plant = this.#plant;
    this.#cluster = new Cluster({
      seed,
      plant,
      fence,
      frontends,
      faults,
      ...(traceLines && { traceLines }),
      ...(logs && { logs }),
    });
    await this.#cluster.start(START_LIMIT_MS);
    await this.#prepare();
    this.#startClients();
    await this.#harm(fence);
    await this.#servedAgain();
    await this.#finish();
    await this.#atRest();
    await this.#scan();
  }

  /** A domain and the accounts that mail goes to. */
  async #prepare(): Promise<void> {
    await this.#surely({ do: 'domain' });
    for (const ledger of this.#mail) {
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

  async #harm(fence: boolean): Promise<void> {
    const world = this.#world;
    const all = this.#plant.harms ?? EVERY_HARM;
    const harms =
      fence || this.#plant.harms !== undefined ? all : all.filter((harm) => !NEEDS_FENCE.has(harm));
    const { machines } = this.#cluster!;
    const restart = () => undefined; // the cluster's operating systems do that
    const common = { machines, harms, restart };
    const nemeses = [new Nemesis(world, { ...common, restMs: [20, 500], lastsMs: [30, 2800] })];
    // Some seeds have two harms at a time: safe is safe, whatever happens.
    if (this.#random.chance(0.3))
      nemeses.push(new Nemesis(world, { ...common, restMs: [100, 1200], lastsMs: [30, 2000] }));
    const { saboteur } = this.#cluster!;
    saboteur.start();
    for (const nemesis of nemeses) nemesis.start();
    await world.run(world.nowMs + (this.#options.stormMs ?? STORM_MS));
    saboteur.stop();
    this.#harms += saboteur.count;
    for (const nemesis of nemeses) {
      nemesis.stop();
      this.#harms += nemesis.count;
    }
    world.heal();
    world.setFaults({ latencyMs: CALM.latencyMs });
  }

  #startClients(): void {
    for (const [index, ledger] of this.#mail.entries()) {
      const { account } = ledger;
      const changing = new Reader(this.#client(`${account}-changes`), account, ledger, 'changes');
      const watching = new Reader(this.#client(`${account}-watches`), account, ledger, 'watches');
      this.#readers.push(changing, watching);
      const mailer = new Mailer(this.#client(`${account}-mailer`), `m${index}`, ledger);
      for (const client of [mailer, changing, watching]) this.#running.push(client.run());
    }
    for (const name of ['x', 'y'])
      this.#running.push(new Administrator(this.#client(`admin-${name}`), name, this.#names).run());
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
    const intentsMs = 3000;
    await world.run(world.nowMs + intentsMs);
    await world.settle(this.#lookAtNames(), REST_LIMIT_MS);
    for (const [index] of this.#cluster!.hosts.entries())
      for (const ledger of this.#mail) await this.#lookAtMail(ledger, index);
  }

  async #lookAtNames(): Promise<void> {
    const found = new Map<string, string | null>();
    const objects = new Map<string, string>();
    const names = [...this.#names.records.values()];
    await this.#world.settle(
      Promise.all(
        names.map(async (record) => {
          const before = record.fate.least;
          const reply = await this.#again({ do: 'resolve', name: record.name });
          this.#names.resolved(record, reply.value, before);
          found.set(record.name, reply.value);
          if (reply.value !== null) objects.set(record.name, reply.value);
        }),
      ),
      REST_LIMIT_MS,
    );
    this.#names.atRest(found);
    for (const [key, fate] of this.#names.settings) {
      const before = fate.least;
      const reply = await this.#again({ do: 'get', key });
      this.#names.gotSetting(key, reply.value !== null, before);
    }
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
    const scanned = await scanStorage(this.#world.storage.tree, this.#cluster!.promises);
    this.#broken.push(...scanned.problems, ...this.#cluster!.damage);
    this.#takeOvers = scanned.takeOvers;
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

  #client(name: string): ClientOptions {
    const { platform } = this.#world.machine('clients').process(name);
    return {
      platform,
      hosts: this.#cluster!.hosts,
      random: this.#random.fork(name),
      broken: (what) => this.#note(what),
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
    const sum = (pick: (ledger: MailboxLedger | NameLedger) => number) =>
      [...this.#mail, this.#names].reduce((all, ledger) => all + pick(ledger), 0);
    return {
      seed: this.#options.seed,
      broken: this.#broken,
      world,
      steps: world.trace.count,
      harms: this.#harms,
      takeOvers: this.#takeOvers,
      acknowledged: sum(({ acknowledged }) => acknowledged),
      checked: sum(({ checked }) => checked),
      looks: this.#readers.reduce((all, { looks }) => all + looks, 0),
      commits: this.#cluster!.promises.commits,
    };
  }
}
