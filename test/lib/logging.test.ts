import { readFile } from 'node:fs/promises';
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
});

void t.test('a log that cannot be written stops nothing', async (t) => {
  const full = createLogger({ level: 'info', to: '/dev/full' });
  full.info({}, 'no room');
  await t.resolves(full.close());
  const nowhere = createLogger({ level: 'info', to: '/dev/null/none/a.log' });
  nowhere.info({}, 'no folder');
  await t.resolves(nowhere.close());
});

void t.test('noLogger takes everything', (t) => {
  t.doesNotThrow(() => noLogger.child({ a: 1 }).error({}, 'x'));
  t.end();
});
