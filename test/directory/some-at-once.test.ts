import t from 'tap';
import { someAtOnce } from '../../src/directory/some-at-once.ts';

void t.test('never more than so many, and each one once', async (t) => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  await someAtOnce(3, [1, 2, 3, 4, 5, 6, 7], async (item) => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    running--;
    done.push(item);
  });
  t.equal(most, 3);
  t.strictSame(done, [1, 2, 3, 4, 5, 6, 7]);
  await someAtOnce(3, [], () => Promise.reject(new Error('nothing to do')));
});

void t.test('after a failure none begins, and it is thrown when those under way are back', async (t) => {
  const begun: number[] = [];
  const slow = Promise.withResolvers<void>();
  const all = someAtOnce(2, [1, 2, 3, 4], async (item) => {
    begun.push(item);
    if (item === 1) throw new Error('first');
    await slow.promise;
    throw new Error('second');
  });
  let isOver = false;
  const over = all.catch((error: Error) => {
    isOver = true;
    return error.message;
  });
  await new Promise(setImmediate);
  t.notOk(isOver, 'one is still under way');
  slow.resolve();
  t.equal(await over, 'first');
  t.strictSame(begun, [1, 2]);
});
