/** The first start: storage, postmaster, and that it happens once. On the real file system, as it is about its calls. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { administratorKey } from '../../src/directory/authenticator.ts';
import { openClusterSettings, SETTINGS_OBJECT, SETTINGS_PATH } from '../../src/directory/cluster-settings.ts';
import { checkPassword } from '../../src/directory/credentials.ts';
import { ProcessHasher } from '../../src/directory/hasher.ts';
import { noLogger } from '../../src/lib/logging.ts';
import { initialise, PASSWORD_FILE } from '../../src/member/init.ts';
import { admitStorage, memberPlatform, rememberClusterId, storageRoot } from '../../src/member/storage.ts';
import { epochOf, type Incarnation } from '../../src/store/ids.ts';
import { openLog } from '../../src/store/log/log.ts';

async function fresh(t: Test): Promise<string> {
  const base = await mkdtemp(join(tmpdir(), 'postern-init-'));
  t.teardown(() => rm(base, { recursive: true, force: true }));
  return base;
}

/** The credentials of postmaster, as the next controller reads them. */
async function postmasterOf(base: string): Promise<Buffer | undefined> {
  const { fs, clock, random } = memberPlatform(base, 8);
  const lease = {
    incarnation: 'f'.repeat(32) as Incarnation,
    epoch: epochOf(1000, 0),
    held: () => true,
    confirm: () => Promise.resolve(true),
    reportLargerEpoch: () => undefined,
  };
  const settings = await openClusterSettings({
    lease,
    openLog: (replay, knownTypes) =>
      openLog({
        fs,
        clock,
        random,
        lease,
        replay,
        knownTypes,
        logger: noLogger,
        fence: false,
        directory: join(storageRoot(base), SETTINGS_PATH),
        object: SETTINGS_OBJECT,
        makeDirectory: true,
      }),
  });
  const value = settings.snapshot().values.find(([key]) => key === administratorKey('postmaster'))?.[1];
  await settings.close();
  return value ?? undefined;
}

void t.test('makes storage and postmaster once; the password shown is the one that works', async (t) => {
  const base = await fresh(t);
  const platform = memberPlatform(base, 8);
  const where = { base, root: storageRoot(base), logger: noLogger };
  const first = await initialise(platform, where);
  t.equal(first.created, true);
  t.match(first.password, /^[\w-]{20}$/);
  t.same(await initialise(platform, where), { created: false, password: undefined });
  using hasher = new ProcessHasher();
  t.equal(await checkPassword(hasher, await postmasterOf(base), first.password ?? ''), true);
  t.match(await admitStorage(platform, base), /^[0-9a-f]{32}$/);
});

void t.test('the password given by a file is not printed; an empty file is refused', async (t) => {
  const base = await fresh(t);
  await mkdir(join(base, 'Settings'));
  await writeFile(join(base, PASSWORD_FILE), '\n');
  const platform = memberPlatform(base, 8);
  const where = { base, root: storageRoot(base), logger: noLogger };
  await t.rejects(initialise(platform, where), { code: 'invalid', message: /Postmaster\.password/ });
  await writeFile(join(base, PASSWORD_FILE), 'correct horse\nbattery\n');
  t.same(await initialise(platform, where), { created: false, password: undefined });
  using hasher = new ProcessHasher();
  t.equal(await checkPassword(hasher, await postmasterOf(base), 'correct horse'), true);
});

void t.test('a storage that is not mounted, or another cluster’s, is refused with one line', async (t) => {
  const [base, other] = [await fresh(t), await fresh(t)];
  const platform = memberPlatform(base, 8);
  await t.rejects(admitStorage(platform, base), {
    code: 'refused',
    message: /not mounted.*postern init --Base/,
  });
  await initialise(platform, { base: other, root: storageRoot(other), logger: noLogger, password: 'x' });
  await initialise(platform, { base, root: storageRoot(base), logger: noLogger, password: 'x' });
  await rememberClusterId(base, await admitStorage(memberPlatform(other, 8), other));
  await t.rejects(admitStorage(platform, base), { code: 'refused', message: /another cluster's storage/ });
});
