/**
 * Thousands of sessions that do nothing, on a few accounts, while their backends are killed one after the other: none is
 * closed, new mail is told to whoever waits for it in IDLE, and to all others when they ask (docs/architecture.md, section
 * 3, sessions outlive backends).
 */

import { SMTP_PATIENCE_MS } from '../faults/smtp-try.ts';
import type { Login } from '../support/lab.ts';
import { LineClient } from '../support/line-client.ts';
import { BACKENDS, type Bed, FRONTENDS, type Loss } from './bed.ts';
import { MailProgram } from './mail-program.ts';
import { loopDelayMs, memoryKiB, workersCpuMs } from './meter.ts';

const LOSSES: readonly Loss[] = ['worker killed', 'supervisor killed'];
const AT_ONCE = 50;
/** Attempts from one address that have no outcome yet are held against it where no account knows it. */
const LOGINS_AT_ONCE = 8;
/** A mail that was taken and is not told after so long is told too late in any case. */
const TOLD_WITHIN_MS = 20_000;
/** A mail server tries again for so long. */
const MAIL_WITHIN_MS = 30_000;

/** Without any of the accounts by then a member is lost all the same: their slots may belong to others for good. */
const OWNED_WITHIN_MS = 5000;

/** Half of them idle, of the others some have a mailbox selected. */
type Habit = 'idle' | 'selected' | 'none';
const HABITS: readonly Habit[] = ['idle', 'selected', 'idle', 'selected', 'idle', 'none'];

/** What came of one loss. */
export interface LossFigures {
  readonly what: string;
  /** Sessions whose owner it was. */
  readonly lost: number;
  /** For each session in IDLE: from the answer to the mail to the EXISTS; 0 when that came first. */
  readonly toldMs: readonly number[];
  /** From the loss until the last session in IDLE was told, which it is only once it is attached again. */
  readonly allToldMs: number;
  readonly untold: number;
  /** Between the loss and the last of those, of the workers there were at its end. */
  readonly backendCpuMs: number;
  readonly frontendCpuMs: number;
  /** The quiet ones' NOOP, and how long each waited; `notOk` what was not answered OK or with a wrong EXISTS. */
  readonly askedMs: readonly number[];
  readonly askingMs: number;
  readonly askingBackendCpuMs: number;
  readonly askingFrontendCpuMs: number;
  readonly notOk: readonly string[];
  readonly closed: number;
  /** Of each frontend and backend, at most in the last minute. */
  readonly loopDelaysMs: readonly (readonly [member: string, ms: number | undefined])[];
}

export interface CrowdFigures {
  readonly clients: number;
  readonly idle: number;
  readonly frontendKiBEach: number;
  readonly losses: readonly LossFigures[];
  readonly complaints: readonly string[];
}

export interface CrowdOptions {
  readonly bed: Bed;
  readonly clients: number;
  readonly accounts: number;
  /** In this order; each backend for each loss when left out. */
  readonly losses?: readonly (readonly [member: string, loss: Loss])[];
  readonly onLoss?: (figures: LossFigures) => void;
}

interface Member {
  readonly program: MailProgram;
  readonly habit: Habit;
  readonly account: Login;
  /** When EXISTS rose last. */
  toldAtMs: number;
}

export async function checkCrowd(options: CrowdOptions): Promise<CrowdFigures> {
  const { bed, clients, onLoss } = options;
  const accounts = bed.accounts.slice(0, options.accounts);
  const losses =
    options.losses ?? BACKENDS.flatMap((member) => LOSSES.map((loss) => [member, loss] as const));
  const frontends = (await Promise.all(FRONTENDS.map((name) => bed.lab.workers(name)))).flat();
  const before = await memoryKiB(frontends);
  const crowd: Member[] = [];
  try {
    await parallel(
      LOGINS_AT_ONCE,
      clients,
      async (index) => void crowd.push(await join(bed, accounts, index)),
    );
    const frontendKiBEach = ((await memoryKiB(frontends)) - before) / clients;
    const counts = new Map(accounts.map(({ login }) => [login, 0]));
    const done: LossFigures[] = [];
    for (const [member, loss] of losses) {
      const figures = await suffer(bed, crowd, counts, member, loss);
      done.push(figures);
      onLoss?.(figures);
    }
    return {
      clients,
      idle: crowd.filter(({ habit }) => habit === 'idle').length,
      frontendKiBEach,
      losses: done,
      complaints: crowd.flatMap(({ program }) => program.complaints),
    };
  } finally {
    for (const { program } of crowd) program.close();
  }
}

async function join(bed: Bed, accounts: readonly Login[], index: number): Promise<Member> {
  const account = accounts[index % accounts.length]!;
  // Each account has every habit, at either frontend.
  const turn = Math.floor(index / accounts.length);
  const habit = HABITS[turn % HABITS.length]!;
  const program = await MailProgram.open(bed.door(turn), account, `${account.login} ${index} ${habit}`);
  const member = { program, habit, account, toldAtMs: 0 };
  program.onTold = (text) => {
    if (text.endsWith(' EXISTS')) member.toldAtMs = performance.now();
  };
  if (habit !== 'none') await program.command('SELECT INBOX');
  if (habit === 'idle') await program.idle();
  return member;
}

async function suffer(
  bed: Bed,
  crowd: readonly Member[],
  counts: Map<string, number>,
  member: string,
  loss: Loss,
): Promise<LossFigures> {
  const accounts = await ownedAccounts(bed, crowd, member);
  const idle = crowd.filter(({ habit }) => habit === 'idle');
  const quiet = crowd.filter(({ habit }) => habit !== 'idle');
  const cpu = async (): Promise<readonly [number, number]> =>
    Promise.all([workersCpuMs(bed, BACKENDS), workersCpuMs(bed, FRONTENDS)]);
  // The time of the worker that dies goes with it.
  const others = BACKENDS.filter((name) => name !== member);
  const backendsBefore = await workersCpuMs(bed, others);
  const frontendsBefore = await workersCpuMs(bed, FRONTENDS);
  const startMs = performance.now();
  const { back } = await bed.lose(loss, member);
  const acknowledged = new Map(
    await Promise.all(
      [...counts.keys()].map(async (login, index) => {
        await deliver(bed, login, index);
        counts.set(login, counts.get(login)! + 1);
        return [login, performance.now()] as const;
      }),
    ),
  );
  const isTold = ({ program, account }: Member): boolean => program.view.exists >= counts.get(account.login)!;
  const untilMs = performance.now() + TOLD_WITHIN_MS;
  while (!idle.every(isTold) && performance.now() < untilMs) await nextLook();
  const told = idle.filter(isTold);
  const [backendsTold, frontendsTold] = [await workersCpuMs(bed, others), await workersCpuMs(bed, FRONTENDS)];
  await back;
  const asking = await ask(quiet, counts, cpu);
  // A mail whose answer was lost is sent again, and then there twice.
  for (const { program, account } of crowd)
    counts.set(account.login, Math.max(counts.get(account.login)!, program.view.exists));
  const names = [...BACKENDS, ...FRONTENDS];
  return {
    what: `${loss} of ${member}`,
    lost: crowd.filter(({ account }) => accounts.has(account.login)).length,
    toldMs: told.map(({ account, toldAtMs }) => Math.max(0, toldAtMs - acknowledged.get(account.login)!)),
    allToldMs: Math.max(0, ...told.map(({ toldAtMs }) => toldAtMs)) - startMs,
    untold: idle.length - told.length,
    backendCpuMs: backendsTold - backendsBefore,
    frontendCpuMs: frontendsTold - frontendsBefore,
    ...asking,
    closed: crowd.filter(({ program }) => program.isClosed).length,
    loopDelaysMs: await Promise.all(names.map(async (name) => [name, await loopDelayMs(bed, name)] as const)),
  };
}

/** Waits until the member has some of the accounts again: slots come back to it one by one. */
async function ownedAccounts(
  bed: Bed,
  crowd: readonly Member[],
  member: string,
): Promise<ReadonlySet<string>> {
  const logins = new Map(crowd.map(({ account }) => [account.login, account]));
  const untilMs = performance.now() + OWNED_WITHIN_MS;
  for (;;) {
    const owned = new Set<string>();
    for (const account of logins.values())
      if ((await bed.ownerOf(account)).member === member) owned.add(account.login);
    if (owned.size > 0 || performance.now() > untilMs) return owned;
    await nextLook();
  }
}

/** NOOP of everybody who was quiet, so many at a time. */
async function ask(
  quiet: readonly Member[],
  counts: ReadonlyMap<string, number>,
  cpu: () => Promise<readonly [number, number]>,
): Promise<
  Pick<LossFigures, 'askedMs' | 'askingMs' | 'askingBackendCpuMs' | 'askingFrontendCpuMs' | 'notOk'>
> {
  const askedMs: number[] = [];
  const notOk: string[] = [];
  const [backends, frontends] = await cpu();
  const startMs = performance.now();
  await parallel(AT_ONCE, quiet.length, async (index) => {
    const { program, habit, account } = quiet[index]!;
    const atMs = performance.now();
    const { status, text } = await program.command('NOOP');
    askedMs.push(performance.now() - atMs);
    const { exists } = program.view;
    if (status !== 'OK') notOk.push(`${program.name}: ${status} ${text}`);
    else if (habit === 'selected' && exists < counts.get(account.login)!)
      notOk.push(`${program.name}: ${exists} messages, there are ${counts.get(account.login)}`);
  });
  const askingMs = performance.now() - startMs;
  const [backendsAfter, frontendsAfter] = await cpu();
  return {
    askedMs,
    askingMs,
    askingBackendCpuMs: backendsAfter - backends,
    askingFrontendCpuMs: frontendsAfter - frontends,
    notOk,
  };
}

/** One message by LMTP, tried until it is taken, as a relay does; one that was not answered may be there all the same. */
async function deliver(bed: Bed, login: string, index: number): Promise<void> {
  const untilMs = performance.now() + MAIL_WITHIN_MS;
  for (let tries = 0; performance.now() < untilMs; tries++) {
    const client = await LineClient.connect(bed.door(index + tries, 'lmtp'), SMTP_PATIENCE_MS);
    try {
      await client.reply();
      let reply = '';
      for (const command of ['LHLO relay.example', 'MAIL FROM:<>', `RCPT TO:<${login}>`, 'DATA', MESSAGE]) {
        client.send(`${command}\r\n`);
        reply = await client.reply();
        if (!/^[23]/.test(reply)) break;
      }
      if (reply.startsWith('250')) return;
    } finally {
      client.close();
    }
    await nextLook();
  }
  throw new Error(`no mail was taken for ${login}`);
}

const MESSAGE = 'Subject: news\r\n\r\nthis is new\r\n.';

/** A moment, in which sockets are read. */
function nextLook(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

async function parallel(atOnce: number, count: number, act: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await act(index);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
}
