/**
 * Accounts are made, renamed, deleted and given aliases while processes are killed at random instants; then each name leads
 * to exactly one thing and every promise holds (docs/architecture.md, section 3, rule 5, and section 6, invariant 1).
 */
import t, { type Test } from 'tap';
import { Cli } from '../support/cli.ts';
import { Lab } from '../support/lab.ts';
import { Prng } from '../support/prng.ts';
import { AccountClient, at, type PromisedAccount } from './account-client.ts';
import { AdminSession, type Doors, logsIn, settled } from './admin-session.ts';
import { killAtRandom } from './killer.ts';
import { readInbox } from './mailbox.ts';
import { askRecipients, tryMail } from './smtp-try.ts';

const DURATION_MS = 45_000;
const CLIENTS = ['a', 'b', 'c', 'd', 'e'];
const WANTED = Array.from({ length: 12 }, (_, index) => `wanted${index}`);

void t.test('account operations while processes are killed', { timeout: 240_000 }, async (t) => {
  const seed = process.env.FAULT_SEED ?? String(Date.now());
  t.comment(`seed ${seed}: FAULT_SEED=${seed} draws the same faults and operations`);
  const random = new Prng(seed);
  const lab = await Lab.start(['--backends', '3', '--frontends', '2', '--accounts', '0']);
  t.teardown(() => lab.stop());
  const doors = await doorsOf(lab);
  const clients = CLIENTS.map((id) => new AccountClient(id, doors, random.fork(id), WANTED));

  const start = performance.now();
  const enough = (): boolean => performance.now() - start > DURATION_MS;
  const running = Promise.all(clients.map((client) => client.run(enough)));
  const faults = await killAtRandom(lab, random.fork('faults'), enough);
  await running;
  t.comment(`${Math.round(performance.now() - start)} ms until all had ended`);
  t.comment(`faults: ${faults.join(', ')}`);
  t.comment(
    `operations: ${clients.map((client) => [...client.done].map(([name, count]) => `${name} ${count}`).join(' ')).join('; ')}`,
  );
  const unanswered = clients.reduce((sum, client) => sum + client.unanswered, 0);
  t.comment(`${unanswered} operations were asked more than once`);
  t.ok(faults.length >= 3, `${faults.length} faults`);
  t.ok(unanswered > 0, 'faults hit operations');
  for (const client of clients) t.same(client.violations, [], 'every answer was one that may be given');

  const accounts = clients.flatMap((client) => client.accounts);
  t.ok(accounts.length > 0, `${accounts.length} accounts are left`);
  await checkClaims(t, clients);
  await checkListing(t, lab, accounts);
  await checkAliases(t, doors, random, accounts);
  await checkNames(t, doors, clients);
  for (const account of accounts) await checkMail(t, doors, account);
});

/** What everybody wanted was given to one at most. */
async function checkClaims(t: Test, clients: readonly AccountClient[]): Promise<void> {
  const given = clients.flatMap((client) => [...client.claimed.keys()]);
  t.ok(given.length > 0, `${given.length} of ${WANTED.length} wanted names were given`);
  t.same(given.length, new Set(given).size, 'none of them twice');
}

async function checkListing(t: Test, lab: Lab, accounts: readonly PromisedAccount[]): Promise<void> {
  const expected = ['postmaster', ...accounts.map(({ name }) => name)].sort();
  for (const member of ['fe1', 'fe2', 'be1']) {
    const cli = await Cli.open(lab, member);
    const answer = await cli.run('LISTACCOUNTS lab.example');
    cli.close();
    const listed = /^201 \{(.*)\}$/.exec(answer)?.[1] ?? answer;
    const names = listed.split(';').filter(Boolean);
    t.same(
      names.map((each) => each.replace(/=.*/, '')).sort(),
      expected,
      `${member} lists the accounts there are`,
    );
  }
}

async function checkAliases(
  t: Test,
  doors: Doors,
  random: Prng,
  accounts: readonly PromisedAccount[],
): Promise<void> {
  const admin = new AdminSession(doors, random);
  for (const { name, aliases } of accounts) {
    const found = [];
    for (const each of [name, ...aliases]) found.push(await admin.look(at(each)));
    const expected = [...aliases].sort();
    t.same(
      found,
      found.map(() => expected),
      `${[name, ...aliases].join(', ')} lead to one account`,
    );
  }
  admin.close();
}

/** Every name leads to the account that it was promised to, and to no other; all others lead nowhere, at both frontends. */
async function checkNames(t: Test, doors: Doors, clients: readonly AccountClient[]): Promise<void> {
  for (const { name, aliases, mail } of clients.flatMap((client) => client.accounts))
    for (const to of [name, ...aliases]) {
      const mark = `last-${to}`;
      let failed = 0;
      await settled(`mail to ${to}`, async () => {
        const reply = await tryMail(doors.smtp[failed % doors.smtp.length]!, { to: at(to), mark, body: '' });
        if (reply?.startsWith('250') === true) return true;
        failed++;
        if (reply?.startsWith('5') === true) throw new Error(`mail to ${to}: ${reply}`);
        return undefined;
      });
      mail.set(mark, failed);
    }
  const taken = new Set(clients.flatMap((client) => [...client.claimed.keys()]));
  const free = new Set([
    ...clients.flatMap((client) => [...client.released]),
    ...WANTED.filter((name) => !taken.has(name)),
  ]);
  for (const frontend of doors.smtp) {
    const replies = await askRecipients(frontend, [...free].map(at));
    t.same(
      [...replies].filter(([, reply]) => !reply.startsWith('550 5.1.1 ')),
      [],
      `${free.size} names that were given up lead nowhere`,
    );
  }
}

/** Under its last name and its first password: what was taken for it is there, and nobody else's. */
async function checkMail(t: Test, doors: Doors, { name, password, mail }: PromisedAccount): Promise<void> {
  const account = { login: at(name), password };
  t.ok(await logsIn(doors, account), `${name} logs in`);
  const { messages } = await readInbox(doors.imap[0]!, account);
  const copies = new Map<string, number>();
  for (const { subject } of messages) copies.set(subject, (copies.get(subject) ?? 0) + 1);
  t.same(
    [...mail.keys()].filter((mark) => !copies.has(mark)),
    [],
    `${name} has all its mail, from before its renames too`,
  );
  t.same(
    [...copies].filter(([mark, count]) => count > 1 + (mail.get(mark) ?? -1)),
    [],
    `${name} has no other mail, and no copy too many`,
  );
  t.equal(new Set(messages.map(({ uid }) => uid)).size, messages.length, `${name}: no UID twice`);
}

async function doorsOf(lab: Lab): Promise<Doors> {
  const { members, postmaster } = await lab.file();
  const all = (service: string) => members.flatMap(({ services }) => services[service] ?? []);
  return { pwd: all('pwd'), smtp: all('smtp'), imap: all('imap'), postmaster };
}
