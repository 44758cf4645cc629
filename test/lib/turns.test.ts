/** Turns: so many at a time, in line, leaving the line. */
import t from 'tap';
import { Turns } from '../../src/lib/turns.ts';

function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: () => resolve() };
}

void t.test('turns: so many at a time, in line, also after a failure', async (t) => {
  const turns = new Turns(2);
  const hold = gate();
  let working = 0;
  let most = 0;
  const done: number[] = [];
  const all = Promise.allSettled(
    [1, 2, 3, 4, 5].map((number) =>
      turns.run(async () => {
        most = Math.max(most, ++working);
        await hold.opened;
        working--;
        done.push(number);
        if (number === 2) throw new Error('failed');
      }),
    ),
  );
  hold.open();
  t.same(
    (await all).map(({ status }) => status),
    ['fulfilled', 'rejected', ...Array(3).fill('fulfilled')],
  );
  t.equal(most, 2);
  t.same(done, [1, 2, 3, 4, 5]);
});

void t.test("who leaves the line takes nobody's turn", async (t) => {
  const turns = new Turns(1);
  const hold = gate();
  const leaves = new AbortController();
  const done: number[] = [];
  const first = turns.run(() => hold.opened);
  const second = turns.run(async () => void done.push(2), leaves.signal);
  const third = turns.run(async () => void done.push(3));
  leaves.abort(new Error('left'));
  await t.rejects(second, { message: 'left' });
  hold.open();
  await Promise.all([first, third]);
  t.same(done, [3]);
  await t.rejects(
    turns.run(async () => done.push(4), AbortSignal.abort(new Error('never came'))),
    {
      message: 'never came',
    },
  );
  await turns.run(async () => void done.push(5));
  t.same(done, [3, 5]);
});
