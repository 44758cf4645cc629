/** Results as octets (docs/storage-account.md). */
import fc from 'fast-check';
import t from 'tap';
import { failureCode } from '../../../src/lib/failure.ts';
import { rangesOf } from '../../../src/store/account/ranges.ts';
import {
  decodeResult,
  encodeCopied,
  encodeResult,
  type Operation,
  type Results,
} from '../../../src/store/account/results.ts';
import type { MailboxId } from '../../../src/store/account/types.ts';
import { uids } from './support.ts';

const RESULTS: Results = {
  createMailbox: 7 as MailboxId,
  deleteMailbox: undefined,
  renameMailbox: undefined,
  setSubscribed: undefined,
  append: { uidValidity: 1_700_000_000, uid: uids(4)[0] as never },
  storeFlags: { changed: uids(1, 2, 5), refused: uids(9) },
  copy: {
    uidValidity: 5,
    uids: [
      [uids(1)[0] as never, uids(10)[0] as never],
      [uids(4)[0] as never, uids(11)[0] as never],
    ],
  },
  move: { uidValidity: 5, uids: [] },
  expunge: uids(3, 4),
  setProperties: undefined,
};
const OPERATIONS = Object.keys(RESULTS) as Operation[];

void t.test('each operation reads what it wrote, and nothing of another', async (t) => {
  for (const wrote of OPERATIONS) {
    const octets = encodeResult(wrote, RESULTS[wrote]);
    for (const reads of OPERATIONS)
      if (reads === wrote) t.strictSame(decodeResult(reads, octets), RESULTS[wrote], wrote);
      else t.throws(() => decodeResult(reads, octets), { code: 'invalid' }, `${reads} of ${wrote}`);
  }
});

void t.test('any octets give a result or a Failure', async () => {
  fc.assert(
    fc.property(fc.constantFrom(...OPERATIONS), fc.uint8Array({ maxLength: 8 }), (operation, bytes) => {
      try {
        decodeResult(operation, Buffer.from([...bytes]));
      } catch (error) {
        if (failureCode(error) !== 'invalid') throw error;
      }
    }),
    { numRuns: 1000 },
  );
});

void t.test('a move in several commits: new UIDs in runs', async (t) => {
  const pairs = [
    [1, 10],
    [2, 11],
    [5, 20],
    [6, 21],
    [9, 22],
  ] as unknown as Results['move']['uids'];
  const octets = encodeResult('move', { uidValidity: 5, uids: pairs });
  t.equal(octets.toString('hex'), '08050a03010103010300010214');
  t.strictSame(decodeResult('move', octets), { uidValidity: 5, uids: pairs });
  const runs = [
    { at: 0, to: 10 },
    { at: 2, to: 20 },
  ];
  t.strictSame(encodeCopied('move', 5, rangesOf(uids(1, 2, 5, 6, 9)), runs), octets, 'gathered on the way');
});
