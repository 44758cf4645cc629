/** The router: follows the map, never repeats what may have happened unless it is told that it may. */
import t from 'tap';
import type { MapDelta } from '../../src/cluster/news.ts';
import { type OwnerCalls, Router } from '../../src/cluster/router.ts';
import type { Owner } from '../../src/cluster/types.ts';
import { SlotMapCopy } from '../../src/cluster/view/slot-map.ts';
import { Failure, type FailureCode } from '../../src/lib/failure.ts';
import type { Incarnation, Slot } from '../../src/store/ids.ts';
import { ManualClock } from '../support/manual-clock.ts';

const slot = 3 as Slot;
const owner = (id: string): Owner => ({
  incarnation: id.repeat(32) as Incarnation,
  address: { host: 'h', port: id.charCodeAt(0) },
  member: id,
});

class Rig {
  readonly clock = new ManualClock();
  readonly map = new SlotMapCopy();
  readonly asked: string[] = [];
  refreshed = 0;
  readonly router: Router;

  constructor(answer: (to: Owner, count: number, signal: AbortSignal) => Promise<unknown>) {
    const caller: OwnerCalls = {
      call: (to, _service, _body, { signal }) => answer(to, this.asked.push(to.member), signal),
      refreshMap: () => {
        this.refreshed++;
      },
    };
    this.router = new Router(this.map, this.clock, 150, caller);
  }

  owned(by: Owner | undefined): void {
    const delta: MapDelta = {
      since: 0,
      version: this.map.version + 1,
      owners: by ? [by] : [],
      slots: [slot, by ? 0 : -1],
    };
    this.map.apply(delta);
  }

  call(repeatable = false, timeoutMs = 1000) {
    const outcome: { value?: unknown; code?: FailureCode } = {};
    this.router.call(slot, 'x', {}, { timeoutMs, repeatable }).then(
      (value) => {
        outcome.value = value;
      },
      (error: Failure) => {
        outcome.code = error.code;
      },
    );
    return outcome;
  }
}

void t.test('no owner: waits for one, and no longer than it was told', async (t) => {
  const rig = new Rig(async (to) => `by ${to.member}`);
  const late = rig.call(false, 500);
  await rig.clock.advance(400);
  rig.owned(owner('a'));
  await rig.clock.advance(1);
  t.equal(late.value, 'by a');
  rig.owned(undefined);
  const never = rig.call(false, 500);
  await rig.clock.advance(501);
  t.equal(never.code, 'unavailable');
});

void t.test('moved: looks for news, and asks the next owner', async (t) => {
  const rig = new Rig(async (to) => {
    if (to.member === 'a') throw new Failure('moved', 'not mine');
    return `by ${to.member}`;
  });
  rig.owned(owner('a'));
  const outcome = rig.call();
  await rig.clock.advance(50);
  t.ok(rig.refreshed > 0);
  rig.owned(owner('b'));
  await rig.clock.advance(1);
  t.equal(outcome.value, 'by b');
});

void t.test('moved to the end of time is unavailable: nothing has happened', async (t) => {
  const rig = new Rig(() => Promise.reject(new Failure('moved', 'not mine')));
  rig.owned(owner('a'));
  const outcome = rig.call(false, 300);
  await rig.clock.advance(400);
  t.equal(outcome.code, 'unavailable');
  t.ok(rig.asked.length < 20, `asked ${rig.asked.length} times`);
});

void t.test('unknown is never repeated, unless repeatable', async (t) => {
  for (const repeatable of [false, true]) {
    const rig = new Rig(async (_to, count) => {
      if (count === 1) throw new Failure('unknown', 'connection lost');
      return 'second';
    });
    rig.owned(owner('a'));
    const outcome = rig.call(repeatable);
    await rig.clock.advance(100);
    t.same(outcome, repeatable ? { value: 'second' } : { code: 'unknown' });
  }
});

void t.test('what may have happened stays unknown, whatever becomes of later tries', async (t) => {
  const rig = new Rig(async (_to, count) => {
    throw count === 1 ? new Failure('unknown', 'connection lost') : new Failure('unavailable', 'not reached');
  });
  rig.owned(owner('a'));
  const outcome = rig.call(true, 300);
  await rig.clock.advance(400);
  t.same(outcome, { code: 'unknown' });
  t.ok(rig.asked.length > 1);
});

void t.test('an owner that does not answer is given up when the map shows another', async (t) => {
  for (const repeatable of [false, true]) {
    const rig = new Rig((to, _count, signal) => {
      if (to.member === 'b') return Promise.resolve('by b');
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Failure('unknown', 'cancelled')));
      });
    });
    rig.owned(owner('a'));
    const outcome = rig.call(repeatable, 10_000);
    await rig.clock.advance(2000);
    rig.owned(undefined);
    await rig.clock.advance(100);
    t.same(outcome, {}, 'no owner is no other owner');
    rig.owned(owner('b'));
    await rig.clock.advance(200);
    t.same(outcome, repeatable ? { value: 'by b' } : { code: 'unknown' });
  }
});

void t.test('any other failure is the answer', async (t) => {
  const rig = new Rig(() => Promise.reject(new Failure('not-found', 'x')));
  rig.owned(owner('a'));
  const outcome = rig.call(true);
  await rig.clock.advance(1);
  t.equal(outcome.code, 'not-found');
});

void t.test('an aborted caller is let go', async (t) => {
  const rig = new Rig(async () => 'x');
  const abort = new AbortController();
  const call = rig.router.call(slot, 'x', {}, { timeoutMs: 9000, repeatable: true, signal: abort.signal });
  const rejected = t.rejects(call, { message: 'gone away' });
  abort.abort(new Failure('unavailable', 'gone away'));
  await rig.clock.advance(20);
  await rejected;
});

void t.test('calls share one waiter for news of the map, and each is given up by its own slot', async (t) => {
  const rig = new Rig((_to, _count, signal) => {
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Failure));
    });
  });
  let waiters = 0;
  const newer = rig.map.newer.bind(rig.map);
  rig.map.newer = (version, signal) => {
    waiters++;
    return newer(version, signal);
  };
  const other = (slot + 1) as Slot;
  const a = owner('a');
  rig.map.apply({ since: 0, version: 1, owners: [a], slots: [slot, 0, other, 0] });
  const moved = Array.from({ length: 50 }, () => rig.call());
  let isOtherOver = false;
  const stop = new AbortController();
  const stays = rig.router.call(other, 'x', {}, { timeoutMs: 9000, repeatable: false, signal: stop.signal });
  stays.catch(() => (isOtherOver = true));
  t.equal(waiters, 1);
  rig.owned(owner('b'));
  await rig.clock.advance(1);
  for (const outcome of moved) t.same(outcome, { code: 'unknown' });
  t.notOk(isOtherOver, 'the owner of the other slot is the same');
  t.equal(waiters, 2, 'and again one');
  stop.abort(new Failure('unavailable', 'enough'));
  await rig.clock.advance(1);
  t.ok(isOtherOver);
});
