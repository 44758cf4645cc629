/**
 * 3 backends and a frontend on a real NFS server, each backend with a client of its own: mail and IMAP load while members are
 * killed, paused and restarted and mounts are cut off the server; then every promise is checked, through another backend's
 * mount and on the server itself (docs/architecture.md, section 6, invariants 1 to 3). Before that, one write that the server
 * gets when another owner has the account. Run by faults.ts and run.ts in the guest of nfs-bed.
 *
 * The guest has one slow processor: a timer of 150 ms is often late by as much, so the times of the cluster are raised. Heartbeat
 * 400 ms instead of 150, ControlLease 2 s, SlotLease 5 s: the proportions of the defaults.
 */
import { mkdir, mkdtemp, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type Door, Flagger, Writer } from '../faults/load.ts';
import { type Inbox, readInbox } from '../faults/mailbox.ts';
import { tryMail } from '../faults/smtp-try.ts';
import { Register } from '../partitions/register.ts';
import { type Login, until } from '../support/lab.ts';
import { Relay } from '../support/network-relay.ts';
import { type Machine, Site } from '../support/network-site.ts';
import { exportHere, mountsHere, network } from '../support/nfs.ts';
import { filesWith, marksIn } from './files.ts';
import { inflict, mountOf } from './harms.ts';

const [secondsText = '50', slowText = '1'] = process.argv.slice(2);
const HARM_MS = Number(secondsText) * 1000;
/** How many times slower the machine is than two idle cores. */
const SLOW = Number(slowText);
const SLOT_LEASE_MS = 5000 * SLOW;
const TIMES = {
  Heartbeat: `${400 * SLOW}ms`,
  ControlLease: `${2000 * SLOW}ms`,
  SlotLease: `${SLOT_LEASE_MS}ms`,
};
const HOLD_MS = 1.4 * SLOT_LEASE_MS;
const READY_MS = 60_000 * SLOW;
const BACKENDS = ['be1', 'be2', 'be3'] as const;
const PORT = 7600;
const ACCOUNTS = 5;
const REGISTERS = 3;
const PACE_MS = 150;
const CLIENT_DELAY_MS = 60;
/** An owner that can write answers sooner; its lease runs longer. */
const OWNER_ANSWERS_MS = SLOT_LEASE_MS / 2;
/** A client of NFS tries again in steps that grow to 15 s and more. */
const LANDED_MS = 60_000 + READY_MS;

// Whoever runs it ends it.
t.setTimeout(0);

const folder = await mkdtemp(join(tmpdir(), 'postern-nfs-'));
const PLACE = 'site';
await mkdir(exportHere(PLACE));
const site = await Site.start({
  folder,
  machines: machines(),
  settings: TIMES,
  readyMs: READY_MS,
  certificates: 'made',
  mount: (name, path) => symlink(join(mountsHere()[BACKENDS.indexOf(name as 'be1')]!, PLACE), path),
});
const smtp = site.address('fe1', 'SMTPListener');
const imap: readonly Door[] = [{ name: 'fe1', ...site.address('fe1', 'IMAPListener') }];
const accounts = await site.makeAccounts(site.address('fe1', 'PWDListener'), ACCOUNTS);

void t.test('on NFS', async (t) => {
  t.teardown(() => site.kill());
  const once = await late(t);
  const load = new Load();
  const startMs = performance.now();
  const done = await inflict(site, HOLD_MS, () => performance.now() - startMs > HARM_MS);
  t.comment(`harms: ${done.join(', ')}`);
  await load.end();
  if (!t.passing()) await tellLogs(t);
  await site.stop();
  await t.test('what the server has', (t) => onServer(t, load));
  await t.test('what another backend reads', (t) => elsewhere(t, load, once));
});

/** Mail and IMAP until it is ended. */
class Load {
  readonly registers = accounts
    .slice(0, REGISTERS)
    .map((account) => new Register(account, imap, { paceMs: PACE_MS }));
  readonly flagger = new Flagger(accounts[REGISTERS]!, imap);
  writers: readonly Writer[] = [];
  #over = false;
  readonly #running: Promise<unknown>;
  #relay: Relay | undefined;

  constructor() {
    this.#running = this.#run();
  }

  async end(): Promise<void> {
    this.#over = true;
    await this.#running;
    this.#relay?.close();
  }

  async #run(): Promise<void> {
    this.#relay = await Relay.open(smtp, { delayMs: CLIENT_DELAY_MS });
    this.writers = [new Writer('a', accounts, [{ name: 'fe1', ...this.#relay.address }])];
    const all = [...this.registers, ...this.writers, this.flagger];
    await Promise.all(all.map((each) => each.run(() => this.#over)));
  }
}

interface Once {
  readonly account: Login;
  readonly mark: string;
  /** How many copies there must be, for ever. */
  readonly copies: number;
}

/**
 * The owner's mount is cut, a message comes, and its write hangs in the kernel; then the owner is stopped and another one takes
 * the account over. When the mount is healed the server gets the old owner's write, with success: it must not count.
 */
async function late(t: Test): Promise<Once> {
  const account = accounts[ACCOUNTS - 1]!;
  await until(async () => (await mail(account, 'late-before'))?.startsWith('250') === true, READY_MS);
  for (const owner of BACKENDS) {
    const mark = `late-${owner}`;
    await network('cut', mountOf(site, owner));
    const answered = mail(account, mark);
    const isOwner = await Promise.race([answered.then(() => false), sleep(OWNER_ANSWERS_MS, true)]);
    if (!isOwner) {
      await network('heal', mountOf(site, owner));
      await site.ready(owner);
      continue;
    }
    await site.signal(owner, 'workers', 'SIGSTOP');
    const reply = await answered;
    const before = await filesWith(exportHere(PLACE), mark);
    await until(async () => (await mail(account, 'late-after'))?.startsWith('250') === true, READY_MS);
    await network('heal', mountOf(site, owner));
    const hasLanded = (): Promise<boolean> =>
      filesWith(exportHere(PLACE), mark).then((files) => files.some((file) => !before.includes(file)));
    t.equal(
      await until(hasLanded, LANDED_MS),
      undefined,
      'the server got the write of the owner that was deposed',
    );
    await site.signal(owner, 'workers', 'SIGCONT');
    const copies = reply?.startsWith('250') ? 1 : 0;
    t.comment(`${owner} was the owner; the client was told ${reply}`);
    await t.test('the late write does not count', (t) => count(t, { account, mark, copies }));
    for (const { name } of site.machines) await site.ready(name);
    return { account, mark, copies };
  }
  throw new Error('nobody owns the account');
}

async function count(t: Test, { account, mark, copies }: Once): Promise<void> {
  const { messages } = await inboxOf(account);
  t.equal(messages.filter(({ subject }) => subject === mark).length, copies, `copies of ${mark}`);
  t.ok(
    messages.some(({ subject }) => subject === 'late-before'),
    'what was before it is there',
  );
  t.ok(
    messages.some(({ subject }) => subject === 'late-after'),
    'what came after it too',
  );
}

/** Tried again while the server asks for it: the owner may be about to change. */
async function inboxOf(account: Login): Promise<Inbox> {
  let inbox: Inbox | undefined;
  await until(async () => {
    inbox = await readInbox(imap[0]!, account).catch((error: { readonly serverResponseCode?: string }) => {
      if (error.serverResponseCode !== 'UNAVAILABLE') throw error;
      return undefined;
    });
    return inbox !== undefined;
  }, READY_MS);
  return inbox!;
}

function mail({ login }: Login, mark: string): Promise<string | undefined> {
  return tryMail(smtp, { to: login, mark, body: `this is ${mark}\r\n` });
}

/** Past every client's cache. */
async function onServer(t: Test, { writers, registers }: Load): Promise<void> {
  const marks = await marksIn(exportHere(PLACE));
  const acknowledged = [
    ...writers.flatMap(({ sent }) => sent.filter((message) => message.acknowledged)),
    ...registers.flatMap((register) => register.acknowledged),
  ];
  t.comment(`${acknowledged.length} messages were acknowledged`);
  t.ok(acknowledged.length > 50, 'there was a load');
  t.same(
    acknowledged.map(({ mark }) => mark).filter((mark) => !marks.has(mark)),
    [],
    'all of them lie there',
  );
}

/** The third backend alone, through its own mount: what it reads now, others have written. */
async function elsewhere(t: Test, load: Load, once: Once): Promise<void> {
  await site.launch('be3');
  await site.launch('fe1');
  await site.ready('be3');
  await site.ready('fe1');
  await count(t, once);
  const { writers, registers, flagger } = load;
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
  const inboxes = new Map<Login, Inbox>();
  for (const each of accounts) inboxes.set(each, await inboxOf(each));
  const sent = writers.flatMap((writer) => writer.sent.filter(({ acknowledged }) => acknowledged));
  const lost: string[] = [];
  for (const [{ login }, { messages }] of inboxes) {
    const subjects = new Set(messages.map(({ subject }) => subject));
    const uids = messages.map(({ uid }) => uid);
    t.equal(new Set(uids).size, uids.length, `${login}: no UID twice`);
    lost.push(...sent.filter(({ to, mark }) => to === login && !subjects.has(mark)).map(({ mark }) => mark));
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
  if (!t.passing()) await tellLogs(t);
  await site.stop();
}

async function tellLogs(t: Test): Promise<void> {
  for (const { name } of site.machines) t.comment(`${name}:\n${await site.said(name)}`);
}

/** On loopback, each with ports of its own. */
function machines(): readonly Machine[] {
  const host = '127.0.0.1';
  const backends = BACKENDS.map((name, index) => ({
    name,
    role: 'backend' as const,
    host,
    enter: [],
    ports: { ClusterAddress: PORT + index },
  }));
  const ports = {
    ClusterAddress: PORT + BACKENDS.length,
    SMTPListener: 2025,
    IMAPListener: 2143,
    PWDListener: 2106,
  };
  return [...backends, { name: 'fe1', role: 'frontend', host, enter: [], ports }];
}
