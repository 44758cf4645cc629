/**
 * What must not start does not: one line says what to change, the status is not 0, and nothing was touched
 * (docs/architecture.md, section 3, "Which storage"). The simpler cases are in test/member/run.test.ts and test/bin.
 */
import { once } from 'node:events';
import { appendFile, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { freePorts } from '../../src/lab/ports.ts';
import { baseFolder, initialise, Member, quoted } from '../support/member.ts';
import { Prng } from '../support/prng.ts';

const HOST = '127.0.0.1';

void t.test('a backend and its storage', { timeout: 60_000 }, async (t) => {
  const base = await backend(t);
  const other = await backend(t);
  const storage = join(base, 'SharedDomains');
  const run = (): Member => Member.run(t, base, ['--ClusterBackend']);
  {
    const member = run();
    await member.ready();
    member.terminate();
    t.same(await member.ended, { status: 0, signal: null }, 'with its own: it runs');
  }
  await rename(storage, join(base, 'kept'));

  await mkdir(storage);
  await refused(t, run(), /SharedDomains.*mount it/, 'not mounted');
  t.same(await readdir(storage), [], 'nothing is made in the mount point');

  await rename(storage, join(base, 'empty'));
  await rename(join(other, 'SharedDomains'), storage);
  const id = await clusterId(storage);
  const own = (await readFile(join(base, 'ClusterID'), 'utf8')).trim();
  const before = await listed(storage);
  await refused(
    t,
    run(),
    new RegExp(`another cluster's storage: its id is ${id}.*${own}`),
    "another cluster's",
  );
  t.same(await listed(storage), before, 'nothing is changed in it');

  await rename(storage, join(base, 'other'));
  await rename(join(base, 'kept'), storage);
  const member = run();
  await member.ready();
  t.pass('with its own again: it runs');
});

void t.test(
  'a new backend with a storage that is not the running cluster’s',
  { timeout: 60_000 },
  async (t) => {
    const base = await backend(t);
    const first = Member.run(t, base, ['--ClusterBackend']);
    await first.ready();
    const stranger = await backend(t, await clusterAddress(base));
    const member = Member.run(t, stranger, ['--ClusterBackend']);
    await refused(
      t,
      member,
      /SharedDomains is another cluster's storage: its id is .*BackendAddresses/,
      'a stranger',
    );
    t.equal((await first.status()).state, 'ready', 'the cluster does not notice');
  },
);

void t.test('a taken cluster address', async (t) => {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as { readonly port: number };
  const address = quoted({ host: HOST, port });
  const base = await baseFolder(t, { ClusterAddress: address, BackendAddresses: `(${address})` });
  await initialise(base);
  const line = /Main\.settings:\d+: ClusterAddress: the port is taken/;
  await refused(t, Member.run(t, base, ['--ClusterBackend']), line, 'taken');
});

void t.test('a base folder that is none', async (t) => {
  const base = await baseFolder(t, {});
  const file = join(base, 'file');
  await writeFile(file, '');
  await refused(t, Member.run(t, file, []), new RegExp(file), 'a file');
});

void t.test('a settings file that is none', async (t) => {
  const base = await baseFolder(t, {});
  const settings = join(base, 'Settings', 'Main.settings');
  await rename(settings, `${settings}.away`);
  await mkdir(settings);
  await refused(t, Member.run(t, base, []), /Main\.settings/, 'a folder');
});

void t.test('settings: a key that does not exist, and one given twice', async (t) => {
  for (const [line, wanted] of [
    ['  Hearbeat = 150ms;\n', /Main\.settings:\d+: Hearbeat: .*Heartbeat/],
    ['  Workers = 1; Workers = 2;\n', /Main\.settings:\d+:.*Workers/],
  ] as const) {
    const base = await baseFolder(t, {});
    await writeFile(join(base, 'Settings', 'Main.settings'), `{\n${line}}\n`);
    await refused(t, Member.run(t, base, []), wanted, line.trim());
  }
});

void t.test('an unknown flag in Startup.sh', async (t) => {
  const base = await baseFolder(t, {});
  await appendFile(join(base, 'Startup.sh'), 'SUPPLPARAMS="--ClusterBackEnds"\n');
  await refused(t, Member.run(t, base, []), /unknown flag --ClusterBackEnds/, 'its name');
});

/** One line like this, and a status that says that it failed. */
async function refused(t: Test, member: Member, line: RegExp, name: string): Promise<void> {
  const { status, signal } = await member.ended;
  t.equal(signal, null, `${name}: it ends by itself`);
  t.ok(status === 1 || status === 2, `${name}: status ${status}`);
  t.equal(member.lines.length, 1, `${name}: one line: ${member.lines.join(' | ')}`);
  t.match(member.lines[0], line, `${name}: says what to change`);
}

/** A base folder with a storage of its own, for a cluster of this member or with the backend given. */
async function backend(t: Test, other?: string): Promise<string> {
  const [port] = await freePorts(1, new Prng(process.pid + performance.now()));
  const own = quoted({ host: HOST, port: port! });
  const base = await baseFolder(t, {
    ClusterAddress: own,
    BackendAddresses: `(${[own, other ?? []].flat().join(', ')})`,
  });
  await initialise(base);
  return base;
}

async function clusterAddress(base: string): Promise<string> {
  const text = await readFile(join(base, 'Settings', 'Main.settings'), 'utf8');
  return /ClusterAddress = ("[^"]+")/.exec(text)![1]!;
}

async function clusterId(storage: string): Promise<string> {
  const text = await readFile(join(storage, '.cluster', 'id'), 'utf8');
  return /[0-9a-f]{32}/.exec(text)![0];
}

async function listed(storage: string): Promise<readonly string[]> {
  return (await readdir(storage, { recursive: true })).sort();
}
