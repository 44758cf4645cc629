/** What every `Fs` must do, run against the real one, the one in memory and the simulated one. */
import type { Test } from 'tap';
import type { Fs } from '../../src/platform/platform.ts';

export interface FsWorld {
  readonly fs: Fs;
  /** The files as another process sees them. */
  readonly other: Fs;
  /** An empty directory. */
  readonly root: string;
  readonly kind: 'nfs' | 'local';
  /** Lets the world go on until the promise is settled. */
  run<T>(body: () => Promise<T>): Promise<T>;
}

export function fsSpec(t: Test, make: (t: Test) => Promise<FsWorld>): void {
  const spec = (name: string, body: (t: Test, world: FsWorld) => Promise<void>) =>
    void t.test(name, async (t) => {
      const world = await make(t);
      await world.run(() => body(t, world));
    });

  spec('creates exclusively: one winner, however many try', async (t, { fs, other, root }) => {
    const path = `${root}/000001.log`;
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => (index % 2 ? fs : other).createExclusive(path)),
    );
    t.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const result of results)
      if (result.status === 'rejected') t.match(result.reason, { code: 'EEXIST' });
    for (const result of results) if (result.status === 'fulfilled') await result.value.close();
    await t.rejects(fs.createExclusive(path), { code: 'EEXIST' }, 'later too, closed or not');
  });

  spec('refuses to create in a directory that is not there', async (t, { fs, root }) => {
    await t.rejects(fs.createExclusive(`${root}/none/1`), { code: 'ENOENT' });
    await t.rejects(fs.createExclusive(root), { code: 'EEXIST' });
  });

  spec('writes chunks one after another at a place, others read them', async (t, { fs, other, root }) => {
    const file = await fs.createExclusive(`${root}/a`);
    await file.writeDurably([Buffer.from('one '), Buffer.alloc(0), Buffer.from('two ')], 0);
    await file.writeDurably([], 8);
    await file.writeDurably([Buffer.from('three')], 8);
    const reader = await other.open(`${root}/a`);
    t.equal(await reader.size(), 13);
    t.equal(String(await reader.read(0, 100)), 'one two three');
    t.equal(String(await reader.read(4, 3)), 'two');
    t.equal((await reader.read(13, 5)).length, 0, 'at the end');
    t.equal((await reader.read(50, 5)).length, 0, 'beyond the end');
    t.equal(String(await reader.read(0, Number.MAX_SAFE_INTEGER)), 'one two three', 'whatever there is');
    await reader.close();
    await file.close();
  });

  spec(
    'writes more chunks than one system call takes, and more octets than one read gives',
    async (t, { fs, root }) => {
      const chunks = Array.from({ length: 3000 }, (_, index) => Buffer.alloc(700, index));
      const file = await fs.createExclusive(`${root}/many`);
      await file.writeDurably(chunks, 0);
      const reader = await fs.open(`${root}/many`);
      t.equal((await reader.read(0, 3_000_000)).compare(Buffer.concat(chunks)), 0);
      await reader.close();
      await file.close();
    },
  );

  spec('fills a gap with zeros', async (t, { fs, root }) => {
    const file = await fs.createExclusive(`${root}/gap`);
    await file.writeDurably([Buffer.from('x')], 3);
    const reader = await fs.open(`${root}/gap`);
    t.same(await reader.read(0, 10), Buffer.from('\0\0\0x'));
    await reader.close();
    await file.close();
  });

  spec('shows what was appended to who has the file open, by its size', async (t, { fs, root }) => {
    const file = await fs.createExclusive(`${root}/grows`);
    const reader = await fs.open(`${root}/grows`);
    t.equal(await reader.size(), 0);
    await file.writeDurably([Buffer.from('12345')], 0);
    t.equal(await reader.size(), 5);
    t.equal(String(await reader.read(0, 9)), '12345');
    await reader.close();
    await file.close();
  });

  spec('takes and gives nothing after close', async (t, { fs, root }) => {
    const file = await fs.createExclusive(`${root}/closed`);
    await file.close();
    await file.close();
    await t.rejects(file.writeDurably([Buffer.from('x')], 0), { code: 'EBADF' });
    const reader = await fs.open(`${root}/closed`);
    await reader.close();
    await reader.close();
    await t.rejects(reader.read(0, 1), { code: 'EBADF' });
    await t.rejects(reader.size(), { code: 'EBADF' });
  });

  spec('refuses two writes at a time', async (t, { fs, root }) => {
    const file = await fs.createExclusive(`${root}/two`);
    const first = file.writeDurably([Buffer.from('first')], 0);
    await t.rejects(file.writeDurably([Buffer.from('second')], 5));
    await first;
    await file.writeDurably([Buffer.from('third')], 5);
    await file.close();
  });

  spec('gives no octets of a directory', async (t, { fs, root }) => {
    const look = async () => {
      const reader = await fs.open(root);
      try {
        await reader.read(0, 1);
      } finally {
        await reader.close();
      }
    };
    await t.rejects(look(), { code: 'EISDIR' });
  });

  spec('lists names, without what NFS leaves behind', async (t, { fs, other, root }) => {
    await t.rejects(fs.list(`${root}/none`), { code: 'ENOENT' });
    t.same(await fs.list(root), []);
    for (const name of ['b', 'a', '.nfs0001', '.hidden'])
      await (await fs.createExclusive(`${root}/${name}`)).close();
    t.same((await other.list(root)).sort(), ['.hidden', 'a', 'b']);
    await t.rejects(fs.list(`${root}/a`), { code: 'ENOTDIR' });
  });

  spec('finds a file that was missing when last looked for', async (t, { fs, other, root }) => {
    await t.rejects(other.open(`${root}/late`), { code: 'ENOENT' });
    await (await fs.createExclusive(`${root}/late`)).close();
    await (await other.open(`${root}/late`)).close();
  });

  spec('makes directories with their parents, again without complaint', async (t, { fs, other, root }) => {
    await fs.makeDirectory(`${root}/x/y/z`);
    await other.makeDirectory(`${root}/x/y/z`);
    await fs.makeDirectory(`${root}/x/y/w`);
    t.same((await fs.list(`${root}/x/y`)).sort(), ['w', 'z']);
    await fs.syncDirectory(`${root}/x/y`);
    await (await fs.createExclusive(`${root}/x/file`)).close();
    await t.rejects(fs.makeDirectory(`${root}/x/file`), { code: 'EEXIST' });
    await t.rejects(fs.makeDirectory(`${root}/x/file/below`), { code: 'ENOTDIR' });
    await t.rejects(fs.syncDirectory(`${root}/none`), { code: 'ENOENT' });
  });

  spec('replaces a file whole and leaves nothing else', async (t, { fs, other, root }) => {
    for (const content of ['first', 'a second, longer one', 'third', '']) {
      await fs.replace(`${root}/derived`, Buffer.from(content));
      const reader = await other.open(`${root}/derived`);
      t.equal(String(await reader.read(0, 100)), content);
      await reader.close();
    }
    t.same(await fs.list(root), ['derived']);
    await t.rejects(fs.replace(`${root}/none/x`, Buffer.from('x')), { code: 'ENOENT' });
    await fs.makeDirectory(`${root}/directory`);
    await t.rejects(fs.replace(`${root}/directory`, Buffer.from('x')), { code: 'EISDIR' });
    t.same((await fs.list(root)).sort(), ['derived', 'directory']);
  });

  spec('replaces concurrently: one of them wins, none is torn', async (t, { fs, root }) => {
    await Promise.all(
      Array.from({ length: 6 }, (_, index) => fs.replace(`${root}/race`, Buffer.alloc(5000, index))),
    );
    const reader = await fs.open(`${root}/race`);
    const bytes = await reader.read(0, 10_000);
    t.same(bytes, Buffer.alloc(5000, bytes[0]));
    await reader.close();
    t.same(await fs.list(root), ['race']);
  });

  spec('removes files and trees, also when they are gone', async (t, { fs, other, root }) => {
    await (await fs.createExclusive(`${root}/file`)).close();
    await fs.remove(`${root}/file`);
    await fs.remove(`${root}/file`);
    await fs.remove(`${root}/none/file`);
    await fs.makeDirectory(`${root}/tree/a/b`);
    await fs.makeDirectory(`${root}/tree/c`);
    await (await fs.createExclusive(`${root}/tree/a/b/1`)).close();
    await (await fs.createExclusive(`${root}/tree/2`)).close();
    await t.rejects(fs.remove(`${root}/tree`), { code: 'EISDIR' });
    await other.removeTree(`${root}/tree`);
    await fs.removeTree(`${root}/tree`);
    t.same(await fs.list(root), []);
    await t.rejects(fs.open(`${root}/tree/2`), { code: 'ENOENT' });
    await (await fs.createExclusive(`${root}/single`)).close();
    await fs.removeTree(`${root}/single`);
    t.same(await fs.list(root), []);
  });

  spec('reads on from a file whose name is gone', async (t, { fs, root }) => {
    const file = await fs.createExclusive(`${root}/gone`);
    await file.writeDurably([Buffer.from('still here')], 0);
    const reader = await fs.open(`${root}/gone`);
    await fs.remove(`${root}/gone`);
    t.equal(await reader.size(), 10);
    t.equal(String(await reader.read(0, 10)), 'still here');
    await file.writeDurably([Buffer.from('!')], 10);
    t.equal(await reader.size(), 11, 'a late write to it succeeds');
    await reader.close();
    await file.close();
  });

  spec('knows what kind of file system it is', async (t, { fs, root, kind }) => {
    t.equal(await fs.kind(root), kind);
    await t.rejects(fs.kind(`${root}/none`), { code: 'ENOENT' });
  });
}
