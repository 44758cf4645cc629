/** `apply` on what a log can hold after damage: does what can be done, and never breaks what is there. */
import t from 'tap';
import type { Change, MessagesAdded } from '../../../src/store/account/changes.ts';
import { NO_FLAGS } from '../../../src/store/account/flags.ts';
import { newAccount } from '../../../src/store/account/initial.ts';
import { type AccountState, apply, emptyState } from '../../../src/store/account/state.ts';
import { checkConsistency, picture, transaction, WALL_MS } from './support.ts';

const INITIAL: Change = { kind: 'initial', entries: newAccount(WALL_MS) };
const blob = (id: number): Change => ({ kind: 'blob', blob: id, meta: [], content: Buffer.from('x') });

function added(
  mailbox: number,
  ...uidsAndBlobs: readonly (readonly [uid: number, blob: number])[]
): MessagesAdded {
  const messages = uidsAndBlobs.map(([uid, id]) => ({ uid, blob: id, dateMs: 0, flags: 0 }));
  return { kind: 'messages-added', mailbox, flagSets: [NO_FLAGS], messages };
}

function stateOf(...changes: readonly Change[]): AccountState {
  const state = emptyState();
  for (const [index, change] of [INITIAL, ...changes].entries())
    apply(state, change, { modseq: index + 1, place: { file: 1, offset: index * 100, octets: 50 } });
  return state;
}

const uidsIn = (state: AccountState, mailbox = 1): number[] => {
  const rows = state.mailboxes.get(mailbox)?.rows;
  return Array.from({ length: rows?.count ?? 0 }, (_, index) => rows?.uid(index) ?? 0);
};

void t.test('a message whose content was lost is not shown, and its UID is not given again', async (t) => {
  const state = stateOf(blob(1), added(1, [1, 1], [2, 7]));
  t.same(uidsIn(state), [1]);
  t.equal(state.mailboxes.get(1)?.uidNext, 3);
  t.equal(state.lostMessages, 1);
  checkConsistency(state);
});

void t.test('changes of what is gone are passed over', async (t) => {
  const ghosts: readonly Change[] = [
    {
      kind: 'flags-changed',
      mailbox: 1,
      groups: [{ flagSet: { bits: 8, keywords: ['x'] }, uids: [[2, 9]] }],
    },
    { kind: 'flags-changed', mailbox: 99, groups: [{ flagSet: NO_FLAGS, uids: [[1, 1]] }] },
    { kind: 'expunged', mailbox: 1, wallMs: 0, uids: [[2, 4_000_000_000]] },
    { kind: 'expunged', mailbox: 99, wallMs: 0, uids: [[1, 1]] },
    { kind: 'mailbox-deleted', mailbox: 99, keepsName: true },
    { kind: 'mailboxes-renamed', names: [[99, 'x']] },
    { kind: 'properties-changed', values: [['nothing', undefined]] },
    { kind: 'subscribed', name: 'nothing', subscribed: false },
    { kind: 'incarnation-forgotten', incarnation: transaction(1).incarnation },
    added(99, [1, 1]),
  ];
  for (const ghost of ghosts) {
    const [before, after] = [stateOf(blob(1), added(1, [1, 1])), stateOf(blob(1), added(1, [1, 1]), ghost)];
    checkConsistency(after);
    after.modseq = before.modseq;
    t.same(picture(after), picture(before), ghost.kind);
  }
});

void t.test('a UID that was given before is not given again', async (t) => {
  const state = stateOf(blob(1), blob(2), added(1, [5, 1]), added(1, [5, 2], [6, 2]), added(1, [3, 1]));
  t.same(uidsIn(state), [5, 6]);
  t.same([state.blobs.references(1), state.blobs.references(2)], [1, 1]);
  checkConsistency(state);
});

void t.test('a mailbox in the way of a new one goes: the record of its end was lost', async (t) => {
  const created = (mailbox: number, name: string): Change => ({
    kind: 'mailbox-created',
    mailbox,
    name,
    uidValidity: 1_700_000_100 + mailbox,
    specialUse: undefined,
  });
  const state = stateOf(created(9, 'a'), blob(1), added(9, [1, 1]), created(10, 'a'));
  t.same([state.byName.get('a')?.id, state.mailboxes.has(9), state.blobs.count], [10, false, 0]);
  checkConsistency(state);
  const renamed = stateOf(created(9, 'a'), created(10, 'b'), {
    kind: 'mailboxes-renamed',
    names: [[10, 'a']],
  });
  t.same(
    [renamed.byName.get('a')?.id, renamed.mailboxes.has(9), renamed.byName.has('b')],
    [10, false, false],
  );
  checkConsistency(renamed);
});

void t.test('mailboxes may change places in one change', async (t) => {
  const state = stateOf({
    kind: 'mailboxes-renamed',
    names: [
      [2, 'Trash'],
      [4, 'Sent'],
    ],
  });
  t.same([state.byName.get('Trash')?.id, state.byName.get('Sent')?.id, state.mailboxes.size], [2, 4, 6]);
  checkConsistency(state);
});

void t.test('ids, UIDVALIDITY and modseq outlive what had them', async (t) => {
  const state = stateOf(
    { kind: 'mailbox-created', mailbox: 9, name: 'a', uidValidity: 2_000_000_000, specialUse: undefined },
    blob(5),
    added(9, [1, 5]),
    { kind: 'mailbox-deleted', mailbox: 9, keepsName: false },
  );
  t.same(
    [state.nextMailbox, state.lastUidValidity, state.blobs.nextId, state.modseq],
    [10, 2_000_000_000, 6, 5],
  );
  t.equal(state.blobs.count, 0);
});

void t.test('a second initial change is the first again', async (t) => {
  const once = stateOf(blob(1), added(1, [1, 1]));
  const twice = stateOf(blob(1), added(1, [1, 1]), INITIAL);
  twice.modseq = once.modseq;
  t.same(picture(twice), picture(once));
});

void t.test('a content that was copied elsewhere is read there', async (t) => {
  const state = stateOf(blob(1), added(1, [1, 1]), blob(1));
  t.equal(state.blobs.place(1)?.record.offset, 300);
  t.equal(state.blobs.references(1), 1);
  checkConsistency(state);
});
