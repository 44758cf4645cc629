/** Sealed values: what opens, what does not, and that nobody but the name and the ring they were made for opens them. */
import fc from 'fast-check';
import t from 'tap';
import { makeKey, makeKeyring } from '../../../src/cluster/security/keyring.ts';
import { SEAL_OCTETS, seal, sealedUnder, unseal } from '../../../src/cluster/security/sealed.ts';
import type { Keyring } from '../../../src/cluster/security/types.ts';
import { Prng } from '../../support/prng.ts';

const SEED = 20261120;
const random = new Prng(SEED);
const ring = makeKeyring('backend', random);

void t.test('what was sealed opens, under its name', async (t) => {
  fc.assert(
    fc.property(fc.string(), fc.uint8Array({ maxLength: 5000 }), (name, bytes) => {
      const octets = Buffer.from(bytes);
      const sealed = seal(ring, name, octets, random);
      return sealed.length === octets.length + SEAL_OCTETS && unseal(ring, name, sealed).equals(octets);
    }),
    { numRuns: 200, seed: SEED },
  );
  const twice = [1, 2].map(() => seal(ring, 'x', Buffer.from('the same'), random));
  t.notSame(twice[0], twice[1], 'the same value looks different each time');
});

void t.test('nothing else opens', async (t) => {
  const sealed = seal(ring, 'tls/certificate', Buffer.from('secret'), random);
  t.throws(() => unseal(ring, 'tls/other', sealed), { code: 'damaged' }, 'another name');
  // The ring's name is a part of it: the same key in another ring opens nothing.
  const other: Keyring = { name: 'frontend', keys: ring.keys };
  t.throws(() => unseal(other, 'tls/certificate', sealed), { code: 'damaged' }, 'another ring');
  const stranger = makeKeyring('backend', random);
  t.throws(() => unseal(stranger, 'tls/certificate', sealed), { code: 'unavailable' }, 'without the key');
  t.throws(() => seal({ name: 'backend', keys: [] }, 'x', sealed, random), { code: 'unavailable' });
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    changed[at]! ^= 1 << (at % 8);
    // A changed key id is a key that is not there, or (at the version) nothing at all.
    const codes = at === 0 ? ['damaged'] : at <= 8 ? ['unavailable'] : ['damaged'];
    t.throws(() => unseal(ring, 'tls/certificate', changed), { code: codes[0] }, `octet ${at} changed`);
  }
  for (let cut = 0; cut < sealed.length; cut++)
    t.throws(
      () => unseal(ring, 'tls/certificate', sealed.subarray(0, cut)),
      { code: 'damaged' },
      `cut at ${cut}`,
    );
});

void t.test('the first key seals, all open: rotation has an overlap', async (t) => {
  const old = seal(ring, 'x', Buffer.from('1'), random);
  const rotated: Keyring = { name: 'backend', keys: [makeKey(random), ...ring.keys] };
  const fresh = seal(rotated, 'x', Buffer.from('2'), random);
  t.equal(unseal(rotated, 'x', old).toString(), '1');
  t.equal(unseal(rotated, 'x', fresh).toString(), '2');
  t.equal(sealedUnder(old), ring.keys[0]!.id);
  t.equal(sealedUnder(fresh), rotated.keys[0]!.id);
  t.equal(sealedUnder(Buffer.from('short')), undefined);
  t.throws(() => unseal(ring, 'x', fresh), { code: 'unavailable' }, 'a member that has not the new key yet');
});
