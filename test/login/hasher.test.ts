/** The hashing process: it hashes, survives nothing of its parent, and is started again when it died. */
import { argon2Sync, pbkdf2Sync } from 'node:crypto';
import t from 'tap';
import { ARGON2_PARAMETERS } from '../../src/login/credentials.ts';
import { ANSWER_MS_MAX, ProcessHasher } from '../../src/login/hasher.ts';
import { ManualClock } from '../support/manual-clock.ts';

const PASSWORD = Buffer.from('secret');
const SALT = Buffer.alloc(16, 7);

void t.test('hashes as Node itself does, and says what was wrong', async (t) => {
  using hasher = new ProcessHasher();
  const { memoryKiB: memory, passes, parallelism } = ARGON2_PARAMETERS;
  const expected = argon2Sync('argon2id', {
    message: PASSWORD,
    nonce: SALT,
    memory,
    passes,
    parallelism,
    tagLength: 32,
  });
  const [tag, derived] = await Promise.all([
    hasher.argon2id(PASSWORD, SALT, ARGON2_PARAMETERS),
    hasher.pbkdf2(PASSWORD, SALT, 4096),
  ]);
  t.strictSame(tag, expected);
  t.strictSame(derived, pbkdf2Sync(PASSWORD, SALT, 4096, 32, 'sha256'));
  await t.rejects(hasher.argon2id(PASSWORD, Buffer.alloc(1), ARGON2_PARAMETERS), { code: 'unavailable' });
});

void t.test('a process that died is replaced; what it was asked is refused', async (t) => {
  using hasher = new ProcessHasher();
  await hasher.pbkdf2(PASSWORD, SALT, 1);
  const first = hasher.pid!;
  const asked = hasher.pbkdf2(PASSWORD, SALT, 50_000_000);
  process.kill(first, 'SIGKILL');
  await t.rejects(asked, { code: 'unavailable' });
  t.equal((await hasher.pbkdf2(PASSWORD, SALT, 1)).length, 32);
  t.not(hasher.pid, first);
});

void t.test('closed, it is gone', async (t) => {
  const hasher = new ProcessHasher();
  const asked = hasher.pbkdf2(PASSWORD, SALT, 50_000_000);
  hasher[Symbol.dispose]();
  await t.rejects(asked, { code: 'unavailable' });
  await t.rejects(hasher.pbkdf2(PASSWORD, SALT, 1), { code: 'unavailable' });
  t.equal(hasher.pid, undefined);
});

void t.test('argon2id gives the published tag', async (t) => {
  using hasher = new ProcessHasher();
  // phc-winner-argon2, src/test.c: version 0x13, t=2, m=2^16, p=1.
  const parameters = { memoryKiB: 65_536, passes: 2, parallelism: 1 };
  const tag = await hasher.argon2id(Buffer.from('password'), Buffer.from('somesalt'), parameters);
  t.equal(tag.toString('hex'), '09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7');
});

void t.test('a process that gives no answer is replaced', async (t) => {
  const clock = new ManualClock();
  using hasher = new ProcessHasher(clock);
  await hasher.pbkdf2(PASSWORD, SALT, 1);
  const first = hasher.pid!;
  process.kill(first, 'SIGSTOP');
  const gone = ended(first);
  const refused = t.rejects(hasher.pbkdf2(PASSWORD, SALT, 1), { code: 'unavailable' });
  await clock.advance(ANSWER_MS_MAX);
  await refused;
  await gone;
  t.equal((await hasher.pbkdf2(PASSWORD, SALT, 1)).length, 32);
  t.equal(clock.timers, 0, 'no timer is left');
});

/** Resolves when there is no such process any more. */
async function ended(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => void setImmediate(resolve));
  }
}
