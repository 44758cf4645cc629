/**
 * 3 backends and 2 frontends, each in a network namespace of its own, with TLS between them and clients in one more namespace.
 * Links are cut, one way and both, the storage of a backend is taken away, under mail and IMAP load; then every promise is
 * checked (docs/architecture.md, section 6, invariants 1 to 3 and 6). Run by partitions.test.ts inside `isolated`.
 *
 * By hand: CUTS='two backends' takes only the cases whose name has these words, LOGS=DIR keeps the members' logs, and SLOW=3
 * makes all times three times as long, the cluster's too, where the machine has much else to do.
 */
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type Door, Flagger, Writer } from '../faults/load.ts';
import { type Inbox, readInbox } from '../faults/mailbox.ts';
import { tryMail } from '../faults/smtp-try.ts';
import { type Login, until } from '../support/lab.ts';
import { Network, run } from '../support/network.ts';
import { Relay } from '../support/network-relay.ts';
import { type Machine, Site } from '../support/network-site.ts';
import { CUTS, type Cut, type Roles } from './cuts.ts';
import { Register } from './register.ts';
import { counted, longestGap, refused, seconds, servedAgainMs } from './report.ts';

const BACKENDS = ['be1', 'be2', 'be3'] as const;
const FRONTENDS = ['fe1', 'fe2'] as const;
const ACCOUNTS = 10;
/** Of these the registers are, so many that hardly any backend has none; mail comes to all. */
const REGISTERS = 8;
const PACE_MS = 150;
/** How many times longer everything may take than on two idle cores. */
const SLOW = Number(process.env.SLOW ?? 1);
/** A lease, its margin, and what a new owner needs to open: what is taken over is taken over by then. */
const CUT_MS = 3400;
/** docs/architecture.md, section 6, invariants 6 and 7. */
const MACHINE_LOST_MS = 3000;
/** Tests run two at a time, and other machines than ours have other processors. */
const BUSY = 3;
const SERVED_AFTER_MS = 5000 * SLOW;
/** A controller goes on for a ControlLease and a heartbeat, its own leases for a SlotLease more, and a request was under way. */
const LEASES_OVER_MS = (750 + 150 + 2000 + 300) * SLOW;
/** A backend that was away has got slots again, so that the next cut meets accounts. */
const SHARE_MIN = 4096 / 8;
const SETTLE_MS = 30_000 * SLOW;
const CLIENT_DELAY_MS = 25;
/** What a client is told to try again after (RFC 5530 section 3); 4yz of SMTP is checked by the writers. */
const TEMPORARY = /^NO \[(?:UNAVAILABLE|INUSE|SERVERBUG)\]/;

const folder = process.argv[2];
if (folder === undefined) throw new Error('run by partitions.test.ts');

const PORTS = {
  backend: { ClusterAddress: 7600, AdminListener: 8010 },
  frontend: {
    ClusterAddress: 7600,
    AdminListener: 8010,
    PWDListener: 106,
    SMTPListener: 25,
    IMAPSListener: 993,
  },
} as const;

// Whoever runs it ends it.
t.setTimeout(0);

const network = await Network.make([...BACKENDS, ...FRONTENDS]);
const storage = join(folder, 'storage');
await mkdir(storage);
const site = await Site.start({
  folder,
  machines: machines(),
  mount,
  settings: slowed(),
  readyMs: SETTLE_MS,
});
const relays: Relay[] = [];
t.teardown(async () => {
  for (const relay of relays) relay.close();
  await site.stop();
});

const pwd = await relay('fe1', 'PWDListener', { tls: true });
const accounts = await site.makeAccounts(pwd, ACCOUNTS);
const smtp = await doors('SMTPListener', { delayMs: CLIENT_DELAY_MS });
const imap = await doors('IMAPSListener', { tls: true });

let isOver = false;
const over = (): boolean => isOver;
const registers = accounts
  .slice(0, REGISTERS)
  .map((account) => new Register(account, imap, { paceMs: PACE_MS }));
const writers = ['a', 'b'].map((name) => new Writer(name, accounts, smtp));
const flagger = new Flagger(accounts[REGISTERS]!, imap);
const load = Promise.all([...registers, ...writers, flagger].map((each) => each.run(over)));

void t.test('cuts', async (t) => {
  t.teardown(keepLogs);
  const wanted = CUTS.filter(({ name }) => name.includes(process.env.CUTS ?? ''));
  // The first log-ins are the slowest: they are not what is looked at.
  await until(async () => servedAgainMs(registers, FRONTENDS, 0) < Number.POSITIVE_INFINITY, SETTLE_MS);
  for (const cut of wanted) await t.test(cut.name, (t) => inflict(t, cut));
  isOver = true;
  await load;
  await t.test('every promise is kept', (t) => account(t));
});

async function keepLogs(): Promise<void> {
  const { LOGS } = process.env;
  if (LOGS === undefined) return;
  for (const { name } of site.machines)
    await cp(join(site.base(name), 'Logs'), join(LOGS, name), { recursive: true });
}

/** Cuts, waits, heals, and looks at what clients saw. */
async function inflict(t: Test, cut: Cut): Promise<void> {
  const roles = await settled();
  const gone = cut.storageGone?.(roles) ?? [];
  const cutMs = performance.now();
  await Promise.all([
    network.cut(cut.ways(roles)),
    ...gone.map((name) => run('umount', ['-l', site.storage(name)])),
  ]);
  const mailed = Promise.all((cut.takesMail?.(roles) ?? []).map((door) => mailToAll(door)));
  await sleep((cut.holdMs ?? CUT_MS) * SLOW);
  const healMs = performance.now();
  await Promise.all([network.heal(), ...gone.map((name) => mount(name, site.storage(name)))]);

  const limitMs = (cut.withinMs ?? MACHINE_LOST_MS) * SLOW;
  for (const door of cut.served(roles)) {
    const gapMs = longestGap(registers, door, cutMs, healMs);
    // How long is measured here and judged in bench/, on a machine that does nothing else.
    t.comment(`${door}: ${seconds(gapMs)} without service at most, ${seconds(limitMs)} is the aim`);
    t.ok(gapMs <= BUSY * limitMs, `${door}: every account was served again`);
  }
  const refusals = (await mailed).flat();
  t.same(refusals, [], 'every account took mail where it must');
  for (const door of cut.unserved?.(roles) ?? []) {
    const gapMs = longestGap(registers, door, cutMs, healMs);
    t.comment(`${door}: ${seconds(gapMs)} without service`);
    const answers = registers.flatMap((register) =>
      register.answers.filter(
        (each) =>
          each.door === door &&
          each.endMs > cutMs + LEASES_OVER_MS &&
          each.endMs < healMs &&
          each.text?.startsWith('OK'),
      ),
    );
    t.same(answers, [], `${door}: nothing is answered for an account whose owner has no lease`);
  }
  const served = await until(
    async () => servedAgainMs(registers, FRONTENDS, healMs) < Number.POSITIVE_INFINITY,
    SETTLE_MS,
  ).catch((error: Error) => error);
  t.equal(served, undefined, 'everything is served again');
  const againMs = servedAgainMs(registers, FRONTENDS, healMs);
  t.ok(againMs <= SERVED_AFTER_MS, `within ${seconds(SERVED_AFTER_MS)} after healing: ${seconds(againMs)}`);
  for (const door of FRONTENDS) {
    const bad = refused(registers, door, cutMs, healMs + againMs);
    t.comment(`${door}: refused ${counted(bad)}`);
    t.same(
      bad.map(({ text }) => text).filter((text) => text !== undefined && !TEMPORARY.test(text)),
      [],
      `${door}: refusals are temporary`,
    );
  }
  if (cut.deposes) t.not(await site.controller(), roles.controller, 'another backend has control');
  t.comment(
    `figures: ${cut.name}: ${FRONTENDS.map((door) => `${door} ${seconds(longestGap(registers, door, cutMs, healMs))}`).join(', ')}; healed ${seconds(againMs)}`,
  );
  if (!t.passing())
    for (const name of [...BACKENDS, ...FRONTENDS]) t.comment(`${name}:\n${await site.said(name)}`);
}

/** A message to every account through one frontend; the replies that are not good. */
async function mailToAll(door: string): Promise<readonly (string | undefined)[]> {
  const replies = await Promise.all(
    accounts.map(({ login }) =>
      tryMail(site.address(door, 'SMTPListener'), { to: login, mark: 'in-a-cut', body: 'in a cut\r\n' }),
    ),
  );
  return replies.filter((reply) => reply?.startsWith('250') !== true);
}

/** Every member is ready and every backend has slots. */
async function settled(): Promise<Roles> {
  await until(async () => {
    const states = await Promise.all(site.machines.map(({ name }) => site.status(name)));
    if (!states.every((status) => status?.state === 'ready')) return false;
    const members = (await site.report('fe2').catch(() => undefined))?.members ?? [];
    return members.length > 0 && members.every(({ role, slots }) => role === 'frontend' || slots > SHARE_MIN);
  }, SETTLE_MS);
  const controller = await site.controller();
  const [one, other] = BACKENDS.filter((name) => name !== controller);
  return { controller, others: [one!, other!], frontends: FRONTENDS };
}

async function account(t: Test): Promise<void> {
  const inboxes = new Map<Login, Inbox>();
  for (const each of accounts) inboxes.set(each, await readInbox(imap[0]!, each));
  const sent = writers.flatMap((writer) => writer.sent);
  const acknowledged = sent.filter((message) => message.acknowledged);
  const appended = registers.reduce((sum, register) => sum + register.acknowledged.length, 0);
  t.comment(
    `${acknowledged.length} messages and ${appended} appends acknowledged, ${flagger.acknowledged.length} flags`,
  );
  t.ok(acknowledged.length > 100, 'mail came in');
  t.ok(appended > 500, 'registers were written');
  t.same(
    registers.flatMap(({ violations }) => violations),
    [],
    'no two owners answered',
  );
  t.same(
    [...writers, flagger].flatMap(({ violations }) => violations),
    [],
    'nobody was told anything wrong',
  );
  const lost: string[] = [];
  for (const [{ login }, { messages }] of inboxes) {
    const marks = new Set(messages.map(({ subject }) => subject));
    const uids = messages.map(({ uid }) => uid);
    t.equal(new Set(uids).size, uids.length, `${login}: no UID twice`);
    lost.push(
      ...acknowledged.filter(({ to, mark }) => to === login && !marks.has(mark)).map(({ mark }) => mark),
    );
  }
  t.same(lost, [], 'no acknowledged message is missing');
  for (const register of registers) {
    const byUid = new Map(inboxes.get(register.account)!.messages.map(({ uid, subject }) => [uid, subject]));
    const wrong = register.acknowledged.filter(({ uid, mark }) => byUid.get(uid) !== mark);
    t.same(wrong, [], `${register.account.login}: what was appended is there, under its UID`);
  }
  const flags = new Map(inboxes.get(accounts[REGISTERS]!)!.messages.map(({ uid, flags }) => [uid, flags]));
  t.same(
    flagger.acknowledged.filter(({ uid, flag }) => flags.get(uid)?.has(flag) !== true),
    [],
    'every acknowledged flag is set',
  );
}

/** The cluster's own times; the defaults where nothing is slow. */
function slowed() {
  if (SLOW === 1) return {};
  return { Heartbeat: `${150 * SLOW}ms`, ControlLease: `${750 * SLOW}ms`, SlotLease: `${2000 * SLOW}ms` };
}

function machines(): readonly Machine[] {
  return [...BACKENDS, ...FRONTENDS].map((name) => {
    const role = name.startsWith('be') ? 'backend' : 'frontend';
    return { name, role, host: network.address(name), enter: network.enter(name), ports: PORTS[role] };
  });
}

/** Each backend's own mount of the one storage. */
async function mount(_name: string, path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await run('mount', ['--bind', storage, path]);
}

async function doors(
  setting: 'SMTPListener' | 'IMAPSListener',
  options: { readonly tls?: boolean; readonly delayMs?: number },
): Promise<readonly Door[]> {
  const opened: Door[] = [];
  for (const name of FRONTENDS) opened.push({ name, ...(await relay(name, setting, options)) });
  return opened;
}

async function relay(
  name: string,
  setting: 'SMTPListener' | 'IMAPSListener' | 'PWDListener',
  options: { readonly tls?: boolean; readonly delayMs?: number },
) {
  const opened = await Relay.open(site.address(name, setting), options);
  relays.push(opened);
  return opened.address;
}
