import t from 'tap';
import { initStorage } from '../../../src/cluster/storage/check.ts';
import { markedFs } from '../../../src/cluster/storage/marked-fs.ts';
import { memoryPlatform } from '../../support/memory-platform.ts';

void t.test(
  'ENOENT is believed only while the marker is there, and nothing is made in the place of a mount',
  async (t) => {
    const { fs, random } = memoryPlatform();
    await initStorage(fs, random, { root: '/shared' });
    const marked = markedFs(fs, '/shared');
    await t.rejects(marked.list('/shared/none'), { code: 'ENOENT' });
    await t.rejects(marked.open('/shared/none'), { code: 'ENOENT' });
    await marked.makeDirectory('/shared/a/b');
    t.same(await marked.list('/shared/a'), ['b']);

    for (const gone of ['/elsewhere', '/elsewhere/mount']) {
      if (gone.endsWith('mount')) await fs.makeDirectory(gone); // an empty mount point
      const unmounted = markedFs(fs, gone);
      for (const call of [
        unmounted.list(`${gone}/.cluster/slots/0001`),
        unmounted.open(`${gone}/x`),
        unmounted.createExclusive(`${gone}/x/1.log`),
        unmounted.makeDirectory(`${gone}/x`),
      ])
        await t.rejects(
          Promise.resolve<unknown>(call).then(() => undefined),
          { code: 'EIO' },
        );
    }
    t.same(await fs.list('/elsewhere/mount'), []);
  },
);
