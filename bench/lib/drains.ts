/**
 * A backend with many open accounts is made Not-Ready, and all that it has moves to the other one, while clients ask for some
 * accounts all the time and mail comes to others. Accounts are opened by mail to each of them.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { HOST_LIMITS } from '../../src/store/host/types.ts';
import { Cli } from '../../test/support/cli.ts';
import { HandoverBed } from './handover-bed.ts';
import { run } from './intake-load.ts';
import { MailTimes } from './mail-times.ts';

/** With clients that ask: each at this pace. */
const ASKED = 12;
const PACE_MS = 5;
const MAKING_SESSIONS = 8;
const MAIL_CONNECTIONS = 30;
const MAIL_OCTETS = 512;
const QUIET_MS = 500;
const LATE_RESOLUTION_MS = 5;

export interface Drained {
  /** Open at the backend when it was made Not-Ready. */
  readonly accounts: number;
  readonly from: string;
  readonly tookMs: number;
  /** Of each account that was asked for. */
  readonly pausesMs: readonly number[];
  /** When that question was put, in ms after the drain began: the same time for all is no move, but a process that stood still. */
  readonly putMs: readonly number[];
  /** How late the event loop of these clients was at most: so much of a pause may be theirs. */
  readonly clientsLateMs: number;
  /** From the end of each message that came to another account meanwhile to its answer. */
  readonly mailMs: readonly number[];
  readonly errors: readonly string[];
}

export async function drains(
  accounts: number,
  count: number,
  show: (drained: Drained) => void,
): Promise<readonly Drained[]> {
  // What a worker keeps open has a limit.
  const workers = Math.ceil((accounts + ASKED) / (HOST_LIMITS.openAccountsMax * 0.9));
  const flags = [
    '--backends',
    '2',
    '--frontends',
    '1',
    '--accounts',
    String(ASKED),
    '--workers',
    String(workers),
  ];
  await using bed = await HandoverBed.start(flags, PACE_MS);
  const domain = bed.askers[0]!.account.login.split('@')[1]!;
  const others = Array.from({ length: accounts - ASKED }, (_, index) => `open${index + 1}@${domain}`);
  await make(bed, others);
  const address = await bed.lab.service('fe1', 'smtp');
  const results: Drained[] = [];
  while (results.length < count) {
    const [from, to] = results.length % 2 === 0 ? (['be1', 'be2'] as const) : (['be2', 'be1'] as const);
    await gather(bed, from, to);
    await run({
      address,
      protocol: 'smtp',
      recipients: others,
      connections: MAIL_CONNECTIONS,
      messages: others.length,
      octets: MAIL_OCTETS,
    });
    await bed.quiet(QUIET_MS);
    const drained = await drain(bed, from, to, others);
    results.push(drained);
    show(drained);
  }
  return results;
}

/** Everything is at one backend, and the other one gets nothing. */
async function gather(bed: HandoverBed, at: string, emptied: string): Promise<void> {
  await bed.order(`CLUSTER READY ${at}`);
  await bed.order(`CLUSTER NOTREADY ${emptied}`);
  await bed.slots({ [emptied]: (slots) => slots === 0 });
  await bed.quiet(QUIET_MS);
  await bed.served();
}

async function drain(
  bed: HandoverBed,
  from: string,
  to: string,
  others: readonly string[],
): Promise<Drained> {
  // Both are Not-Ready for a moment: nobody is there to take anything, so nothing moves.
  await bed.order(`CLUSTER NOTREADY ${from}`);
  for (const asker of bed.askers) asker.begin();
  const mail = MailTimes.begin(await bed.lab.service('fe1', 'smtp'), others, MAIL_OCTETS);
  const late = monitorEventLoopDelay({ resolution: LATE_RESOLUTION_MS });
  late.enable();
  const startMs = performance.now();
  await bed.order(`CLUSTER READY ${to}`);
  await bed.slots({ [from]: (slots) => slots === 0 });
  const tookMs = Math.round(performance.now() - startMs);
  await bed.served();
  const { mailMs, errors } = await mail.end();
  const slowest = bed.askers.map((asker) => asker.slowest(startMs));
  return {
    accounts: others.length + ASKED,
    from,
    tookMs,
    pausesMs: slowest.map(({ ms }) => Math.round(ms * 10) / 10),
    putMs: slowest.map(({ putMs }) => Math.round(putMs - startMs)),
    clientsLateMs: Math.round(late.max / 1e6) - LATE_RESOLUTION_MS,
    mailMs,
    errors: [...bed.errors(), ...errors],
  };
}

/** Without passwords, as nobody logs in: hashing them would take most of the time. */
async function make(bed: HandoverBed, logins: readonly string[]): Promise<void> {
  const next = logins.values();
  const session = async (): Promise<void> => {
    const cli = await Cli.open(bed.lab, bed.cluster.frontends[0]!);
    try {
      for (const login of next) {
        const answer = await cli.run(`CREATEACCOUNT ${login}`);
        if (!answer.startsWith('2')) throw new Error(`CREATEACCOUNT ${login}: ${answer}`);
      }
    } finally {
      cli.close();
    }
  };
  await Promise.all(Array.from({ length: MAKING_SESSIONS }, session));
}
