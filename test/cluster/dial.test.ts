import t from 'tap';
import { BACKGROUND_AT_ONCE, BACKGROUND_REST_MS, createDial } from '../../src/cluster/dial.ts';
import type { Owner, SlotMap } from '../../src/cluster/types.ts';
import { Failure } from '../../src/lib/failure.ts';
import type { Incarnation, Slot } from '../../src/store/ids.ts';
import { MemoryStream } from '../imap/memory-stream.ts';
import { ManualClock } from '../support/manual-clock.ts';

const SLOT = 7 as Slot;

/** A map that a test changes. */
class TestMap implements SlotMap {
  version = 1;
  #owner: Owner | undefined;
  readonly #waiting = new Set<() => void>();

  get waiting(): number {
    return this.#waiting.size;
  }

  set(name: string | undefined): void {
    this.#owner = name === undefined ? undefined : ownerOf(name);
    this.version++;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  owner(): Owner | undefined {
    return this.#owner;
  }

  owners(): readonly Owner[] {
    return [];
  }

  newer(version: number, signal: AbortSignal): Promise<void> {
    if (this.version > version) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.add(resolve);
      signal.addEventListener('abort', () => {
        this.#waiting.delete(resolve);
        reject(signal.reason as Error);
      });
    });
  }
}

function ownerOf(name: string): Owner {
  return {
    member: name,
    incarnation: name.repeat(32) as Incarnation,
    address: { host: name, port: 1 },
  };
}

function bed() {
  const map = new TestMap();
  const clock = new ManualClock();
  const dialled: string[] = [];
  const open = async ({ host }: { host: string }): Promise<MemoryStream> => {
    dialled.push(host);
    return MemoryStream.pair()[0];
  };
  return { map, clock, dialled, dial: createDial({ open }, map, clock) };
}

void t.test('dials the owner of the slot; without one the caller tries later', async (t) => {
  const { map, dial, dialled } = bed();
  await t.rejects(dial.open(SLOT, 's', {}, 100), { code: 'unavailable' });
  map.set('a');
  await dial.open(SLOT, 's', {}, 100);
  t.same(dialled, ['a']);
});

void t.test('a stream ends when its slot has another owner: a paused one would never end it', async (t) => {
  const { map, clock, dial } = bed();
  map.set('a');
  const stream = await dial.open(SLOT, 's', {}, 100);
  map.set(undefined);
  await clock.advance(0);
  t.notOk(stream.closed.aborted, 'nobody has it now: it may still be answering');
  map.set('a');
  await clock.advance(0);
  t.notOk(stream.closed.aborted);
  map.set('b');
  await clock.advance(0);
  t.ok(stream.closed.aborted);
  t.match(stream.closed.reason, { code: 'unavailable' });
});

void t.test('the map is watched only while there is a stream', async (t) => {
  const { map, dial, clock } = bed();
  map.set('a');
  const first = await dial.open(SLOT, 's', {}, 100);
  const second = await dial.open(SLOT, 's', {}, 100);
  t.equal(map.waiting, 1);
  first.reset(new Failure('unavailable', 'over'));
  await clock.advance(0);
  t.equal(map.waiting, 1);
  second.reset(new Failure('unavailable', 'over'));
  await clock.advance(0);
  t.equal(map.waiting, 0);
});

void t.test(
  '`changed` resolves when the slot has an owner that was not tried, or when it is time',
  async (t) => {
    const { map, clock, dial } = bed();
    let count = 0;
    const wait = (withinMs: number) => void dial.changed(SLOT, withinMs, false).then(() => count++);
    map.set('a');
    wait(1000);
    await clock.advance(0);
    t.equal(count, 1, 'nobody has been tried');
    await dial.open(SLOT, 's', {}, 100);
    wait(1000);
    map.set(undefined);
    map.set('a');
    await clock.advance(999);
    t.equal(count, 1, 'it was, and is again, the one that was tried');
    await clock.advance(1);
    t.equal(count, 2);
    wait(1000);
    await clock.advance(10);
    map.set('b');
    await clock.advance(0);
    t.equal(count, 3, 'another one: at once');
    wait(1000);
    await clock.advance(0);
    t.equal(count, 4);
  },
);

void t.test('whoever waits leaves nothing behind', async (t) => {
  const { map, clock, dial } = bed();
  const waited = dial.changed(SLOT, 100, false);
  await clock.advance(0);
  t.equal(map.waiting, 1);
  await clock.advance(100);
  await waited;
  t.same([map.waiting, clock.timers], [0, 0]);
});

void t.test('in the background so many at a time; who owes an answer does not wait for them', async (t) => {
  const { map, clock, dial } = bed();
  map.set('a');
  const begun: number[] = [];
  const all = Promise.all(
    Array.from({ length: 3 * BACKGROUND_AT_ONCE }, (_, index) =>
      dial.changed(SLOT, 0, true).then(() => begun.push(index)),
    ),
  );
  await clock.advance(0);
  t.equal(begun.length, BACKGROUND_AT_ONCE);
  let isThere = false;
  void dial.changed(SLOT, 0, false).then(() => (isThere = true));
  await clock.advance(0);
  t.ok(isThere);
  await clock.advance(BACKGROUND_REST_MS - 1);
  t.equal(begun.length, BACKGROUND_AT_ONCE);
  await clock.advance(1);
  t.equal(begun.length, 2 * BACKGROUND_AT_ONCE);
  await clock.advance(BACKGROUND_REST_MS);
  await all;
  t.same(
    begun,
    [...begun].sort((a, b) => a - b),
    'first come, first served',
  );
  await clock.advance(BACKGROUND_REST_MS);
  await clock.advance(BACKGROUND_REST_MS);
  t.equal(clock.timers, 0, 'an empty line needs no timer');
});

void t.test('a slot without an owner takes nobody’s turn', async (t) => {
  const { clock, dial } = bed();
  let count = 0;
  for (let i = 0; i < 2 * BACKGROUND_AT_ONCE; i++) void dial.changed(SLOT, 10, true).then(() => count++);
  await clock.advance(10);
  t.equal(count, 2 * BACKGROUND_AT_ONCE);
});
