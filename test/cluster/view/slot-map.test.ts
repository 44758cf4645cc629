/** The map and its deltas, and the copy of the settings. */
import fc from 'fast-check';
import t from 'tap';
import type { Owner, SettingsDelta } from '../../../src/cluster/types.ts';
import { SettingsCopy } from '../../../src/cluster/view/settings-copy.ts';
import { MapBook, SlotMapCopy } from '../../../src/cluster/view/slot-map.ts';
import { Failure } from '../../../src/lib/failure.ts';
import { type DomainId, type Incarnation, SLOTS, type Slot } from '../../../src/store/ids.ts';

const SEED = 20261120;
const owners = ['a', 'b', 'c'].map(
  (name, port): Owner => ({
    incarnation: name.repeat(32) as Incarnation,
    address: { host: 'h', port },
    member: name,
  }),
);

function same(book: MapBook, copy: SlotMapCopy): boolean {
  for (let slot = 0; slot < SLOTS; slot++)
    if (book.owner(slot as Slot)?.incarnation !== copy.owner(slot as Slot)?.incarnation) return false;
  const all = new Set(Array.from({ length: SLOTS }, (_, slot) => book.owner(slot as Slot)?.member));
  all.delete(undefined);
  return copy.owners().length === all.size;
}

void t.test(
  'property: a copy brought up to date by deltas, some of them late or twice, is the map',
  async () => {
    const change = fc.tuple(fc.nat(20), fc.option(fc.nat(2)), fc.boolean());
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const book = new MapBook(1, new SlotMapCopy());
        const copy = new SlotMapCopy();
        let late = book.since(0);
        for (const [slot, to, pull] of changes) {
          book.set(slot as Slot, to === null ? undefined : owners[to]);
          if (!pull) continue;
          const delta = book.since(copy.version);
          copy.apply(delta);
          copy.apply(late);
          late = delta;
          if (!same(book, copy)) throw new Error('copy differs');
        }
      }),
      { seed: SEED, numRuns: 60 },
    );
  },
);

void t.test(
  'a new controller goes on from its copy, under larger versions, and everybody gets it whole',
  async (t) => {
    const first = new MapBook(1, new SlotMapCopy());
    first.set(7 as Slot, owners[0]);
    const copy = new SlotMapCopy();
    copy.apply(first.since(0));
    const second = new MapBook(2, copy);
    t.equal(second.owner(7 as Slot)?.member, 'a');
    t.ok(second.version > first.version);
    t.equal(second.since(first.version).slots.length, 2 * SLOTS);
  },
);

void t.test('a delta whose beginning is missing is refused', async (t) => {
  const book = new MapBook(1, new SlotMapCopy());
  book.set(1 as Slot, owners[0]);
  const { version } = book;
  book.set(2 as Slot, owners[0]);
  t.notOk(new SlotMapCopy().apply(book.since(version)));
});

void t.test('newer: at the next version, at once when it is there, and not after an abort', async (t) => {
  const book = new MapBook(1, new SlotMapCopy());
  const copy = new SlotMapCopy();
  const abort = new AbortController();
  const waited = copy.newer(0, abort.signal);
  copy.apply(book.since(0));
  await waited;
  await copy.newer(0, abort.signal);
  const never = copy.newer(copy.version, abort.signal);
  abort.abort(new Failure('unavailable', 'enough'));
  await t.rejects(never, { message: 'enough' });
  await t.rejects(copy.newer(copy.version, abort.signal), { message: 'enough' });
});

void t.test('the copy of the settings', async (t) => {
  const copy = new SettingsCopy();
  const delta = (version: number, more: Partial<SettingsDelta>): SettingsDelta => ({
    version,
    whole: false,
    domains: [],
    domainsDeleted: [],
    values: [],
    ...more,
  });
  const domain = (id: number, name: string) => ({ id: id as DomainId, name, shared: true });
  copy.apply(delta(4, { domains: [domain(1, 'x.example')] }));
  t.equal(copy.version, -1, 'a delta is nothing without what came before it');
  copy.apply(
    delta(4, {
      whole: true,
      domains: [domain(1, 'b.example'), domain(2, 'a.example')],
      values: [['k', Buffer.from('v')]],
    }),
  );
  t.same(
    copy.domains().map(({ name }) => name),
    ['a.example', 'b.example'],
  );
  copy.apply(
    delta(5, { domains: [domain(1, 'c.example')], domainsDeleted: [2 as DomainId], values: [['k', null]] }),
  );
  t.equal(copy.domain('b.example'), undefined, 'renamed');
  t.equal(copy.domain('a.example'), undefined, 'deleted');
  t.equal(copy.domainById(1 as DomainId)?.name, 'c.example');
  t.equal(copy.value('k'), undefined);
  copy.apply(delta(5, { whole: true }));
  t.equal(copy.domains().length, 1, 'old news');
  copy.apply(delta(9, { whole: true, domains: [domain(3, 'd.example')] }));
  t.same([copy.version, copy.domains().length], [9, 1]);
});
