/** Results as octets (docs/storage-account.md). */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { Encoder } from '../../../src/lib/encoder.ts';
import { failureCode } from '../../../src/lib/failure.ts';
import { ACCOUNT_LIMITS, UID_MAX } from '../../../src/store/account/limits.ts';
import { countOf, encodeRanges, type UidRanges } from '../../../src/store/account/ranges.ts';
import {
  decodeResult,
  encodeResult,
  type Operation,
  type Results,
} from '../../../src/store/account/results.ts';
import type { MailboxId, Uid } from '../../../src/store/account/types.ts';
import { ranges } from './support.ts';

const SEED = 20_261_120;
const UID_VALIDITY = 1_700_000_000;
const LAST = UID_MAX - 1;

type Line = {
  readonly [O in Operation]: readonly [operation: O, octets: string, result: Results[O]];
}[Operation];

/** As every version has written them: what an account remembers is read by all that come later. */
const WRITTEN: readonly Line[] = [
  ['createMailbox', '0107', 7 as MailboxId],
  ['deleteMailbox', '02', undefined],
  ['renameMailbox', '03', undefined],
  ['setSubscribed', '04', undefined],
  ['append', '0580e2cfaa0604', { uidValidity: UID_VALIDITY, uid: 4 as Uid }],
  ['storeFlags', '060201010300010900', { changed: ranges(1, 2, 5), refused: ranges(9) }],
  ['storeFlags', '060000', { changed: [], refused: [] }],
  ['copy', '07050a0201000300', { uidValidity: 5, from: ranges(1, 4), runs: [{ at: 0, to: 10 }] }],
  ['copy', '07050000', { uidValidity: 5, from: [], runs: [] }],
  ['copy', '0705080101bf843d', { uidValidity: 5, from: [[1, 1_000_000]], runs: [{ at: 0, to: 8 }] }],
  ['move', '08050000', { uidValidity: 5, from: [], runs: [] }],
  [
    'move',
    '08050a03010103010300010214',
    {
      uidValidity: 5,
      from: ranges(1, 2, 5, 6, 9),
      runs: [
        { at: 0, to: 10 },
        { at: 2, to: 20 },
      ],
    },
  ],
  [
    'move',
    '0880e2cfaa060a01010202010c020e',
    {
      uidValidity: UID_VALIDITY,
      from: ranges(1, 2, 3),
      runs: [
        { at: 0, to: 10 },
        { at: 1, to: 12 },
        { at: 2, to: 14 },
      ],
    },
  ],
  ['expunge', '09010301', ranges(3, 4)],
  ['expunge', '0900', []],
  ['expunge', '090301000200fbffffff0f00', ranges(1, 3, LAST)],
  ['expunge', '090101bf843d', [[1, 1_000_000]]],
  ['setProperties', '0a', undefined],
];
const OPERATIONS = [...new Set(WRITTEN.map(([operation]) => operation))];

void t.test('each operation reads and writes these octets, and reads nothing of another', async (t) => {
  for (const [wrote, hex, result] of WRITTEN) {
    const octets = Buffer.from(hex, 'hex');
    t.equal(encodeResult(wrote, result).toString('hex'), hex, wrote);
    for (const reads of OPERATIONS)
      if (reads === wrote) t.strictSame(decodeResult(reads, octets), result, `${wrote} ${hex}`);
      else t.throws(() => decodeResult(reads, octets), { code: 'invalid' }, `${reads} of ${wrote}`);
  }
});

void t.test('cut anywhere, a result is refused', async (t) => {
  for (const [operation, hex] of WRITTEN) {
    const octets = Buffer.from(hex, 'hex');
    for (let cut = 0; cut < octets.length; cut++)
      // Behind the first run nothing need follow: there a cut says that all new UIDs follow each other.
      if (operation !== 'move' || cut < octets.length - 5)
        t.throws(
          () => decodeResult(operation, octets.subarray(0, cut)),
          { code: 'invalid' },
          `${hex} at ${cut}`,
        );
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

void t.test('no more messages than a mailbox holds, and as many cost what one does', async (t) => {
  const expunged = (count: number): Buffer => {
    const encoder = new Encoder().uint(9);
    encodeRanges(encoder, [[1, count]]);
    return encoder.done();
  };
  const most = ACCOUNT_LIMITS.messagesPerMailboxMax;
  const spent = process.threadCpuUsage();
  for (let times = 0; times < 1000; times++) decodeResult('expunge', expunged(most));
  const { user, system } = process.threadCpuUsage(spent);
  t.ok(user + system < 500_000, `a thousand such lists in ${(user + system) / 1000} ms`);
  t.same(decodeResult('expunge', expunged(most)), [[1, most]]);
  t.throws(() => decodeResult('expunge', expunged(most + 1)), { code: 'invalid' });
  t.throws(() => decodeResult('expunge', expunged(UID_MAX)), { code: 'invalid' });
  const copied = (from: UidRanges): Buffer =>
    encodeResult('copy', { uidValidity: 1, from, runs: [{ at: 0, to: 1 }] });
  t.ok(decodeResult('copy', copied([[1, most]])));
  t.throws(() => decodeResult('copy', copied([[1, most + 1]])), { code: 'invalid' });
  const refused = (of: UidRanges): Buffer => encodeResult('storeFlags', { changed: [], refused: of });
  t.throws(() => decodeResult('storeFlags', refused([[2, most + 2]])), { code: 'invalid' });
});

void t.test('runs of new UIDs that no copy can have made are refused', async (t) => {
  const from = ranges(1, 2, 5, 6, 9);
  const wrong: readonly (readonly { at: number; to: number }[])[] = [
    [{ at: 0, to: 0 }],
    [{ at: 0, to: UID_MAX - 3 }],
    [
      { at: 0, to: 10 },
      { at: 0, to: 20 },
    ],
    [
      { at: 0, to: 10 },
      { at: 5, to: 20 },
    ],
    [
      { at: 0, to: 10 },
      { at: 2, to: 11 },
    ],
    [
      { at: 0, to: 10 },
      { at: 3, to: 20 },
      { at: 2, to: 30 },
    ],
  ];
  for (const runs of wrong)
    t.throws(
      () => decodeResult('move', encodeResult('move', { uidValidity: 5, from, runs })),
      { code: 'invalid' },
      JSON.stringify(runs),
    );
  const none = Buffer.from('0805000001020a', 'hex');
  t.throws(() => decodeResult('move', none), { code: 'invalid' }, 'runs of no messages');
  t.ok(
    decodeResult('move', encodeResult('move', { uidValidity: 5, from, runs: [{ at: 0, to: UID_MAX - 4 }] })),
  );
});

void t.test('what was written is read again', async (t) => {
  const sets = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 30 }).map((uids) => ranges(...uids));
  fc.assert(
    fc.property(sets, sets, fc.array(fc.nat(3)), (from, others, gaps) => {
      // Runs as they come of other messages that arrive in between.
      const runs: { at: number; to: number }[] = [];
      for (let at = 0, to = 10; at < countOf(from); at++, to++) {
        const gap = gaps[at] ?? 0;
        to += gap;
        if (at === 0 || gap > 0) runs.push({ at, to });
      }
      const copied = { uidValidity: 7, from, runs };
      assert.deepEqual(decodeResult('move', encodeResult('move', copied)), copied);
      const stored = { changed: from, refused: others };
      assert.deepEqual(decodeResult('storeFlags', encodeResult('storeFlags', stored)), stored);
      assert.deepEqual(decodeResult('expunge', encodeResult('expunge', from)), from);
    }),
    { seed: SEED, numRuns: 300 },
  );
  t.pass(`seed ${SEED}`);
});
