/** The state of a slot as a function of its records: names, tombstones, intents, participations and what is forgotten. */
import t from 'tap';
import { type DomainId, type Epoch, objectKey, type Slot } from '../../../src/store/ids.ts';
import { REQUESTS_REMEMBERED_MAX, TOMBSTONES_PER_NAME_MAX } from '../../../src/store/slot/limits.ts';
import type { SlotChange } from '../../../src/store/slot/records.ts';
import { SlotState } from '../../../src/store/slot/state.ts';
import type { IntentChange, IntentId } from '../../../src/store/slot/types.ts';

const ONE = 1 as DomainId;
const HERE = 7 as Slot;
const FIRST = 9 as Slot;

function build() {
  const state = new SlotState(HERE);
  const apply = (change: SlotChange) => state.apply(state.modseq + 1, change);
  const create = (name: string, serial: string, request = `create ${serial}`) => {
    const id = { domainId: ONE, name, serial };
    const present = { domainId: ONE, name };
    const initial = new Map([['k', Buffer.from('v')]]);
    const object = {
      id,
      path: `p/${serial}`,
      state: 'active',
      present,
      aliases: [],
      initial,
      requests: [],
    } as const;
    apply({ kind: 'object-created', object, request });
    apply({ kind: 'name-put', entry: { ...present, kind: 'account', object: id } });
    return id;
  };
  const change = (object: ReturnType<typeof create>, change: IntentChange, request: string) => {
    const id: IntentId = { slot: HERE, epoch: 5 as Epoch, modseq: state.modseq + 1 };
    apply({
      kind: 'intent-opened',
      intent: { id, object, request, change, add: [], drop: [], state: 'open' },
    });
    return id;
  };
  const step = (modseq: number, options: { epoch?: number; lowestOpen?: number } = {}) => ({
    intent: { slot: FIRST, epoch: 5 as Epoch, modseq },
    epoch: (options.epoch ?? 5) as Epoch,
    lowestOpen: options.lowestOpen ?? modseq,
  });
  return { state, apply, create, change, step };
}

const n = (name: string) => ({ domainId: ONE, name });

void t.test('an intent changes its object when it is decided, and is there until it is closed', async (t) => {
  const { state, apply, create, change } = build();
  const id = create('joe', '1-1');
  const intent = change(id, { kind: 'names', present: n('ann'), aliases: ['jim'] }, 'r1');
  t.equal(state.intentOf(id)?.state, 'open');
  t.equal(state.lowestOpen(), intent.modseq);
  t.equal(state.object(id)?.present.name, 'joe', 'nothing yet');
  apply({ kind: 'intent-decided', intent });
  t.match(state.object(id), { present: n('ann'), aliases: ['jim'], requests: ['create 1-1', 'r1'] });
  t.equal(state.intentOf(id)?.state, 'decided');
  apply({ kind: 'intent-closed', intent });
  t.equal(state.intentOf(id), undefined);
  t.equal(state.lowestOpen(), state.modseq + 1);
});

void t.test('an undone intent leaves its object as it was', async (t) => {
  const { state, apply, create, change } = build();
  const id = create('joe', '1-1');
  const intent = change(id, { kind: 'delete' }, 'r1');
  apply({ kind: 'intent-closed', intent });
  t.match(state.object(id), { state: 'active', requests: ['create 1-1'] });
});

void t.test('a deleted object keeps its id and its requests, not its content', async (t) => {
  const { state, apply, create, change } = build();
  const id = create('joe', '1-1');
  const intent = change(id, { kind: 'delete' }, 'r1');
  apply({ kind: 'intent-decided', intent });
  t.match(state.object(id), { state: 'deleted', initial: new Map(), requests: ['create 1-1', 'r1'] });
  t.equal(state.wasUsed(n('joe')), true);
  t.equal(state.wasUsed(n('ann')), false);
});

void t.test(
  'of the objects once created with a name the last deleted ones are kept, and that it was used',
  async (t) => {
    const { state, apply, create, change } = build();
    for (let i = 0; i < TOMBSTONES_PER_NAME_MAX + 5; i++) {
      const intent = change(create('joe', `1-${i}`), { kind: 'delete' }, `delete ${i}`);
      apply({ kind: 'intent-decided', intent });
      apply({ kind: 'intent-closed', intent });
    }
    const last = create('joe', '2-1');
    const kept = [...state.createdWith(n('joe'))];
    t.equal(kept.length, TOMBSTONES_PER_NAME_MAX + 1);
    t.equal(objectKey(kept.at(-1)!.id), objectKey(last));
    t.equal(state.wasUsed(n('joe')), true);
  },
);

void t.test('requests are remembered up to a number', async (t) => {
  const { state, apply, create, change } = build();
  const id = create('joe', '1-1');
  for (let i = 0; i < REQUESTS_REMEMBERED_MAX + 3; i++) {
    const intent = change(id, { kind: 'names', present: n('joe'), aliases: [] }, `r${i}`);
    apply({ kind: 'intent-decided', intent });
    apply({ kind: 'intent-closed', intent });
  }
  t.equal(state.object(id)?.requests.length, REQUESTS_REMEMBERED_MAX);
  t.equal(state.object(id)?.requests.at(-1), `r${REQUESTS_REMEMBERED_MAX + 2}`);
});

void t.test('a finished participation moves the names, an undone one gives them back', async (t) => {
  const { state, apply, create, step } = build();
  const joe = create('joe', '1-1');
  apply({ kind: 'reserved', step: step(3), object: joe, add: [n('ann')], drop: [n('joe')] });
  t.equal(state.reservation(n('ann'))?.intent.modseq, 3);
  t.equal(state.reservation(n('joe'))?.intent.modseq, 3);
  t.equal(state.name(n('ann')), undefined, 'not yet');
  t.equal(state.name(n('joe'))?.object.serial, '1-1', 'still');
  apply({ kind: 'finished', step: step(3) });
  t.equal(state.name(n('ann'))?.object.serial, '1-1');
  t.equal(state.name(n('joe')), undefined);
  t.strictSame(state.reservations(), []);

  apply({ kind: 'reserved', step: step(4), object: joe, add: [n('max')], drop: [] });
  apply({ kind: 'undone', step: step(4), object: joe });
  t.equal(state.name(n('max')), undefined);
  t.strictSame(state.reservations(), []);
  t.equal(state.participation(step(4).intent)?.state, 'undone', 'remembered against late steps');
});

void t.test('a name that leads to another object meanwhile is not dropped', async (t) => {
  const { state, apply, create, step } = build();
  create('joe', '1-1');
  apply({ kind: 'reserved', step: step(3), object: n2('other'), add: [], drop: [n('joe')] });
  apply({ kind: 'finished', step: step(3) });
  t.equal(state.name(n('joe'))?.object.serial, '1-1');
});

function n2(name: string) {
  return { domainId: ONE, name, serial: '9-9' };
}

void t.test('what its first log has closed is forgotten, and known to be', async (t) => {
  const { state, apply, step } = build();
  const object = n2('joe');
  for (let i = 1; i <= 20; i++) apply({ kind: 'undone', step: step(i, { lowestOpen: 1 }), object });
  apply({ kind: 'reserved', step: step(21, { lowestOpen: 1 }), object, add: [n('ann')], drop: [] });
  t.equal(state.entryCount, 21);
  apply({ kind: 'undone', step: step(30, { lowestOpen: 30 }), object });
  t.equal(state.entryCount, 2, 'the last, and the one still reserved');
  t.equal(state.isForgotten(step(5).intent), true);
  t.equal(state.isForgotten(step(21).intent), false);
  t.equal(state.isForgotten(step(31).intent), false);
  t.equal(state.isForgotten({ ...step(5).intent, slot: HERE }), false, 'of another log');
});

void t.test('the larger epoch of a reservation stays', async (t) => {
  const { state, apply, step } = build();
  const object = n2('joe');
  apply({ kind: 'reserved', step: step(3, { epoch: 8 }), object, add: [n('ann')], drop: [] });
  apply({ kind: 'reserved', step: step(3, { epoch: 9 }), object, add: [n('ann')], drop: [] });
  t.equal(state.participation(step(3).intent)?.epoch, 9);
  t.equal(state.reservations().length, 1);
});
