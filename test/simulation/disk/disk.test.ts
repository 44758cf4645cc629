/** What the simulated storage does beyond the spec of every `Fs`: the facts of shared/nfs.md that the store must survive. */
import t from 'tap';
import type { AppendFile } from '../../../src/platform/platform.ts';
import type { Faults } from '../faults.ts';
import { World } from '../world.ts';

function setUp(faults: Partial<Faults> = {}, seed: number | string = 1) {
  const world = new World({ seed, faults });
  world.storage.tree.makeDirectory('/d');
  const [a, b] = [world.machine('a'), world.machine('b')];
  const holder = a.process('p');
  const taker = b.process('p');
  const settle = <T>(promise: Promise<T>) => world.settle(promise, 120_000);
  const content = (path: string) => {
    const file = world.storage.tree.file(path, 'open');
    return file.read(0, file.size);
  };
  return { world, a, b, holder, taker, h: holder.platform.fs, k: taker.platform.fs, settle, content };
}

/** Runs until the process has a write on its way that has not reached the server. */
function startWrite(file: AppendFile, bytes: Buffer, position = 0): { outcome: string } {
  const state = { outcome: 'none' };
  file.writeDurably([bytes], position).then(
    () => {
      state.outcome = 'durable';
    },
    (error: NodeJS.ErrnoException) => {
      state.outcome = error.code ?? 'error';
    },
  );
  return state;
}

// Section 2: holder stopped or cut, taker acts, the late write succeeds, in the old file.
for (const how of ['pause process', 'pause machine', 'cut storage'] as const)
  void t.test(`late writes succeed: ${how}`, async (t) => {
    const { world, a, holder, h, k, settle, content } = setUp();
    const file = await settle(h.createExclusive('/d/000001.log'));
    const write = startWrite(file, Buffer.from('late'));
    if (how === 'pause process') holder.pause();
    else if (how === 'pause machine') a.pause('still');
    else a.cutStorage();
    await world.run(world.nowMs + 10_000);
    t.equal(write.outcome, 'none');
    t.equal(String(content('/d/000001.log')), how === 'pause process' ? 'late' : '');
    t.same(await settle(k.list('/d')), ['000001.log']);
    await settle(k.createExclusive('/d/000002.log'));
    holder.resume();
    a.resume();
    if (how === 'cut storage') a.healStorage();
    await world.run(() => write.outcome !== 'none', { untilMs: world.nowMs + 2000 });
    t.equal(write.outcome, 'durable');
    t.equal(String(content('/d/000001.log')), 'late');
    if (how !== 'pause process') t.ok(world.counters.of('late-call') > 0);
    await t.rejects(settle(h.createExclusive('/d/000002.log')), { code: 'EEXIST' });
  });

// Section 1: names are believed for 30 s and more, unless their directory was read or opened.
void t.test('a directory seen missing is believed missing, until its parent is listed', async (t) => {
  const { world, h, k, settle } = setUp();
  await t.rejects(settle(k.open('/d/account/1')), { code: 'ENOENT' });
  await settle(h.makeDirectory('/d/account'));
  await settle(h.createExclusive('/d/account/1'));
  await t.rejects(settle(k.open('/d/account/1')), { code: 'ENOENT' }, 'stale');
  await t.rejects(settle(k.list('/d/account')), { code: 'ENOENT' }, 'stale');
  t.equal(world.counters.of('stale-missing'), 2);
  t.same(await settle(k.list('/d')), ['account']);
  await settle(k.open('/d/account/1'));
  t.same(await settle(k.list('/d/account')), ['1']);
});

void t.test('a belief ends by itself, and by making the directory', async (t) => {
  const { world, h, k, settle } = setUp();
  for (const name of ['x', 'y']) await t.rejects(settle(k.list(`/d/${name}`)), { code: 'ENOENT' });
  for (const name of ['x', 'y']) await settle(h.makeDirectory(`/d/${name}`));
  await settle(k.makeDirectory('/d/x'));
  t.same(await settle(k.list('/d/x')), []);
  await world.run(world.nowMs + 61_000);
  t.same(await settle(k.list('/d/y')), []);
  t.equal(world.counters.of('stale-missing'), 0);
});

void t.test('an open file shows its old end for a while; a fresh open or size does not', async (t) => {
  const { world, h, k, settle } = setUp();
  const file = await settle(h.createExclusive('/d/1'));
  await settle(file.writeDurably([Buffer.from('one ')], 0));
  const reader = await settle(k.open('/d/1'));
  await settle(file.writeDurably([Buffer.from('two')], 4));
  t.equal(String(await settle(reader.read(0, 100))), 'one ', 'stale');
  t.equal(world.counters.of('stale-read'), 1);
  await world.run(world.nowMs + 3000);
  t.equal(String(await settle(reader.read(0, 100))), 'one two');
  await settle(file.writeDurably([Buffer.from('!')], 7));
  const fresh = await settle(k.open('/d/1'));
  t.equal(String(await settle(fresh.read(0, 100))), 'one two!');
  t.equal(String(await settle(reader.read(0, 100))), 'one two!', 'refreshed too');
  await settle(file.writeDurably([Buffer.from('?')], 8));
  t.equal(await settle(reader.size()), 9);
});

void t.test('with a coarse server clock, a second change in one tick is not listed', async (t) => {
  const { world, h, k, settle } = setUp({ serverTickMs: 10_000 });
  await settle(h.createExclusive('/d/1'));
  t.same(await settle(k.list('/d')), ['1']);
  await settle(h.createExclusive('/d/2'));
  t.same(await settle(k.list('/d')), ['1'], 'stale');
  t.equal(world.counters.of('stale-list'), 1);
  await world.run(10_001);
  await settle(h.createExclusive('/d/3'));
  t.same((await settle(k.list('/d'))).sort(), ['1', '2', '3']);
});

void t.test('lost replies: done, and reported as EIO; the file takes nothing more', async (t) => {
  const { world, h, settle, content } = setUp();
  const file = await settle(h.createExclusive('/d/1'));
  world.setFaults({ lostReply: 1 });
  await t.rejects(settle(file.writeDurably([Buffer.from('done')], 0)), { code: 'EIO' });
  t.equal(String(content('/d/1')), 'done');
  await t.rejects(settle(h.createExclusive('/d/2')), { code: 'EIO' });
  world.setFaults({ lostReply: 0 });
  await t.rejects(settle(file.writeDurably([Buffer.from('x')], 4)), { code: 'EBADF' });
  await t.rejects(settle(h.createExclusive('/d/2')), { code: 'EEXIST' });
  t.equal(world.counters.of('lost-reply'), 2);
});

void t.test('errors: not done, and reported as EIO; reads are not touched', async (t) => {
  const { world, h, settle, content } = setUp();
  const file = await settle(h.createExclusive('/d/1'));
  world.setFaults({ ioError: 1 });
  await t.rejects(settle(file.writeDurably([Buffer.from('never')], 0)), { code: 'EIO' });
  t.equal(content('/d/1').length, 0);
  t.same(await settle(h.list('/d')), ['1']);
});

void t.test('a full storage refuses what needs space and nothing else', async (t) => {
  const { world, h, settle, content } = setUp();
  const file = await settle(h.createExclusive('/d/1'));
  world.storage.isFull = true;
  await t.rejects(settle(file.writeDurably([Buffer.alloc(9000, 1)], 0)), { code: 'ENOSPC' });
  t.ok(content('/d/1').length <= 9000);
  await t.rejects(settle(h.createExclusive('/d/2')), { code: 'ENOSPC' });
  await t.rejects(settle(h.makeDirectory('/d/e')), { code: 'ENOSPC' });
  await t.rejects(settle(h.replace('/d/3', Buffer.from('x'))), { code: 'ENOSPC' });
  await settle(h.remove('/d/1'));
  world.storage.isFull = false;
  await settle(h.createExclusive('/d/4'));
});

void t.test('storage gone: every call hangs and succeeds when it is back', async (t) => {
  const { world, h, k, settle } = setUp();
  const file = await settle(h.createExclusive('/d/1'));
  world.storage.stop();
  let settled = 0;
  const calls = [file.writeDurably([Buffer.from('x')], 0), k.list('/d'), k.createExclusive('/d/2')];
  for (const call of calls) void call.finally(() => settled++);
  await world.run(30_000);
  t.equal(settled, 0);
  world.storage.start();
  await settle(Promise.all(calls));
});

void t.test('only so many calls of a process are in flight, the others wait', async (t) => {
  const { world, h, settle } = setUp();
  world.storage.stop();
  const calls = Array.from({ length: 20 }, () => h.list('/d'));
  await world.run(1000);
  t.equal(world.counters.of('late-call'), 4);
  world.storage.start();
  await settle(Promise.all(calls));
});

for (const who of ['process', 'machine'] as const)
  void t.test(
    `a crash of a ${who} during a write leaves nothing, all, a prefix, or holes of pages`,
    async (t) => {
      const bytes = Buffer.alloc(20_000, 0xaa);
      const kinds = new Set<string>();
      for (let seed = 1; seed <= 60; seed++) {
        const { world, a, holder, h, settle, content } = setUp({}, seed);
        const file = await settle(h.createExclusive('/d/1'));
        await settle(file.writeDurably([Buffer.from('durable')], 0));
        startWrite(file, bytes, 7);
        if (who === 'process') holder.crash();
        else a.crash();
        await world.run(world.nowMs + 1000);
        const left = content('/d/1');
        t.equal(String(left.subarray(0, 7)), 'durable', `seed ${seed}: what was durable stays`);
        kinds.add(kindOf(left.subarray(7), bytes.length));
      }
      t.same([...kinds].sort(), ['all', 'holes', 'nothing', 'prefix']);
    },
  );

function kindOf(left: Buffer, wanted: number): string {
  if (left.length === 0) return 'nothing';
  if (left.every((octet) => octet === 0xaa)) return left.length === wanted ? 'all' : 'prefix';
  // Page by page (the file begins 7 octets before): whole or zeros.
  for (let from = 0; from < left.length; ) {
    const page = left.subarray(from, from + 4096 - ((from + 7) % 4096));
    if (new Set(page).size !== 1) return 'broken page';
    from += page.length;
  }
  return 'holes';
}

void t.test('a crashed process that is cut: its write may still arrive after the healing', async (t) => {
  let late = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const { world, a, holder, h, settle, content } = setUp({}, seed);
    const file = await settle(h.createExclusive('/d/1'));
    a.cutStorage();
    startWrite(file, Buffer.from('late'));
    holder.crash();
    await world.run(world.nowMs + 20_000);
    t.equal(content('/d/1').length, 0);
    a.healStorage();
    await world.run(world.nowMs + 5000);
    if (content('/d/1').length === 4) late++;
  }
  t.ok(late > 0 && late < 20);
});

void t.test('a machine that is off and was cut never writes late', async (t) => {
  const { world, a, h, settle, content } = setUp();
  const file = await settle(h.createExclusive('/d/1'));
  a.cutStorage();
  startWrite(file, Buffer.from('late'));
  await world.run(world.nowMs + 100);
  a.crash();
  a.healStorage();
  a.start();
  await world.run(world.nowMs + 60_000);
  t.equal(content('/d/1').length, 0);
});

void t.test('a write in two steps can be seen half done', async (t) => {
  let seen = 0;
  for (let seed = 1; seed <= 30 && seen === 0; seed++) {
    const { world, h, k, settle } = setUp({ splitWrite: 1, slowCall: 1, slowMsMax: 500 }, seed);
    const file = await settle(h.createExclusive('/d/1'));
    const writing = file.writeDurably([Buffer.alloc(10_000, 1)], 0);
    for (let i = 0; i < 20; i++) {
      const reader = await settle(k.open('/d/1'));
      const size = await settle(reader.size());
      if (size > 0 && size < 10_000) seen++;
    }
    await settle(writing);
    t.equal(world.counters.of('split-write'), 1);
    const reader = await settle(k.open('/d/1'));
    t.same(await settle(reader.read(0, 20_000)), Buffer.alloc(10_000, 1), 'and is whole in the end');
  }
  t.ok(seen > 0);
});

// Section 3: a dead client blocks changes of files that it had read, and of names beside them.
void t.test('removing what a dead machine had read takes until its NFS lease is over', async (t) => {
  const { world, b, h, k, settle } = setUp({ delegationMs: 13_000 });
  for (const name of ['read', 'unread']) await settle(h.createExclusive(`/d/${name}`));
  await settle(k.open('/d/read'));
  b.crash();
  const startMs = world.nowMs;
  await settle(h.remove('/d/unread'));
  t.ok(world.nowMs - startMs < 100, 'only what was read');
  const removing = h.remove('/d/read');
  await world.run(world.nowMs + 10);
  const creating = h.createExclusive('/d/new');
  t.same((await settle(h.list('/d'))).sort(), ['read'], 'reading goes on');
  await settle(removing);
  t.ok(world.nowMs - startMs >= 13_000);
  await settle(creating);
  t.equal(world.counters.of('delegation-wait'), 1);
  t.same(await settle(h.list('/d')), ['new']);
});

void t.test('a local disk loses names that were not synced, and no others', async (t) => {
  let lost = 0;
  for (let seed = 1; seed <= 30; seed++) {
    const world = new World({ seed });
    const machine = world.machine('a', { storage: 'own' });
    machine.disk.server.tree.makeDirectory('/d');
    const { fs } = machine.process('p').platform;
    const settle = <T>(promise: Promise<T>) => world.settle(promise, 1000);
    const file = await settle(fs.createExclusive('/d/synced'));
    await settle(file.writeDurably([Buffer.from('kept')], 0));
    await settle(fs.syncDirectory('/d'));
    await settle(fs.createExclusive('/d/unsynced'));
    machine.crash();
    machine.start();
    const again = machine.process('p').platform.fs;
    const names = await settle(again.list('/d'));
    t.ok(names.includes('synced'), `seed ${seed}`);
    if (!names.includes('unsynced')) lost++;
    const reader = await settle(again.open('/d/synced'));
    t.equal(String(await settle(reader.read(0, 9))), 'kept');
  }
  t.ok(lost > 0 && lost < 30);
});

void t.test(
  'a crash during replace leaves the old or the new content, perhaps a temporary file',
  async (t) => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 40; seed++) {
      const { world, holder, h, k, settle, content } = setUp({}, seed);
      await settle(h.replace('/d/x', Buffer.from('old')));
      void h.replace('/d/x', Buffer.from('new'));
      holder.crash();
      await world.run(world.nowMs + 100);
      const names = await settle(k.list('/d'));
      seen.add(`${String(content('/d/x'))}${names.length > 1 ? ' and a temporary file' : ''}`);
    }
    t.same([...seen].sort(), ['new', 'old', 'old and a temporary file']);
  },
);

void t.test('one way cut: calls are done and not answered, or only answered', async (t) => {
  const { world, a, h, settle, content } = setUp();
  const file = await settle(h.createExclusive('/d/1'));
  a.cutStorage('replies');
  let isAnswered = false;
  const written = file.writeDurably([Buffer.from('done')], 0).then(() => {
    isAnswered = true;
  });
  await world.run(world.nowMs + 100);
  t.equal(content('/d/1').toString(), 'done', 'the request arrived');
  t.notOk(isAnswered);
  a.healStorage();
  await settle(written);
  a.cutStorage('requests');
  const lost = file.writeDurably([Buffer.from('late')], 4);
  await world.run(world.nowMs + 3000);
  t.equal(content('/d/1').toString(), 'done', 'the request did not');
  a.healStorage();
  await settle(lost);
  t.equal(content('/d/1').toString(), 'donelate');
  t.ok(world.counters.of('late-write') > 0, 'a write that succeeds so late is counted');
});

void t.test('a mount that vanished is an empty directory, and then itself again', async (t) => {
  const { world, a, h, settle, content } = setUp();
  const file = await settle(h.createExclusive('/d/1'));
  a.harmStorage('vanished');
  t.same(await settle(h.list('/')), ['d'], 'the mount point is there');
  t.same(await settle(h.list('/d')), []);
  await t.rejects(settle(h.open('/d/1')), { code: 'ENOENT' });
  await settle(h.createExclusive('/d/elsewhere'));
  await settle(file.writeDurably([Buffer.from('x')], 0));
  t.equal(content('/d/1').toString(), 'x', 'what was open is open');
  a.healStorage();
  t.same(await settle(h.list('/d')), ['1'], 'and what was made meanwhile lies below the mount');
  t.equal(world.counters.of('storage-vanished'), 1);
});

void t.test('a failing storage: EIO, and of a write nothing, a part or all', async (t) => {
  const { a, h, settle, content } = setUp();
  const lengths = new Set<number>();
  a.harmStorage('failing');
  for (let i = 0; i < 60; i++) {
    const path = `/d/${i}`;
    const file = await settle(h.createExclusive(path)).catch(() => undefined);
    const error = await settle(file?.writeDurably([Buffer.alloc(10, 1)], 0) ?? Promise.resolve()).then(
      () => undefined,
      (reason: NodeJS.ErrnoException) => reason,
    );
    if (error === undefined) continue;
    t.equal(error.code, 'EIO');
    lengths.add(content(path).length);
  }
  t.ok(lengths.has(0) && lengths.has(10), `left behind: ${[...lengths].join(' ')} octets`);
});

void t.test('a full pool: calls wait for a thread, and whoever held it gives it back', async (t) => {
  const { world, holder, h, settle } = setUp();
  const end = holder.fs.holdThreads(8);
  let isListed = false;
  const listed = h.list('/d').then(() => {
    isListed = true;
  });
  await world.run(world.nowMs + 5000);
  t.notOk(isListed, 'no thread is free');
  t.equal(world.counters.of('pool-full'), 1);
  end();
  await settle(listed);
});
