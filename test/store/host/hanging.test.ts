/**
 * Storage that hangs and then finishes everything, while leases come and go: callers are answered in time, and what an
 * earlier opening still does counts for nobody (docs/architecture.md, section 3 rules 1 to 3; invariants 1, 2 and 7).
 */
import t from 'tap';
import { epochOf } from '../../../src/store/ids.ts';
import type { FsCall } from '../../support/memory-fs.ts';
import { code, HostBed, SLOT, turns } from './bed.ts';

/** Lets the first call of this kind below a path wait for `open`; later ones pass. */
function hold(bed: HostBed, call: FsCall, below: string) {
  const { promise, resolve } = Promise.withResolvers<void>();
  let isHeld = false;
  bed.platform.fs.before = (each, path) => {
    if (each !== call || isHeld || !path.includes(below)) return undefined;
    isHeld = true;
    return promise;
  };
  return { open: resolve, isHeld: () => isHeld };
}

/** At the call that hangs, the lease goes and comes back, with the same epoch too; then the call goes on. */
for (const held of ['createExclusive', 'list', 'open', 'read', 'writeDurably', 'syncDirectory'] as const)
  for (const isSameEpoch of [false, true])
    void t.test(
      `a take that hung in ${held} counts for nobody, ${isSameEpoch ? 'same' : 'next'} epoch`,
      async (t) => {
        const first = new HostBed();
        first.grant();
        const id = await first.create('joe');
        await first.set(id, '1');
        // No close record: the next owner has to take it.
        first.host.lost(SLOT);

        const bed = new HostBed({ platform: first.platform, firstGrant: 10 });
        bed.grant();
        await bed.host.slot(SLOT);
        const hanging = hold(bed, held, '/d/joe');
        const asked = code(bed.host.account(id));
        await turns();
        t.equal(hanging.isHeld(), true);
        bed.host.lost(SLOT);
        t.equal(await asked, 'unavailable', 'answered at once, although the storage hangs');
        const lease = bed.grant(SLOT, isSameEpoch ? epochOf(1, 10) : epochOf(1, 11));
        await bed.set(id, '2');
        hanging.open();
        await turns();
        await bed.platform.clock.advance(1000);
        t.equal(await code(bed.set(id, '3')), 'ok');
        t.equal(await bed.get(id), '3');
        lease.isHeld = false;
        bed.host.lost(SLOT);

        const last = new HostBed({ platform: first.platform, firstGrant: 20 });
        last.grant();
        t.equal(await last.get(id), '3', 'what was acknowledged is there for the next owner');
      },
    );

void t.test('nobody waits longer than that for an opening, and it serves those who come later', async (t) => {
  const bed = new HostBed({ limits: { openWaitMs: 500 } });
  bed.grant();
  const id = await bed.create('joe');
  const hanging = hold(bed, 'list', '/d/joe');
  const asked = code(bed.host.account(id));
  await bed.platform.clock.advance(499);
  let isAnswered = false;
  void asked.then(() => (isAnswered = true));
  await turns(3);
  t.equal(isAnswered, false);
  await bed.platform.clock.advance(1);
  t.equal(await asked, 'unavailable');
  hanging.open();
  await turns();
  t.equal(await code(bed.host.account(id)), 'ok');
  t.equal(bed.opened.filter((object) => object.includes('joe')).length, 1, 'the same opening');
});

void t.test('nobody waits for ever for an account that is being closed', async (t) => {
  const bed = new HostBed({ limits: { openWaitMs: 500, accountIdleMs: 1000 } });
  bed.grant();
  const id = await bed.create('joe');
  await bed.set(id, '1');
  const hanging = hold(bed, 'writeDurably', '/d/joe');
  await bed.platform.clock.advance(2000);
  t.equal(hanging.isHeld(), true, 'its close record');
  const asked = code(bed.host.account(id));
  await bed.platform.clock.advance(500);
  t.equal(await asked, 'unavailable');
  const again = code(bed.host.account(id));
  bed.host.lost(SLOT);
  bed.grant();
  t.equal(await again, 'ok', 'the closing ended with its lease; the account was opened under the next');
  hanging.open();
  t.equal(await bed.get(id), '1');
});

void t.test('an operation whose caller names no time is answered all the same: unknown', async (t) => {
  const bed = new HostBed({ limits: { operationWaitMs: 700 } });
  bed.grant();
  const id = await bed.create('joe');
  await bed.set(id, '1');
  const hanging = hold(bed, 'writeDurably', '/d/joe');
  const changed = code(bed.set(id, '2'));
  await turns();
  t.equal(hanging.isHeld(), true);
  await bed.platform.clock.advance(700);
  t.equal(await changed, 'unknown');
  hanging.open();
  await turns();
  t.equal(await bed.get(id), '2', 'it happened');
});

void t.test(
  'an account closed in order and opened again under the same grant needs no new file',
  async (t) => {
    const bed = new HostBed({ limits: { accountIdleMs: 1000 } });
    bed.grant();
    const id = await bed.create('joe');
    await bed.set(id, '1');
    for (let i = 0; i < 3; i++) {
      await bed.platform.clock.advance(2000);
      t.equal(bed.host.openAccounts, 0);
      t.equal(await bed.get(id), '1');
    }
    const names = await bed.platform.fs.list('/shared/d/joe');
    t.strictSame(
      names.filter((name) => name.endsWith('.log')),
      ['000001.log'],
    );
  },
);

void t.test('a file that failed stays sealed for the next opening under the same grant', async (t) => {
  const bed = new HostBed();
  bed.grant();
  const id = await bed.create('joe');
  await bed.set(id, '1');
  let isFull = true;
  bed.platform.fs.after = (call, path) => {
    if (isFull && call === 'writeDurably' && path.includes('/d/joe'))
      throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
  };
  t.equal(await code(bed.set(id, '2')), 'no-space', 'written, but said to be refused');
  isFull = false;
  await bed.platform.clock.advance(2000);
  t.equal(await bed.get(id), '1', 'no-space means that it does not count');
});
