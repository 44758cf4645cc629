/** The self-test of real processes: a member that starts, two that look at one storage, and the command for people. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { Lab, POSTERN } from '../../support/lab.ts';
import { baseFolder, initialise } from '../../support/member.ts';

interface Ended {
  readonly status: number;
  readonly out: string;
}

function checkStorage(base: string): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(POSTERN, ['check-storage', '--Base', base], (error, out) =>
      resolve({ status: typeof error?.code === 'number' ? error.code : 0, out }),
    );
  });
}

void t.test('a storage that is there, and one that is not', async (t) => {
  const base = await baseFolder(t, { MemberName: 'be1' });
  const before = await checkStorage(base);
  t.match(before, { status: 1, out: /^REFUSED +marker .*not mounted/ });
  await t.rejects(readdir(join(base, 'SharedDomains')), 'nothing was made in the place of the mount');
  await initialise(base);
  const after = await checkStorage(base);
  t.equal(after.status, 0);
  for (const check of ['marker', 'exclusive', 'durable', 'read-back', 'names'])
    t.match(after.out, new RegExp(`^fine +${check} `, 'm'), check);
  await rm(join(base, 'SharedDomains', '.postern-mount'));
  t.match(await checkStorage(base), { status: 1, out: /^REFUSED +marker / });
});

void t.test('two backends, at their start and when asked', { timeout: 120_000 }, async (t) => {
  const lab = await Lab.start(['--backends', '2', '--frontends', '1', '--accounts', '0']);
  t.teardown(() => lab.stop());
  const lines = async (name: string): Promise<readonly Record<string, unknown>[]> =>
    (await readFile(join(lab.base, name, 'Logs', 'postern.log'), 'utf8'))
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  for (const name of ['be1', 'be2'])
    t.equal(
      (await lines(name)).filter(({ msg }) => msg === 'storage tested').length,
      1,
      `${name} has tested it`,
    );
  t.same(
    (await lines('fe1')).filter(({ msg }) => msg === 'storage tested'),
    [],
    'a frontend has none',
  );

  const { status, out } = await checkStorage(join(lab.base, 'be2'));
  t.equal(status, 0);
  t.match(out, /^fine +visibility /m, 'the other one was asked');
  t.match(out, /^(?:fine|WARNING) +fence /m);
  for (const name of ['be1', 'be2'])
    t.same(await readdir(join(lab.storage, '.cluster', 'self-test', name)), [], 'nothing is left');

  await lab.act('stop', 'be2');
  await mkdir(join(lab.storage, '.cluster', 'self-test', 'be2', 'left-by-a-killed-start'));
  await lab.act('start', 'be2');
  t.same(
    await readdir(join(lab.storage, '.cluster', 'self-test', 'be2')),
    [],
    'nor of what a killed start has left',
  );
  const tested = (await lines('be2')).findLast(({ msg }) => msg === 'storage tested');
  t.match(tested?.checks, /visibility fine/, 'a start asks the one that runs');
});
