/**
 * Random histories against a naive model, on the log in memory and on the real one: each step gives the model's answer,
 * what is durable replays to the very state that is live, with all invariants, and a step whose sync failed never was.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { Failure, failureCode } from '../../../src/lib/failure.ts';
import type { OpenAccount } from '../../../src/store/account/account.ts';
import { newAccount } from '../../../src/store/account/initial.ts';
import { uidsOf } from '../../../src/store/account/ranges.ts';
import type { FlagChange, MailboxId, ModSeq } from '../../../src/store/account/types.ts';
import { Model } from './model.ts';
import { RealBed } from './real-bed.ts';
import {
  append,
  Bed,
  checkConsistency,
  messages,
  pairs,
  picture,
  ranges,
  seen,
  transaction,
  WALL_MS,
} from './support.ts';

const NAMES = ['INBOX', 'a', 'a/b', 'a/b/c', 'a/d', 'e', 'e/f', 'INBOX/g'];
const FLAGS = ['\\Seen', '\\Deleted', '\\Flagged', '$one', 'two', 'three'];

const name = fc.constantFrom('INBOX', ...NAMES);
const flags = fc.subarray(FLAGS, { maxLength: 4 });
const uids = fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 6 });

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('append' as const), name, flags }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('store' as const),
      name,
      uids,
      mode: fc.constantFrom('add', 'remove', 'replace'),
      flags,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('copy', 'move'), name, uids, to: name }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('expunge' as const), name, uids: fc.option(uids) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('create' as const), name }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), name }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rename' as const), name, to: name }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('subscribe' as const), name, on: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('property' as const),
      key: fc.constantFrom('x', 'y'),
      value: fc.option(fc.constantFrom('1', '2')),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lost' as const), name, flags }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A `then` that gives the value or the code of the failure. */
async function outcome<T>(promise: Promise<T>): Promise<T | string> {
  return promise.catch((error: unknown) => failureCode(error) ?? Promise.reject(error));
}

async function play(steps: readonly Step[], bed: Bed | RealBed): Promise<void> {
  let account = await bed.open();
  const model = new Model();
  let number = 0;
  for (const one of steps) {
    // Two of three steps have a transaction and are asked for a second time, as by a frontend that lost the answer.
    const id = ++number % 3 === 0 ? undefined : transaction(number, number);
    const before = seen(account);
    const run = (): Promise<unknown> => perform(account, one, id);
    const expected = expect(model, one, number);
    const given = await run();
    assert.deepEqual(given, expected, JSON.stringify(one));
    if (id !== undefined && typeof given === 'object') assert.deepEqual(await run(), given, 'asked again');
    // It goes on while the next steps run, until one of these.
    if (one.kind === 'compact') account.compact().catch(() => undefined);
    if (one.kind === 'lost') {
      await account.compact();
      await bed.loseNext();
      assert.equal(await outcome(append(account, one.flags)), 'unknown');
      account = await bed.open();
      assert.deepEqual(seen(account), before, 'as if it had never been');
    }
    if (one.kind === 'reopen') {
      await account.close();
      account = await bed.open();
      assert.deepEqual(seen(account), before, 'the same after opening again');
    }
    compare(account, model);
    growOnly(before as Seen, seen(account) as Seen);
  }
  for (const [mailbox, { messages: expected }] of model.mailboxes) {
    const texts = await Promise.all(messages(account, mailbox).map((message) => account.read(message)));
    assert.deepEqual(
      texts.map(String),
      expected.map(({ text }) => text),
    );
  }
  await account.close();
  const state = await bed.replayed();
  if (state.initialLogged) checkConsistency(state);
  const again = await bed.open();
  assert.deepEqual(seen(again), seen(account));
  await again.close();
}

/** Does a step; the answer as a plain value. A step on a mailbox that is not there does nothing. */
async function perform(
  account: OpenAccount,
  one: Step,
  id: ReturnType<typeof transaction> | undefined,
): Promise<unknown> {
  const at = (of: string): MailboxId | undefined => {
    const mailbox = account.mailbox(of);
    return mailbox?.selectable === true ? mailbox.id : undefined;
  };
  switch (one.kind) {
    case 'create':
      return outcome(account.createMailbox(one.name, id && { transaction: id }).then(() => 'ok'));
    case 'delete':
      return outcome(account.deleteMailbox(one.name, id).then(() => 'ok'));
    case 'rename':
      return outcome(account.renameMailbox(one.name, one.to, id).then(() => 'ok'));
    case 'subscribe':
      return account.setSubscribed(one.name, one.on, id);
    case 'property':
      return account.setProperties(
        new Map([[one.key, one.value === null ? undefined : Buffer.from(one.value)]]),
        id,
      );
    case 'reopen':
    case 'compact':
    case 'lost':
      return undefined;
    default:
  }
  const mailbox = at(one.name);
  if (mailbox === undefined) return undefined;
  if (one.kind === 'append') {
    const text = `text ${id?.number ?? account.mailbox(one.name)?.uidNext}`;
    const { uid } = await append(account, one.flags, {
      mailbox,
      text: `${one.name} ${text}`,
      ...(id && { transaction: id }),
    });
    return [uid];
  }
  if (one.kind === 'store') {
    const change = { uids: ranges(...one.uids), mode: one.mode, flags: one.flags } as FlagChange;
    return uidsOf((await account.storeFlags(mailbox, change, id)).changed);
  }
  if (one.kind === 'expunge')
    return uidsOf(await account.expunge(mailbox, one.uids ? ranges(...one.uids) : undefined, id));
  const to = 'to' in one ? at(one.to) : undefined;
  if (to === undefined) return undefined;
  return pairs(await account[one.kind](mailbox, ranges(...one.uids), to, id));
}

/** The same by the model. */
function expect(model: Model, one: Step, number: number): unknown {
  switch (one.kind) {
    case 'create':
      return model.create(one.name);
    case 'delete':
      return model.delete(one.name);
    case 'rename':
      return model.rename(one.name, one.to);
    case 'subscribe':
      if (one.on) model.subscriptions.add(one.name);
      else model.subscriptions.delete(one.name);
      return undefined;
    case 'property':
      if (one.value === null) model.properties.delete(one.key);
      else model.properties.set(one.key, one.value);
      return undefined;
    case 'reopen':
    case 'compact':
    case 'lost':
      return undefined;
    default:
  }
  const mailbox = model.mailboxes.get(one.name);
  if (mailbox === undefined) return undefined;
  if (one.kind === 'append') {
    const text = `${one.name} text ${number % 3 === 0 ? mailbox.uidNext : number}`;
    return [model.append(one.name, one.flags, text)];
  }
  if (one.kind === 'store') return model.store(one.name, one.uids, one.mode, one.flags);
  if (one.kind === 'expunge') return model.expunge(one.name, one.uids ?? undefined);
  const { to, uids: some } = one as { to: string; uids: number[] };
  if (!model.mailboxes.has(to)) return undefined;
  return one.kind === 'copy' ? model.copy(one.name, some, to) : model.move(one.name, some, to);
}

function compare(account: OpenAccount, model: Model): void {
  assert.deepEqual(
    account.mailboxes().map(({ name, selectable }) => (selectable ? name : `(${name})`)),
    model.names(),
  );
  for (const [name, expected] of model.mailboxes) {
    assert.equal(account.mailbox(name)?.uidNext, expected.uidNext, name);
    assert.deepEqual(
      messages(account, name).map(({ uid, flags, size }) => ({ uid, flags: flags.toSorted(), size })),
      expected.messages.map(({ uid, flags, text }) => ({ uid, flags: flags.toSorted(), size: text.length })),
      name,
    );
  }
  assert.deepEqual(account.subscriptions(), [...model.subscriptions].sort());
  for (const key of ['x', 'y'])
    assert.equal(account.property(key)?.toString(), model.properties.get(key), `property ${key}`);
}

interface Seen {
  readonly mailboxes: readonly {
    readonly id: number;
    readonly uidValidity: number;
    readonly selectable: boolean;
    readonly uidNext: number;
    readonly highestModseq: ModSeq;
  }[];
}

/** docs/architecture.md section 6, invariant 3. */
function growOnly(before: Seen, after: Seen): void {
  for (const now of after.mailboxes) {
    const was = before.mailboxes.find(({ id }) => id === now.id);
    if (was === undefined) continue;
    assert.equal(now.uidValidity, was.uidValidity);
    assert.ok(now.uidNext >= was.uidNext && now.highestModseq >= was.highestModseq);
  }
}

const BARE = newAccount(WALL_MS, new Map(), []);

void t.test('histories on the log in memory', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => play(steps, new Bed({}, BARE))),
    { numRuns: 150 },
  );
});

void t.test('histories on the real log', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const upkeep = { filesMax: 3, snapshotRecordsMin: 4, sliceEntries: 2, sliceOctets: 600 };
      const bed = new RealBed(BARE, upkeep);
      await play(steps, bed);
      assert.deepEqual(bed.reported, []);
    }),
    { numRuns: 100 },
  );
});

void t.test('any record of a history may be lost: what is left can be opened', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const bed = new Bed({}, BARE);
      await play(steps, bed);
      const { records } = bed.disk;
      for (let lost = 1; lost < records.length; lost++) {
        const damaged = new Bed({}, BARE);
        damaged.disk.records.push(...records.slice(0, lost), ...records.slice(lost + 1));
        const account = await damaged.open();
        // Every message shown can be read, sums and columns agree, and the account goes on.
        seen(account);
        for (const mailbox of account.mailboxes())
          for (const message of messages(account, mailbox.name))
            assert.equal((await account.read(message)).length, message.size);
        await append(account);
        assert.deepEqual(picture(damaged.replayed()), picture(damaged.replayed()));
      }
    }),
    { numRuns: 15 },
  );
});

void t.test('a disk that says no now and then: what was answered is there, what was not is not', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }), async (fates) => {
      const bed = new Bed({}, BARE);
      let account = await bed.open();
      const answered: number[] = [];
      for (const [index, fails] of fates.entries()) {
        if (fails) bed.disk.nextSync = new Failure('no-space', 'full');
        const results = await Promise.all(
          [0, 1, 2].map((part) =>
            outcome(append(account, [], { transaction: transaction(index * 3 + part + 1) })),
          ),
        );
        for (const result of results) if (typeof result !== 'string') answered.push(result.uid);
        if (account.gone.aborted) account = await bed.open();
      }
      assert.deepEqual(
        messages(account).map(({ uid }) => uid),
        answered,
      );
    }),
    { numRuns: 100 },
  );
});
