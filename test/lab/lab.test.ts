/** A small lab of real processes: lab.json, the actions on a member, and that nothing survives it, even killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { askLab } from '../../src/lab/control.ts';
import type { LabDescription } from '../../src/lab/lab-file.ts';
import { CliClient } from '../../src/member/cli-client.ts';
import { isGone, POSTERN, stateOf, until } from '../support/lab.ts';

async function startLab(
  t: Test,
): Promise<{ directory: string; child: ChildProcess; ended: Promise<unknown> }> {
  const directory = await mkdtemp(join(tmpdir(), 'postern-lab-test-'));
  t.teardown(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }));
  const args = ['lab', '--backends', '1', '--frontends', '1', '--accounts', '1', '--base', directory];
  const child = spawn(POSTERN, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  let output = '';
  while (!output.includes('ready, see')) output += String((await once(child.stdout, 'data'))[0]);
  child.stdout.resume();
  return { directory, child, ended };
}

async function labFile(directory: string): Promise<LabDescription> {
  return JSON.parse(await readFile(join(directory, 'lab.json'), 'utf8')) as LabDescription;
}

function processes(lab: LabDescription): readonly number[] {
  return lab.members.flatMap(({ pid, workers }) => (pid === null ? [] : [pid, ...workers]));
}

/** A signal takes effect a moment after it was sent. */
function reached(pid: number, isThere: (state: string | undefined) => boolean): Promise<void> {
  return until(async () => isThere(await stateOf(pid)));
}

async function gone(pids: readonly number[]): Promise<void> {
  for (const pid of pids) await until(() => isGone(pid));
}

void t.test('described, acted on, stopped', async (t) => {
  const { directory, child, ended } = await startLab(t);
  const lab = await labFile(directory);
  t.equal((await stat(join(directory, 'lab.json'))).mode & 0o777, 0o600);
  t.same(
    lab.members.map(({ name, role, workers, services }) => [
      name,
      role,
      workers.length,
      Object.keys(services),
    ]),
    [
      ['be1', 'backend', 1, ['pwd', 'admin']],
      [
        'fe1',
        'frontend',
        1,
        ['smtp', 'submission', 'submissions', 'lmtp', 'imap', 'imaps', 'pop3', 'pop3s', 'pwd', 'admin'],
      ],
    ],
  );
  t.equal(lab.postmaster.login, 'postmaster@lab.example');
  t.same(
    lab.accounts.map(({ login }) => login),
    ['user1@lab.example'],
  );
  const [backend, frontend] = lab.members;
  const pwd = frontend?.services.pwd;
  if (backend === undefined || pwd === undefined) throw new Error('no members');
  {
    using admin = await CliClient.connect(pwd, lab.postmaster.login, lab.postmaster.password);
    t.match(await admin.command('LISTACCOUNTS lab.example'), /user1/, 'postmaster@domain administrates');
  }

  await askLab(directory, 'pause', 'fe1');
  for (const pid of [frontend?.pid ?? 0, ...(frontend?.workers ?? [])])
    await reached(pid, (state) => state === 'T');
  await askLab(directory, 'resume', 'fe1');
  for (const pid of [frontend?.pid ?? 0, ...(frontend?.workers ?? [])])
    await reached(pid, (state) => state !== 'T');

  await askLab(directory, 'kill', 'be1');
  const killed = (await labFile(directory)).members[0];
  t.same([killed?.pid, killed?.workers], [null, []]);
  await gone([backend.pid ?? 0, ...backend.workers]);
  await t.rejects(askLab(directory, 'kill', 'be1'), /does not run/);
  await t.rejects(askLab(directory, 'start', 'be7'), /no member be7; there are be1, fe1/);
  await askLab(directory, 'start', 'be1');
  const again = (await labFile(directory)).members[0];
  t.same(again?.services, backend.services, 'on its old ports');
  t.not(again?.pid, backend.pid);

  const all = processes(await labFile(directory));
  child.kill('SIGTERM');
  t.same(await ended, [0, null]);
  await gone(all);
  await t.rejects(labFile(directory), { code: 'ENOENT' });
});

void t.test('a killed lab takes its members with it, the paused ones too', async (t) => {
  const { directory, child, ended } = await startLab(t);
  const all = processes(await labFile(directory));
  await askLab(directory, 'pause', 'be1');
  child.kill('SIGKILL');
  await ended;
  await gone(all);
  t.pass('all gone');
});
