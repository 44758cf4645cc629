/** What the helpers in memory do beyond the specs in test/platform: hooks, sharing, repeatable randomness. */
import t from 'tap';
import { FileTree } from './file-tree.ts';
import { MemoryFs } from './memory-fs.ts';
import { connectedPair } from './memory-net.ts';
import { memoryPlatform } from './memory-platform.ts';
import { Prng } from './prng.ts';

void t.test('hooks make a call fail before it is done, or after', async (t) => {
  const fs = new MemoryFs();
  fs.put('/d/existing', Buffer.from('x'));
  const file = await fs.createExclusive('/d/1');
  fs.before = (call, path) => {
    if (call === 'writeDurably') throw new Error(`no: ${path}`);
  };
  await t.rejects(file.writeDurably([Buffer.from('a')], 0), { message: 'no: /d/1' });
  t.equal(fs.content('/d/1').length, 0);
  fs.before = undefined;
  await t.rejects(file.writeDurably([Buffer.from('a')], 0), { code: 'EBADF' });
  fs.after = (call) => (call === 'createExclusive' ? Promise.reject(new Error('lost reply')) : undefined);
  await t.rejects(fs.createExclusive('/d/2'), { message: 'lost reply' });
  fs.after = undefined;
  t.same((await fs.list('/d')).sort(), ['1', '2', 'existing']);
  t.equal(fs.calls.get('createExclusive'), 2);
});

void t.test('a hook can hold a call back', async (t) => {
  const fs = new MemoryFs();
  const gate = Promise.withResolvers<void>();
  fs.put('/d/1', Buffer.from('x'));
  fs.before = () => gate.promise;
  let listed = false;
  const listing = fs.list('/d').then(() => {
    listed = true;
  });
  await new Promise(setImmediate);
  t.notOk(listed);
  gate.resolve();
  await listing;
});

void t.test('platforms share files and network, and have their own randomness', async (t) => {
  const first = memoryPlatform();
  const second = memoryPlatform({ fs: first.fs, net: first.net, clock: first.clock, seed: 2 });
  await first.fs.makeDirectory('/d');
  t.same(await second.fs.list('/'), ['d']);
  t.notSame(first.random.bytes(8), second.random.bytes(8));
  t.same(memoryPlatform({ seed: 5 }).random.bytes(8), memoryPlatform({ seed: 5 }).random.bytes(8));
});

void t.test('two ends without a network', async (t) => {
  const [near, far] = connectedPair();
  const received: string[] = [];
  near.start({ data: () => undefined, closed: () => received.push('closed') });
  far.start({ data: (bytes) => received.push(String(bytes)), closed: () => undefined });
  near.write(Buffer.from('a'));
  near.write(Buffer.from('b'));
  near.end();
  await new Promise(setImmediate);
  t.same(received, ['a', 'b', 'closed'], 'a write is one `data`, so that a test can cut where it wants');
});

void t.test('octets written are copied: who reuses a buffer changes nothing', async (t) => {
  const fs = new MemoryFs();
  fs.put('/1', Buffer.from('abc'));
  const bytes = fs.content('/1');
  bytes.fill(0);
  t.equal(String(fs.content('/1')), 'abc');
});

void t.test('numbers of a seed are the same for ever, and fill their range', async (t) => {
  const random = new Prng(42);
  t.same(
    Array.from({ length: 4 }, () => random.uint32()),
    Array.from(
      { length: 4 },
      (() => {
        const again = new Prng(42);
        return () => again.uint32();
      })(),
    ),
  );
  const counts = Array.from({ length: 10 }, () => 0);
  for (let i = 0; i < 10_000; i++) counts[random.below(10)]!++;
  for (const count of counts) t.ok(count > 800 && count < 1200, String(count));
  for (let i = 0; i < 1000; i++) {
    const number = random.between(-3, 3);
    t.ok(number >= -3 && number <= 3);
  }
  t.throws(() => random.below(0), RangeError);
  t.not(new Prng(1).fork('a').uint32(), new Prng(1).fork('b').uint32());
});

void t.test('paths are absolute and plain', async (t) => {
  const tree = new FileTree();
  t.throws(() => tree.makeDirectory('relative'), TypeError);
  t.throws(() => tree.makeDirectory('/a/../b'), TypeError);
  t.same(tree.makeDirectory('/a//b/'), ['/a', '/a/b']);
});
