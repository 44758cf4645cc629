/** What a new account begins with (docs/storage-account.md, Beginning). */
import fc from 'fast-check';
import t from 'tap';
import { DecodeError } from '../../../src/lib/encoder.ts';
import {
  completed,
  decodeInitialMailboxes,
  encodeInitialMailboxes,
  INITIAL_MAILBOXES,
  newAccount,
  USUAL_MAILBOXES,
  uidValidityAt,
} from '../../../src/store/account/initial.ts';
import { ID, WALL_MS } from './support.ts';

void t.test('a new account has the usual mailboxes and its properties', async (t) => {
  const initial = newAccount(WALL_MS, new Map([['k', Buffer.from('v')]]));
  t.same([...initial.keys()], ['k', INITIAL_MAILBOXES]);
  t.same(decodeInitialMailboxes(initial.get(INITIAL_MAILBOXES) as Buffer), {
    uidValidity: 1_700_000_000,
    mailboxes: USUAL_MAILBOXES,
  });
  t.same(completed(ID, initial), initial, 'nothing is added to it');
});

void t.test(
  'without mailboxes, UIDVALIDITY is made from the id: the same for the same, another for another',
  async (t) => {
    const validity = (serial: string): number => {
      const entry = completed({ ...ID, serial }, new Map()).get(INITIAL_MAILBOXES) as Buffer;
      return decodeInitialMailboxes(entry).uidValidity;
    };
    t.equal(validity('1-1'), validity('1-1'));
    t.not(validity('1-1'), validity('1-2'));
  },
);

void t.test('UIDVALIDITY follows the clock, and never falls or leaves 32 bits', async (t) => {
  t.equal(uidValidityAt(5_999, 0), 5);
  t.equal(uidValidityAt(5_999, 5), 6);
  t.equal(uidValidityAt(0, 0), 1);
  t.equal(uidValidityAt(-1e12, 3), 4);
  t.equal(uidValidityAt((2 ** 32 - 1) * 1000, 0), 2 ** 32 - 1);
  t.equal(uidValidityAt(2 ** 32 * 1000, 7), 8, 'a clock beyond 2106 is not followed');
  t.equal(uidValidityAt((2 ** 32 - 1) * 1000, 0, 5), 1, 'nor one that leaves no room');
});

void t.test('any octets give mailboxes or a DecodeError', async () => {
  const seed = encodeInitialMailboxes({ uidValidity: 7, mailboxes: USUAL_MAILBOXES });
  fc.assert(
    fc.property(fc.nat(seed.length - 1), fc.nat(255), fc.nat(seed.length), (at, octet, cut) => {
      const octets = Buffer.from(seed);
      octets[at] = octet;
      try {
        decodeInitialMailboxes(octets.subarray(0, Math.max(at, cut)));
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
      }
    }),
    { numRuns: 1000 },
  );
});
