/**
 * Random histories: owners come, crash in the middle of writes, are deposed and write late, disks fill and fail. After
 * each change of owner: everything acknowledged is there, in order, once; nothing counts that was not appended; what a
 * later owner has been shown is never lost again (docs/architecture.md, section 6, invariants 1 and 2).
 */
import { setImmediate as immediate } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import { failureCode } from '../../../src/lib/failure.ts';
import type { LogImpl } from '../../../src/store/log/log.ts';
import { Seals } from '../../../src/store/log/seals.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { Prng } from '../../support/prng.ts';
import { fsError, newFs, type OwnerOptions, openAs, queue, TestLease } from './support.ts';

const SEED = 4711;
const OWNERS = 8;

interface Owner {
  log: LogImpl;
  lease: TestLease;
  clock: ManualClock;
}

/** The grant is the last part of the epoch (ids.ts). */
function ownerGrant({ lease }: Owner): number {
  return lease.epoch % 2 ** 32;
}

async function history(seed: number): Promise<void> {
  const random = new Prng(seed);
  const fs = newFs();
  const fence = random.chance(0.5);
  const deposed: Owner[] = [];
  /** Every commit ever appended, and those acknowledged, by text. */
  const appended = new Set<string>();
  const acknowledged = new Set<string>();
  /** Commits that were told that there was no space, by text, and under which grant. */
  const noSpace = new Map<string, number>();
  /** The order that an owner has seen and was allowed to show. */
  let shown: readonly string[] = [];
  let count = 0;
  let faults = 0;
  fs.before = (call) => {
    if (call === 'writeDurably' && random.unit() < faults) throw fsError(random.pick(['EIO', 'ENOSPC']));
  };
  fs.after = (call) => {
    if (call === 'writeDurably' && random.unit() < faults) throw fsError('EIO');
  };
  /** Some commits by one owner; `state` follows what it has. */
  const work = async (owner: Owner, state: string[], commits: number): Promise<boolean> => {
    for (let i = 0; i < commits; i++) {
      const members = Array.from({ length: 1 + random.below(3) }, () => `m${++count}`);
      try {
        await owner.log.writable();
        queue(owner.log, ...members);
      } catch {
        return false;
      }
      for (const text of members) appended.add(text);
      state.push(...members);
      if (random.chance(0.3)) continue;
      try {
        await owner.log.settled();
      } catch (error) {
        if (failureCode(error) === 'no-space')
          for (const text of members) noSpace.set(text, ownerGrant(owner));
        return false;
      }
      for (const text of state) acknowledged.add(text);
      if (random.chance(0.1)) await owner.clock.advance(15_000);
      if (random.chance(0.1)) await owner.log.rotate().catch(() => undefined);
    }
    return true;
  };

  for (let grant = 1; grant <= OWNERS; grant++) {
    // A deposed owner goes on: with its lease gone, or, with the fence, believing that it still has it.
    for (const late of deposed) {
      if (!fence) late.lease.isHeld = false;
      late.lease.confirms = () => Promise.resolve(false);
    }
    faults = 0;
    const clock = new ManualClock();
    const lease = new TestLease(grant);
    const seals = new Seals();
    // Under one grant an object is opened again and again: what fails on the way, openings too, is sealed.
    for (let again = random.below(4); again > 0; again--) {
      faults = random.pick([0, 0.2, 0.5]);
      await oneOpening(grant, { clock, fence, lease, seals });
      faults = 0;
      await clock.advance(2_000);
      if (random.chance(0.3)) for (const late of deposed) await lateWork(late);
    }
    await oneOpening(grant, { clock, fence, lease, seals }, true);
  }
  faults = 0;
  for (const late of deposed) late.log.abandon('the end');
  for (let turn = 0; turn < 5; turn++) await immediate();
  if (fs.openFiles.size > 0) throw new Error(`${fs.openFiles.size} files are open in the end`);

  /** One opening of an owner; the last of its grant may end in any way. */
  async function oneOpening(
    grant: number,
    options: OwnerOptions & { readonly lease: TestLease },
    isLast = false,
  ) {
    const opened = await openAs(fs, grant, options).catch((error: unknown) => {
      if (isLast || faults === 0) throw error;
      return undefined;
    });
    if (opened === undefined) return;
    const { clock } = opened;
    const state = opened.seen.map(({ text }) => text);
    const missing = [...acknowledged].filter((text) => !state.includes(text));
    if (missing.length > 0) throw new Error(`grant ${grant}: acknowledged and lost: ${missing.join()}`);
    if (new Set(state).size !== state.length) throw new Error(`grant ${grant}: something counts twice`);
    const stray = state.filter((text) => !appended.has(text));
    if (stray.length > 0) throw new Error(`grant ${grant}: never appended: ${stray.join()}`);
    const before = state.slice(0, shown.length);
    if (before.join() !== shown.join()) throw new Error(`grant ${grant}: what was shown has changed`);
    const refused = state.filter((text) => noSpace.get(text) === grant);
    if (refused.length > 0) throw new Error(`grant ${grant}: had no space and counts: ${refused.join()}`);
    const owner = { log: opened.log, lease: opened.lease, clock };
    if (random.chance(0.3)) for (const late of deposed) await lateWork(late);
    const isWritable = await owner.log.writable().then(
      () => true,
      (error: unknown) => {
        if (isLast) throw error;
        return false;
      },
    );
    // What came up since opening is part of the state now.
    state.splice(0, state.length, ...opened.seen.map(({ text }) => text));
    if (isLast) faults = random.pick([0, 0, 0.2]);
    const good = isWritable && (await work(owner, state, random.below(8)));
    faults = 0;
    if (random.chance(0.5)) for (const late of deposed) await lateWork(late);
    if (good)
      await owner.log.settled().then(
        () => {
          for (const text of state) acknowledged.add(text);
          shown = [...state];
        },
        () => undefined,
      );
    const end = random.below(isLast ? 3 : 2);
    if (end === 0) await owner.log.close();
    else if (end === 1) owner.log.abandon('crash');
    else deposed.push(owner);
  }

  /** Writes with success after it was deposed; must never be acknowledged. */
  async function lateWork(late: Owner): Promise<void> {
    const text = `late${++count}`;
    appended.add(text);
    try {
      const held = late.lease.isHeld;
      late.lease.isHeld = true;
      await late.log.writable();
      queue(late.log, text);
      late.lease.isHeld = held;
    } catch {
      return;
    }
    const told = await late.log.settled().then(
      () => true,
      () => false,
    );
    if (told) throw new Error(`a deposed owner acknowledged ${text}`);
  }
}

void t.test('random histories', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => history(seed)),
    { seed: SEED, numRuns: 100, endOnFailure: true },
  );
  t.pass(`seed ${SEED}`);
});
