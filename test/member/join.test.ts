/**
 * Members come and go, with real processes on loopback: a first start, an invitation, a join, its second use, a revocation,
 * two rotations while everything runs.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { readMemberCertificate } from '../../src/cluster/security/identity.ts';
import { formatToken, parseToken } from '../../src/cluster/security/token.ts';
import { freePorts } from '../../src/lab/ports.ts';
import { POSTERN } from '../support/lab.ts';
import { baseFolder, Member, quoted } from '../support/member.ts';
import { Prng } from '../support/prng.ts';

const HOST = '127.0.0.1';
const LOOK_MS = 20;

void t.test('init, invite, join, revoke, rotate', { timeout: 90_000 }, async (t) => {
  const [bePort, fePort] = await freePorts(2, new Prng(process.pid + performance.now()));
  const address = quoted({ host: HOST, port: bePort! });
  const be = await baseFolder(t, {
    MemberName: 'be1',
    ClusterAddress: address,
    BackendAddresses: `(${address})`,
    PWDListener: `"${HOST}:0"`,
  });
  t.match(await command('init', '--Base', be), {
    status: 0,
    out: /be1 is its first member.*--ClusterBackend/,
  });
  await modes(t, be);
  t.match(await command('invite', 'fe1', '--ClusterFrontend', '--Base', be), {
    status: 1,
    err: /no member runs/,
  });

  const wrongRole = Member.run(t, be, ['--ClusterSymmetric']);
  t.match(await wrongRole.ended, { status: 1 });
  t.match(
    wrongRole.lines,
    [/the certificate of be1 is for a backend: start it with --ClusterBackend/],
    'one line',
  );

  const backend = Member.run(t, be, ['--ClusterBackend']);
  await backend.ready();

  const fe = await baseFolder(t, {
    MemberName: 'fe1',
    ClusterAddress: quoted({ host: HOST, port: fePort! }),
    BackendAddresses: `(${address})`,
    PWDListener: `"${HOST}:0"`,
  });
  const uninvited = Member.run(t, fe, ['--ClusterFrontend']);
  t.match(await uninvited.ended, { status: 1 });
  t.match(uninvited.lines, [
    /member\.pem is missing.*postern invite fe1 --ClusterFrontend.*postern join TOKEN/,
  ]);

  const invited = await command('invite', 'fe1', '--ClusterFrontend', '--Base', be);
  t.match(invited, { status: 0, err: /fe1 may join once within 60 minutes/ });
  const token = invited.out.trim();
  t.match(await command('join', `${token.slice(0, -3)}AAA`, '--Base', fe), { status: 1, err: /not whole/ });
  t.match(await command('join', token, '--Base', fe), {
    status: 0,
    out: /fe1 has joined the cluster as a frontend/,
  });
  await modes(t, fe);
  t.notMatch(await readFile(join(fe, 'Settings', 'Cluster', 'keys.json'), 'utf8'), 'backend');
  const anothers = formatToken({ ...parseToken(token), clusterId: 'd2'.repeat(16) });
  t.match(
    await command('join', anothers, '--Base', fe),
    { status: 1, err: /belongs to cluster/ },
    'another cluster’s',
  );
  const again = await command('join', token, '--Base', fe);
  t.equal(again.status, 1, 'used twice');
  t.match(again.err, /used or over|cannot be reached/);

  const frontend = Member.run(t, fe, ['--ClusterFrontend']);
  await frontend.ready();
  t.match(await command('invite', 'fe2', '--ClusterFrontend', '--Base', fe), {
    status: 1,
    err: /run this on a backend/,
  });

  // Rotation, twice, while both run; a member that starts afterwards works with what it fetched.
  const before = await serialOf(fe);
  const rings = await ringsOf(fe);
  t.match(await command('rotate-keys', '--Base', be), { status: 0, out: /new keys are in use/ });
  await until(async () => (await serialOf(fe)) !== before);
  t.equal((await ringsOf(fe)).length, 2, 'old and new');
  t.equal((await ringsOf(fe))[1], rings[0], 'the new one first');
  t.match(await command('rotate-keys', '--Base', be), { status: 0 });
  t.notOk((await ringsOf(fe)).includes(rings[0]!), 'after the second nothing is left of the first');
  t.equal((await frontend.status()).state, 'ready');
  t.equal((await backend.status()).state, 'ready');
  frontend.terminate();
  t.match(await frontend.ended, { status: 0 });
  const second = Member.run(t, fe, ['--ClusterFrontend']);
  await second.ready();

  // Revocation: the running member is cut off, and does not come back.
  t.match(await command('revoke', 'fe9', '--Base', be), { status: 1, err: /no member fe9/ });
  t.match(await command('revoke', 'fe1', '--Base', be), { status: 0, out: /fe1 is no member any more/ });
  await until(async () => /connection refused.*revoked/.test(await logOf(be)));
  const [decided, refused] = await Promise.all([
    timeOf(be, /"member revoked"/),
    timeOf(be, /refused.*revoked/),
  ]);
  t.ok(refused - decided < 1000, `cut off ${refused - decided} ms after the decision`);
  await until(async () => (await second.status()).state === 'not-ready');
  t.match(await command('revoke', 'be1', '--Base', be), { status: 1, err: /be1 is the controller/ });
  t.equal((await backend.status()).state, 'ready', 'the rest goes on');
});

interface Done {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

async function command(...args: readonly string[]): Promise<Done> {
  const child = spawn(POSTERN, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { out: '', err: '' };
  child.stdout.on('data', (text: Buffer) => (output.out += text.toString()));
  child.stderr.on('data', (text: Buffer) => (output.err += text.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, ...output };
}

/** "all 0600, directory 0700" */
async function modes(t: Test, base: string): Promise<void> {
  const directory = join(base, 'Settings', 'Cluster');
  const mode = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);
  t.equal(await mode(directory), '700');
  const names = (await readdir(directory)).sort();
  t.same(names, ['ca.pem', 'keys.json', 'member.key', 'member.pem', 'revoked.json']);
  for (const name of names) t.equal(await mode(join(directory, name)), '600', name);
}

async function serialOf(base: string): Promise<string | undefined> {
  return readMemberCertificate(await readFile(join(base, 'Settings', 'Cluster', 'member.pem')))?.serial;
}

async function ringsOf(base: string): Promise<readonly string[]> {
  const text = await readFile(join(base, 'Settings', 'Cluster', 'keys.json'), 'utf8');
  return (JSON.parse(text) as { readonly frontend: readonly { readonly id: string }[] }).frontend.map(
    ({ id }) => id,
  );
}

/** Of the first line of the log like this; each process writes its lines down when it has some, or a second later. */
async function timeOf(base: string, line: RegExp): Promise<number> {
  const find = async () => (await logOf(base)).split('\n').find((each) => line.test(each));
  await until(async () => (await find()) !== undefined);
  return (JSON.parse((await find()) ?? '') as { readonly time: number }).time;
}

function logOf(base: string): Promise<string> {
  return readFile(join(base, 'Logs', 'postern.log'), 'utf8');
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(LOOK_MS);
}
