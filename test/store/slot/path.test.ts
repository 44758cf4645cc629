/** Directories of accounts and domains: they stay where they are put, and no two objects ever share one. */
import fc from 'fast-check';
import t from 'tap';
import type { DomainId } from '../../../src/store/ids.ts';
import { accountPath, domainDirectory, encodeName, slotPath } from '../../../src/store/slot/path.ts';

void t.test('names as people have them stay readable, others are encoded', async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ['joe', 'joe'],
    ['joe.smith-1_a', 'joe.smith-1_a'],
    ['.hidden', '%2ehidden'],
    ['..', '%2e.'],
    ['a/b', 'a%2fb'],
    ['a%2fb', 'a%252fb'],
    ['a\0b', 'a%00b'],
    ['JOE', '%4a%4f%45'],
    ['müller', 'm%c3%bcller'],
    ['', ''],
  ];
  for (const [name, expected] of cases) t.equal(encodeName(name), expected, JSON.stringify(name));
});

void t.test(
  'a name used before has its serial in the directory; one that looks so does not meet it',
  async (t) => {
    t.equal(accountPath('one.example', 'joe', '100000001-3', false), 'one.example/joe.macnt');
    t.equal(accountPath('one.example', 'joe', '100000001-3', true), 'one.example/joe.100000001-3.macnt');
    t.equal(
      accountPath('one.example', 'joe.100000001-3', '5-1', false),
      'one.example/joe%2e100000001-3.macnt',
    );
    t.equal(domainDirectory('one.example', 3 as DomainId, false), 'one.example');
    t.equal(domainDirectory('one.example', 3 as DomainId, true), 'one.example.3');
    t.equal(domainDirectory('one.example.3', 4 as DomainId, false), 'one.example%2e3');
    t.equal(
      domainDirectory('fast', 4 as DomainId, false),
      '%66ast',
      'the fast storage is beside the domains',
    );
    t.equal(domainDirectory('c.sub', 4 as DomainId, false), 'c%2esub', 'foldering directories are too');
    t.equal(slotPath(7), '.cluster/slots/0007');
  },
);

const SEED = 97;
const name = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 21 }),
  fc.string({ unit: fc.constantFrom('.', '-', 'a', '0', '%', '/'), maxLength: 12 }),
);
const serial = fc
  .tuple(fc.nat(), fc.nat())
  .map(([epoch, modseq]) => `${epoch.toString(16)}-${modseq.toString(16)}`);

void t.test(`no path leaves its directory, none is too long (seed ${SEED})`, async () => {
  const property = fc.property(name, serial, fc.boolean(), (name, serial, used) => {
    const parts = accountPath('d', name, serial, used).split('/');
    const file = parts[1]!;
    return (
      parts.length === 2 &&
      /^[a-z0-9._%-]+$/.test(file) &&
      file !== '.' &&
      file !== '..' &&
      file.length <= 255
    );
  });
  fc.assert(property, { numRuns: 200, seed: SEED });
});

void t.test(`different objects have different paths (seed ${SEED})`, async () => {
  const object = fc.tuple(name, serial, fc.boolean());
  const property = fc.property(object, object, ([name1, serial1, used1], [name2, serial2, used2]) => {
    // Two objects of one name: at most one of them found the directory unused.
    const isSame = name1 === name2 && ((!used1 && !used2) || (used1 && used2 && serial1 === serial2));
    return (accountPath('d', name1, serial1, used1) === accountPath('d', name2, serial2, used2)) === isSame;
  });
  fc.assert(property, { numRuns: 200, seed: SEED });
  fc.assert(
    fc.property(name, serial, (name, serial) => {
      const imitation = `${name}.${serial}`;
      return accountPath('d', imitation, '1-1', false) !== accountPath('d', name, serial, true);
    }),
    { numRuns: 200, seed: SEED },
  );
});
