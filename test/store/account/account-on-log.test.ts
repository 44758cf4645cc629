/** The account on the real log: shared writes, a full disk, broken contents, owners one after the other. */
import t from 'tap';
import { newAccount } from '../../../src/store/account/initial.ts';
import type { Message } from '../../../src/store/account/types.ts';
import { RealBed } from './real-bed.ts';
import { append, INBOX, messages, ranges, seen, transaction, WALL_MS } from './support.ts';

void t.test('concurrent appends share writes', async (t) => {
  const bed = new RealBed(newAccount(WALL_MS));
  const account = await bed.open();
  await append(account);
  const before = bed.fs.calls.get('writeDurably') ?? 0;
  await Promise.all(
    Array.from({ length: 500 }, (_, index) => append(account, [], { text: `text ${index}` })),
  );
  const writes = (bed.fs.calls.get('writeDurably') ?? 0) - before;
  t.ok(writes <= 5, `${writes} writes`);
  t.equal((await account.read(messages(account)[500] as Message)).toString(), 'text 499');
  await account.close();
});

void t.test('owner after owner: nothing that was answered is missing, transactions included', async (t) => {
  const bed = new RealBed(newAccount(WALL_MS));
  for (let owner = 1; owner <= 5; owner++) {
    const account = await bed.open();
    t.equal(messages(account).length, owner - 1);
    if (owner > 1) t.not(await account.outcome(transaction(owner - 1)), 'refused');
    const { uid } = await append(account, ['\\Seen'], {
      text: `text ${owner}`,
      transaction: transaction(owner),
    });
    t.equal(uid, owner);
    // Every other owner just stops: the next one takes the object from an open log.
    if (owner % 2 === 0) await account.close();
  }
  const account = await bed.open();
  const texts = await Promise.all(messages(account).map((message) => account.read(message)));
  t.same(texts.map(String), ['text 1', 'text 2', 'text 3', 'text 4', 'text 5']);
  const parts = await Promise.all(messages(account).map((message) => account.read(message, 5, 1)));
  t.same(parts.map(String), ['1', '2', '3', '4', '5']);
  await account.close();
});

void t.test(
  'a full disk: the account can be read, changes are refused, and go on when there is room',
  async (t) => {
    const bed = new RealBed(newAccount(WALL_MS));
    let account = await bed.open();
    await append(account);
    const before = seen(account);
    bed.fs.before = (call) => {
      if (call === 'writeDurably' || call === 'createExclusive')
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    };
    await t.rejects(append(account), { code: 'no-space' });
    t.ok(account.gone.aborted);
    account = await bed.open();
    t.same(seen(account), before);
    await account.settled();
    t.match((await account.read(messages(account)[0] as Message)).toString(), /hello/);
    await t.rejects(append(account), { code: 'no-space' });
    await t.rejects(account.storeFlags(INBOX, { uids: ranges(1), mode: 'add', flags: ['\\Seen'] }), {
      code: 'no-space',
    });
    t.notOk(account.gone.aborted);
    bed.fs.before = undefined;
    await bed.clock.advance(2_000);
    t.equal((await append(account)).uid, 2);
    await account.close();
  },
);

void t.test('a content that is broken on the disk is never given as whole', async (t) => {
  const bed = new RealBed(newAccount(WALL_MS));
  const account = await bed.open();
  await append(account, [], { text: 'first message' });
  await append(account, [], { text: 'second message' });
  bed.flip('first message');
  const [first, second] = messages(account);
  await t.rejects(account.read(first as Message), { code: 'damaged' });
  t.equal((await account.read(second as Message)).toString(), 'second message');
  await account.close();
});
