/** The open account: begin, commits, transactions, watchers, failures (docs/architecture.md section 8). */
import t from 'tap';
import { Failure } from '../../../src/lib/failure.ts';
import { openAccount } from '../../../src/store/account/account.ts';
import {
  encodeInitialMailboxes,
  INITIAL_MAILBOXES,
  newAccount,
  USUAL_MAILBOXES,
} from '../../../src/store/account/initial.ts';
import { decodeResult } from '../../../src/store/account/results.ts';
import type { MailboxId } from '../../../src/store/account/types.ts';
import type { LogRecord } from '../../../src/store/log/types.ts';
import {
  append,
  Bed,
  checkConsistency,
  ID,
  INBOX,
  messages,
  picture,
  ranges,
  seen,
  transaction,
  WALL_MS,
} from './support.ts';

void t.test(
  'a new account: INBOX and what its entry says, the same for every owner before anything is written',
  async (t) => {
    const bed = new Bed({}, newAccount(WALL_MS, new Map([['settings', Buffer.from('{}')]])));
    const [one, other] = [await bed.open(), await bed.open()];
    t.same(seen(one), seen(other));
    t.same(
      one.mailboxes().map(({ id, name, specialUse, uidValidity }) => [id, name, specialUse, uidValidity]),
      [
        [6, 'Archive', '\\Archive', 1_700_000_005],
        [3, 'Drafts', '\\Drafts', 1_700_000_002],
        [1, 'INBOX', undefined, 1_700_000_000],
        [5, 'Junk', '\\Junk', 1_700_000_004],
        [2, 'Sent', '\\Sent', 1_700_000_001],
        [4, 'Trash', '\\Trash', 1_700_000_003],
      ],
    );
    t.same(one.property('settings'), Buffer.from('{}'));
    t.equal(one.property(INITIAL_MAILBOXES), undefined);
    t.match(one.mailbox('INBOX'), { exists: 0, uidNext: 1, highestModseq: 1, selectable: true });
    t.equal(bed.disk.records.length, 0, 'opening writes nothing');
    const before = seen(one);
    await one.setSubscribed('x', true);
    await one.setSubscribed('x', false);
    t.same(seen(await bed.open()), before, 'and the first commit changes nothing of it');
    checkConsistency(bed.replayed());
  },
);

void t.test('the log stands by itself: the first commit writes what the entry said', async (t) => {
  const bed = new Bed();
  await append(await bed.open());
  const elsewhere = await openAccount({
    openLog: async (replay) => {
      for (const record of bed.disk.records) replay(record);
      return bed.log;
    },
    clock: bed.clock,
    id: ID,
    initial: new Map([['other', Buffer.from('entry')]]),
  });
  t.equal(elsewhere.mailboxes().length, 6);
  t.equal(elsewhere.property('other'), undefined);
});

void t.test('an entry without mailboxes: INBOX alone, its UIDVALIDITY from the id', async (t) => {
  const bed = new Bed({}, new Map());
  const account = await bed.open();
  const { uidValidity } = account.mailbox('INBOX') ?? { uidValidity: 0 };
  t.same(
    account.mailboxes().map(({ name }) => name),
    ['INBOX'],
  );
  t.ok(uidValidity > 0 && uidValidity < 2 ** 30);
  t.equal((await bed.open()).mailbox('INBOX')?.uidValidity, uidValidity);
  t.ok((await account.createMailbox('a')).uidValidity > uidValidity);
});

void t.test('an entry that cannot be read refuses the account', async (t) => {
  for (const entry of [
    Buffer.from([]),
    encodeInitialMailboxes({ uidValidity: 0, mailboxes: [] }),
    encodeInitialMailboxes({ uidValidity: 2 ** 32 - 1, mailboxes: USUAL_MAILBOXES }),
    encodeInitialMailboxes({
      uidValidity: 9,
      mailboxes: [{ name: 'INBOX', specialUse: undefined, subscribed: true }],
    }),
  ]) {
    const bed = new Bed({}, new Map([[INITIAL_MAILBOXES, entry]]));
    await t.rejects(bed.open(), { code: 'damaged' });
    t.ok(bed.log.closed);
  }
  for (const name of ['inbox', 'a/b', '', 'Sent/'])
    t.throws(() => newAccount(WALL_MS, new Map(), [{ name, specialUse: undefined, subscribed: true }]), {
      code: 'invalid',
    });
});

void t.test('a record that makes no sense refuses the account', async (t) => {
  const bed = new Bed();
  await append(await bed.open());
  const [first] = bed.disk.records;
  bed.disk.records[0] = { ...(first as LogRecord), payload: Buffer.from([5]) };
  await t.rejects(bed.open(), { code: 'damaged' });
});

void t.test('1,000 concurrent appends share few syncs and get 1,000 UIDs', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  let told = 0;
  account.watch(() => told++);
  const results = await Promise.all(Array.from({ length: 1000 }, () => append(account)));
  t.equal(new Set(results.map(({ uid }) => uid)).size, 1000);
  t.ok(bed.disk.syncs <= 3, `${bed.disk.syncs} syncs`);
  t.ok(told <= 3, `watchers told ${told} times`);
  t.equal(messages(account).length, 1000);
  checkConsistency(bed.replayed());
});

void t.test('nothing is answered before it is durable, refusals included', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  const gate = Promise.withResolvers<void>();
  bed.disk.gate = gate.promise;
  const events: string[] = [];
  account.watch(() => events.push('watcher'));
  const work = [
    account.createMailbox('a').then(() => events.push('created')),
    account.createMailbox('a').catch(() => events.push('exists')),
    account.settled().then(() => events.push('settled at once')),
  ];
  await new Promise((resolve) => setImmediate(resolve));
  work.push(account.settled().then(() => events.push('settled')));
  work.push(
    account.storeFlags(INBOX, { uids: [], mode: 'add', flags: [] }).then(() => events.push('no change')),
  );
  await new Promise((resolve) => setImmediate(resolve));
  t.ok(account.mailbox('a'), 'the state is ahead');
  t.same(events, ['settled at once']);
  gate.resolve();
  await Promise.all(work);
  t.same(events.sort(), ['created', 'exists', 'no change', 'settled', 'settled at once', 'watcher']);
});

void t.test('watchers: what each commit touched, once it has settled; ended ones are not told', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  const told: number[][] = [];
  const end = account.watch((changed) => told.push([...changed]));
  account.watch(() => {
    throw new Error('bug of a session');
  });
  await append(account, ['\\Deleted']);
  await account.move(INBOX, ranges(1), 4 as MailboxId);
  await account.setSubscribed('x', true);
  await account.renameMailbox('Junk', 'Spam');
  await account.createMailbox('p/q');
  await account.expunge(4 as MailboxId);
  end();
  await append(account);
  t.same(told, [[1], [4, 1], [], [5], [7, 8], [4]]);
  t.match(bed.reported, [new Error('bug of a session')]);
  t.equal(bed.reported.length, 1, 'dropped after its first error');
});

void t.test('a transaction is done once, and its result is given again', async (t) => {
  const bed = new Bed();
  let account = await bed.open();
  const done = await append(account, [], { transaction: transaction(1) });
  t.same(await append(account, [], { transaction: transaction(1) }), done);
  await account.close();
  account = await bed.open();
  t.same(await append(account, [], { transaction: transaction(1) }), done, 'also by another owner');
  t.equal(messages(account).length, 1);
  const outcome = await account.outcome(transaction(1));
  t.same(outcome === 'refused' ? outcome : decodeResult('append', outcome), done);
  await t.rejects(
    account.expunge(INBOX, undefined, transaction(1)),
    { code: 'invalid' },
    'of another operation',
  );
});

void t.test('two calls with one transaction at the same time do it once', async (t) => {
  const account = await new Bed().open();
  const both = await Promise.all([1, 2].map(() => append(account, [], { transaction: transaction(1) })));
  t.same(both[0], both[1]);
  t.equal(messages(account).length, 1);
});

void t.test('every operation remembers its result', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  let number = 10;
  const twice = async (operation: (id: ReturnType<typeof transaction>) => Promise<unknown>) => {
    const id = transaction(++number);
    const first = await operation(id);
    const records = bed.disk.records.length;
    t.same(await operation(id), first, `${number}`);
    t.equal(bed.disk.records.length, records, 'nothing more is written');
  };
  await twice((id) => append(account, ['\\Deleted'], { transaction: id }));
  await twice((id) => append(account, [], { transaction: id }));
  await twice((id) => account.createMailbox('a', { transaction: id }).then((mailbox) => mailbox.id));
  await twice((id) => account.storeFlags(INBOX, { uids: ranges(1, 2), mode: 'add', flags: ['\\Seen'] }, id));
  await twice((id) => account.storeFlags(INBOX, { uids: ranges(7), mode: 'add', flags: ['\\Seen'] }, id));
  await twice((id) => account.copy(INBOX, ranges(1, 2), 4 as MailboxId, id));
  await twice((id) => account.expunge(INBOX, undefined, id));
  await twice((id) => account.move(INBOX, ranges(2), 4 as MailboxId, id));
  await twice((id) => account.move(INBOX, ranges(2), 4 as MailboxId, id));
  await twice((id) => account.renameMailbox('a', 'b', id));
  await twice((id) => account.deleteMailbox('b', id));
  await twice((id) => account.setSubscribed('b', true, id));
  await twice((id) => account.setProperties(new Map([['k', Buffer.from('v')]]), id));
  const state = bed.replayed();
  checkConsistency(state);
  t.equal(state.transactions.count, 13);
});

void t.test('an outcome asked for before the request came refuses it for ever', async (t) => {
  const bed = new Bed();
  let account = await bed.open();
  t.equal(await account.outcome(transaction(4)), 'refused');
  t.equal(await account.outcome(transaction(4)), 'refused');
  await t.rejects(append(account, [], { transaction: transaction(4) }), { code: 'refused' });
  await account.close();
  account = await bed.open();
  await t.rejects(append(account, [], { transaction: transaction(4) }), { code: 'refused' });
  t.equal(messages(account).length, 0);
});

void t.test('below the lowest open number nothing is remembered, and nothing is done', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  await append(account, [], { transaction: transaction(1, 1) });
  await append(account, [], { transaction: transaction(2, 2) });
  await t.rejects(append(account, [], { transaction: transaction(1, 1) }), { code: 'refused' });
  await t.rejects(account.outcome(transaction(1, 1)), { code: 'invalid' });
  t.equal(messages(account).length, 2);
  for (const wrong of [transaction(0, 0), transaction(1, 2), transaction(1.5), transaction(1, 1, '')])
    await t.rejects(append(account, [], { transaction: wrong }), { code: 'invalid' });
});

void t.test('an incarnation is forgotten for good', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  await append(account, [], { transaction: transaction(1) });
  await append(account, [], { transaction: transaction(1, 1, 'b') });
  await account.forgetIncarnation(transaction(1).incarnation);
  t.same(account.incarnations(), [transaction(1, 1, 'b').incarnation]);
  const records = bed.disk.records.length;
  await account.forgetIncarnation(transaction(1).incarnation);
  t.equal(bed.disk.records.length, records);
  t.same((await bed.open()).incarnations(), account.incarnations());
});

void t.test('transactions have limits', async (t) => {
  const account = await new Bed({ transactionsMax: 2 }).open();
  await append(account, [], { transaction: transaction(1) });
  await append(account, [], { transaction: transaction(2) });
  await t.rejects(append(account, [], { transaction: transaction(3) }), { code: 'limit' });
  await t.rejects(account.outcome(transaction(3)), { code: 'limit' });
  await append(account);
  t.equal(messages(account).length, 3, 'without one there is no limit');
  await append(account, [], { transaction: transaction(3, 2) });
  t.equal(messages(account).length, 4, 'one that closes another has room');
  const small = await new Bed({ transactionsOctetsMax: 3 }).open();
  await t.rejects(append(small, [], { transaction: transaction(1) }), { code: 'limit' });
  t.equal(messages(small).length, 0);
});

void t.test('properties', async (t) => {
  const bed = new Bed({
    propertiesMax: 2,
    propertyOctetsMax: 10,
    propertyKeyOctetsMax: 3,
    propertiesOctetsMax: 16,
  });
  const account = await bed.open();
  const set = (...entries: [string, string | undefined][]) =>
    account.setProperties(
      new Map(entries.map(([key, value]) => [key, value === undefined ? value : Buffer.from(value)])),
    );
  const value = Buffer.from('one');
  await account.setProperties(new Map([['a', value]]));
  value.fill(0);
  t.same(account.property('a'), Buffer.from('one'), 'the caller’s buffer is its own');
  await set(['a', '1'], ['b', '2'], ['c', undefined]);
  t.equal(account.property('b')?.toString(), '2');
  await t.rejects(set(['c', '3']), { code: 'limit' });
  await t.rejects(set(['a', 'x'.repeat(11)]), { code: 'limit' });
  await t.rejects(set(['abcd', '']), { code: 'limit' });
  await t.rejects(set(['a', 'x'.repeat(8)], ['b', 'x'.repeat(8)]), { code: 'limit' });
  await t.rejects(set(['\ud800', '']), { code: 'invalid' });
  const records = bed.disk.records.length;
  await set(['a', '1'], ['z', undefined]);
  t.equal(bed.disk.records.length, records, 'no change, no commit');
  await set(['a', undefined], ['c', '3']);
  const again = await bed.open();
  t.same(
    ['a', 'b', 'c'].map((key) => again.property(key)?.toString()),
    [undefined, '2', '3'],
  );
  checkConsistency(bed.replayed());
});

for (const code of ['unknown', 'no-space'] as const)
  void t.test(`a commit that fails with '${code}' ends the account`, async (t) => {
    const bed = new Bed();
    const account = await bed.open();
    await append(account, ['\\Seen']);
    const before = picture(bed.replayed());
    let told = 0;
    account.watch(() => told++);
    bed.disk.nextSync = new Failure(code, 'disk says no');
    const results = await Promise.allSettled([append(account), append(account), account.createMailbox('x')]);
    for (const result of results) t.match(result, { status: 'rejected', reason: { code } });
    t.equal((await account.failed).message, 'disk says no');
    t.ok(account.gone.aborted);
    const later = code === 'no-space' ? 'no-space' : 'unavailable';
    await t.rejects(append(account), { code: later }, 'certainly did not happen');
    await t.rejects(account.settled(), { code: later });
    await t.rejects(account.read(messages(account)[0] as never), { code: later });
    t.equal(told, 0);
    t.same(picture(bed.replayed()), before);
    t.equal(messages(await bed.open()).length, 1, 'opened again without it');
  });

void t.test('a commit that was not settled ends the account, whatever else the log says', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  await append(account);
  const { log } = bed;
  const appended = append(account);
  while (messages(account).length < 2) {
    // Asked for in the turn of the append, so this is set before.
    log.settled = () => Promise.reject(new Failure('unknown', 'no answer'));
    await Promise.resolve();
  }
  await t.rejects(appended, { code: 'unknown' });
  t.ok(account.gone.aborted, 'the state is ahead of what may be shown');
  await t.rejects(append(account), { code: 'unavailable' });
});

void t.test('a log that fails by itself ends the account', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  bed.log.breakNow(new Failure('unavailable', 'lease gone'));
  t.equal((await account.failed).message, 'lease gone');
  t.equal((account.gone.reason as Error).message, 'lease gone');
  await t.rejects(account.settled(), { code: 'unavailable' });
});

void t.test('a lease lost during the sync: unknown, and a later owner may find it', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  const appended = append(account, [], { transaction: transaction(1) });
  await Promise.resolve();
  while (messages(account).length === 0) await Promise.resolve();
  bed.log.leaseLost = true;
  await t.rejects(appended, { code: 'unknown' });
  t.ok(account.gone.aborted);
  const next = await bed.open();
  const outcome = await next.outcome(transaction(1));
  t.not(outcome, 'refused');
});

void t.test('without the lease nothing is shown and nothing begun, and the account lives on', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  bed.log.leaseLost = true;
  await t.rejects(account.settled(), { code: 'unavailable' });
  await t.rejects(append(account), { code: 'unavailable' });
  bed.log.leaseLost = false;
  t.equal((await append(account)).uid, 1);
});

void t.test('records of another owner, found when the log is taken', async (t) => {
  const bed = new Bed();
  const writer = await bed.open();
  await append(writer);
  const known = bed.disk.records.length;
  await append(writer, ['\\Seen'], { transaction: transaction(1) });
  await writer.createMailbox('new');
  await writer.close();
  const reader = await bed.open({ replayFirst: known });
  const told: number[][] = [];
  reader.watch((changed) => told.push([...changed]));
  t.equal(messages(reader).length, 1);
  t.same((await append(reader, [], { transaction: transaction(1) })).uid, 2, 'it is known now');
  t.equal(messages(reader).length, 2);
  t.same(told, [[1, 7]]);
  t.equal((await append(reader)).uid, 3);
  checkConsistency(bed.replayed());
});

void t.test('another owner wrote the very first records', async (t) => {
  const bed = new Bed();
  const reader = await bed.open();
  const writer = await bed.open();
  await append(writer);
  const log = bed.log;
  await writer.close();
  t.ok(log.closed);
  await append(reader);
  t.same(
    messages(reader).map((message) => message.uid),
    [1, 2],
  );
  t.equal(bed.disk.records.filter((record) => record.type === 16).length, 1, 'one initial record');
  checkConsistency(bed.replayed());
});

void t.test('a broken record found then ends the account', async (t) => {
  const bed = new Bed();
  const writer = await bed.open();
  await append(writer);
  await writer.close();
  const last = bed.disk.records.at(-1);
  const reader = await bed.open();
  bed.disk.records.push({ ...(last as LogRecord), payload: Buffer.from([0xff]) });
  await t.rejects(append(reader), { code: 'damaged' });
  t.ok(reader.gone.aborted);
});

void t.test('close: work in flight is finished, new work refused', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  const appended = append(account);
  await Promise.resolve();
  while (messages(account).length === 0) await Promise.resolve();
  const late = append(account);
  const closed = account.close();
  await t.rejects(late, { code: 'unavailable' });
  t.equal((await appended).uid, 1);
  await closed;
  await account.close();
  t.ok(account.gone.aborted);
  await t.rejects(append(account), { code: 'unavailable' });
  t.equal(messages(await bed.open()).length, 1);
});
