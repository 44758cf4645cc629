/** The earlier version comes out of the repository's history, and where that is not there, somebody is told what to do. */
import { access } from 'node:fs/promises';
import t from 'tap';
import { checkOut, FIRST_ISSUE, PRESENT } from './versions.ts';

void t.test('out of the history', async (t) => {
  const { version, remove } = await checkOut(FIRST_ISSUE);
  t.teardown(remove);
  t.not(version.program, PRESENT.program);
  for (const { program } of [version, PRESENT]) await t.resolves(access(program));
  await remove();
  await t.rejects(access(version.program), { code: 'ENOENT' });
});

void t.test('a commit that is not there is no reason to pass', async (t) => {
  await t.rejects(checkOut('0'.repeat(40)), /0{40}, is not in the history .* git fetch --unshallow$/);
});
