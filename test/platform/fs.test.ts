import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { RealFs } from '../../src/platform/real/fs.ts';
import { RealRandom } from '../../src/platform/real/random.ts';
import { World } from '../simulation/world.ts';
import { MemoryFs } from '../support/memory-fs.ts';
import { fsSpec } from './fs.spec.ts';

void t.test('real', async (t) =>
  fsSpec(t, async (t) => {
    const root = mkdtempSync(join(tmpdir(), 'postern-fs-'));
    t.teardown(() => rmSync(root, { recursive: true, force: true }));
    const fs = () => new RealFs({ random: new RealRandom(), mounts: [root] });
    return { fs: fs(), other: fs(), root, kind: 'local', run: (body) => body() };
  }),
);

void t.test('in memory', async (t) =>
  fsSpec(t, async () => {
    const fs = new MemoryFs();
    fs.tree.makeDirectory('/root');
    return { fs, other: fs, root: '/root', kind: 'local', run: (body) => body() };
  }),
);

void t.test('simulated NFS, two machines', async (t) =>
  fsSpec(t, async (t) => {
    const world = new World({ seed: t.name, faults: { splitWrite: 0.2, slowCall: 0.1, slowMsMax: 50 } });
    world.storage.tree.makeDirectory('/shared');
    return {
      fs: world.machine('a').process('p').platform.fs,
      other: world.machine('b').process('p').platform.fs,
      root: '/shared',
      kind: 'nfs',
      run: (body) => world.settle(body(), 60_000),
    };
  }),
);

void t.test('simulated local disk, two processes', async (t) =>
  fsSpec(t, async (t) => {
    const world = new World({ seed: t.name });
    const machine = world.machine('a', { storage: 'own' });
    machine.disk.server.tree.makeDirectory('/own');
    return {
      fs: machine.process('p').platform.fs,
      other: machine.process('q').platform.fs,
      root: '/own',
      kind: 'local',
      run: (body) => world.settle(body(), 60_000),
    };
  }),
);
