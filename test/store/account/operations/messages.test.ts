/** APPEND, STORE, COPY, MOVE and EXPUNGE (RFC 9051 sections 6.3.12, 6.4; RFC 7162; RFC 6851). */
import t from 'tap';
import type { MailboxId, ModSeq } from '../../../../src/store/account/types.ts';
import {
  append,
  Bed,
  checkConsistency,
  INBOX,
  messages,
  pairs,
  picture,
  ranges,
  uids,
  WALL_MS,
} from '../support.ts';

const flagsOf = (account: Parameters<typeof messages>[0], name?: string) =>
  messages(account, name).map((message) => [message.uid, ...message.flags].join(' '));

void t.test('what is appended is read: facts, content and parts of it', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  const result = await append(account, ['\\Seen', '$Forwarded'], { text: 'Subject: x\r\n\r\nbody' });
  t.same(result, { uidValidity: account.mailbox('INBOX')?.uidValidity, uid: 1 });
  const [message] = messages(account);
  t.match(message, { uid: 1, flags: ['\\Seen', '$Forwarded'], internalDateMs: WALL_MS, size: 18 });
  t.match(message?.emailId, /^[A-Za-z0-9_-]{1,255}$/, 'RFC 8474 section 4: objectid');
  const parts: readonly (readonly [from: number, octets: number | undefined, expected: string])[] = [
    [0, undefined, 'Subject: x\r\n\r\nbody'],
    [9, 1, 'x'],
    [14, 100, 'body'],
    [18, 1, ''],
    [100, 1, ''],
    [0, 0, ''],
    [-5, 7, 'Subject'],
  ];
  for (const [from, octets, expected] of parts)
    t.equal((await account.read(message as never, from, octets)).toString(), expected);
  await t.rejects(account.read({ ...message } as never), { code: 'invalid' }, 'not a message of ours');
  const other = await bed.open();
  await t.rejects(other.read(message as never), { code: 'invalid' }, 'of another opening');
});

void t.test('content can be read while its commit is in flight, and is there when it comes', async (t) => {
  const account = await new Bed().open();
  const appended = append(account, [], { text: 'soon' });
  await Promise.resolve();
  while (messages(account).length === 0) await Promise.resolve();
  t.equal((await account.read(messages(account)[0] as never)).toString(), 'soon');
  await appended;
});

void t.test('dates before 1970 and after 9999; an empty message', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  for (const internalDateMs of [-62_167_219_200_000, -1, -0.5, 253_402_300_799_000])
    await account.append(INBOX, { content: Buffer.alloc(0), flags: [], internalDateMs });
  t.same(
    messages(await bed.open()).map((message) => [message.internalDateMs, message.size]),
    [
      [-62_167_219_200_000, 0],
      [-1, 0],
      [0, 0],
      [253_402_300_799_000, 0],
    ],
  );
  t.ok(Object.is(messages(account)[2]?.internalDateMs, 0));
  for (const internalDateMs of [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 52])
    await t.rejects(account.append(INBOX, { content: Buffer.alloc(0), flags: [], internalDateMs }), {
      code: 'invalid',
    });
});

void t.test('STORE: modes, what changed, and what did not (section 6.4.6)', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  for (const flags of [['\\Seen'], [], ['Work', '\\Seen'], []]) await append(account, flags);
  const store = (mode: 'add' | 'remove' | 'replace', flags: string[], ...of: number[]) =>
    account.storeFlags(INBOX, { uids: ranges(...of), mode, flags });
  t.same(await store('add', ['\\seen'], 3, 2, 1, 2, 99), { changed: ranges(2), refused: [] });
  t.same(
    await store('add', ['WORK'], 1, 3),
    { changed: ranges(1), refused: [] },
    'a keyword in another case is there',
  );
  t.same(flagsOf(account), ['1 \\Seen Work', '2 \\Seen', '3 \\Seen Work', '4']);
  t.same(await store('remove', ['work', '\\Seen'], 1, 2, 3, 4), { changed: ranges(1, 2, 3), refused: [] });
  t.same(account.mailbox('INBOX')?.keywords, []);
  t.same(await store('replace', ['\\Deleted', 'b', 'A'], 2), { changed: ranges(2), refused: [] });
  t.same(flagsOf(account), ['1', '2 \\Deleted A b', '3', '4']);
  t.match(account.mailbox('INBOX'), { unseen: 4, deleted: 1, exists: 4, keywords: ['A', 'b'] });
  for (const flags of [['\\Recent'], ['a b']])
    await t.rejects(account.storeFlags(INBOX, { uids: ranges(1), mode: 'add', flags }), { code: 'invalid' });
  checkConsistency(bed.replayed());
});

void t.test('modseqs (RFC 7162 section 3.1): one step a commit, only for what changed', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  const modseqs = () => messages(account).map((message) => message.modseq);
  for (let count = 0; count < 3; count++) await append(account);
  t.same(modseqs(), [2, 3, 4]);
  await account.storeFlags(INBOX, { uids: ranges(1, 2), mode: 'add', flags: ['\\Seen'] });
  t.same(modseqs(), [5, 5, 4]);
  await account.storeFlags(INBOX, { uids: ranges(1, 2), mode: 'add', flags: ['\\Seen'] });
  t.same(modseqs(), [5, 5, 4], 'no change, no new modseq');
  const inbox = account.mailbox('INBOX');
  t.equal(inbox?.highestModseq, 5);
  t.same(inbox?.changedSince(4 as ModSeq), [1, 2]);
  t.same(inbox?.changedSince(3 as ModSeq), [1, 2, 3]);
  t.same(inbox?.changedSince(5 as ModSeq), []);
  t.equal(account.mailbox('Sent')?.highestModseq, 1, 'another mailbox keeps its own');
  await account.setProperties(new Map([['k', Buffer.from('v')]]));
  t.equal(inbox?.highestModseq, 5);
  const change = { mode: 'add', flags: ['\\Flagged'], unchangedSince: 4 as ModSeq } as const;
  t.same(await account.storeFlags(INBOX, { ...change, uids: ranges(1, 2, 3) }), {
    changed: [[3, 3]],
    refused: [[1, 2]],
  });
  t.same(
    await account.storeFlags(INBOX, { ...change, uids: ranges(3), unchangedSince: 0 as ModSeq }),
    { changed: [], refused: [[3, 3]] },
    'section 3.1.3: 0 always fails',
  );
  t.same(modseqs(), [5, 5, 7]);
});

void t.test(
  'COPY and MOVE keep content, date, flags and EMAILID (section 6.4.7, RFC 8474 section 5.1)',
  async (t) => {
    const bed = new Bed();
    const account = await bed.open();
    const trash = account.mailbox('Trash')?.id as MailboxId;
    for (const [index, flags] of [['\\Seen'], ['Work'], []].entries())
      await append(account, flags, { text: `text ${index}` });
    await append(account, [], { mailbox: trash });
    const copied = await account.copy(INBOX, ranges(3, 1, 9, 3), trash);
    t.same(copied, {
      uidValidity: account.mailbox('Trash')?.uidValidity,
      from: ranges(1, 3),
      runs: [{ at: 0, to: 2 }],
    });
    t.same(flagsOf(account, 'Trash'), ['1', '2 \\Seen', '3']);
    t.equal(messages(account, 'Trash')[1]?.emailId, messages(account)[0]?.emailId);
    t.not(messages(account, 'Trash')[1]?.emailId, messages(account, 'Trash')[2]?.emailId);
    const moved = await account.move(INBOX, ranges(1, 2), trash);
    t.same(pairs(moved), [
      [1, 4],
      [2, 5],
    ]);
    t.same(flagsOf(account), ['3']);
    t.same(flagsOf(account, 'Trash'), ['1', '2 \\Seen', '3', '4 \\Seen', '5 Work']);
    t.equal((await account.read(messages(account, 'Trash')[4] as never)).toString(), 'text 1');
    t.same(account.mailbox('INBOX')?.expungedSince(1 as ModSeq), [1, 2]);
    t.equal(account.mailbox('INBOX')?.highestModseq, account.mailbox('Trash')?.highestModseq, 'one commit');
    t.match(await account.move(INBOX, ranges(1), trash), { from: [], runs: [] });
    await t.rejects(account.copy(INBOX, ranges(3), 99 as MailboxId), { code: 'not-found' });
    await t.rejects(account.copy(99 as MailboxId, ranges(3), INBOX), { code: 'not-found' });
    checkConsistency(bed.replayed());
  },
);

void t.test('COPY and MOVE within a mailbox give new messages', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  await append(account, ['\\Seen']);
  t.same(pairs(await account.copy(INBOX, ranges(1), INBOX)), [[1, 2]]);
  t.same(pairs(await account.move(INBOX, ranges(1, 2), INBOX)), [
    [1, 3],
    [2, 4],
  ]);
  t.same(flagsOf(account), ['3 \\Seen', '4 \\Seen']);
  t.equal(bed.replayed().blobs.count, 1);
  checkConsistency(bed.replayed());
});

void t.test('EXPUNGE: only \\Deleted, all or some (section 6.4.3, RFC 4315 section 2.1)', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  for (const flags of [['\\Deleted'], [], ['\\Deleted'], ['\\Deleted', 'x']]) await append(account, flags);
  t.same(await account.expunge(INBOX, ranges(2, 3, 50)), ranges(3));
  t.same(await account.expunge(INBOX, ranges(2)), []);
  t.same(await account.expunge(INBOX), ranges(1, 4));
  t.same(await account.expunge(INBOX), []);
  const inbox = account.mailbox('INBOX');
  t.match(inbox, { exists: 1, deleted: 0, uidNext: 5, keywords: [] });
  t.same(inbox?.expungedSince(1 as ModSeq), [1, 3, 4]);
  t.same(inbox?.expungedSince(6 as ModSeq), [1, 4]);
  t.equal(inbox?.indexOf(uids(2)[0] as never), 0);
  t.equal(inbox?.indexOf(uids(3)[0] as never), -1);
  t.equal(inbox?.lowerBound(3), 1);
  t.equal((await append(account)).uid, 5, 'a UID is never given again');
  checkConsistency(bed.replayed());
});

void t.test('a refused request leaves the state as it was', async (t) => {
  const bed = new Bed({
    messagesPerMailboxMax: 3,
    messageOctetsMax: 10,
    keywordsPerMailboxMax: 2,
    keywordsPerMessageMax: 2,
    keywordOctetsMax: 4,
  });
  const account = await bed.open();
  const trash = account.mailbox('Trash')?.id as MailboxId;
  const short = { text: 'short' };
  await append(account, ['a', 'b'], short);
  await append(account, [], short);
  await append(account, ['c'], { ...short, mailbox: trash });
  await append(account, [], { ...short, mailbox: trash });
  const before = picture(bed.replayed());
  const store = (mode: 'add' | 'replace', ...flags: string[]) =>
    account.storeFlags(INBOX, { uids: ranges(1, 2), mode, flags });
  const refused: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['message too long', () => append(account, [], { text: 'x'.repeat(11) })],
    ['keyword too long', () => append(account, ['abcde'], short)],
    ['keywords on a message', () => append(account, ['a', 'b', 'c'], short)],
    ['keywords on a message by STORE', () => store('add', 'c')],
    ['keywords in a mailbox', () => append(account, ['c'], short)],
    ['keywords in a mailbox by STORE', () => store('replace', 'c')],
    ['keywords in a mailbox by COPY', () => account.copy(trash, ranges(1), INBOX)],
    ['messages by COPY', () => account.copy(INBOX, ranges(1, 2), trash)],
    ['messages by MOVE', () => account.move(INBOX, ranges(1, 2), trash)],
  ];
  for (const [what, attempt] of refused) await t.rejects(attempt(), { code: 'limit' }, what);
  t.same(picture(bed.replayed()), before);
  await append(account, [], short);
  await t.rejects(append(account, [], short), { code: 'limit' }, 'messages in a mailbox');
});

void t.test(
  'sets of keywords are bounded in number and in octets, for STORE, APPEND, COPY and MOVE',
  async (t) => {
    for (const limits of [
      { keywordSetsPerMailboxMax: 2 },
      // A key of one letter and its name: 9 octets.
      { keywordSetsOctetsMax: 20 },
    ]) {
      const bed = new Bed(limits);
      const account = await bed.open();
      const trash = account.mailbox('Trash')?.id as MailboxId;
      await append(account, ['a']);
      await append(account, ['b']);
      await append(account, ['B']);
      await append(account, ['\\Seen']);
      await append(account, ['c'], { mailbox: trash });
      await t.rejects(append(account, ['c']), { code: 'limit' });
      await t.rejects(append(account, ['b', 'a']), { code: 'limit' });
      const store = (uid: number, flags: string[]) =>
        account.storeFlags(INBOX, { uids: ranges(uid), mode: 'replace', flags });
      await t.rejects(store(4, ['c']), { code: 'limit' });
      await t.rejects(account.copy(trash, ranges(1), INBOX), { code: 'limit' });
      await t.rejects(account.move(trash, ranges(1), INBOX), { code: 'limit' });
      await store(4, ['A']);
      // The set `a` goes with the last message that has it, and makes room.
      await store(1, []);
      await store(4, []);
      await store(4, ['c']);
      t.same(account.mailboxById(INBOX)?.keywords, ['b', 'c']);
      checkConsistency(bed.replayed());
    }
  },
);

void t.test('a mailbox of 100,000 messages opens and answers fast', async (t) => {
  const bed = new Bed();
  const account = await bed.open();
  const first = await append(account, ['\\Seen', 'Work'], { text: 'x' });
  const sent = account.mailbox('Sent')?.id as MailboxId;
  // Copies double the mailbox, so that few commits make it large.
  await account.copy(INBOX, ranges(first.uid), sent);
  const sentBox = account.mailbox('Sent');
  while ((sentBox?.exists ?? 0) < 100_000)
    await account.copy(sent, [[1, (sentBox?.uidNext as number) - 1]], sent);
  const exists = sentBox?.exists as number;
  t.equal(exists, 131_072);
  const cpu = process.cpuUsage();
  const again = await bed.open();
  const mailbox = again.mailbox('Sent');
  for (let uid = 1; uid <= exists; uid += 13)
    if (mailbox?.indexOf(uid as never) !== uid - 1) throw new Error(`UID ${uid}`);
  const { user } = process.cpuUsage(cpu);
  // Generous, for a machine that does other things: a table walked for each UID would take minutes.
  t.ok(user < 3_000_000, `opened in ${Math.round(user / 1000)} ms`);
  const all = [[1, exists]] as const;
  t.same((await again.storeFlags(sent, { uids: all, mode: 'add', flags: ['\\Deleted'] })).changed, all);
  t.same(await again.expunge(sent), all);
  t.equal(mailbox?.exists, 0);
  checkConsistency(bed.replayed());
});
