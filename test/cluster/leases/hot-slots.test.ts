/** Hot slots move where that helps, and nowhere else: tables; and no ping-pong over days of random load. */
import fc from 'fast-check';
import t from 'tap';
import { HotSlots, type Measured, wholeLoad } from '../../../src/cluster/leases/hot-slots.ts';
import type { SlotRate } from '../../../src/cluster/types.ts';
import type { Incarnation, Slot } from '../../../src/store/ids.ts';
import { Prng } from '../../support/prng.ts';

const SEED = 20261120;
const id = (name: string) => name.repeat(32) as Incarnation;
const rates = (...each: readonly (readonly [slot: number, operations: number])[]): SlotRate[] =>
  each.map(([slot, operations]) => ({ slot: slot as Slot, operations }));

/** `busy`: per cent of a processor; `slots`: their operations, of which the rest has so many that there are 100. */
function worker(name: string, busy: number, slots: readonly SlotRate[] = [], takes = true): Measured {
  return { incarnation: id(name), takes, processor: busy / 100, operations: 100, hottest: slots };
}

/** What is decided in the eleventh second of the same figures. */
function decide(workers: readonly Measured[], isHeld: (slot: Slot) => boolean = () => true) {
  const hot = new HotSlots();
  for (let second = 1; second < 10; second++)
    if (hot.plan(1000 * second, workers, isHeld) !== undefined)
      throw new Error('before ten seconds are over');
  const move = hot.plan(10_000, workers, isHeld);
  return move && [move.slot, move.from[0], move.to[0], Math.round(100 * move.part)];
}

const TWO = rates([1, 50], [2, 25], [3, 5]);

const TABLE: readonly (readonly [
  what: string,
  workers: readonly Measured[],
  moved: readonly unknown[] | undefined,
])[] = [
  ['the part nearest to half of the difference', [worker('a', 90, TWO), worker('b', 10)], [1, 'a', 'b', 45]],
  ['a smaller one where the difference is less', [worker('a', 90, TWO), worker('b', 50)], [2, 'a', 'b', 23]],
  [
    'to the one with the least to do',
    [worker('a', 90, TWO), worker('b', 50), worker('c', 20)],
    [2, 'a', 'c', 23],
  ],
  [
    'from the busiest',
    [worker('a', 75, TWO), worker('b', 95, rates([9, 40])), worker('c', 5)],
    [9, 'b', 'c', 38],
  ],
  ['70 % is not hot', [worker('a', 69.9, TWO), worker('b', 0)], undefined],
  ['a bit more is', [worker('a', 71, TWO), worker('b', 0)], [1, 'a', 'b', 36]],
  ['25 points less', [worker('a', 90, TWO), worker('b', 65)], [3, 'a', 'b', 5]],
  ['24 points are too few', [worker('a', 90, TWO), worker('b', 66)], undefined],
  ['the other one would have too much on top', [worker('a', 90, rates([1, 45])), worker('b', 30)], undefined],
  ['all are busy', [worker('a', 95, TWO), worker('b', 90), worker('c', 85)], undefined],
  ['the whole load of a worker stays', [worker('a', 90, rates([1, 100])), worker('b', 0)], undefined],
  ['so does nearly all of it', [worker('a', 90, rates([1, 95])), worker('b', 0)], undefined],
  [
    'but the others beside it go',
    [worker('a', 90, rates([1, 90], [2, 5])), worker('b', 0)],
    [2, 'a', 'b', 5],
  ],
  ['what is not worth a move', [worker('a', 90, rates([1, 0.9])), worker('b', 0)], undefined],
  ['nothing is known of its slots', [worker('a', 90), worker('b', 0)], undefined],
  ['the idle one drains', [worker('a', 90, TWO), worker('b', 0, [], false)], undefined],
  [
    'so another gets it',
    [worker('a', 90, TWO), worker('b', 0, [], false), worker('c', 30)],
    [2, 'a', 'c', 23],
  ],
  ['alone', [worker('a', 99, TWO)], undefined],
  ['nobody', [], undefined],
  ['rates that are more than all of it', [worker('a', 90, rates([1, 500])), worker('b', 0)], undefined],
  ['no operations at all', [{ ...worker('a', 90, TWO), operations: 0 }, worker('b', 0)], undefined],
];

void t.test('which slot moves where', (t) => {
  for (const [what, workers, moved] of TABLE) t.strictSame(decide(workers), moved, what);
  t.strictSame(
    decide([worker('a', 90, TWO), worker('b', 10)], (slot) => slot !== 1),
    [2, 'a', 'b', 23],
    'one that is not its own any more, or is on its way, does not',
  );
  t.end();
});

void t.test('ten seconds, and not the last one', (t) => {
  const hot = new HotSlots();
  const at = (second: number, busy: number) =>
    hot.plan(1000 * second, [worker('a', busy, TWO), worker('b', 10)], () => true);
  for (let second = 1; second <= 9; second++) t.equal(at(second, 60), undefined);
  for (let second = 10; second <= 11; second++) t.equal(at(second, 99), undefined, 'mean: 68 % at the most');
  t.ok(at(12, 99), 'now it has lasted');
  t.equal(
    hot.plan(12_500, [worker('a', 99, TWO), worker('b', 10)], () => true),
    undefined,
    'once a second',
  );
  t.end();
});

void t.test('seconds that are long past do not count, nor do those of a worker that was away', (t) => {
  const both = [worker('a', 90, TWO), worker('b', 10)];
  const hot = new HotSlots();
  for (let second = 1; second <= 9; second++) hot.plan(1000 * second, both, () => true);
  t.equal(
    hot.plan(60_000, both, () => true),
    undefined,
    'nobody looked for a while',
  );
  const again = new HotSlots();
  for (let second = 1; second <= 9; second++)
    again.plan(1000 * second, second === 5 ? both.slice(0, 1) : both, () => true);
  t.equal(
    again.plan(10_000, both, () => true),
    undefined,
    'b is known for five seconds only',
  );
  t.end();
});

void t.test('what was moved is left alone for a minute, and the next one waits two seconds', (t) => {
  const workers = [worker('a', 95, rates([1, 20], [2, 19])), worker('b', 0)];
  const hot = new HotSlots();
  const moves: (readonly [second: number, slot: number])[] = [];
  for (let second = 1; second <= 80; second++) {
    const move = hot.plan(1000 * second, workers, () => true);
    if (move === undefined) continue;
    hot.moved(1000 * second, move);
    moves.push([second, move.slot]);
  }
  t.strictSame(
    moves.slice(0, 2),
    [
      [10, 1],
      [12, 2],
    ],
    'the figures do not change here, whatever is moved',
  );
  t.ok(
    moves.slice(2).every(([second, slot]) => second >= (slot === 1 ? 70 : 72)),
    'a minute',
  );
  t.ok(moves.length > 2);
  t.end();
});

void t.test('a move counts at once in the seconds that are judged by', (t) => {
  const hot = new HotSlots();
  const before = [worker('a', 95, rates([1, 40], [2, 30])), worker('b', 0)];
  let move = undefined as ReturnType<HotSlots['plan']>;
  for (let second = 1; second <= 10; second++) move = hot.plan(1000 * second, before, () => true);
  t.equal(move?.slot, 1);
  hot.moved(10_000, move!);
  const after = [worker('a', 57, rates([2, 50])), worker('b', 38)];
  t.equal(
    hot.plan(12_000, after, () => true),
    undefined,
    'the mean of what was measured is 87 %',
  );
  t.end();
});

void t.test('when other slots move it begins anew', (t) => {
  const hot = new HotSlots();
  const workers = [worker('a', 95, TWO), worker('b', 0)];
  for (let second = 1; second <= 9; second++) hot.plan(1000 * second, workers, () => true);
  hot.forget();
  for (let second = 10; second <= 18; second++)
    t.equal(
      hot.plan(1000 * second, workers, () => true),
      undefined,
    );
  t.ok(hot.plan(19_000, workers, () => true));
  t.end();
});

void t.test('the whole load', (t) => {
  const load = (processor: number, hottest: readonly SlotRate[]) =>
    wholeLoad({ processor, operations: 100, hottest });
  t.equal(load(0.9, rates([5, 80], [6, 20])), 5);
  t.equal(load(0.9, rates([5, 79], [6, 21])), undefined, 'others have a part of it');
  t.equal(load(0.7, rates([5, 100])), undefined, 'the worker is not hot');
  t.equal(load(0.9, []), undefined);
  t.end();
});

/** Slots with a load of their own, placed on workers: what a cluster would measure, second by second. */
class Played {
  readonly #random: Prng;
  readonly #names: readonly Incarnation[];
  readonly #loads: Float64Array;
  /** As workers tell them: over some seconds (slot-meter.ts). */
  readonly #rates: Float64Array;
  readonly #owner: number[];
  readonly #noise: number;

  /** `noise`: a slot's load in one second is at most so many hundredths more or less than it is in the mean. */
  constructor(seed: number, noise: number) {
    this.#random = new Prng(seed);
    this.#noise = noise / 100;
    this.#names = ['a', 'b', 'c', 'd', 'e'].slice(0, 2 + this.#random.below(4)).map(id);
    const slots = 4 * this.#names.length + this.#random.below(10);
    this.#loads = Float64Array.from({ length: slots }, () => this.#any());
    this.#rates = Float64Array.from(this.#loads);
    this.#owner = Array.from(this.#loads, () => this.#random.below(this.#names.length));
  }

  /** Most have little, some have much: a processor's 0 to 40 hundredths. */
  #any(): number {
    return (this.#random.below(1000) / 1000) ** 3 * 0.4;
  }

  chance(oneOf: number): boolean {
    return this.#random.below(oneOf) === 0;
  }

  /** One slot has another load from now on. */
  change(): void {
    this.#loads[this.#random.below(this.#loads.length)] = this.#any();
  }

  /** A second later. */
  measure(): Measured[] {
    const workers = this.#names.map((incarnation) => {
      return { incarnation, takes: true, processor: 0, operations: 0, hottest: [] as SlotRate[] };
    });
    for (let slot = 0; slot < this.#loads.length; slot++) {
      const worker = workers[this.#owner[slot]!]!;
      const now = this.#loads[slot]! * (1 + this.#noise * (this.#random.below(2001) / 1000 - 1));
      const operations = 0.8 * this.#rates[slot]! + 0.2 * 1000 * now;
      this.#rates[slot] = operations;
      worker.processor = Math.min(1, worker.processor + now);
      worker.operations += operations;
      worker.hottest.push({ slot: slot as Slot, operations });
    }
    return workers;
  }

  move(slot: Slot, to: Incarnation): void {
    this.#owner[slot] = this.#names.indexOf(to);
  }

  held(slot: Slot, by: Incarnation): boolean {
    return this.#names[this.#owner[slot]!] === by;
  }
}

const MINUTES = 1000;
/** Some load changes for good every half an hour. */
const CHANGES_S = 1800;

interface Moved {
  readonly at: number;
  readonly slot: Slot;
  readonly from: Incarnation;
  readonly to: Incarnation;
  /** How often the load had changed by then. */
  readonly changes: number;
}

function play(seed: number, noise: number): readonly Moved[] {
  const played = new Played(seed, noise);
  const hot = new HotSlots();
  const moved: Moved[] = [];
  let changes = 0;
  for (let at = 0; at < 60 * MINUTES; at++) {
    if (played.chance(CHANGES_S)) {
      played.change();
      changes++;
    }
    const move = hot.plan(1000 * at, played.measure(), (slot, by) => played.held(slot, by));
    if (move === undefined) continue;
    hot.moved(1000 * at, move);
    played.move(move.slot, move.to);
    moved.push({ ...move, at, changes });
  }
  return moved;
}

/** Moves of a slot back to where it came from, though no load has changed since. */
function returns(moved: readonly Moved[]): readonly Moved[] {
  return moved.filter((move, i) => {
    const before = moved.slice(0, i).findLast(({ slot }) => slot === move.slot);
    return before?.from === move.to && before.changes === move.changes;
  });
}

void t.test(`no ping-pong over ${MINUTES} minutes of random load`, (t) => {
  let count = 0;
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 0, max: 30 }), (seed, noise) => {
      const moved = play(seed, noise);
      count += moved.length;
      t.strictSame(returns(moved), [], `seed ${seed}, noise ${noise} %`);
    }),
    { numRuns: 12, seed: SEED },
  );
  t.comment(`seed ${SEED}: ${count} moves`);
  t.ok(count > 20, `there was something to move: ${count}`);
  t.end();
});

void t.test('whatever the load does, a slot is left alone ever longer, and moves are few', (t) => {
  let count = 0;
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 80, max: 100 }), (seed, noise) => {
      const moved = play(seed, noise);
      count += moved.length;
      for (const [i, { slot, at }] of moved.entries()) {
        const last = moved[i - 1]?.at ?? -Infinity;
        if (at - last < 2) throw new Error(`two seconds: ${last} and ${at}`);
        const own = moved.slice(0, i).filter((each) => each.slot === slot && at - each.at < 3600);
        if (own.some((each) => at - each.at < 60)) throw new Error(`slot ${slot}: a minute`);
        // 1, 2, 4 … 32 minutes apart.
        if (own.length > 6) throw new Error(`slot ${slot} moved ${own.length + 1} times within an hour`);
      }
    }),
    { numRuns: 4, seed: SEED },
  );
  t.ok(count > 50, `${count} moves`);
  t.end();
});

void t.test('a load that can be spread is', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 8, maxLength: 40 }), (parts) => {
      const total = parts.reduce((sum, each) => sum + each, 0);
      const loads = parts.map((each) => each / total);
      // All of it at the first of three: 100 %.
      const owner = loads.map(() => 0);
      const names = ['a', 'b', 'c'].map(id);
      const measure = (): Measured[] =>
        names.map((incarnation, index) => {
          const own = loads.flatMap((load, slot) =>
            owner[slot] === index ? [{ slot: slot as Slot, operations: 1000 * load }] : [],
          );
          const operations = own.reduce((sum, each) => sum + each.operations, 0);
          const hottest = own.toSorted((a, b) => b.operations - a.operations).slice(0, 16);
          return { incarnation, takes: true, processor: operations / 1000, operations, hottest };
        });
      const hot = new HotSlots();
      let last = 0;
      for (let second = 0; second < 300; second++) {
        const move = hot.plan(1000 * second, measure(), (slot, by) => names[owner[slot]!] === by);
        if (move === undefined) continue;
        hot.moved(1000 * second, move);
        owner[move.slot] = names.indexOf(move.to);
        last = second;
      }
      const busiest = Math.max(...measure().map(({ processor }) => processor));
      const largest = Math.max(...loads);
      // Where one slot is larger than that there is nothing to spread.
      if (busiest > 0.7 + 1e-9 && largest < 0.7) throw new Error(`still ${busiest}`);
      if (last > 60) throw new Error(`it took ${last} s`);
    }),
    { numRuns: 100, seed: SEED },
  );
  t.end();
});
