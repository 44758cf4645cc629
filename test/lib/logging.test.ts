import fs from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { createLogger, noLogger } from '../../src/lib/logging.ts';

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly [key: string]: unknown;
}

function collector(): { readonly lines: Line[]; write(text: string): void } {
  const lines: Line[] = [];
  return { lines, write: (text) => lines.push(JSON.parse(text) as Line) };
}

void t.test('a line has fields, message, level and what the children add', (t) => {
  const to = collector();
  const log = createLogger({ level: 'info', fields: { member: 'be1' }, to });
  log.debug({}, 'not written');
  log.child({ worker: 1 }).child({ slot: 7 }).warn({ epoch: 3 }, 'lost');
  log.setLevel('debug');
  log.debug({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed');
  t.match(to.lines, [
    { level: 40, member: 'be1', worker: 1, slot: 7, epoch: 3, msg: 'lost' },
    { level: 20, err: { message: /outer.*inner/, stack: String }, msg: 'failed' },
  ]);
  t.equal(to.lines.length, 2);
  t.end();
});

void t.test('secrets are not written, at the top and one level down', (t) => {
  const to = collector();
  createLogger({ level: 'info', to }).info(
    { password: 'hush1', request: { token: 'hush2', name: 'joe' } },
    'log-in',
  );
  t.match(to.lines, [{ password: '[redacted]', request: { token: '[redacted]', name: 'joe' } }]);
  t.notMatch(JSON.stringify(to.lines), /hush/);
  t.end();
});

void t.test('closing writes what is buffered, even when the file is not open yet', async (t) => {
  const path = join(t.testdir({}), 'logs', 'a.log');
  const log = createLogger({ level: 'info', to: path });
  log.info({}, 'early');
  await log.close();
  t.match(await readFile(path, 'utf8'), /"msg":"early"/);
  t.equal((await stat(path)).mode & 0o777, 0o600, 'nobody else reads who logs in from where');
});

void t.test('a log that cannot be written stops nothing', async (t) => {
  const full = createLogger({ level: 'info', to: '/dev/full' });
  full.info({}, 'no room');
  await t.resolves(full.close());
  const nowhere = createLogger({ level: 'info', to: '/dev/null/none/a.log' });
  nowhere.info({}, 'no folder');
  await t.resolves(nowhere.close());
});

void t.test('a file that cannot be opened ends nothing, however much is logged', async (t) => {
  const log = createLogger({ level: 'info', to: '/dev/null/none/a.log' });
  log.info({}, 'before it is known');
  // Longer than lines wait to be written; what would be thrown by a timer fails the test.
  const over = Date.now() + 1300;
  while (Date.now() < over) {
    t.doesNotThrow(() => log.info({ text: 'x'.repeat(20_000) }, 'more than is collected'));
    await new Promise((resolve) => void setTimeout(resolve, 100));
  }
  await log.close();
});

void t.test(
  'lines that cannot be written are bounded, counted, and told of when there is room again',
  async (t) => {
    const path = join(t.testdir({}), 'a.log');
    const log = createLogger({ level: 'info', to: path });
    log.info({}, 'before');
    const { write } = fs;
    t.teardown(() => void (fs.write = write));
    const full = (...args: readonly unknown[]): void => {
      const done = args.at(-1) as (error: Error) => void;
      setImmediate(() => done(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })));
    };
    fs.write = full as typeof write;
    const text = 'x'.repeat(100_000);
    for (let line = 0; line < 400; line++) {
      log.info({ text }, 'many');
      if (line % 20 === 0) await new Promise((resolve) => void setImmediate(resolve));
    }
    fs.write = write;
    let content = '';
    // What waits is written once a second.
    for (let line = 0; !content.includes('log lines were lost'); line++) {
      log.info({ line }, 'after');
      await new Promise((resolve) => void setTimeout(resolve, 50));
      content = await readFile(path, 'utf8');
    }
    await log.close();
    content = await readFile(path, 'utf8');
    const lines = content
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
    const told = lines.filter(({ msg }) => msg.startsWith('log lines were lost'));
    const many = lines.filter(({ msg }) => msg === 'many').length;
    t.match(told, [{ level: 40, lines: Number }]);
    t.ok((told[0]?.['lines'] as number) >= 400 - many, 'all that is missing is counted');
    t.ok(many < 60, 'four of forty million octets were kept');
  },
);

void t.test('after the end a line harms nobody', async (t) => {
  const path = join(t.testdir({}), 'a.log');
  const log = createLogger({ level: 'info', to: path });
  log.info({}, 'before');
  await log.close();
  t.doesNotThrow(() => log.info({}, 'after'));
  t.notMatch(await readFile(path, 'utf8'), /after/);
});

void t.test('noLogger takes everything', (t) => {
  t.doesNotThrow(() => noLogger.child({ a: 1 }).error({}, 'x'));
  t.end();
});
