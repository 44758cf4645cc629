/** CREATE, DELETE, RENAME and SUBSCRIBE (RFC 9051 sections 6.3.4 to 6.3.8), as transcripts of names. */
import t from 'tap';
import { failureCode } from '../../../../src/lib/failure.ts';
import type { OpenAccount } from '../../../../src/store/account/account.ts';
import { encodeInitialMailboxes, INITIAL_MAILBOXES } from '../../../../src/store/account/initial.ts';
import { append, Bed, checkConsistency, messages, ranges } from '../support.ts';

/** An account with INBOX alone. */
const BARE = new Map([[INITIAL_MAILBOXES, encodeInitialMailboxes({ uidValidity: 5, mailboxes: [] })]]);

/** `create a/b`, `delete a`, `rename a b`: what was said to it. */
async function run(account: OpenAccount, command: string): Promise<string> {
  const [verb, first = '', second = ''] = command.split(' ');
  try {
    if (verb === 'create') await account.createMailbox(first);
    else if (verb === 'delete') await account.deleteMailbox(first);
    else await account.renameMailbox(first, second);
    return 'ok';
  } catch (error) {
    return failureCode(error) ?? String(error);
  }
}

/** Names, with brackets around those that cannot be selected. */
function names(account: OpenAccount): string {
  return account
    .mailboxes()
    .map(({ name, selectable }) => (selectable ? name : `(${name})`))
    .join(' ');
}

const TRANSCRIPTS: readonly { readonly title: string; readonly lines: readonly string[] }[] = [
  {
    title: 'section 6.3.4: superior names are created too; a separator at the end is passed over',
    lines: ['create a/b/c/ → ok: INBOX a a/b a/b/c', 'create a/b → exists: INBOX a a/b a/b/c'],
  },
  {
    title: 'section 6.3.4: INBOX and existing names are refused',
    lines: [
      'create inbox → exists: INBOX',
      'create Inbox/x → ok: INBOX INBOX/x',
      'create // → invalid: INBOX INBOX/x',
    ],
  },
  {
    title:
      'section 6.3.5: a name with inferiors stays, cannot be deleted again, and goes with its last inferior',
    lines: [
      'create a/b/c → ok: INBOX a a/b a/b/c',
      'delete a → ok: INBOX (a) a/b a/b/c',
      'delete a → invalid: INBOX (a) a/b a/b/c',
      'delete a/b → ok: INBOX (a) (a/b) a/b/c',
      'delete a/b/c → ok: INBOX',
      'delete a → not-found: INBOX',
    ],
  },
  {
    title: 'section 6.3.5: INBOX is not deleted',
    lines: ['delete inBox → invalid: INBOX'],
  },
  {
    title: 'a name that cannot be selected becomes a mailbox again',
    lines: [
      'create a/b → ok: INBOX a a/b',
      'delete a → ok: INBOX (a) a/b',
      'create a → ok: INBOX a a/b',
      'delete a/b → ok: INBOX a',
    ],
  },
  {
    title: 'section 6.3.6: inferiors are renamed too, superiors of the new name are created',
    lines: [
      'create a/b → ok: INBOX a a/b',
      'create ab → ok: INBOX a a/b ab',
      'rename a x/y → ok: INBOX ab x x/y x/y/b',
      'rename x/y a → ok: INBOX a a/b ab x',
    ],
  },
  {
    title: 'section 6.3.6: what is not there, or is there already',
    lines: [
      'create a/b → ok: INBOX a a/b',
      'rename z y → not-found: INBOX a a/b',
      'rename a a → exists: INBOX a a/b',
      'rename a inbox → exists: INBOX a a/b',
      'rename a/b a → exists: INBOX a a/b',
      'rename a a/b/c → invalid: INBOX a a/b',
      'rename a a//c → invalid: INBOX a a/b',
    ],
  },
  {
    title: 'a name that cannot be selected is renamed with what is below it',
    lines: [
      'create a/b → ok: INBOX a a/b',
      'delete a → ok: INBOX (a) a/b',
      'rename a z → ok: INBOX (z) z/b',
      'rename z/b q → ok: INBOX q',
    ],
  },
  {
    title: 'a superior that cannot be selected stays while the new name needs it',
    lines: [
      'create a/b → ok: INBOX a a/b',
      'delete a → ok: INBOX (a) a/b',
      'rename a/b a/c → ok: INBOX (a) a/c',
      'rename a/c a/d/e → ok: INBOX (a) a/d a/d/e',
    ],
  },
  {
    title: 'section 6.3.6: INBOX stays when it is renamed, and so do its inferiors',
    lines: [
      'create INBOX/x → ok: INBOX INBOX/x',
      'rename INBOX old/mail → ok: INBOX INBOX/x old old/mail',
      'rename inbox INBOX/y → ok: INBOX INBOX/x INBOX/y old old/mail',
      'rename inbox old → exists: INBOX INBOX/x INBOX/y old old/mail',
    ],
  },
];

for (const { title, lines } of TRANSCRIPTS)
  void t.test(title, async (t) => {
    const bed = new Bed({}, BARE);
    const account = await bed.open();
    for (const line of lines) {
      const [command = '', rest] = line.split(' → ');
      t.equal(`${await run(account, command)}: ${names(account)}`, rest, line);
      if (bed.disk.records.length > 0) checkConsistency(bed.replayed());
    }
    await account.close();
    t.equal(names(await bed.open()), names(account), 'the same after opening again');
  });

void t.test('renaming INBOX moves its messages (section 6.3.6)', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  const validity = account.mailbox('INBOX')?.uidValidity;
  await append(account, ['\\Seen', 'Work']);
  await append(account, [], { text: 'two' });
  await account.storeFlags(1 as never, { uids: ranges(2), mode: 'add', flags: ['\\Deleted'] });
  const ids = messages(account).map((message) => message.emailId);
  await account.renameMailbox('INBOX', 'Old');
  const inbox = account.mailbox('INBOX');
  t.same([inbox?.exists, inbox?.uidNext, inbox?.uidValidity], [0, 3, validity]);
  t.same(inbox?.expungedSince(1 as never), [1, 2]);
  t.same(
    messages(account, 'Old').map((message) => [message.uid, message.flags]),
    [
      [1, ['\\Seen', 'Work']],
      [2, ['\\Deleted']],
    ],
  );
  t.same(
    messages(account, 'Old').map((message) => message.emailId),
    ids,
  );
  t.equal((await account.read(messages(account, 'Old')[1] as never)).toString(), 'two');
});

void t.test('UIDVALIDITY is never given twice in an account (section 2.3.1.1)', async (t) => {
  const bed = new Bed({}, BARE);
  const account = await bed.open();
  const given = [5];
  // The clock stands still, then jumps back by a day, then forward by a century and back.
  for (const jumpMs of [0, 0, -86_400_000, 0, 3e12, 0, 1e13, 0, -1e13, 0]) {
    bed.clock.nowMs += jumpMs;
    const { uidValidity, id } = await account.createMailbox('again');
    t.ok(uidValidity > (given.at(-1) as number) && uidValidity < 2 ** 32, `${uidValidity} is new`);
    given.push(uidValidity);
    await append(account, [], { mailbox: id });
    await account.deleteMailbox('again');
  }
  await account.close();
  const again = await bed.open();
  t.ok(
    (await again.createMailbox('again')).uidValidity > (given.at(-1) as number),
    'also after opening again',
  );
});

void t.test('rename keeps UIDVALIDITY, UIDs and the special use', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  const sent = account.mailbox('Sent');
  const facts = [sent?.id, sent?.uidValidity, sent?.specialUse];
  await append(account, [], { mailbox: sent?.id as never });
  await account.renameMailbox('Sent', 'Sent Items');
  const renamed = account.mailbox('Sent Items');
  t.same([renamed?.id, renamed?.uidValidity, renamed?.specialUse], facts);
  t.equal(renamed?.exists, 1);
  t.equal(account.mailbox('Sent'), undefined);
});

void t.test('special uses (RFC 6154 section 3)', async (t) => {
  const account = await new Bed().open();
  t.equal((await account.createMailbox('Spam', { specialUse: '\\junk' })).specialUse, '\\Junk');
  for (const specialUse of ['\\All', '\\Flagged', '\\Nonsense', 'Junk'])
    await t.rejects(account.createMailbox('Other', { specialUse }), { code: 'invalid' });
  t.equal(account.mailbox('Other'), undefined);
  await account.createMailbox('a/b', { specialUse: '\\Archive' });
  t.equal(account.mailbox('a')?.specialUse, undefined, 'a superior made on the way has none');
});

void t.test('deleting a mailbox lets its messages go, and only them', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  const { id } = await account.createMailbox('a/b');
  await append(account, ['x'], { mailbox: id });
  await append(account, [], { mailbox: id });
  await account.copy(id, ranges(1), 1 as never);
  await account.createMailbox('a/b/c');
  const held = account.mailbox('a/b');
  const told = held?.highestModseq;
  await account.deleteMailbox('a/b');
  t.same([held?.exists, held?.expungedSince(told as never)], [0, undefined], 'who looks at it sees it empty');
  t.equal(account.mailboxById(id)?.expungedSince(told as never), undefined);
  const name = account.mailbox('a/b');
  t.same([name?.selectable, name?.exists, name?.id, name?.uidNext], [false, 0, id, 3]);
  await t.rejects(append(account, [], { mailbox: id }), { code: 'not-found' });
  await t.rejects(account.copy(1 as never, ranges(1), id), { code: 'not-found' });
  const state = bed.replayed();
  checkConsistency(state);
  t.equal(state.blobs.count, 1);
  t.same(await account.read(messages(account)[0] as never), Buffer.from('Subject: hello\r\n\r\nhello\r\n'));
});

void t.test('subscriptions are names of their own (sections 6.3.7, 6.3.8)', async (t) => {
  const bed = new Bed({ subscriptionsMax: 8 }, undefined);
  const account = await bed.open();
  t.same(account.subscriptions(), ['Archive', 'Drafts', 'INBOX', 'Junk', 'Sent', 'Trash']);
  await account.setSubscribed('inbox', false);
  t.notOk(account.isSubscribed('INBOX'));
  await account.setSubscribed('gone/away', true);
  await account.deleteMailbox('Junk');
  t.ok(account.isSubscribed('Junk'), 'DELETE leaves the subscription (section 6.3.5)');
  await account.setSubscribed('a', true);
  await account.setSubscribed('b', true);
  await t.rejects(account.setSubscribed('c', true), { code: 'limit' });
  await t.rejects(account.setSubscribed('', true), { code: 'invalid' });
  await account.setSubscribed('nowhere', false);
  const before = bed.disk.records.length;
  await account.setSubscribed('b', true);
  t.equal(bed.disk.records.length, before, 'nothing changed, nothing written');
  t.same([...bed.replayed().subscriptions].sort(), account.subscriptions());
});

void t.test('limits on names and their number', async (t) => {
  const bed = new Bed({ mailboxesMax: 10, depthMax: 3, nameOctetsMax: 30 });
  const account = await bed.open();
  await t.rejects(account.createMailbox('a/b/c/d'), { code: 'limit' });
  await account.createMailbox('a/b/c');
  await t.rejects(account.createMailbox('d/e'), { code: 'limit' }, 'eleven with the superior');
  t.equal(account.mailboxes().length, 9);
  await account.createMailbox('d');
  await t.rejects(account.renameMailbox('a', 'd/e'), { code: 'limit' }, 'an inferior would be too deep');
  await t.rejects(account.renameMailbox('a', 'x'.repeat(28)), { code: 'limit' }, 'one would be too long');
  t.match(account.mailbox('a/b/c'), { selectable: true });
  checkConsistency(bed.replayed());
});
