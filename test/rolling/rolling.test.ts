/**
 * A 3x2 cluster under mail and IMAP load is updated member by member from the version of the first issue's landing to the present one,
 * and back again: no client sees an error, nothing that was acknowledged is lost, no UID is given twice (docs/cluster.md).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { bodyOf } from '../faults/load.ts';
import { type Inbox, readInbox } from '../faults/mailbox.ts';
import { Cli } from '../support/cli.ts';
import { until } from '../support/lab.ts';
import { Balancer, healthOf } from './balancer.ts';
import { type Kept, MailProgram, MailServer, type RollingClient } from './clients.ts';
import { Site } from './site.ts';
import { checkOut, FIRST_ISSUE, PRESENT, type Version } from './versions.ts';

const LAB = ['--backends', '3', '--frontends', '2', '--accounts', '8'];
const SERVERS = 3;
const PROGRAMS = 4;
const AFTERWARDS_MS = 1000;
/** Slots move by hundreds a second; the rest is a loaded machine. */
const EMPTY_MS = 120_000;

void t.test('there and back again', { timeout: 900_000 }, async (t) => {
  const { version: old, remove } = await checkOut(FIRST_ISSUE);
  t.teardown(remove);
  const site = await Site.layOut(old, LAB);
  t.teardown(() => site.end());
  const backends = site.names('be');
  const frontends = site.names('fe');
  await Promise.all([...backends, ...frontends].map((name) => site.start(name, old)));
  const balancer = new Balancer(
    frontends.map((name) => ({
      name,
      health: site.service(name, 'admin'),
      services: { smtp: site.service(name, 'smtp'), imap: site.service(name, 'imap') },
    })),
  );
  t.teardown(() => balancer.stop());

  let isOver = false;
  const servers = Array.from(
    { length: SERVERS },
    (_, index) => new MailServer(balancer, `mail${index}`, site.accounts),
  );
  const programs = site.accounts
    .slice(0, PROGRAMS)
    .map((account, index) => new MailProgram(balancer, `program${index}`, account));
  const clients: readonly RollingClient[] = [...servers, ...programs];
  const load = Promise.all(clients.map((each) => each.run(() => isOver)));

  const members = [...backends, ...frontends];
  for (const name of members)
    await timed(t, `${name}: to the present version`, () => replace(t, site, name, PRESENT));
  const present = kept(clients);
  await checkReport(t, site);
  for (const name of members) {
    const asks = members.filter((each) => each !== name && members.indexOf(each) > members.indexOf(name));
    await timed(t, `${name}: back`, () => takeBack(t, site, name, asks[0], old));
  }
  await sleep(AFTERWARDS_MS);
  isOver = true;
  await load;

  t.comment(
    `${kept(clients)} messages kept (${present} when all were present), ${programs.reduce((sum, { flagged }) => sum + flagged.length, 0)} flags, ${programs.reduce((sum, { sessions }) => sum + sessions, 0)} log-ins, ${clients.reduce((sum, { farewells }) => sum + farewells, 0)} orderly ends, ${balancer.redirected} sent to another frontend`,
  );
  const errors = clients.flatMap((client) => client.errors).toSorted((a, b) => a.atMs - b.atMs);
  for (const line of await site.happened(errors.map(({ atMs }) => atMs))) t.comment(line);
  t.same(
    errors.map(({ atMs, why }) => `${new Date(atMs).toISOString()} ${why}`),
    [],
    'no client saw an error',
  );
  t.same(balancer.violations, [], 'nobody was refused by a frontend that says it is ready');
  t.ok(present > 100 && kept(clients) > present + 100, 'there was a load, both ways');
  await checkMail(t, site, clients, programs);
});

function kept(clients: readonly RollingClient[]): number {
  return clients.reduce((sum, client) => sum + client.kept.length, 0);
}

async function timed(t: Test, what: string, work: () => Promise<void>): Promise<void> {
  const startMs = performance.now();
  await work();
  t.comment(`${what}: ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
}

/** The version that runs has no such thing as Not-Ready: it drains when it is told to stop. */
async function replace(t: Test, site: Site, name: string, by: Version): Promise<void> {
  t.equal(await site.stop(name), 0, `${name} ends in good order`);
  await site.start(name, by);
}

/** Made Not-Ready first, at another member; the last one of the present version is just told to stop. */
async function takeBack(
  t: Test,
  site: Site,
  name: string,
  asked: string | undefined,
  to: Version,
): Promise<void> {
  if (asked === undefined) return replace(t, site, name, to);
  const cli = await Cli.connect(site.service(asked, 'pwd'), site.postmaster);
  try {
    await done(cli, `CLUSTER NOTREADY ${name}`);
    t.equal(await healthOf(site.service(name, 'admin')), 503, 'its health says so at once');
    await until(async () => isEmpty(await cli.run('CLUSTER MEMBERS'), name), EMPTY_MS);
    t.equal(await site.stop(name), 0, `${name} ends in good order`);
    // While it is away: the version before does not know of it, and a later one would begin with it.
    await done(cli, `CLUSTER READY ${name}`);
  } finally {
    cli.close();
  }
  await site.start(name, to);
}

/** Where the member that was replaced last was the controller there is none for a moment, and the answer says "try again". */
async function done(cli: Cli, command: string): Promise<void> {
  await until(async () => (await cli.run(command)).startsWith('200 '), EMPTY_MS);
}

/** No slots, no connections left, as `CLUSTER MEMBERS` has it. */
function isEmpty(answer: string, name: string): boolean {
  const member = new RegExp(`\\b${name}=\\{([^}]*)\\}`).exec(answer)?.[1] ?? '';
  return /\bSlots=0;/.test(member) && !/\bConnections=[1-9]/.test(member) && /NotReadyBy=/.test(member);
}

/** Every promise, by a client that we did not write. */
async function checkMail(
  t: Test,
  site: Site,
  clients: readonly RollingClient[],
  programs: readonly MailProgram[],
): Promise<void> {
  const imap = site.service('fe1', 'imap');
  const copies = new Map<string, number>();
  const broken: string[] = [];
  const inboxes = new Map<string, Inbox>();
  for (const account of site.accounts) {
    const inbox = await readInbox(imap, account);
    inboxes.set(account.login, inbox);
    const uids = inbox.messages.map(({ uid }) => uid);
    t.equal(new Set(uids).size, uids.length, `${account.login}: no UID twice`);
    for (const { subject, body } of inbox.messages) {
      const key = `${account.login} ${subject}`;
      copies.set(key, (copies.get(key) ?? 0) + 1);
      if (body !== bodyOf(subject)) broken.push(key);
    }
  }
  const count = ({ to, mark }: Kept): number => copies.get(`${to} ${mark}`) ?? 0;
  const all = clients.flatMap((client) => client.kept);
  t.same(
    all.filter((each) => count(each) !== 1),
    [],
    'every acknowledged message is there, once',
  );
  const known = new Set(
    [...all, ...programs.flatMap(({ unanswered }) => unanswered)].map(({ mark }) => mark),
  );
  t.same(
    [...copies.keys()].filter((key) => !known.has(key.split(' ')[1] ?? '')),
    [],
    'nothing is there that nobody sent',
  );
  t.same(broken, [], 'every message is whole');
  for (const [index, { flagged }] of programs.entries()) {
    const byUid = new Map(inboxes.get(site.accounts[index]!.login)!.messages.map((each) => [each.uid, each]));
    t.ok(flagged.length > 20, `flags were set: ${flagged.length}`);
    t.same(
      flagged.filter(
        ({ uid, mark, flag }) => byUid.get(uid)?.subject !== mark || !byUid.get(uid)?.flags.has(flag),
      ),
      [],
      'every acknowledged flag is set, on its message',
    );
  }
}

/** With all of the present version: what `CLUSTER MEMBERS` and `CLUSTER LEVEL` say. */
async function checkReport(t: Test, site: Site): Promise<void> {
  const cli = await Cli.connect(site.service('fe1', 'pwd'), site.postmaster);
  try {
    t.match(await cli.run('CLUSTER LEVEL'), /^201 \{Level=0;/);
    const names = [...site.names('be'), ...site.names('fe')];
    const areReady = (members: string): boolean =>
      names.every((name) => new RegExp(`\\b${name}=\\{[^}]*State=ready;`).test(members));
    await until(async () => areReady(await cli.run('CLUSTER MEMBERS')), EMPTY_MS);
    t.pass('every member is ready');
  } finally {
    cli.close();
  }
}
