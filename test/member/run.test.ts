/** A member as a real process: one-line errors, ready, SIGTERM, the end of its workers with it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { Status } from '../../src/member/status-file.ts';

/** Between two looks at a process that nobody tells us about. */
const LOOK_MS = 20;
const PROGRAM = fileURLToPath(new URL('../../bin/postern', import.meta.url));

async function folder(t: Test, settings?: string): Promise<string> {
  const base = await mkdtemp(join(tmpdir(), 'postern-run-'));
  t.teardown(() => rm(base, { recursive: true, force: true, maxRetries: 3 }));
  await mkdir(join(base, 'Settings'));
  if (settings !== undefined) await writeFile(join(base, 'Settings', 'Main.settings'), settings);
  return base;
}

function run(
  t: Test,
  args: readonly string[],
): { child: ChildProcess; output: () => string; ended: Promise<number> } {
  const child = spawn(PROGRAM, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (text: Buffer) => (output += text.toString()));
  const ended = once(child, 'exit').then(([code]) => Number(code));
  return { child, output: () => output, ended };
}

/** Resolves when the child has printed a line like this. */
async function printed(child: ChildProcess, output: () => string, line: RegExp): Promise<void> {
  while (!line.test(output())) await once(child.stdout ?? child, 'data');
}

/** `off` for all listeners but those given. */
const settings = (more: string): string =>
  `{ SMTPListener = off; SubmissionListener = off; SubmissionsListener = off; IMAPListener = off; IMAPSListener = off; POPListener = off; POPSListener = off; AdminListener = off; ${more} }\n`;
const QUIET = settings('PWDListener = "127.0.0.1:0"; ClusterAddress = "127.0.0.1:0";');

for (const [name, text, flags, line] of [
  ['a wrong value', '{\n  Heartbeat = 1ms;\n}\n', [], /Main\.settings:2: Heartbeat: give a time/],
  ['a broken file', '{ Workers = ', [], /Main\.settings:1: column/],
  [
    'a backend without storage',
    settings('BackendAddresses = ("127.0.0.1:7600");'),
    ['--ClusterBackend'],
    /not mounted/,
  ],
  ['a frontend that knows no backend', QUIET, ['--ClusterFrontend'], /BackendAddresses/],
] as const)
  void t.test(`ends with one line: ${name}`, async (t) => {
    const base = await folder(t, text);
    const { output, ended } = run(t, ['--Base', base, ...flags]);
    t.equal(await ended, 1);
    t.match(output(), line);
    t.equal(output().trimEnd().split('\n').length, 1);
  });

void t.test('a taken port names its setting', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as { readonly port: number };
  const base = await folder(
    t,
    settings(`PWDListener = "127.0.0.1:${port}"; ClusterAddress = "127.0.0.1:0";`),
  );
  const { output, ended } = run(t, ['--Base', base]);
  t.equal(await ended, 1);
  t.match(output().trimEnd().split('\n').at(-1), /Main\.settings:1: PWDListener: the port is taken/);
});

void t.test('alone: ready, one base folder one member, a worker replaced, SIGTERM', async (t) => {
  const base = await folder(t, QUIET);
  const { child, output, ended } = run(t, ['--Base', base]);
  await printed(child, output, /is ready/);
  t.match(output(), /log in as postmaster with the password/);
  const status = async (): Promise<Status> =>
    JSON.parse(await readFile(join(base, 'status.json'), 'utf8')) as Status;
  const first = await status();
  t.equal(first.state, 'ready');
  t.equal(first.pid, child.pid);
  t.equal((await readFile(join(base, 'ProcessID'), 'utf8')).trim(), String(child.pid));
  t.ok((first.services.pwd?.port ?? 0) > 0);

  const second = run(t, ['--Base', base]);
  t.equal(await second.ended, 1);
  t.match(second.output(), new RegExp(`process ${child.pid} runs on this base folder`));

  process.kill(first.workers[0] ?? 0, 'SIGKILL');
  let now = await status();
  while (now.workers[0] === first.workers[0] || now.state !== 'ready') {
    await sleep(LOOK_MS);
    now = await status();
  }
  t.same(now.services, first.services, 'the new worker has the same ports');

  child.kill('SIGTERM');
  t.equal(await ended, 0);
  t.throws(() => process.kill(now.workers[0] ?? 0, 0), { code: 'ESRCH' });
  await t.rejects(access(join(base, 'ProcessID')));
  await t.rejects(access(join(base, 'status.json')));
});

void t.test('the workers of a killed supervisor end', async (t) => {
  const base = await folder(t, QUIET);
  const { child, output, ended } = run(t, ['--Base', base]);
  await printed(child, output, /is ready/);
  const { workers } = JSON.parse(await readFile(join(base, 'status.json'), 'utf8')) as Status;
  child.kill('SIGKILL');
  await ended;
  for (const pid of workers) await gone(pid);
  t.pass('gone');
});

/** Resolves when a process has ended, also while nobody has asked for its status. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    if (stat === undefined || stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')) return;
    await sleep(LOOK_MS);
  }
}
