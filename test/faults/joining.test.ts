/**
 * Members come and go under load (docs/cluster.md, "Placement"): a third backend and a second frontend join a cluster of two and one
 * and get their share, the first backend leaves in good order. Nobody else is started again, and no client hears of it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { StatusReport } from '../../src/http/report.ts';
import { freePorts } from '../../src/lab/ports.ts';
import type { Address } from '../../src/platform/platform.ts';
import { SLOTS } from '../../src/store/ids.ts';
import { Cli } from '../support/cli.ts';
import { Lab, type Login, until } from '../support/lab.ts';
import { quoted } from '../support/member.ts';
import { bring } from '../support/newcomer.ts';
import { Prng } from '../support/prng.ts';
import { bodyOf, type Door, Writer } from './load.ts';
import { readInbox } from './mailbox.ts';
import { Session } from './session.ts';
import { tryMail } from './smtp-try.ts';

const HOST = '127.0.0.1';
/** The last two thirds of the accounts get mail, the first third has sessions that set flags. */
const ACCOUNTS = 12;
const SESSIONS = 4;
const PAUSE_MS = 20;
/** A slot moves within a moment; the rest is a loaded machine. */
const ANSWERED_WITHIN_MS = 5000;
/** How far from its share a member may be: a tenth is no cause to move anything. */
const SHARE_SLACK = 0.11;

void t.test('members join and leave under load', { timeout: 180_000 }, async (t) => {
  const lab = await Lab.start(['--backends', '2', '--frontends', '1', '--accounts', `${ACCOUNTS}`]);
  t.teardown(() => lab.stop());
  const { accounts, members } = await lab.file();
  const mailed = accounts.slice(SESSIONS);
  const [fe1, admin] = [await door(lab, 'fe1'), await lab.service('fe1', 'admin')];
  for (const { login } of accounts)
    t.match(await tryMail(fe1.smtp, { to: login, mark: 'before', body: bodyOf('before') }), /^250/);

  let isOver = false;
  // However this ends: clients that go on would keep it alive.
  t.teardown(() => {
    isOver = true;
  });
  const load = new Load(accounts.slice(0, SESSIONS), mailed, () => isOver);
  const running = [load.run('fe1', fe1)];
  const ports = [...(await freePorts(6, new Prng(process.pid + performance.now())))];
  const next = (): Address => ({ host: HOST, port: ports.shift()! });
  const backends = await clusterAddresses(lab, ['be1', 'be2']);
  const third = next();
  // Those that run have a shorter list, until somebody starts them again.
  const all = [...backends, third].map(quoted).join();
  const common = { ClusterName: 'lab', BackendAddresses: `(${all})` };

  const be3 = await bring(t, {
    name: 'be3',
    flag: '--ClusterBackend',
    settings: { ...common, ClusterAddress: quoted(third) },
    storage: lab.storage,
    host: `${lab.base}/be2`,
  });
  const joined = await settled(admin, ['be1', 'be2', 'be3']);
  t.comment(`be3 has joined: ${describe(joined)}`);

  const fe2: Entrance = { smtp: next(), imap: next() };
  await bring(t, {
    name: 'fe2',
    flag: '--ClusterFrontend',
    settings: {
      ...common,
      ClusterAddress: quoted(next()),
      SMTPListener: quoted(fe2.smtp),
      IMAPListener: quoted(fe2.imap),
    },
    host: `${lab.base}/be1`,
  });
  running.push(load.run('fe2', fe2));
  await until(async () => load.of('fe2').acknowledged > 20);

  await figures(t, admin);
  const before = await pidsOf(lab, ['be2', 'fe1']);
  await lab.act('stop', 'be1');
  const left = await settled(admin, ['be2', 'be3']);
  t.comment(`be1 has left: ${describe(left)}`);
  t.strictSame(await pidsOf(lab, ['be2', 'fe1']), before, 'nobody else was started again');
  const same = (await lab.file()).members.filter(({ name }) => name !== 'be1');
  t.strictSame(
    same.map(({ name, pid, workers }) => ({ name, pid, workers })),
    members.filter(({ name }) => name !== 'be1').map(({ name, pid, workers }) => ({ name, pid, workers })),
    'from beginning to end',
  );
  t.equal((await be3.status()).state, 'ready');
  const answered = load.of('fe2').acknowledged + load.of('fe1').acknowledged;
  await until(async () => load.of('fe2').acknowledged + load.of('fe1').acknowledged > answered + 50);
  isOver = true;
  await Promise.all(running);

  for (const name of ['fe1', 'fe2']) {
    const { acknowledged, errors, waitsMs } = load.of(name);
    const longest = Math.max(...waitsMs);
    t.comment(`${name}: ${acknowledged} mails and commands, the longest took ${Math.round(longest)} ms`);
    t.strictSame(errors, [], `${name}: no error for any client`);
    t.ok(longest < ANSWERED_WITHIN_MS, `${name}: nobody waits long`);
  }
  await complete(t, load.writers, fe1.imap, mailed);
  const cli = await Cli.open(lab, 'fe1');
  t.match(await cli.run('CLUSTER MOVESLOT 7 TO be1'), /no backend be1|takes no slots/, 'it is gone');
  cli.close();
});

interface Entrance {
  readonly smtp: Address;
  readonly imap: Address;
}

interface Told {
  acknowledged: number;
  readonly errors: string[];
  readonly waitsMs: number[];
}

/** Clients that take nothing but what they asked for: every refusal, every end of a session is an error. */
class Load {
  readonly writers: Writer[] = [];
  readonly #flagged: readonly Login[];
  readonly #mailed: readonly Login[];
  readonly #isOver: () => boolean;
  readonly #told = new Map<string, Told>();

  constructor(flagged: readonly Login[], mailed: readonly Login[], isOver: () => boolean) {
    this.#flagged = flagged;
    this.#mailed = mailed;
    this.#isOver = isOver;
  }

  of(frontend: string): Told {
    const told = this.#told.get(frontend) ?? { acknowledged: 0, errors: [], waitsMs: [] };
    this.#told.set(frontend, told);
    return told;
  }

  /** Until it is over: two that write, one that waits for new mail, and sessions that set flags. */
  async run(frontend: string, { smtp, imap }: Entrance): Promise<void> {
    const door: Door = { name: frontend, ...smtp };
    const writers = ['a', 'b'].map((name) => new Writer(`${frontend}${name}`, this.#mailed, [door]));
    this.writers.push(...writers);
    const writing = writers.map(async (writer) => {
      await writer.run(this.#isOver);
      const told = this.of(frontend);
      told.errors.push(...writer.violations);
      for (const { failedTries, mark } of writer.sent)
        if (failedTries > 0) told.errors.push(`${mark}: ${failedTries} tries failed`);
      told.acknowledged += writer.sent.length;
    });
    const idling = this.#idle(frontend, imap);
    await Promise.all([...writing, idling, ...this.#flagged.map((each) => this.#flag(frontend, imap, each))]);
  }

  async #flag(frontend: string, imap: Address, account: Login): Promise<void> {
    const told = this.of(frontend);
    await this.#session(frontend, imap, account, async (session) => {
      for (let count = 0; !this.#isOver(); count++, await sleep(PAUSE_MS)) {
        const startMs = performance.now();
        const answer = await session.ask(`UID STORE 1:* +FLAGS.SILENT (mark${count % 20})`);
        told.waitsMs.push(performance.now() - startMs);
        if (answer.startsWith('OK')) told.acknowledged++;
        else told.errors.push(`${account.login}: ${answer}`);
      }
    });
  }

  /** Waits for new mail, which comes all the time. */
  async #idle(frontend: string, imap: Address): Promise<void> {
    const account = this.#mailed[0]!;
    await this.#session(frontend, imap, account, async (session) => {
      while (!this.#isOver()) {
        const lines = await session.idle(sleep(500));
        if (!lines.at(-1)!.includes(' OK ')) this.of(frontend).errors.push(`IDLE: ${lines.at(-1)}`);
      }
    });
  }

  async #session(
    frontend: string,
    imap: Address,
    account: Login,
    use: (session: Session) => Promise<void>,
  ): Promise<void> {
    try {
      const session = await Session.open(imap, account);
      try {
        await use(session);
      } finally {
        session.close();
      }
    } catch (error) {
      this.of(frontend).errors.push(`${account.login}: ${String(error)}`);
    }
  }
}

async function door(lab: Lab, name: string): Promise<Entrance> {
  return { smtp: await lab.service(name, 'smtp'), imap: await lab.service(name, 'imap') };
}

async function clusterAddresses(lab: Lab, names: readonly string[]): Promise<readonly Address[]> {
  return Promise.all(names.map(async (name) => (await lab.status(name)).address));
}

async function pidsOf(lab: Lab, names: readonly string[]): Promise<readonly (readonly number[])[]> {
  return Promise.all(names.map(async (name) => [(await lab.status(name)).pid, ...(await lab.workers(name))]));
}

async function reportOf(admin: Address): Promise<StatusReport> {
  const answer = await fetch(`http://${admin.host}:${admin.port}/status.json`);
  return (await answer.json()) as StatusReport;
}

/** Resolves when each of these backends has its share of all slots, with what they have. */
async function settled(admin: Address, names: readonly string[]): Promise<ReadonlyMap<string, number>> {
  let slots = new Map<string, number>();
  await until(async () => {
    slots = new Map((await reportOf(admin)).members.map((each) => [each.name, each.slots]));
    const share = SLOTS / names.length;
    return names.every((name) => Math.abs((slots.get(name) ?? 0) - share) <= share * SHARE_SLACK);
  }, 60_000);
  return slots;
}

/** What people are shown of it. */
async function figures(t: Test, admin: Address): Promise<void> {
  const { members, moves } = await reportOf(admin);
  const loads = new Map(members.map(({ name, workers }) => [name, workers[0]?.load]));
  for (const name of ['be2', 'be3']) {
    const load = loads.get(name);
    t.comment(`${name}: ${JSON.stringify(load)}`);
    t.ok(load!.operationsPerSecond > 0 && load!.processor > 0, `${name} tells its load`);
    t.ok(load!.hottest.length > 0, `${name} names its busiest slots`);
  }
  t.equal(loads.get('fe1')?.operationsPerSecond, 0, 'a frontend has no slots');
  t.comment(`moves: ${JSON.stringify(moves)}`);
  t.ok(moves!.balance > 1000, 'what moved was counted');
  const metrics = await (await fetch(`http://${admin.host}:${admin.port}/metrics`)).text();
  t.match(metrics, /\npostern_processor_utilization\{worker="0"\} [\d.e-]+\n/);
  t.match(metrics, /\npostern_weight\{worker="0"\} 100\n/);
}

function describe(slots: ReadonlyMap<string, number>): string {
  return [...slots].map(([name, count]) => `${name} ${count}`).join(', ');
}

/** Every message that was acknowledged is there, once and whole. */
async function complete(
  t: Test,
  writers: readonly Writer[],
  imap: Address,
  accounts: readonly Login[],
): Promise<void> {
  const sent = writers.flatMap((writer) => writer.sent);
  const copies = new Map<string, number>();
  for (const account of accounts)
    for (const { subject, body } of (await readInbox(imap, account)).messages) {
      const key = `${account.login} ${subject}`;
      copies.set(key, (copies.get(key) ?? 0) + (body === bodyOf(subject) ? 1 : 0));
    }
  const wrong = sent.filter(
    ({ to, mark, acknowledged }) => acknowledged && copies.get(`${to} ${mark}`) !== 1,
  );
  t.comment(`${sent.length} messages`);
  t.ok(sent.length > 50, 'there was a load');
  t.strictSame(wrong, [], 'each acknowledged message is there once, and whole');
}
