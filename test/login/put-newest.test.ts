import t from 'tap';
import { putNewest } from '../../src/login/put-newest.ts';

void t.test('the entry longest unchanged is forgotten first', async (t) => {
  const map = new Map<string, number>();
  for (const key of ['a', 'b', 'c']) putNewest(map, key, 1, 3);
  putNewest(map, 'a', 2, 3);
  t.strictSame([...map.keys()], ['b', 'c', 'a'], 'a changed one is the newest, and counts once');
  putNewest(map, 'd', 1, 3);
  t.strictSame(
    [...map],
    [
      ['c', 1],
      ['a', 2],
      ['d', 1],
    ],
  );
});
