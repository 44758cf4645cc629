/**
 * Sessions that outlive their backends, in full size: real processes, killed, paused and drained under sessions that must
 * notice nothing; prints figures and whatever was wrong, and ends with status 1 for that.
 *
 *   node bench/sessions.ts crowd [--clients 2000]      idle clients, backends killed one after the other
 *   node bench/sessions.ts views [--takeovers 300]     clients that check their view after each of so many take-overs
 *   node bench/sessions.ts commands [--tries 30]       each command at the moment of the loss, so often
 *   node bench/sessions.ts pop [--tries 30]            POP3 sessions at the moment of the loss
 *
 * With `--seed TEXT` the same faults are drawn. A client and a frontend hold a descriptor each for every connection:
 * `ulimit -n 20000` first.
 */
import { parseArgs } from 'node:util';
import { Bed, FRONTENDS } from '../test/sessions/bed.ts';
import { checkCommands } from '../test/sessions/commands.ts';
import { checkCrowd, type LossFigures } from '../test/sessions/crowd.ts';
import { loopDelayMs, spreadText } from '../test/sessions/meter.ts';
import { KINDS } from '../test/sessions/player.ts';
import { checkPop } from '../test/sessions/pop.ts';
import { checkViews } from '../test/sessions/views.ts';
import { Prng } from '../test/support/prng.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    clients: { type: 'string', default: '2000' },
    takeovers: { type: 'string', default: '300' },
    tries: { type: 'string', default: '30' },
    seed: { type: 'string', default: 'sessions' },
  },
});
const CROWD_ACCOUNTS = 8;
/** Above it an account has more sessions than the default allows. */
const CLIENTS_WITHIN_DEFAULT = CROWD_ACCOUNTS * 40;
const VIEW_ACCOUNTS = 6;
/** Of each kind of command. */
const COMMAND_SESSIONS = 3;
const random = new Prng(values.seed);

/** What was wrong. */
type Wrong = readonly string[];

async function crowd(bed: Bed): Promise<Wrong> {
  const clients = Number(values.clients);
  const wrong: string[] = [];
  const onLoss = (loss: LossFigures): void => {
    show(loss);
    if (loss.closed > 0) wrong.push(`${loss.what}: ${loss.closed} connections closed`);
    if (loss.untold > 0) wrong.push(`${loss.what}: ${loss.untold} were not told`);
    wrong.push(...loss.notOk.slice(0, 5));
  };
  const figures = await checkCrowd({ bed, clients, accounts: CROWD_ACCOUNTS, onLoss });
  const told = figures.losses.flatMap(({ toldMs }) => toldMs);
  console.log(`all announcements: ${spreadText(told)}`);
  console.log(
    `${figures.clients} clients, ${figures.idle} in IDLE, ${figures.frontendKiBEach.toFixed(1)} KiB of the frontends each`,
  );
  return [...wrong, ...figures.complaints];
}

function show(loss: LossFigures): void {
  const delays = loss.loopDelaysMs.map(
    ([member, ms]) => `${member} ${ms === undefined ? '?' : Math.round(ms)}`,
  );
  console.log(
    [
      `${loss.what}, which had ${loss.lost} sessions`,
      `  told: ${spreadText(loss.toldMs)}; the last ${Math.round(loss.allToldMs)} ms after the loss`,
      `    CPU until then: other backends ${loss.backendCpuMs} ms, frontends ${loss.frontendCpuMs} ms`,
      `  NOOP of the others: ${spreadText(loss.askedMs)}, all in ${Math.round(loss.askingMs)} ms`,
      `    CPU: backends ${loss.askingBackendCpuMs} ms, frontends ${loss.askingFrontendCpuMs} ms`,
      `  closed ${loss.closed}, untold ${loss.untold}; event loops late at most (ms, last minute): ${delays.join(', ')}`,
    ].join('\n'),
  );
}

async function views(bed: Bed): Promise<Wrong> {
  const startMs = performance.now();
  const { complaints, closed, refused, losses, ...figures } = await checkViews({
    bed,
    random,
    accounts: VIEW_ACCOUNTS,
    takeOvers: Number(values.takeovers),
    onTakeOver: ({ takeOvers, compared }, what) =>
      console.log(
        `${Math.round((performance.now() - startMs) / 1000)} s: ${what}; ${takeOvers} take-overs, ${compared} views compared`,
      ),
  });
  console.log({
    ...figures,
    losses: Object.fromEntries(losses),
    refused: Object.fromEntries(refused),
    closed,
  });
  return [...complaints, ...(closed > 0 ? [`${closed} connections closed`] : [])];
}

async function commands(bed: Bed): Promise<Wrong> {
  const onTry = (_: unknown, what: string): void => console.log(`killed the worker of ${what}`);
  const tries = Number(values.tries);
  const figures = await checkCommands({ bed, random, tries, each: COMMAND_SESSIONS, onTry });
  console.table(Object.fromEntries(figures.kinds));
  console.log('refused:', Object.fromEntries(figures.refused));
  return figures.complaints;
}

async function pop(bed: Bed): Promise<Wrong> {
  const account = bed.accounts[0]!;
  const { complaints, refused, ...figures } = await checkPop({
    bed,
    random,
    tries: Number(values.tries),
    account,
  });
  console.log(figures, 'refused:', Object.fromEntries(refused));
  return complaints;
}

const PARTS = {
  crowd: {
    run: crowd,
    accounts: CROWD_ACCOUNTS,
    sessions: Number(values.clients) > CLIENTS_WITHIN_DEFAULT ? Number(values.clients) : undefined,
  },
  views: { run: views, accounts: VIEW_ACCOUNTS, sessions: undefined },
  commands: { run: commands, accounts: KINDS.length * COMMAND_SESSIONS, sessions: undefined },
  pop: { run: pop, accounts: 1, sessions: undefined },
};

const part = PARTS[positionals[0] as keyof typeof PARTS];
if (part === undefined) {
  console.error(`give one of ${Object.keys(PARTS).join(', ')}`);
  process.exit(2);
}
const bed = await Bed.start(part.accounts, part.sessions);
// However it ends, no process of the lab stays.
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => void bed.stop().finally(() => process.exit(1)));
try {
  const wrong = await part.run(bed);
  for (const name of FRONTENDS)
    console.log(
      `${name}: event loop late by ${Math.round((await loopDelayMs(bed, name)) ?? -1)} ms at most in the last minute`,
    );
  for (const what of wrong) console.log(`WRONG ${what}`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
} finally {
  await bed.stop();
}
