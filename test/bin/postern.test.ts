/** bin/postern with a Node that only tells how it was called, and the real one for the messages of main.ts. */
import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';

const PROJECT = join(import.meta.dirname, '..', '..');

interface Ended {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

void t.test('the pinned Node comes first, then one in PATH that is new enough', async (t) => {
  const root = await installation(t, { pinned: 'v26.10.0' });
  t.match(await start(root, ['--version']), { status: 0, out: /^pinned 32 .*\/src\/main.ts --version\n$/ });
  for (const version of ['v24.12.0', 'v24.13.1', 'v25.0.0', 'v100.1.0'])
    t.match(
      await start(await installation(t, { inPath: version }), []),
      { status: 0, out: /^path/ },
      version,
    );
  const broken = await installation(t, { pinned: 'not installed', inPath: 'v26.0.0' });
  t.match(await start(broken, []), { status: 0, out: /^path/ });
});

void t.test('without one that fits, one line says what to do', async (t) => {
  for (const version of ['v24.11.9', 'v20.19.0', 'v9.99.0', 'garbage', 'vx.y.z']) {
    const root = await installation(t, { inPath: version });
    const ended = await start(root, []);
    t.match(
      ended,
      { status: 1, out: '', err: /^postern: no Node 24.12 or newer found: run 'npm install' in / },
      version,
    );
    t.equal(ended.err.split('\n').length, 2, 'one line');
  }
  t.match(await start(await installation(t, {}), []), { status: 1, err: /npm install/ });
});

void t.test('Startup.sh gives flags and the size of the pool, for a member only', async (t) => {
  const root = await installation(t, { pinned: 'v26.10.0' });
  const base = join(root, 'a base');
  await mkdir(base);
  await writeFile(
    join(base, 'Startup.sh'),
    'SUPPLPARAMS="--ClusterBackend  --Odd=*"\nUV_THREADPOOL_SIZE=64\n',
  );
  const flags = /^pinned 64 .*\/src\/main.ts --ClusterBackend --Odd=\* --Base/;
  t.match(await start(root, ['--Base', base, 'x y']), { out: flags });
  t.match(await start(root, [`--base=${base}`]), { out: /^pinned 64 .* --ClusterBackend --Odd=\* --base=/ });
  t.match(await start(root, ['--Base', 'a base']), { out: flags }, 'relative to the working directory');
  t.match(await start(root, ['lab', '--base', base]), { out: /^pinned 32 .*\/src\/main.ts lab --base / });
  t.match(await start(root, ['--Base', join(root, 'absent')]), { status: 0, out: /main.ts --Base/ });
});

void t.test('works through links, and keeps arguments whole', async (t) => {
  const root = await installation(t, { pinned: 'v26.10.0' });
  await symlink('bin/postern', join(root, 'direct'));
  await symlink(join(root, 'direct'), join(root, 'bin', 'indirect'));
  const ended = await run(join(root, 'bin', 'indirect'), root, ['demo', 'a  b', '*']);
  t.match(ended, { status: 0, out: `${root}/src/main.ts demo a  b *` });
});

void t.test('the real program: help, version, and mistakes in one line', async (t) => {
  const postern = (args: readonly string[]): Promise<Ended> =>
    run(join(PROJECT, 'bin', 'postern'), PROJECT, args);
  t.match(await postern(['--help']), { status: 0, out: /--ClusterBackend/, err: '' });
  t.match(await postern(['--version']), { status: 0, out: /^Postern \d+\.\d+\.\d+, Node v/, err: '' });
  t.match(await postern(['help', 'settings']), { status: 0, out: /### Heartbeat/, err: '' });
  t.match(await postern(['--nope']), { status: 2, out: '', err: /^postern: unknown flag --nope[^\n]*\n$/ });
});

interface Nodes {
  /** What `node --version` prints in node_modules, or that the package's install script did not run. */
  readonly pinned?: string;
  readonly inPath?: string;
}

/** A folder laid out like ours, with Nodes that print their arguments. */
async function installation(t: Test, nodes: Nodes): Promise<string> {
  const root = t.testdir({ bin: {}, src: {}, path: {}, tools: {}, node_modules: { node: { bin: {} } } });
  await copyFile(join(PROJECT, 'bin', 'postern'), join(root, 'bin', 'postern'));
  for (const tool of ['dirname', 'readlink']) await symlink(`/usr/bin/${tool}`, join(root, 'tools', tool));
  if (nodes.pinned !== undefined && nodes.pinned !== 'not installed')
    await fakeNode(join(root, 'node_modules/node/bin/node'), nodes.pinned, 'pinned');
  if (nodes.inPath !== undefined) await fakeNode(join(root, 'path', 'node'), nodes.inPath, 'path');
  return root;
}

async function fakeNode(path: string, version: string, name: string): Promise<void> {
  const script = `#!/bin/sh\n[ "$1" = --version ] && { echo ${version}; exit; }\necho ${name} "$UV_THREADPOOL_SIZE" "$*"\n`;
  await writeFile(path, script);
  await chmod(path, 0o755);
}

function start(root: string, args: readonly string[]): Promise<Ended> {
  return run(join(root, 'bin', 'postern'), root, args, join(root, 'path'));
}

/** With `path` the system's own folders are left out, as there may be a Node in them. */
function run(program: string, cwd: string, args: readonly string[], path?: string): Promise<Ended> {
  const env = { PATH: path === undefined ? '/usr/bin:/bin' : `${path}:${join(cwd, 'tools')}` };
  return new Promise((resolve) => {
    execFile(program, [...args], { cwd, env }, (error, out, err) => {
      const code = error?.code;
      resolve({ status: error === null ? 0 : typeof code === 'number' ? code : 1, out, err });
    });
  });
}
