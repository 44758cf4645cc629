/** Keys that are shown, and words for messages. Chains are tested where they are installed (certificate-change.test.ts). */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import t from 'tap';
import { checkKey, day, listed, publicKeyHash } from '../../src/certificates/identity.ts';
import { identity } from './bed.ts';

const key = (asymmetricKeyType: string, asymmetricKeyDetails: object): KeyObject =>
  ({ asymmetricKeyType, asymmetricKeyDetails }) as unknown as KeyObject;

void t.test('kinds of keys', (t) => {
  const cases: readonly (readonly [key: KeyObject, found: string | undefined])[] = [
    [key('rsa', { modulusLength: 2048 }), undefined],
    [key('rsa', { modulusLength: 4096 }), undefined],
    [key('rsa', { modulusLength: 2047 }), 'RSA of 2047 bits'],
    [key('rsa', { modulusLength: 4097 }), 'RSA of 4097 bits'],
    [key('rsa-pss', { modulusLength: 2048 }), 'rsa-pss'],
    [key('ec', { namedCurve: 'prime256v1' }), undefined],
    [key('ec', { namedCurve: 'secp384r1' }), undefined],
    [key('ec', { namedCurve: 'secp256k1' }), 'ec secp256k1'],
    [key('ed25519', {}), undefined],
    [key('ed448', {}), 'ed448'],
    [key('x25519', {}), 'x25519'],
    [key('dsa', { modulusLength: 2048 }), 'dsa'],
  ];
  for (const [each, found] of cases)
    if (found === undefined) t.doesNotThrow(() => checkKey(each, 'x'));
    else
      t.throws(() => checkKey(each, 'x'), {
        code: 'invalid',
        message: `x: a key of type ${found} is not accepted: give RSA of 2048 to 4096 bits, EC on P-256 or P-384, or Ed25519`,
      });
  t.end();
});

void t.test('a pair has one hash, whichever half is asked', async (t) => {
  const made = await identity('one.example');
  const secret = createPrivateKey(made.key);
  t.ok(publicKeyHash(secret).equals(publicKeyHash(new X509Certificate(made.der))));
  t.notOk(publicKeyHash(secret).equals(publicKeyHash(createPrivateKey((await identity('two.example')).key))));
});

void t.test('words', (t) => {
  t.equal(listed(['a', 'b']), 'a, b');
  t.equal(listed(['a', 'b', 'c', 'd', 'e', 'f', 'g']), 'a, b, c, d, e and 2 more');
  t.equal(day(new Date(Date.UTC(2027, 1, 3, 23, 59))), '2027-02-03');
  t.end();
});
