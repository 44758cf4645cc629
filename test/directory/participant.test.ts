/** A participant's answers to every step in every state (docs/architecture.md, section 3 rule 5). */
import t from 'tap';
import { assertNotReserved, finish, lookUp, reserve, undo } from '../../src/directory/participant.ts';
import { failureCode } from '../../src/lib/failure.ts';
import type { DomainId, Epoch, Slot } from '../../src/store/ids.ts';
import type { SlotChange } from '../../src/store/slot/records.ts';
import { SlotState } from '../../src/store/slot/state.ts';

const ONE = 1 as DomainId;
const n = (name: string) => ({ domainId: ONE, name });
const OBJECT = { domainId: ONE, name: 'joe', serial: '1-1' };
const OTHER = { domainId: ONE, name: 'ann', serial: '1-2' };
const SHARE = { object: OBJECT, add: [n('jim')], drop: [n('joe')] };
const NONE = { object: OBJECT, add: [], drop: [] };

function step(modseq = 10, epoch = 5, lowestOpen = 10) {
  return { intent: { slot: 9 as Slot, epoch: 5 as Epoch, modseq }, epoch: epoch as Epoch, lowestOpen };
}

function build(...steps: readonly ((draft: ReturnType<typeof draftOf>) => void)[]) {
  const state = new SlotState(7 as Slot);
  state.apply(1, { kind: 'name-put', entry: { ...n('joe'), kind: 'account', object: OBJECT } });
  state.apply(2, { kind: 'name-put', entry: { ...n('ann'), kind: 'account', object: OTHER } });
  const draft = draftOf(state);
  for (const act of steps) act(draft);
  draft.records.length = 0;
  return draft;
}

function draftOf(state: SlotState) {
  const records: SlotChange[] = [];
  const put = (change: SlotChange) => {
    records.push(change);
    state.apply(state.modseq + 1, change);
  };
  return { state, records, put, nextModseq: 0 };
}

type Draft = ReturnType<typeof draftOf>;

const ACTS = {
  reserve: (draft: Draft, epoch = 5) => reserve(draft, step(10, epoch), SHARE),
  finish: (draft: Draft, epoch = 5) => finish(draft, step(10, epoch)),
  undo: (draft: Draft, epoch = 5) => undo(draft, step(10, epoch), OBJECT),
} as const;

function answer(draft: Draft, act: () => void): string {
  try {
    act();
  } catch (error) {
    return failureCode(error) ?? String(error);
  }
  return draft.records.map(({ kind }) => kind).join(' ') || 'nothing to do';
}

const forget = (draft: Draft) => undo(draft, step(50, 5, 50), OBJECT);

const TABLE: readonly (readonly [
  string,
  readonly ((draft: Draft) => void)[],
  Readonly<Record<keyof typeof ACTS, string>>,
])[] = [
  ['never heard of', [], { reserve: 'reserved', finish: 'refused', undo: 'undone' }],
  ['reserved', [ACTS.reserve], { reserve: 'nothing to do', finish: 'finished', undo: 'undone' }],
  [
    'finished',
    [ACTS.reserve, ACTS.finish],
    { reserve: 'nothing to do', finish: 'nothing to do', undo: 'refused' },
  ],
  ['undone', [ACTS.reserve, ACTS.undo], { reserve: 'refused', finish: 'refused', undo: 'nothing to do' }],
  [
    'undone before it was reserved',
    [ACTS.undo],
    { reserve: 'refused', finish: 'refused', undo: 'nothing to do' },
  ],
  [
    'closed long ago',
    [ACTS.undo, forget],
    { reserve: 'refused', finish: 'nothing to do', undo: 'nothing to do' },
  ],
];

for (const [what, before, expected] of TABLE)
  void t.test(what, async (t) => {
    for (const kind of ['reserve', 'finish', 'undo'] as const) {
      const draft = build(...before);
      t.equal(
        answer(draft, () => ACTS[kind](draft)),
        expected[kind],
        kind,
      );
    }
  });

void t.test('a smaller epoch is refused, a larger one is taken over', async (t) => {
  for (const kind of ['reserve', 'finish', 'undo'] as const) {
    const draft = build((draft) => ACTS.reserve(draft, 6));
    t.equal(
      answer(draft, () => ACTS[kind](draft, 5)),
      'refused',
      kind,
    );
  }
  const draft = build(ACTS.reserve);
  t.equal(
    answer(draft, () => ACTS.reserve(draft, 8)),
    'reserved',
  );
  t.equal(
    answer(draft, () => ACTS.finish(draft, 7)),
    'refused',
  );
});

void t.test('names in the way', async (t) => {
  const taken = build();
  t.equal(
    answer(taken, () => reserve(taken, step(), { ...NONE, add: [n('ann')] })),
    'exists',
  );
  const own = build();
  t.equal(
    answer(own, () => reserve(own, step(), { ...NONE, add: [n('joe')] })),
    'reserved',
    'it is its own already',
  );
  for (const share of [
    { ...NONE, add: [n('jim')] },
    { ...NONE, add: [n('joe')] },
    { ...NONE, drop: [n('joe')] },
  ]) {
    const draft = build(ACTS.reserve);
    t.equal(
      answer(draft, () => reserve(draft, step(11), share)),
      'unavailable',
      'reserved by another intent',
    );
  }
});

void t.test('a name on its way is not said to be unknown', async (t) => {
  const { state } = build(ACTS.reserve);
  t.throws(() => lookUp(state, n('jim')), { code: 'unavailable' });
  t.strictSame(lookUp(state, n('joe')), OBJECT, 'what is to be dropped leads there until then');
  t.strictSame(lookUp(state, n('max')), undefined);
  t.throws(() => assertNotReserved(state, n('joe')), { code: 'unavailable' });
  t.doesNotThrow(() => assertNotReserved(state, n('ann')));
});
