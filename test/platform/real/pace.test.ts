import t from 'tap';
import { Pace } from '../../../src/platform/real/pace.ts';

void t.test('so many in a turn, in order, and the others are not forgotten', async (t) => {
  const pace = new Pace(3);
  const begun: number[] = [];
  const all = Array.from({ length: 8 }, (_, index) => pace.next().then(() => begun.push(index)));
  const seen: number[][] = [];
  for (let turn = 0; turn < 4; turn++) {
    await Promise.resolve();
    seen.push(begun.splice(0));
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.strictSame(seen.slice(0, 3), [
    [0, 1, 2],
    [3, 4, 5],
    [6, 7],
  ]);
  await Promise.all(all);
});

void t.test('who comes while others wait goes behind them', async (t) => {
  const pace = new Pace(1);
  const begun: string[] = [];
  const come = (name: string) => pace.next().then(() => begun.push(name));
  const all = [come('first'), come('second')];
  setImmediate(() => all.push(come('third')));
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
  await Promise.all(all);
  t.strictSame(begun, ['first', 'second', 'third']);
});

void t.test('a quiet pace lets one begin at once', async (t) => {
  const pace = new Pace(1);
  for (let round = 0; round < 3; round++) {
    await pace.next();
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.pass();
});
