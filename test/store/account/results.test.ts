/** Results as octets (docs/storage-account.md). */
import fc from 'fast-check';
import t from 'tap';
import { failureCode } from '../../../src/lib/failure.ts';
import {
  decodeResult,
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
