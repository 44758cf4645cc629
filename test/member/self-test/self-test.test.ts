/** Each promise that a storage may break is found, is told in words, and nothing is left of the looking. */
import t, { type Test } from 'tap';
import { PROBES, SLOW_SYNC_MS } from '../../../src/member/self-test/probes.ts';
import { CHECK_MS_MAX, selfTest } from '../../../src/member/self-test/self-test.ts';
import type { CheckName, Finding, Verdict } from '../../../src/member/self-test/types.ts';
import type { AppendFile, Fs, ReadFile } from '../../../src/platform/platform.ts';
import { fsError } from '../../support/file-tree.ts';
import type { MemoryFs } from '../../support/memory-fs.ts';
import { type MemoryPlatform, memoryPlatform } from '../../support/memory-platform.ts';
import { createAnyway, faulty } from './faulty-fs.ts';

const ROOT = '/s';
const MOUNT = { path: ROOT, text: '1 2 0:1 / /s rw - nfs4 filer:/mail rw,vers=4.2,hard,proto=tcp\n' };

async function bed(): Promise<MemoryPlatform> {
  const platform = memoryPlatform();
  await platform.fs.makeDirectory(`${ROOT}/.cluster`);
  return platform;
}

function run(platform: MemoryPlatform, fs: Fs = platform.fs): Promise<readonly Finding[]> {
  const { clock, random } = platform;
  return selfTest({ fs, clock, random, root: ROOT, member: 'be1', mount: MOUNT });
}

async function clean(t: Test, fs: MemoryFs): Promise<void> {
  t.same(await fs.list(`${ROOT}/.cluster/self-test/be1`), [], 'nothing is left');
  t.equal(fs.openFiles.size, 0, 'nor open');
}

void t.test('a storage that keeps its promises', async (t) => {
  const platform = await bed();
  const found = await run(platform);
  t.same(
    found.map(({ check, verdict }) => [check, verdict]),
    ['mount', ...PROBES.map(([check]) => check)].map((check) => [check, 'fine']),
  );
  await clean(t, platform.fs);
});

void t.test('what a killed start has left is in nobody’s way', async (t) => {
  const platform = await bed();
  platform.fs.put(`${ROOT}/.cluster/self-test/be1/0123456789abcdef/once`, Buffer.from('x'));
  platform.fs.put(`${ROOT}/.cluster/self-test/be2/0123456789abcdef/once`, Buffer.from('x'));
  t.ok((await run(platform)).every(({ verdict }) => verdict === 'fine'));
  await clean(t, platform.fs);
  t.equal((await platform.fs.list(`${ROOT}/.cluster/self-test/be2`)).length, 1, 'another member’s stays');
});

type Broken = (fs: MemoryFs, platform: MemoryPlatform) => Partial<Fs>;

const CASES: readonly (readonly [string, CheckName, Verdict, RegExp, Broken])[] = [
  [
    'O_EXCL is ignored',
    'exclusive',
    'refused',
    /of 8 creations of one name [2-8] have won/,
    (fs) => ({ createExclusive: (path) => createAnyway(fs, path) }),
  ],
  [
    'nobody may create',
    'exclusive',
    'refused',
    /EACCES/,
    (fs) => ({ createExclusive: failing('EACCES', /once$/, (path) => fs.createExclusive(path)) }),
  ],
  [
    'a synced write fails',
    'durable',
    'refused',
    /EIO/,
    (fs) => ({
      createExclusive: writes(fs, /durable$/, () => Promise.reject(fsError('EIO', 'write', '/s'))),
    }),
  ],
  [
    'a directory is not synced',
    'durable',
    'refused',
    /EINVAL/,
    (fs) => ({ syncDirectory: failing('EINVAL', /self-test/, (path) => fs.syncDirectory(path)) }),
  ],
  [
    'the second write lands at the place of the first',
    'read-back',
    'refused',
    /came back/,
    (fs) => ({ createExclusive: writes(fs, /log$/, (file, chunks) => file.writeDurably(chunks, 0)) }),
  ],
  [
    'other octets come back',
    'read-back',
    'refused',
    /came back, others/,
    (fs) => ({ open: (path) => garbled(fs, path) }),
  ],
  [
    'writes are slow',
    'latency',
    'warned',
    /takes 80\.0 ms/,
    (fs, { clock }) => ({
      createExclusive: writes(fs, /latency$/, async (file, chunks, position) => {
        await file.writeDurably(chunks, position);
        await clock.advance(80);
      }),
    }),
  ],
  [
    'names are short',
    'names',
    'refused',
    /255 octets is refused \(ENAMETOOLONG\)/,
    (fs) => ({ createExclusive: failing('ENAMETOOLONG', /[^/]{144,}$/, (path) => fs.createExclusive(path)) }),
  ],
  [
    'names are of one alphabet',
    'names',
    'refused',
    /EILSEQ/,
    (fs) => ({ createExclusive: failing('EILSEQ', /[^\0-\x7f][^/]*$/, (path) => fs.createExclusive(path)) }),
  ],
  [
    'names are decomposed',
    'names',
    'refused',
    /does not come back as it was given: ü/,
    (fs) => ({ list: async (path) => (await fs.list(path)).map((name) => name.normalize('NFD')) }),
  ],
  [
    'names are folded',
    'names',
    'refused',
    /does not come back as it was given: Übergröße/,
    (fs) => ({ list: async (path) => (await fs.list(path)).map((name) => name.toLowerCase()) }),
  ],
  [
    'it is full',
    'durable',
    'warned',
    /no room: ENOSPC/,
    (fs) => ({ createExclusive: writes(fs, /./, () => Promise.reject(fsError('ENOSPC', 'write', '/s'))) }),
  ],
];

for (const [name, check, verdict, what, broken] of CASES)
  void t.test(name, async (t) => {
    const platform = await bed();
    const found = await run(platform, faulty(platform.fs, broken(platform.fs, platform)));
    const finding = found.find((each) => each.check === check);
    t.equal(finding?.verdict, verdict);
    t.match(finding?.what, what);
    t.not(finding?.next ?? '', '', 'what to do is said');
    await clean(t, platform.fs);
  });

void t.test('full is no reason not to start', async (t) => {
  const platform = await bed();
  const full = faulty(platform.fs, {
    createExclusive: failing('EDQUOT', /./, () => Promise.reject(new Error('not reached'))),
    makeDirectory: failing('EDQUOT', /./, () => Promise.reject(new Error('not reached'))),
  });
  const found = await run(platform, full);
  t.notOk(found.some((each) => each.verdict === 'refused'));
  t.match(found.at(-1), { check: 'exclusive', verdict: 'warned', what: /EDQUOT/ });
});

void t.test('a storage that hangs is refused in time, wherever it hangs', async (t) => {
  const platform = await bed();
  let hangs = /names/;
  platform.fs.before = (_, path) => (hangs.test(path) ? new Promise(() => undefined) : undefined);
  const found = await inTime(platform, run(platform));
  t.match(found.at(-1), { check: 'names', verdict: 'refused', what: /no answer within 10 s/ });
  t.ok(found.filter(({ verdict }) => verdict === 'fine').length >= 4, 'the others are told');
  hangs = /self-test/;
  t.match(await inTime(platform, run(platform)), [
    { check: 'mount' },
    { verdict: 'refused', what: /no answer/ },
  ]);
});

void t.test('the limit of a slow storage', async (t) => {
  for (const [ms, verdict] of [
    [SLOW_SYNC_MS, 'fine'],
    [SLOW_SYNC_MS + 1, 'warned'],
  ] as const) {
    const platform = await bed();
    platform.fs.after = (call, path) =>
      call === 'writeDurably' && path.endsWith('latency') ? platform.clock.advance(ms) : undefined;
    const found = await run(platform);
    t.equal(found.find(({ check }) => check === 'latency')?.verdict, verdict, `${ms} ms`);
  }
});

/** Lets the clock run until the work is done. */
async function inTime<T>({ clock }: MemoryPlatform, work: Promise<T>): Promise<T> {
  let isDone = false;
  void work.finally(() => (isDone = true));
  for (let passed = 0; !isDone && passed <= 4 * CHECK_MS_MAX; passed += 500) await clock.advance(500);
  return work;
}

function failing<T>(
  code: string,
  which: RegExp,
  call: (path: string) => Promise<T>,
): (path: string) => Promise<T> {
  return (path) => (which.test(path) ? Promise.reject(fsError(code, 'call', path)) : call(path));
}

type Write = (file: AppendFile, chunks: readonly Buffer[], position: number) => Promise<void>;

/** Files of these names are written in another way. */
function writes(fs: MemoryFs, which: RegExp, write: Write): Fs['createExclusive'] {
  return async (path) => {
    const file = await fs.createExclusive(path);
    if (!which.test(path)) return file;
    return { writeDurably: (chunks, position) => write(file, chunks, position), close: () => file.close() };
  };
}

async function garbled(fs: MemoryFs, path: string): Promise<ReadFile> {
  const file = await fs.open(path);
  return {
    size: () => file.size(),
    read: async (position, octets) => (await file.read(position, octets)).fill(0, 4096),
    close: () => file.close(),
  };
}
