/** status.json: the last state wins, one write at a time, and a full disk stops nothing. */
import t from 'tap';
import { noLogger } from '../../src/lib/logging.ts';
import { type Status, StatusFile } from '../../src/member/status-file.ts';

const STATUS: Status = {
  name: 'be1',
  role: 'backend',
  state: 'starting',
  pid: 1,
  workers: [],
  address: { host: '127.0.0.1', port: 1 },
  isController: false,
  controlEpoch: null,
  version: '1',
  startedAt: '2026-01-01T00:00:00.000Z',
  refusal: null,
  notReady: null,
  services: {},
};

void t.test('writes what changed, and the last of many', async (t) => {
  const written: string[] = [];
  let release = Promise.withResolvers<void>();
  const fs = {
    replace: async (path: string, bytes: Buffer) => {
      await release.promise;
      written.push(`${path} ${(JSON.parse(bytes.toString()) as Status).state}`);
    },
    remove: async () => {
      written.push('removed');
    },
  };
  const file = new StatusFile(fs, '/base', noLogger);
  const first = file.write(STATUS);
  void file.write({ ...STATUS, state: 'not-ready' });
  const last = file.write({ ...STATUS, state: 'ready' });
  release.resolve();
  await Promise.all([first, last]);
  t.same(written, ['/base/status.json starting', '/base/status.json ready']);
  release = Promise.withResolvers<void>();
  await file.write({ ...STATUS, state: 'ready' });
  t.equal(written.length, 2, 'nothing new, nothing written');
  void file.write({ ...STATUS, state: 'stopping' });
  const ended = file.end();
  void file.write(STATUS);
  release.resolve();
  await ended;
  t.same(written.slice(2), ['/base/status.json stopping', 'removed'], 'and it stays removed');
});

void t.test('what could not be written is written when it can be, and told once', async (t) => {
  let fails = true;
  const written: string[] = [];
  const warned: string[] = [];
  const fs = {
    replace: (_: string, bytes: Buffer) => {
      if (fails) return Promise.reject(new Error('ENOSPC'));
      written.push(bytes.toString());
      return Promise.resolve();
    },
    remove: () => Promise.resolve(),
  };
  const logger = { ...noLogger, warn: (_: unknown, message: string) => void warned.push(message) };
  const file = new StatusFile(fs, '/base', logger);
  await file.write(STATUS);
  await file.write(STATUS);
  t.strictSame(warned, ['status not written']);
  fails = false;
  await file.write(STATUS);
  t.equal(written.length, 1, 'the same state, asked for again');
  fails = true;
  await file.write({ ...STATUS, state: 'ready' });
  t.equal(warned.length, 2, 'another failure is told again');
});

void t.test('an error is not the member’s end', async (t) => {
  const refuse = (): Promise<void> => Promise.reject(new Error('ENOSPC'));
  const file = new StatusFile({ replace: refuse, remove: refuse }, '/base', noLogger);
  await t.resolves(file.write(STATUS));
  await t.resolves(file.end());
});
