/**
 * Intents while the first log's storage is full: a log that could not be taken is read-only, and what it shows may not be
 * what a later owner finds, so no participant may hear of an end that rests on it (docs/storage.md, taking an object).
 */
import t from 'tap';
import { failureCode } from '../../src/lib/failure.ts';
import type { DomainId, Slot } from '../../src/store/ids.ts';
import { slotPath } from '../../src/store/slot/path.ts';
import { slotOf } from '../../src/store/slots.ts';
import { TestCluster } from './cluster.ts';
import { expectAtRest } from './consistency.ts';

const ONE = 1 as DomainId;
const NAMES = ['joe', 'jim'].map((name) => ({ domainId: ONE, name }));
const [JOE, JIM] = ['joe', 'jim'].map((name) => slotOf(ONE, name)) as [Slot, Slot];

for (const lateMs of [300, 5000])
  void t.test(`decided, answered "no space", and counted by the next owner ${lateMs} ms later`, async (t) => {
    const cluster = new TestCluster([JOE, JIM], 2);
    const { names } = cluster;
    const id = await cluster.until(names.createAccount(ONE, 'joe', new Map()));
    const first = cluster.owner(JOE)!;
    const { before, after } = first.fs;
    let isReserved = false;
    let isFull = false;
    cluster.onPoint = ({ what }) => void (isReserved ||= what === 'after directory.step');
    const inFirstLog = (path: string): boolean => path.includes(slotPath(JOE));
    first.fs.after = async (call, path) => {
      await after?.(call, path);
      if (call !== 'writeDurably' || !inFirstLog(path) || !isReserved || isFull) return;
      isFull = true;
      throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    };
    first.fs.before = async (call, path) => {
      await before?.(call, path);
      if (isFull && call === 'createExclusive' && inFirstLog(path))
        throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    };
    const change = names.setAliases(ONE, 'joe', ['jim']).then(
      () => 'ok',
      (error: unknown) => failureCode(error),
    );
    await cluster.clock.advance(lateMs);
    t.equal(isFull, true, 'the decision met a full disk');
    cluster.kill(first);
    t.match(await cluster.until(change), /ok|unknown|unavailable|no-space/);
    const world = await expectAtRest(t, cluster, [JOE, JIM], NAMES, 'each name leads to one thing');
    t.strictSame(world.leadsTo.get('1/joe'), id);
  });
