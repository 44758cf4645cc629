import t from 'tap';
import { createDial } from '../../src/cluster/dial.ts';
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

void t.test('`changed` resolves with news of the map, or a moment later', async (t) => {
  const { map, clock, dial } = bed();
  let count = 0;
  void dial.changed().then(() => count++);
  map.set('a');
  await clock.advance(0);
  t.equal(count, 1);
  void dial.changed().then(() => count++);
  await clock.advance(99);
  t.equal(count, 1);
  await clock.advance(1);
  t.equal(count, 2);
  t.equal(clock.timers, 0);
});
