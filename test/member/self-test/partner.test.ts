/** Two backends look at one storage, each through its own mount; the mounts break their promises one at a time. */
import t from 'tap';
import { SELF_TEST_SERVICE, servePartner, tryTogether } from '../../../src/member/self-test/partner.ts';
import { makePlace } from '../../../src/member/self-test/place.ts';
import type { Finding, Verdict } from '../../../src/member/self-test/types.ts';
import type { Fs } from '../../../src/platform/platform.ts';
import { MemoryHub } from '../../cluster/memory-bus.ts';
import { fsError } from '../../support/file-tree.ts';
import { type MemoryPlatform, memoryPlatform } from '../../support/memory-platform.ts';
import { createAnyway, faulty } from './faulty-fs.ts';

const ROOT = '/s';

interface Bed {
  readonly platform: MemoryPlatform;
  /** What `be1` finds with its mount; `theirs` is the partner's. */
  readonly find: (ours?: Partial<Fs>, theirs?: Partial<Fs>) => Promise<readonly Finding[]>;
}

function bed(): Bed {
  const platform = memoryPlatform();
  const { fs, clock } = platform;
  return {
    platform,
    find: async (ours = {}, theirs = {}) => {
      const hub = new MemoryHub(clock);
      const [asker, partner] = [hub.bus('be1', 'worker', 'a'), hub.bus('be2', 'supervisor', 'b')];
      servePartner(partner, faulty(fs, theirs), ROOT);
      const place = await makePlace(platform, ROOT, 'be1');
      const options = { fs: faulty(fs, ours), clock, bus: asker, place, partners: [partner.self.address] };
      return settled(platform, tryTogether(options));
    },
  };
}

/** Lets the clock run until the work is done. */
async function settled<T>({ clock }: MemoryPlatform, work: Promise<T>): Promise<T> {
  let isDone = false;
  void work.finally(() => (isDone = true)).catch(() => undefined);
  for (let round = 0; !isDone && round < 2000; round++) await clock.advance(5);
  return work;
}

function verdicts(found: readonly Finding[]): readonly (readonly [string, Verdict])[] {
  return found.map(({ check, verdict }) => [check, verdict] as const);
}

void t.test('one storage, seen by both', async (t) => {
  const { find } = bed();
  t.same(verdicts(await find()), [
    ['visibility', 'fine'],
    ['fence', 'fine'],
  ]);
});

void t.test('another directory, or one that is never looked at again', async (t) => {
  const { find, platform } = bed();
  const other = memoryPlatform();
  await other.fs.makeDirectory(ROOT);
  const elsewhere: Partial<Fs> = {
    createExclusive: (path) => {
      other.fs.put(path.replace(/\/[^/]*$/, '/x'), Buffer.alloc(0));
      return other.fs.createExclusive(path);
    },
  };
  t.match((await find({}, elsewhere))[0], { check: 'visibility', verdict: 'refused', what: /first file/ });
  let first: string[] | undefined;
  const stale = { list: async (path: string) => (first ??= await platform.fs.list(path)) };
  t.match((await find(stale))[0], {
    check: 'visibility',
    verdict: 'refused',
    what: /just created is not listed/,
  });
});

void t.test('both win', async (t) => {
  const { find, platform } = bed();
  const anyway = { createExclusive: (path: string) => createAnyway(platform.fs, path) };
  t.match((await find(anyway, anyway))[0], {
    check: 'visibility',
    verdict: 'refused',
    what: /both have won/,
  });
});

void t.test('a client that goes by the time of the directory, which moves in ticks', async (t) => {
  const { find, platform } = bed();
  const tickMs = 10;
  let cached: { readonly names: string[]; readonly tick: number } | undefined;
  let changed = 0;
  const tick = (): number => Math.floor(platform.clock.monotonicMs() / tickMs);
  const theirs: Partial<Fs> = {
    async createExclusive(path) {
      const file = await platform.fs.createExclusive(path);
      changed = tick();
      return file;
    },
  };
  const ours: Partial<Fs> = {
    async list(path) {
      if (cached === undefined || cached.tick !== changed)
        cached = { names: await platform.fs.list(path), tick: changed };
      return cached.names;
    },
    // Its own changes it sees.
    async createExclusive(path) {
      cached = undefined;
      return platform.fs.createExclusive(path);
    },
  };
  const found = await find(ours, theirs);
  t.match(found[0], { check: 'visibility', verdict: 'fine' });
  t.match(found[1], { check: 'fence', verdict: 'warned', what: /StorageFence is not available/ });
});

void t.test('nobody there, or somebody who gives up: not tried, and no reason not to start', async (t) => {
  const { find, platform } = bed();
  const io = { createExclusive: (path: string) => Promise.reject(fsError('EIO', 'open', path)) };
  t.same(verdicts(await find({}, io)), [
    ['visibility', 'unknown'],
    ['fence', 'unknown'],
  ]);
  const { clock, fs } = platform;
  const bus = new MemoryHub(clock).bus('be1', 'worker', 'a');
  const place = await makePlace(platform, ROOT, 'be1');
  for (const partners of [[], [{ host: '127.0.0.1', port: 9 }]])
    t.same(verdicts(await settled(platform, tryTogether({ fs, clock, bus, place, partners }))), [
      ['visibility', 'unknown'],
      ['fence', 'unknown'],
    ]);
});

void t.test('what our own mount says is not the partner’s fault', async (t) => {
  const { find } = bed();
  await t.rejects(find({ list: (path) => Promise.reject(fsError('ESTALE', 'list', path)) }), {
    code: 'ESTALE',
  });
});

void t.test('a partner makes nothing outside the asker’s own directory', async (t) => {
  const platform = memoryPlatform();
  const { clock, fs } = platform;
  const hub = new MemoryHub(clock);
  const [asker, partner] = [hub.bus('be1', 'worker', 'a'), hub.bus('be2', 'supervisor', 'b')];
  servePartner(partner, fs, ROOT);
  const token = '0123456789abcdef';
  const ask = (body: unknown) =>
    settled(platform, asker.call(partner.self.address, SELF_TEST_SERVICE, body as never, { timeoutMs: 100 }));
  for (const body of [
    {},
    { token: '../../../be3', number: 1 },
    { token: `${token}/..`, number: 1 },
    { token: token.toUpperCase(), number: 1 },
    { token, number: 1001 },
    { token, number: -1 },
    { token, number: '../x' },
    null,
  ])
    await t.rejects(ask(body), { code: 'invalid' }, JSON.stringify(body));
  t.equal(fs.calls.get('createExclusive'), undefined);
  await t.rejects(ask({ token, number: 1 }), 'no directory is made for it');
});
