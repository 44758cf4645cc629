/** Names over a cluster of two workers: create, resolve, rename, aliases, delete, list; what is refused and how. */
import t from 'tap';
import { failureCode } from '../../src/lib/failure.ts';
import { newAccount } from '../../src/store/account/initial.ts';
import type { DomainId, ObjectId } from '../../src/store/ids.ts';
import { ALIASES_MAX } from '../../src/store/slot/limits.ts';
import { slotOf, slotOfObject } from '../../src/store/slots.ts';
import { ALL_SLOTS, ROOT, TestCluster } from './cluster.ts';
import { expectAtRest } from './consistency.ts';

const ONE = 1 as DomainId;
const TWO = 2 as DomainId;
const WORDS = ['joe', 'jim', 'ann', 'eve', 'max', 'ida'];
const NAMES = [ONE, TWO].flatMap((domainId) => WORDS.map((name) => ({ domainId, name })));
const SLOTS_USED = NAMES.map(({ domainId, name }) => slotOf(domainId, name));

async function code(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => 'ok',
    (error: unknown) => failureCode(error) ?? String(error),
  );
}

void t.test('an account is found by its names, through every change of them', async (t) => {
  const cluster = new TestCluster(SLOTS_USED);
  const { names } = cluster;
  const run = <T>(work: Promise<T>) => cluster.until(work);
  const id = await run(names.createAccount(ONE, 'joe', new Map([['k', Buffer.from('v')]])));
  t.match(id, { domainId: ONE, name: 'joe', serial: /^[0-9a-f]+-[0-9a-f]+$/ });
  t.strictSame(await run(names.resolve(ONE, 'joe', 1000)), { kind: 'account', object: id });
  t.strictSame(await run(names.resolve(ONE, 'jim', 1000)), { kind: 'unknown' });
  t.strictSame(await run(names.resolve(TWO, 'joe', 1000)), { kind: 'unknown' }, 'another domain');

  await run(names.setAliases(ONE, 'joe', ['jim', 'ann', 'jim', 'joe']));
  t.strictSame(
    await run(names.aliases(ONE, 'joe')),
    ['ann', 'jim'],
    'sorted, once each, without the name itself',
  );
  t.strictSame(await run(names.aliases(ONE, 'jim')), ['ann', 'jim'], 'asked for under an alias');
  t.strictSame(await run(names.resolve(ONE, 'ann', 1000)), { kind: 'account', object: id });

  await run(names.renameAccount(ONE, 'joe', ONE, 'ann'));
  t.strictSame(await run(names.aliases(ONE, 'ann')), ['jim'], 'the new name is an alias no longer');
  t.strictSame(await run(names.resolve(ONE, 'joe', 1000)), { kind: 'unknown' });
  t.strictSame(
    await run(names.resolve(ONE, 'ann', 1000)),
    { kind: 'account', object: id },
    'the object is the same',
  );

  await run(names.renameAccount(ONE, 'ann', TWO, 'eve'));
  t.strictSame(
    await run(names.resolve(TWO, 'jim', 1000)),
    { kind: 'account', object: id },
    'its aliases go with it',
  );
  t.strictSame(await run(names.resolve(ONE, 'jim', 1000)), { kind: 'unknown' });

  const world = await expectAtRest(t, cluster, SLOTS_USED, NAMES, 'at rest');
  t.strictSame([...world.leadsTo.keys()].sort(), ['2/eve', '2/jim']);

  await run(names.deleteAccount(TWO, 'eve'));
  t.strictSame(await run(names.resolve(TWO, 'eve', 1000)), { kind: 'unknown' });
  t.equal(await run(code(names.aliases(TWO, 'jim'))), 'not-found');
  t.equal((await expectAtRest(t, cluster, SLOTS_USED, NAMES, 'at rest')).leadsTo.size, 0);
});

void t.test('what cannot be is refused, and changes nothing', async (t) => {
  const cluster = new TestCluster([...SLOTS_USED, slotOf(9 as DomainId, 'joe')]);
  const { names } = cluster;
  const run = <T>(work: Promise<T>) => cluster.until(work);
  await run(names.createAccount(ONE, 'joe', new Map()));
  await run(names.createAccount(ONE, 'ann', new Map()));
  await run(names.setAliases(ONE, 'ann', ['eve']));
  const cases: readonly (readonly [string, () => Promise<unknown>, string])[] = [
    ['create a name that is there', () => names.createAccount(ONE, 'joe', new Map()), 'exists'],
    ['create a name that is an alias', () => names.createAccount(ONE, 'eve', new Map()), 'exists'],
    ['create in no domain', () => names.createAccount(9 as DomainId, 'joe', new Map()), 'not-found'],
    ['create a bad name', () => names.createAccount(ONE, 'a b', new Map()), 'invalid'],
    ['rename onto another', () => names.renameAccount(ONE, 'joe', ONE, 'ann'), 'exists'],
    ['rename onto an alias of another', () => names.renameAccount(ONE, 'joe', ONE, 'eve'), 'exists'],
    ['rename what is not there', () => names.renameAccount(ONE, 'max', ONE, 'ida'), 'not-found'],
    ['rename by an alias', () => names.renameAccount(ONE, 'eve', ONE, 'ida'), 'not-found'],
    ['rename into no domain', () => names.renameAccount(ONE, 'joe', 9 as DomainId, 'joe'), 'not-found'],
    ['delete by an alias', () => names.deleteAccount(ONE, 'eve'), 'not-found'],
    ['alias that is taken', () => names.setAliases(ONE, 'joe', ['jim', 'ann']), 'exists'],
    ['alias that is no name', () => names.setAliases(ONE, 'joe', ['']), 'invalid'],
    [
      'too many aliases',
      () =>
        names.setAliases(
          ONE,
          'joe',
          Array.from({ length: ALIASES_MAX + 1 }, (_, i) => `x${i}`),
        ),
      'limit',
    ],
  ];
  for (const [what, act, expected] of cases) t.equal(await run(code(act())), expected, what);
  const world = await expectAtRest(t, cluster, SLOTS_USED, NAMES, 'at rest');
  t.strictSame([...world.leadsTo.keys()].sort(), ['1/ann', '1/eve', '1/joe'], 'jim was given back');
  t.equal(
    await run(code(names.createAccount(ONE, 'jim', new Map()))),
    'ok',
    'a name given back can be taken',
  );
});

void t.test('a name created again is a new object in a new directory', async (t) => {
  const cluster = new TestCluster(SLOTS_USED);
  const { names } = cluster;
  const run = <T>(work: Promise<T>) => cluster.until(work);
  const first = await run(names.createAccount(ONE, 'joe', new Map()));
  await run(names.renameAccount(ONE, 'joe', ONE, 'max'));
  const second = await run(names.createAccount(ONE, 'joe', new Map()));
  await run(names.deleteAccount(ONE, 'joe'));
  const third = await run(names.createAccount(ONE, 'joe', new Map()));
  t.equal(new Set([first, second, third].map(({ serial }) => serial)).size, 3);
  const directories = await cluster.fs.list(`${ROOT}/one.example`);
  t.strictSame(
    directories.sort(),
    ['joe.macnt', `joe.${second.serial}.macnt`, `joe.${third.serial}.macnt`].sort(),
  );
  await expectAtRest(t, cluster, SLOTS_USED, NAMES, 'at rest');
});

void t.test('a domain that is being deleted takes no name, but loses some', async (t) => {
  const cluster = new TestCluster(SLOTS_USED);
  const { names } = cluster;
  const run = <T>(work: Promise<T>) => cluster.until(work);
  await run(names.createAccount(ONE, 'joe', new Map()));
  await run(names.setAliases(ONE, 'joe', ['jim', 'ann']));
  await run(names.createAccount(TWO, 'eve', new Map()));
  cluster.settings.put({ id: ONE, name: 'one.example', shared: true, deleting: true });
  t.equal(await run(code(names.createAccount(ONE, 'max', new Map()))), 'refused');
  t.equal(await run(code(names.setAliases(ONE, 'joe', ['max']))), 'refused');
  t.equal(await run(code(names.renameAccount(TWO, 'eve', ONE, 'eve'))), 'refused');
  t.equal(await run(code(names.setAliases(ONE, 'joe', ['jim']))), 'ok');
  t.equal(await run(code(names.renameAccount(ONE, 'joe', TWO, 'joe'))), 'ok', 'out of it');
  t.equal(await run(code(names.deleteAccount(TWO, 'joe'))), 'ok');
});

void t.test('a listing covers every slot, in pages, also while slots move', async (t) => {
  const cluster = new TestCluster(ALL_SLOTS, 3);
  const { names } = cluster;
  const run = <T>(work: Promise<T>) => cluster.until(work);
  const created = Array.from({ length: 30 }, (_, i) => `user${i}`);
  await run(Promise.all(created.map((name) => names.createAccount(ONE, name, new Map()))));
  await run(names.createAccount(TWO, 'other', new Map()));
  await run(names.setAliases(ONE, 'user3', ['three']));
  t.strictSame(await run(names.listAccounts(ONE)), created.toSorted(), 'present names only');
  t.strictSame(await run(names.listAccounts(TWO)), ['other']);
  const listing = names.listAccounts(ONE);
  cluster.kill(cluster.workers[1]!);
  t.strictSame(await run(listing), created.toSorted(), 'with an owner lost meanwhile');
});

void t.test('a repeated request is answered, not done again', async (t) => {
  const cluster = new TestCluster(SLOTS_USED);
  const router = cluster.router(undefined);
  const run = <T>(work: Promise<T>) => cluster.until(work);
  const options = { timeoutMs: 1000, repeatable: true };
  const slot = slotOf(ONE, 'joe');
  const create = { domainId: ONE, name: 'joe', initial: [], request: 'r1' };
  const first = await run(router.call(slot, 'directory.create', create, options));
  t.strictSame(await run(router.call(slot, 'directory.create', create, options)), first);
  t.equal(
    await run(code(router.call(slot, 'directory.create', { ...create, request: 'r2' }, options))),
    'exists',
  );
  const { object } = first as { object: { domainId: DomainId; name: string; serial: string } };
  const rename = (to: string, name: string, request: string) =>
    router.call(
      slot,
      'directory.change',
      { object, domainId: ONE, name, request, change: { kind: 'rename', to: { domainId: ONE, name: to } } },
      options,
    );
  await run(Promise.all([rename('jim', 'joe', 'r3'), rename('jim', 'joe', 'r3')]));
  await run(rename('joe', 'jim', 'r4'));
  await run(rename('jim', 'joe', 'r3'));
  const world = await expectAtRest(t, cluster, SLOTS_USED, NAMES, 'at rest');
  t.strictSame([...world.leadsTo.keys()], ['1/joe'], 'a late copy of an earlier request changes nothing');
});

void t.test('bodies of another form are refused as the peer’s mistake', async (t) => {
  const cluster = new TestCluster(SLOTS_USED);
  const router = cluster.router(undefined);
  const options = { timeoutMs: 100, repeatable: false };
  const good = { slot: 5, epoch: 1, modseq: 2 };
  const bad: readonly (readonly [string, Record<string, unknown>])[] = [
    ['directory.resolve', {}],
    ['directory.resolve', { domainId: 1, name: 'UPPER' }],
    ['directory.resolve', { domainId: -1, name: 'joe' }],
    ['directory.entry', { object: 'joe' }],
    ['directory.create', { domainId: 1, name: 'joe', initial: [], request: '' }],
    ['directory.create', { domainId: 1, name: 'joe', initial: [['k', 'no octets']], request: 'r' }],
    ['directory.change', { object: { domainId: 1, name: 'joe', serial: '1-1' }, request: 'r', change: {} }],
    ['directory.step', { slot: 5000 }],
    ['directory.step', { slot: 5, kind: 'reserve', intent: good, epoch: 1, lowestOpen: 3 }],
    [
      'directory.step',
      { slot: 5, kind: 'reserve', intent: { ...good, slot: 9999 }, epoch: 1, lowestOpen: 1 },
    ],
    ['directory.intent', { intent: null }],
    ['directory.list', { domainId: 1, after: 'x' }],
  ];
  for (const [service, body] of bad)
    t.equal(
      await cluster.until(code(router.call(SLOTS_USED[0]!, service, body, options))),
      'invalid',
      service,
    );
});

void t.test(
  'a new account has the usual mailboxes, the same for every owner; its maker may say others',
  async (t) => {
    const cluster = new TestCluster(SLOTS_USED);
    const { names } = cluster;
    const run = <T>(work: Promise<T>) => cluster.until(work);
    const joe = await run(names.createAccount(ONE, 'joe', new Map([['k', Buffer.from('v')]])));
    const bare = newAccount(0, new Map(), []);
    const ann = await run(names.createAccount(ONE, 'ann', bare));
    const look = async (id: ObjectId) => {
      using handle = await run(cluster.owner(slotOfObject(id))!.host.account(id));
      return handle.account
        .mailboxes()
        .map(({ name, specialUse, uidValidity }) => [name, specialUse, uidValidity]);
    };
    const first = await look(joe);
    t.strictSame(
      first.map(([name]) => name),
      ['Archive', 'Drafts', 'INBOX', 'Junk', 'Sent', 'Trash'],
    );
    t.strictSame(
      first.map(([, use]) => use),
      ['\\Archive', '\\Drafts', undefined, '\\Junk', '\\Sent', '\\Trash'],
    );
    t.strictSame(
      (await look(ann)).map(([name]) => name),
      ['INBOX'],
    );
    cluster.kill(cluster.owner(slotOfObject(joe))!);
    t.strictSame(await look(joe), first, 'UIDVALIDITYs too');
  },
);
