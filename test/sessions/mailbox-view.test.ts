/** The view that judges others is judged first: right for what a mailbox may do, and wrong for each thing that it may not. */
import t from 'tap';
import { MailboxView } from './mailbox-view.ts';

function viewOf(...told: readonly (readonly [text: string, during: string])[]): MailboxView {
  const view = new MailboxView();
  for (const [text, during] of told) view.told(text, during);
  return view;
}

const THREE = [
  ['* 3 EXISTS', 'SELECT INBOX'],
  ['* 1 FETCH (UID 5 FLAGS (\\Seen))', 'FETCH'],
  ['* 2 FETCH (UID 7 FLAGS (work \\Recent))', 'FETCH'],
  ['* 3 FETCH (UID 9 FLAGS ())', 'FETCH'],
] as const;
const FOUND = [
  { uid: 5, flags: '\\seen' },
  { uid: 7, flags: 'work' },
  { uid: 9, flags: '' },
];

void t.test('numbers move with EXPUNGE, new messages are unknown until they are asked for', async (t) => {
  const view = viewOf(...THREE);
  t.same(view.compare(FOUND), []);
  view.told('* 1 EXPUNGE', 'NOOP');
  view.told('* 4 EXISTS', 'NOOP');
  t.same(view.unknown, [3, 4]);
  t.equal(view.uidOf(1), 7);
  view.told('* 3 FETCH (UID 12 FLAGS (\\Flagged work))', 'FETCH');
  view.told('* 4 FETCH (FLAGS () UID 13)', 'FETCH');
  t.same(view.unknown, []);
  t.equal(view.flagsOf(3), '\\flagged work', 'in one order');
  t.same(view.compare([...FOUND.slice(1), { uid: 12, flags: '\\flagged work' }, { uid: 13, flags: '' }]), []);
  t.same(view.complaints, []);
});

void t.test('a view that is not the mailbox is found', async (t) => {
  for (const [what, found] of [
    ['one too many', FOUND.slice(0, 2)],
    ['one missing', [...FOUND, { uid: 10, flags: '' }]],
    ['another message', [FOUND[0]!, { uid: 8, flags: 'work' }, FOUND[2]!]],
    ['other flags', [FOUND[0]!, { uid: 7, flags: '' }, FOUND[2]!]],
  ] as const)
    t.not(viewOf(...THREE).compare(found).length, 0, what);
});

void t.test('what no server may tell', async (t) => {
  for (const [what, text, during] of [
    ['fewer by EXISTS', '* 2 EXISTS', 'NOOP'],
    ['EXPUNGE above EXISTS', '* 4 EXPUNGE', 'NOOP'],
    ['EXPUNGE of nothing', '* 0 EXPUNGE', 'NOOP'],
    ['EXPUNGE while numbers count', '* 1 EXPUNGE', 'FETCH 1:* (FLAGS)'],
    ['EXPUNGE during SEARCH', '* 1 EXPUNGE', 'SEARCH ALL'],
    ['a message above EXISTS', '* 4 FETCH (FLAGS ())', 'NOOP'],
    ['another UID', '* 2 FETCH (UID 8 FLAGS ())', 'NOOP'],
  ] as const) {
    const view = viewOf(...THREE);
    view.told(text, during);
    t.equal(view.complaints.length, 1, what);
  }
  const unordered = viewOf(...THREE, ['* 4 EXISTS', 'NOOP'], ['* 4 FETCH (UID 9 FLAGS ())', 'NOOP']);
  t.equal(unordered.complaints.length, 1, 'a UID that does not ascend');
  t.same(
    viewOf(...THREE, ['* 1 EXPUNGE', 'UID FETCH 1:* (FLAGS)']).complaints,
    [],
    'UID commands may have EXPUNGE',
  );
});
