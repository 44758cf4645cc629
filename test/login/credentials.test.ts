/** Credentials records, SCRAM keys, the queue before the hasher, and the memory of verified log-ins. */
import { createHmac, pbkdf2Sync } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { failureCode } from '../../src/lib/failure.ts';
import {
  checkPassword,
  decodeCredentials,
  encodeCredentials,
  makeCredentials,
} from '../../src/login/credentials.ts';
import { HashQueue } from '../../src/login/hash-queue.ts';
import { RememberedLogins } from '../../src/login/remembered.ts';
import { checkProof, opaqueString, PASSWORD_OCTETS_MAX, saslPrep, scramKeys } from '../../src/login/scram.ts';
import { Prng } from '../support/prng.ts';
import { CheapHasher } from './hasher.fake.ts';

void t.test('SCRAM-SHA-256 keys are those of the example in RFC 7677 section 3', async (t) => {
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
  const salted = pbkdf2Sync('pencil', salt, 4096, 32, 'sha256');
  const keys = scramKeys(salted, salt, 4096);
  t.equal(keys.storedKey.toString('base64'), 'WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=');
  t.equal(keys.serverKey.toString('base64'), 'wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=');
});

void t.test('passwords are prepared as their mechanisms say', async (t) => {
  t.equal(opaqueString('a\u3000b').toString(), 'a b', 'RFC 8265 section 4.2.2: spaces');
  t.equal(opaqueString('e\u0301').toString(), '\u00e9', 'NFC');
  t.equal(opaqueString('\u2168').toString(), '\u2168', 'RFC 8265 section 4.3: not NFKC');
  t.equal(saslPrep('\u2168').toString(), 'IX', 'RFC 4013 section 3, example 4');
  t.equal(saslPrep('I\u00adX').toString(), 'IX', 'RFC 4013 section 3, example 1');
  for (const bad of ['', 'a\u0007', 'x'.repeat(PASSWORD_OCTETS_MAX + 1), '\ud800'])
    t.throws(() => opaqueString(bad), { code: 'invalid' });
});

void t.test('a password is right or wrong; nobody’s is wrong after the same work', async (t) => {
  const hasher = new CheapHasher();
  const record = await makeCredentials(hasher, new Prng(1), 'secret');
  t.notOk(record.includes('secret'));
  hasher.hashed = 0;
  t.equal(await checkPassword(hasher, record, 'secret', 'joe'), true);
  t.equal(await checkPassword(hasher, record, 'Secret', 'joe'), false);
  t.equal(await checkPassword(hasher, undefined, 'secret', 'joe'), false);
  t.equal(hasher.hashed, 3);
  const again = await makeCredentials(hasher, new Prng(2), 'secret');
  t.notSame(again, record, 'salted');
});

const SEED = 9106;
void t.test(`records are read as written; broken ones are damage (fuzz, seed ${SEED})`, async (t) => {
  const record = await makeCredentials(new CheapHasher(), new Prng(1), 'secret');
  t.strictSame(encodeCredentials(decodeCredentials(record)), record);
  t.match(decodeCredentials(record), { scramSha256: { iterations: 15_000 }, argon2id: { parallelism: 1 } });
  for (let cut = 0; cut < record.length; cut++)
    t.throws(() => decodeCredentials(record.subarray(0, cut)), { code: 'damaged' }, `cut at ${cut}`);
  fc.assert(
    fc.property(fc.uint8Array(), fc.nat(record.length - 1), fc.nat(255), (octets, at, octet) => {
      const flipped = Buffer.from(record);
      flipped[at] = octet;
      for (const input of [Buffer.from(octets), flipped]) {
        try {
          const { memoryKiB, passes } = decodeCredentials(input).argon2id;
          if (memoryKiB > 262_144 || passes > 16) return false;
        } catch (error) {
          if (failureCode(error) !== 'damaged') throw error;
        }
      }
      return true;
    }),
    { numRuns: 300, seed: SEED },
  );
});

void t.test('keys of SCRAM that no proof could be compared with are damage', async (t) => {
  const good = decodeCredentials(await makeCredentials(new CheapHasher(), new Prng(1), 'secret'));
  const keys = good.scramSha256!;
  const cases = {
    'no iterations': { ...keys, iterations: 0 },
    'no salt': { ...keys, salt: Buffer.alloc(0) },
    'a long salt': { ...keys, salt: Buffer.alloc(65) },
    'a short StoredKey': { ...keys, storedKey: keys.storedKey.subarray(1) },
    'a long ServerKey': { ...keys, serverKey: Buffer.alloc(33) },
  };
  for (const [what, scramSha256] of Object.entries(cases))
    t.throws(() => decodeCredentials(encodeCredentials({ ...good, scramSha256 })), { code: 'damaged' }, what);
});

void t.test('a field that a reader does not know is passed over', async (t) => {
  const record = await makeCredentials(new CheapHasher(), new Prng(1), 'secret');
  const fields = record[1]!;
  const later = Buffer.concat([Buffer.from([1, fields + 1]), record.subarray(2), Buffer.from([77, 1, 0])]);
  t.strictSame(decodeCredentials(later), decodeCredentials(record));
});

void t.test('so many are hashed at once, so many wait, in order, the rest is refused', async (t) => {
  const under: { id: number; done: (tag: Buffer) => void }[] = [];
  let id = 0;
  const slow = () => new Promise<Buffer>((done) => void under.push({ id: ++id, done }));
  const queue = new HashQueue({ argon2id: slow, pbkdf2: slow }, { atOnce: 2, waitingMax: 3 });
  const parameters = { memoryKiB: 8, passes: 1, parallelism: 1 };
  const ask = () => queue.argon2id(Buffer.alloc(1), Buffer.alloc(8), parameters);
  const asked = Array.from({ length: 5 }, ask);
  t.equal(under.length, 2);
  await t.rejects(ask(), { code: 'limit' });
  await t.rejects(queue.pbkdf2(Buffer.alloc(1), Buffer.alloc(8), 1), { code: 'limit' });
  while (under.length > 0) {
    t.ok(under.length <= 2);
    under.shift()!.done(Buffer.from('tag'));
    await new Promise((resolve) => void setImmediate(resolve));
  }
  t.equal((await Promise.all(asked)).length, 5);
  const failing = new HashQueue(
    { argon2id: () => Promise.reject(new Error('x')), pbkdf2: slow },
    { atOnce: 1, waitingMax: 0 },
  );
  for (let i = 0; i < 3; i++)
    await t.rejects(
      failing.argon2id(Buffer.alloc(1), Buffer.alloc(8), parameters),
      { message: 'x' },
      'the place is free again',
    );
});

void t.test('a remembered log-in matches this one, this record, this password, and is bounded', async (t) => {
  const remembered = new RememberedLogins(new Prng(1), 2);
  const record = Buffer.from('record');
  remembered.add('joe', record, 'pw');
  t.equal(remembered.has('joe', record, 'pw'), true);
  t.equal(remembered.has('joe', record, 'pW'), false);
  t.equal(remembered.has('jo', Buffer.from('erecord'), 'pw'), false);
  t.equal(remembered.has('joe', Buffer.from('changed'), 'pw'), false);
  remembered.add('ann', record, 'pw');
  t.equal(remembered.has('joe', record, 'pw'), true, 'used again');
  remembered.add('eve', record, 'pw');
  t.equal(remembered.size, 2);
  t.equal(remembered.has('ann', record, 'pw'), false, 'the longest unused went');
});

void t.test('guesses at one account keep no other out', async (t) => {
  const under: { salt: number; done: (tag: Buffer) => void }[] = [];
  const slow = (_: Buffer, salt: Buffer) =>
    new Promise<Buffer>((done) => void under.push({ salt: salt[0]!, done }));
  const queue = new HashQueue({ argon2id: slow, pbkdf2: slow }, { atOnce: 1, waitingMax: 4 });
  const parameters = { memoryKiB: 8, passes: 1, parallelism: 1 };
  const ask = (salt: number) =>
    queue.argon2id(Buffer.alloc(1), Buffer.alloc(8, salt), parameters).then(
      () => 'ok',
      (error: unknown) => failureCode(error),
    );
  const flood = Array.from({ length: 5 }, () => ask(1));
  const one = ask(2);
  const other = ask(3);
  t.equal(await ask(2), 'limit', 'there is room for fewer guesses, but not for more of the same');
  const order: number[] = [];
  while (under.length > 0) {
    const { salt, done } = under.shift()!;
    order.push(salt);
    done(Buffer.from('tag'));
    await new Promise((resolve) => void setImmediate(resolve));
  }
  t.strictSame(order, [1, 1, 2, 3, 1], 'by turns');
  t.strictSame(await Promise.all([one, other]), ['ok', 'ok']);
  t.strictSame(await Promise.all(flood), ['ok', 'ok', 'ok', 'limit', 'limit'], 'the last of them went');
});

void t.test('what SASLprep refuses is hashed as it stands, and good for the other mechanisms', async (t) => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['\u{1fae8} shaking face', '\u{1fae8} shaking face', 'RFC 4013 section 2.5: not in Unicode 3.2'],
    ['\u0627\u0031', '\u0627\u0031', 'RFC 4013 section 3, example 5: bidirectional'],
    ['\u00ad\u00ad', '\u00ad\u00ad', 'nothing would be left of it'],
    ['I\u00adX', 'IX', 'RFC 4013 section 3, example 1'],
    ['user', 'user', 'example 2'],
    ['USER', 'USER', 'example 3: case is kept'],
    ['\u00aa', 'a', 'example 4'],
    ['a\u200bb', 'a b', 'RFC 3454 table C.1.2'],
  ];
  for (const [password, prepared, why] of cases) {
    t.equal(saslPrep(password).toString(), prepared, why);
    const record = await makeCredentials(new CheapHasher(), new Prng(1), password);
    t.equal(await checkPassword(new CheapHasher(), record, password), true);
  }
  t.throws(() => saslPrep('\u0007'), { code: 'invalid' }, 'example 6');
  t.throws(
    () => saslPrep('\ufdfa'.repeat(300)),
    { code: 'invalid' },
    'longer than a password when it is prepared',
  );
});

void t.test('a hasher that refuses leaves no outcome to nobody', async (t) => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  const full = () => Promise.reject(new Error('full'));
  const hasher = { argon2id: full, pbkdf2: full };
  await t.rejects(makeCredentials(hasher, new Prng(1), '\u0007'), { code: 'invalid' });
  await t.rejects(makeCredentials(hasher, new Prng(1), 'good'), { message: 'full' });
  await new Promise((resolve) => void setImmediate(resolve));
  process.off('unhandledRejection', note);
  t.strictSame(unhandled, []);
});

void t.test('a proof is right for its keys and its message only', (t) => {
  const salt = Buffer.from('salt of sixteen.');
  const salted = pbkdf2Sync('pencil', salt, 4096, 32, 'sha256');
  const keys = scramKeys(salted, salt, 4096);
  const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const clientKey = hmac(salted, 'Client Key');
  const proof = Buffer.from(clientKey.map((octet, index) => octet ^ hmac(keys.storedKey, 'm')[index]!));
  t.same(checkProof(keys, 'm', proof), hmac(hmac(salted, 'Server Key'), 'm'));
  t.equal(checkProof(keys, 'n', proof), undefined);
  t.equal(checkProof(undefined, 'm', proof), undefined);
  for (const octets of [0, 31, 33])
    t.equal(checkProof(keys, 'm', Buffer.concat([proof, proof]).subarray(0, octets)), undefined);
  for (let at = 0; at < proof.length; at++) {
    const flipped = Buffer.from(proof);
    flipped[at]! ^= 1;
    t.equal(checkProof(keys, 'm', flipped), undefined, `octet ${at}`);
  }
  // Nobody has keys of zeros, not even who knows that.
  const zeros = Buffer.alloc(32);
  t.equal(checkProof(undefined, 'm', hmac(zeros, 'm')), undefined);
  t.end();
});
