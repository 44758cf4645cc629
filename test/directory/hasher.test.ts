/** The hashing process: it hashes, survives nothing of its parent, and is started again when it died. */
import { argon2Sync, pbkdf2Sync } from 'node:crypto';
import t from 'tap';
import { ARGON2_PARAMETERS } from '../../src/directory/credentials.ts';
import { ProcessHasher } from '../../src/directory/hasher.ts';

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
