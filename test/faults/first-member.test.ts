/**
 * A node that stood alone becomes the first member of a cluster by other flags (docs/operator.md, "From one machine to a
 * cluster"): its accounts and mail are there, others join, and it may leave.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { freePorts } from '../../src/lab/ports.ts';
import type { Address } from '../../src/platform/platform.ts';
import { Cli } from '../support/cli.ts';
import { type Login, until } from '../support/lab.ts';
import { baseFolder, Member, quoted } from '../support/member.ts';
import { bring, postern, statusOf } from '../support/newcomer.ts';
import { Prng } from '../support/prng.ts';
import { bodyOf } from './load.ts';
import { readInbox } from './mailbox.ts';
import { tryMail } from './smtp-try.ts';

const HOST = '127.0.0.1';
const PASSWORD = 'a word for tests';
const POSTMASTER: Login = { login: 'postmaster', password: PASSWORD };
const ACCOUNTS: readonly Login[] = ['ann', 'bob', 'joe'].map((name) => ({
  login: `${name}@a.example`,
  password: 'their own word',
}));

interface Node {
  readonly cluster: Address;
  readonly smtp: Address;
  readonly imap: Address;
  readonly pwd: Address;
  readonly admin: Address;
}

async function nodes(count: number): Promise<readonly Node[]> {
  const ports = [...(await freePorts(5 * count, new Prng(process.pid + performance.now())))];
  const next = (): Address => ({ host: HOST, port: ports.shift()! });
  return Array.from({ length: count }, () => ({
    cluster: next(),
    smtp: next(),
    imap: next(),
    pwd: next(),
    admin: next(),
  }));
}

function settings(
  { cluster, smtp, imap, pwd, admin }: Node,
  backends: readonly Node[],
): Record<string, string> {
  return {
    ClusterAddress: quoted(cluster),
    BackendAddresses: `(${backends.map((each) => quoted(each.cluster)).join()})`,
    SMTPListener: quoted(smtp),
    IMAPListener: quoted(imap),
    PWDListener: quoted(pwd),
    AdminListener: quoted(admin),
    MovesPerSecond: '4000',
  };
}

/** One message to each account. */
async function mail(smtp: Address, mark: string): Promise<readonly (string | undefined)[]> {
  const answers: (string | undefined)[] = [];
  for (const { login } of ACCOUNTS)
    answers.push(await tryMail(smtp, { to: login, mark, body: bodyOf(mark) }));
  return answers;
}

/** The subjects of each account, in their order. */
async function subjects(imap: Address): Promise<readonly string[]> {
  const each = await Promise.all(ACCOUNTS.map((account) => readInbox(imap, account)));
  return each.map(({ messages }) => messages.map(({ subject }) => subject).join(' '));
}

/** How many slots each member has, as one of them shows it. */
async function slotsAt({ admin }: Node): Promise<ReadonlyMap<string, number>> {
  const answer = await fetch(`http://${admin.host}:${admin.port}/status.json`);
  const { members } = (await answer.json()) as {
    readonly members: readonly { readonly name: string; readonly slots: number }[];
  };
  return new Map(members.map(({ name, slots }) => [name, slots]));
}

void t.test('from one machine to a cluster', { timeout: 120_000 }, async (t) => {
  const [one, two] = (await nodes(2)) as [Node, Node];
  const base = await baseFolder(t, { MemberName: 'one', ...settings(one, []), BackendAddresses: '()' });
  await writeFile(join(base, 'Settings', 'Postmaster.password'), `${PASSWORD}\n`);
  const alone = Member.run(t, base, []);
  await alone.ready();
  const cli = await Cli.connect(one.pwd, POSTMASTER);
  t.match(await cli.run('CREATEDOMAIN a.example'), /^200/);
  for (const { login, password } of ACCOUNTS)
    t.match(await cli.run(`CREATEACCOUNT ${login} {Password="${password}";}`), /^200/);
  t.match(await cli.run('CLUSTER MOVESLOT 1 TO two'), /^5.*stands alone/);
  cli.close();
  for (const answer of await mail(one.smtp, 'alone')) t.match(answer, /^250/);

  t.match(await postern('init', '--ClusterSymmetric', '--Base', base), {
    status: 1,
    err: /process \d+ runs on this base folder: stop it/,
  });
  alone.terminate();
  t.match(await alone.ended, { status: 0 });
  t.match(
    await postern('init', '--Base', base),
    { status: 1, err: /one, which stands alone: .* give --ClusterBackend or --ClusterSymmetric/ },
    'nobody makes a cluster of it by mistake',
  );
  t.match(await postern('init', '--ClusterSymmetric', '--Base', base), {
    status: 0,
    out: /with all that is on it\n.*one is its first member: start it with --ClusterSymmetric\n$/,
  });
  const again = await postern('init', '--ClusterBackend', '--Base', base);
  t.match(again, { status: 1, err: /is a cluster's storage already/ }, 'once');
  const flagless = Member.run(t, base, []);
  t.match(await flagless.ended, { status: 1 });
  t.match(flagless.lines, [/the certificate of one is for a symmetric: start it with --ClusterSymmetric/]);

  const lines = Object.entries({ MemberName: 'one', ...settings(one, [one, two]) });
  const off = ['Submission', 'Submissions', 'IMAPS', 'POP', 'POPS'].map((each) => [`${each}Listener`, 'off']);
  const text = [...lines, ...off].map(([key, value]) => `  ${key} = ${value};\n`).join('');
  await writeFile(join(base, 'Settings', 'Main.settings'), `{\n${text}}\n`);
  const first = Member.run(t, base, ['--ClusterSymmetric']);
  await first.ready();
  t.strictSame(
    await subjects(one.imap),
    ACCOUNTS.map(() => 'alone'),
    'accounts and mail are there',
  );
  for (const answer of await mail(one.smtp, 'first')) t.match(answer, /^250/);

  const { member: second } = await bring(t, {
    name: 'two',
    flag: '--ClusterSymmetric',
    settings: settings(two, [one, two]),
    storage: join(base, 'SharedDomains'),
    host: base,
  });
  const admin = await Cli.connect(two.pwd, POSTMASTER);
  t.match(await admin.run('LISTACCOUNTS a.example'), /ann.*bob.*joe/, 'administered from there too');
  await until(async () => ((await slotsAt(two)).get('two') ?? 0) >= 2000);
  t.match(await admin.run('CLUSTER MOVESLOT 7 TO one'), /^200/);
  t.match(await admin.run('CLUSTER MOVESLOT 7 TO two'), /^200/);
  t.match(await admin.run('CLUSTER MOVESLOT 7 TO three'), /no backend three/);
  admin.close();
  for (const answer of await mail(two.smtp, 'second')) t.match(answer, /^250/);
  t.strictSame(
    await subjects(one.imap),
    ACCOUNTS.map(() => 'alone first second'),
  );

  first.terminate();
  t.match(await first.ended, { status: 0 }, 'the first one may leave');
  await until(async () => (await statusOf(second.base)).isController);
  for (const answer of await mail(two.smtp, 'last')) t.match(answer, /^250/);
  t.strictSame(
    await subjects(two.imap),
    ACCOUNTS.map(() => 'alone first second last'),
  );
  second.terminate();
  t.match(await second.ended, { status: 0 });
});
