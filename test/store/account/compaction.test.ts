/**
 * Compaction of an account: whatever happens in between and wherever it ends, replay gives the state that was live
 * (docs/storage.md, compaction).
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { failureCode } from '../../../src/lib/failure.ts';
import { type OpenAccount, openAccount } from '../../../src/store/account/account.ts';
import { newAccount } from '../../../src/store/account/initial.ts';
import { decode } from '../../../src/store/account/records.ts';
import { decodeState } from '../../../src/store/account/snapshot.ts';
import { type AccountState, apply, emptyState } from '../../../src/store/account/state.ts';
import type { MailboxId } from '../../../src/store/account/types.ts';
import type { Incarnation } from '../../../src/store/ids.ts';
import { RecordingLog } from './recording-log.ts';
import {
  append,
  checkConsistency,
  ID,
  messages,
  picture,
  ranges,
  replayedFrom,
  transaction,
  WALL_MS,
} from './support.ts';

const SEED = 90_125;
const NAMES = ['INBOX', 'a', 'a/b', 'c', 'd/e'];
const FLAGS = ['\\Seen', '\\Deleted', 'one', 'One', 'two'];

const name = fc.constantFrom(...NAMES);
const uids = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 5 });
const step = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant('append' as const), name, fc.subarray(FLAGS), uids, name) },
  {
    weight: 9,
    arbitrary: fc.tuple(
      fc.constantFrom('store', 'copy', 'move', 'expunge'),
      name,
      fc.subarray(FLAGS),
      uids,
      name,
    ),
  },
  {
    weight: 6,
    arbitrary: fc.tuple(
      fc.constantFrom('create', 'delete', 'rename', 'subscribe', 'property', 'forget'),
      name,
      fc.subarray(FLAGS),
      uids,
      name,
    ),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Does a step; a refusal is an answer like another. */
async function act(account: OpenAccount, [kind, at, flags, some, to]: Step, number: number): Promise<void> {
  const id =
    number % 2 === 0 ? undefined : transaction(number, Math.max(1, number - 6), 'ab'[number % 3] ?? 'c');
  const mailbox = account.mailbox(at)?.id ?? (99 as MailboxId);
  const target = account.mailbox(to)?.id ?? (99 as MailboxId);
  const work: Record<Step[0], () => Promise<unknown>> = {
    append: () => append(account, flags, { mailbox, text: `text ${number}`, ...(id && { transaction: id }) }),
    store: () => account.storeFlags(mailbox, { uids: ranges(...some), mode: 'replace', flags }, id),
    copy: () => account.copy(mailbox, ranges(...some), target, id),
    move: () => account.move(mailbox, ranges(...some), target, id),
    expunge: () => account.expunge(mailbox, undefined, id),
    create: () => account.createMailbox(at, id && { transaction: id }),
    delete: () => account.deleteMailbox(at, id),
    rename: () => account.renameMailbox(at, to, id),
    subscribe: () => account.setSubscribed(at, flags.length > 2, id),
    property: () => account.setProperties(new Map([[at, flags[0] ? Buffer.from(flags[0]) : undefined]]), id),
    forget: () => account.forgetIncarnation('a'.repeat(32) as Incarnation),
  };
  await work[kind]().catch((error: unknown) => {
    if (failureCode(error) === undefined) throw error;
  });
}

/** A picture without places, which differ once a content was copied. */
function pictureWithoutPlaces(state: AccountState): unknown {
  const whole = picture(state) as { blobs: readonly (readonly [number, unknown, number])[] };
  return { ...whole, blobs: whole.blobs.map(([id, , references]) => [id, references]) };
}

const open = (log: RecordingLog): Promise<OpenAccount> =>
  openAccount({
    openLog: async () => log,
    clock: { wallMs: () => WALL_MS, sleep: () => new Promise((resolve) => void setImmediate(resolve)) },
    id: ID,
    initial: newAccount(WALL_MS, new Map(), []),
    upkeep: { filesMax: 1000, sliceEntries: 2, sliceOctets: 600 },
  });

void t.test('live changes in between, an end after every record', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 3, maxLength: 25 }),
      fc.array(step, { maxLength: 25 }),
      async (before, during) => {
        const log = new RecordingLog();
        const account = await open(log);
        let number = 0;
        for (const one of before) await act(account, one, ++number);
        if (log.records.length === 0) return;
        const old = log.records.length;
        const running: Promise<void>[] = [];
        const left = during[Symbol.iterator]();
        log.meanwhile = () => {
          const { value } = left.next();
          if (value !== undefined) running.push(act(account, value, ++number));
        };
        await account.compact();
        log.meanwhile = undefined;
        await Promise.all(running);
        assert.deepEqual(log.gone, [1], 'it came to its end');
        check(log, old);
        // Nothing that was replaced is needed to read what is there.
        for (const each of account.mailboxes())
          for (const message of messages(account, each.name)) {
            assert.ok((message as unknown as { place: { record: { file: number } } }).place.record.file > 1);
            assert.match((await account.read(message)).toString(), /^text \d+$/);
          }
        const restored = decodeState(log.snapshot as Buffer);
        assert.ok(restored !== undefined);
        checkConsistency(restored);
      },
    ),
    { numRuns: 300, seed: SEED },
  );
});

/** A whole history with a compaction, whose first record is at or behind `old`. */
function check({ records, commits }: RecordingLog, old: number): void {
  const full = emptyState();
  const live = emptyState();
  let modseq = 0;
  for (const [index, from] of commits.entries()) {
    const commit = records.slice(from, commits[index + 1]);
    // A live commit has a modseq of its own, a compaction's records that of the last one before.
    const isLive = (commit.at(-1)?.modseq ?? 0) > modseq;
    for (const record of commit) {
      const change = decode(record.type, record.payload);
      apply(full, change, record);
      if (isLive) apply(live, change, record);
      modseq = Math.max(modseq, record.modseq);
      if (!isLive) assert.deepEqual(pictureWithoutPlaces(full), pictureWithoutPlaces(live), change.kind);
    }
  }
  checkConsistency(full);
  assert.deepEqual(pictureWithoutPlaces(full), pictureWithoutPlaces(live));
  const alone = replayedFrom(records.slice(old));
  checkConsistency(alone);
  assert.deepEqual(picture(alone), picture(full), 'without the old files');
}
