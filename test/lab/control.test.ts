/** How a command reaches the running lab, and who does not. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { askLab, serveControl } from '../../src/lab/control.ts';
import { Failure } from '../../src/lib/failure.ts';
import { Prng } from '../support/prng.ts';

async function folder(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'postern-control-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

void t.test('asks, and is told how it went', async (t) => {
  const directory = await folder(t);
  const done: string[] = [];
  {
    await using _ = await serveControl(directory, new Prng(1), async (action, name) => {
      if (name === 'be9') throw new Failure('not-found', 'no member be9; there are be1');
      done.push(`${action} ${name}`);
    });
    await askLab(directory, 'kill', 'be1');
    t.same(done, ['kill be1']);
    await t.rejects(askLab(directory, 'kill', 'be9'), { code: 'refused', message: /no member be9/ });
    t.equal((await stat(join(directory, 'control.json'))).mode & 0o777, 0o600);
    await t.rejects(
      serveControl(directory, new Prng(2), async () => undefined),
      { code: 'refused' },
    );
  }
  await t.rejects(askLab(directory, 'kill', 'be1'), { code: 'not-found', message: /no lab runs/ });
});

void t.test('the file of a lab that was killed does not keep the next one out', async (t) => {
  const directory = await folder(t);
  await writeFile(
    join(directory, 'control.json'),
    JSON.stringify({ pid: 2 ** 22 + 1, port: 1, secret: 'x' }),
  );
  await t.rejects(askLab(directory, 'kill', 'be1'), { code: 'not-found' });
  await using _ = await serveControl(directory, new Prng(1), async () => undefined);
  await askLab(directory, 'kill', 'be1');
});

for (const line of [
  '{}',
  'nonsense',
  '{"secret":"wrong","action":"kill","name":"be1"}',
  `"${'x'.repeat(10_000)}"`,
])
  void t.test(`nothing happens at ${line.slice(0, 30)}`, async (t) => {
    const directory = await folder(t);
    let acts = 0;
    await using _ = await serveControl(directory, new Prng(1), async () => {
      acts++;
    });
    const { port } = JSON.parse(await readFile(join(directory, 'control.json'), 'utf8')) as { port: number };
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => undefined);
    socket.resume();
    socket.write(`${line}\n`);
    await once(socket, 'close');
    t.equal(acts, 0);
  });
