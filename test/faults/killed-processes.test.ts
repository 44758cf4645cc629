/** What is left of processes that were killed: no worker outlives its supervisor, none stays away, nothing outlives the lab. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { descendantsOf, isGone, Lab, POSTERN, signal, until, usersOf } from '../support/lab.ts';

const LAB = ['--backends', '2', '--frontends', '2', '--accounts', '2'];
/** Far above what it takes, far below any time for which somebody would wait for them. */
const GONE_WITHIN_MS = 3000;

void t.test('killed', { timeout: 120_000 }, async (t) => {
  const lab = await Lab.start([...LAB, '--workers', '2']);
  t.teardown(() => lab.stop());

  for (const name of ['fe1', 'be1', 'be2'])
    await t.test(`workers do not outlive the supervisor of ${name}`, async (t) => {
      const { pid } = await lab.member(name);
      const pids = await descendantsOf(pid!);
      t.ok(pids.length >= 2, `${pids.length} processes`);
      const startMs = performance.now();
      signal(pid!, 'SIGKILL');
      await until(async () => (await Promise.all(pids.map(isGone))).every(Boolean));
      const ms = performance.now() - startMs;
      t.ok(ms < GONE_WITHIN_MS, `gone after ${Math.round(ms)} ms`);
      await until(async () => (await lab.member(name)).pid === null);
      await lab.act('start', name);
    });

  for (const name of ['fe2', 'be2'])
    await t.test(`a worker of ${name} is started again`, async (t) => {
      const before = await lab.workers(name);
      const { services, pid } = await lab.member(name);
      const killed = before[0]!;
      const startMs = performance.now();
      signal(killed, 'SIGKILL');
      await until(async () => {
        const { state, workers } = await lab.status(name);
        return state === 'ready' && workers.length === before.length && !workers.includes(killed);
      });
      t.comment(`ready again after ${Math.round(performance.now() - startMs)} ms`);
      const now = await lab.workers(name);
      t.same(
        before.filter((each) => !now.includes(each)),
        [killed],
        'the other one is what it was',
      );
      await until(async () => !(await lab.member(name)).workers.includes(killed));
      const after = await lab.member(name);
      t.same(after.services, services, 'on its ports');
      t.equal(after.pid, pid, 'under the same supervisor');
    });
});

void t.test('a lab that is killed while it starts', { timeout: 60_000 }, async (t) => {
  const base = await mkdtemp(join(tmpdir(), 'postern-lab-'));
  t.teardown(() => rm(base, { recursive: true, force: true, maxRetries: 5 }));
  const lab = spawn(POSTERN, ['lab', '--base', base, ...LAB], { stdio: 'ignore' });
  t.teardown(() => lab.kill('SIGKILL'));
  const exited = once(lab, 'exit');
  await until(() =>
    access(join(base, 'be1', 'output.log')).then(
      () => true,
      () => false,
    ),
  );
  t.ok((await usersOf(base)).length > 0, 'it has begun');
  lab.kill('SIGKILL');
  await exited;
  // Those that had not come so far as to look for their starter do so when they have started.
  await until(async () => (await usersOf(base)).length === 0);
  t.pass('no process is left');
});
