/** The keyrings' file: back and forth, what a frontend has, and every way in which it can be wrong. */
import t from 'tap';
import {
  formatKeyrings,
  makeKeyring,
  parseKeyrings,
  RING_KEYS_MAX,
} from '../../../src/cluster/security/keyring.ts';
import { seal, unseal } from '../../../src/cluster/security/sealed.ts';
import { Prng } from '../../support/prng.ts';

const SEED = 7;

void t.test('what is written is read, and works', async (t) => {
  const random = new Prng(SEED);
  const rings = { backend: makeKeyring('backend', random), frontend: makeKeyring('frontend', random) };
  const read = parseKeyrings(formatKeyrings(rings));
  const sealed = seal(rings.backend, 'x', Buffer.from('value'), random);
  t.equal(unseal(read.backend!, 'x', sealed).toString(), 'value');
  t.equal(formatKeyrings(read), formatKeyrings(rings));
  const frontends = parseKeyrings(formatKeyrings({ backend: undefined, frontend: rings.frontend }));
  t.equal(frontends.backend, undefined, 'a frontend has no ring of backends');
  t.notMatch(formatKeyrings(frontends), 'backend');
});

void t.test('what is wrong is said without the keys', async (t) => {
  const key = { id: '0123456789abcdef', key: Buffer.alloc(32, 7).toString('base64url') };
  const file = (value: unknown): string =>
    JSON.stringify({ version: 1, frontend: [key], ...(value as object) });
  for (const [name, text] of [
    ['not JSON', '{'],
    ['null', 'null'],
    ['a list', '[]'],
    ['another version', file({ version: 2 })],
    ['no ring', file({ frontend: undefined })],
    ['no list', file({ frontend: {} })],
    ['an empty ring', file({ frontend: [] })],
    ['an empty ring of backends', file({ backend: [] })],
    ['too many keys', file({ frontend: Array.from({ length: RING_KEYS_MAX + 1 }, () => key) })],
    ['a key twice', file({ frontend: [key, key] })],
    ['no key', file({ frontend: [null] })],
    ['no id', file({ frontend: [{ key: key.key }] })],
    ['an id of another form', file({ frontend: [{ ...key, id: '0123456789ABCDEF' }] })],
    ['a short key', file({ frontend: [{ ...key, key: key.key.slice(4) }] })],
    ['a key of other letters', file({ frontend: [{ ...key, key: `${key.key.slice(0, -1)}!` }] })],
  ] as const) {
    const error = thrown(() => parseKeyrings(text));
    t.match(error, { code: 'invalid' }, name);
    t.notMatch(String(error), key.key.slice(0, 20), `${name}: no key in the message`);
  }
});

void t.test('mangled files never crash it', async (t) => {
  const random = new Prng(SEED);
  const text = formatKeyrings({
    backend: makeKeyring('backend', random),
    frontend: makeKeyring('frontend', random),
  });
  for (let run = 0; run < 300; run++) {
    const octets = Buffer.from(text);
    for (let i = 0; i <= random.below(4); i++) octets[random.below(octets.length)] = random.below(256);
    const error = thrown(() => parseKeyrings(octets.subarray(0, random.below(octets.length + 1)).toString()));
    if (error !== undefined) t.match(error, { code: 'invalid' }, `seed ${SEED}, run ${run}`);
  }
});

function thrown(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}
