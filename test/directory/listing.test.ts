/** Listings come in pages of bounded size, also within one slot, and say what they covered. */
import t from 'tap';
import { LIST_PAGE_MAX, type ListPage, listNames } from '../../src/directory/listing.ts';
import type { DomainId, Slot } from '../../src/store/ids.ts';
import { TestCluster } from './cluster.ts';

const ONE = 1 as DomainId;
const SLOTS_USED = [3, 9, 4000] as Slot[];
const PER_SLOT = 1300;

void t.test('every name once, in pages', async (t) => {
  const cluster = new TestCluster(SLOTS_USED, 1);
  const { host } = cluster.workers[0]!;
  const expected: string[] = [];
  for (const slot of SLOTS_USED.slice(0, 2)) {
    const open = await cluster.until(host.slot(slot));
    await cluster.until(
      open.change((draft) => {
        for (let i = 0; i < PER_SLOT; i++) {
          const present = { domainId: ONE, name: `user-${slot}-${i}` };
          const rest = { state: 'active', aliases: [], requests: [], initial: new Map() } as const;
          const object = { id: { ...present, serial: `1-${i}` }, path: `p/${i}`, present, ...rest } as const;
          draft.put({ kind: 'object-created', request: 'r', object });
          expected.push(present.name);
        }
      }),
    );
  }
  const names: string[] = [];
  const covered: number[] = [];
  let pages = 0;
  let after: string | undefined;
  do {
    const page: ListPage = await cluster.until(listNames(host, cluster.clock, ONE, after, 1000));
    t.ok(page.names.length <= LIST_PAGE_MAX);
    names.push(...page.names);
    covered.push(...page.covered);
    after = page.next ?? undefined;
    pages++;
  } while (after !== undefined);
  t.equal(pages, 3);
  t.strictSame(names.toSorted(), expected.toSorted());
  t.strictSame(covered, SLOTS_USED, 'the one without a log too');
  t.strictSame((await cluster.until(listNames(host, cluster.clock, 2, undefined, 1000))).names, []);
});

void t.test('a slot that cannot be read now is left out, to be asked for again', async (t) => {
  const cluster = new TestCluster(SLOTS_USED, 1);
  const { host, fs } = cluster.workers[0]!;
  const open = await cluster.until(host.slot(9 as Slot));
  const present = { domainId: ONE, name: 'joe' };
  const entry = { ...present, kind: 'account', object: { ...present, serial: '1-1' } } as const;
  await cluster.until(open.change((draft) => draft.put({ kind: 'name-put', entry })));
  host.lost(9 as Slot);
  cluster.grant(9 as Slot, cluster.workers[0]!);
  const { before } = fs;
  fs.before = (call, path) => (path.endsWith('0009') ? new Promise(() => undefined) : before?.(call, path));
  const page = await cluster.until(listNames(host, cluster.clock, ONE, undefined, 500));
  t.strictSame(page.covered, [3, 4000]);
  t.equal(page.next, null);
});

void t.test('a page that takes long ends early, and the next goes on where it ended', async (t) => {
  const cluster = new TestCluster(SLOTS_USED, 1);
  const { host, fs } = cluster.workers[0]!;
  for (const slot of SLOTS_USED) {
    const open = await cluster.until(host.slot(slot));
    const present = { domainId: ONE, name: `user-${slot}` };
    const rest = { state: 'active', aliases: [], requests: [], initial: new Map() } as const;
    const object = { id: { ...present, serial: '1-1' }, path: 'p', present, ...rest } as const;
    await cluster.until(open.change((draft) => draft.put({ kind: 'object-created', request: 'r', object })));
  }
  const { before } = fs;
  fs.before = async (call, path) => {
    await before?.(call, path);
    if (call === 'list' && /slots\/[0-9]{4}$/.test(path)) await cluster.clock.sleep(2000);
  };
  for (const slot of SLOTS_USED) {
    host.lost(slot);
    cluster.grant(slot, cluster.workers[0]!);
  }
  const names: string[] = [];
  const covered: number[] = [];
  const cookies: (string | null)[] = [];
  for (let after: string | undefined; ; ) {
    const page: ListPage = await cluster.until(listNames(host, cluster.clock, ONE, after, 9000));
    names.push(...page.names);
    covered.push(...page.covered);
    cookies.push(page.next);
    if (page.next === null) break;
    after = page.next;
  }
  t.strictSame(names, ['user-3', 'user-9', 'user-4000']);
  t.strictSame(covered, SLOTS_USED);
  t.ok(cookies.length > 1, `${cookies.length} pages`);
});
