/** What an error of a file call is to those above, and that a bug of ours is none. */
import { strict as assert } from 'node:assert';
import t from 'tap';
import { Failure } from '../../../src/lib/failure.ts';
import { storageFailure } from '../../../src/store/log/errors.ts';
import { fsError } from './support.ts';

void t.test('errors of file calls are temporary failures, all else stays what it is', (t) => {
  for (const [code, expected] of [
    ['ENOSPC', 'no-space'],
    ['EDQUOT', 'no-space'],
    ['EROFS', 'no-space'],
    ['EIO', 'unavailable'],
    ['ESTALE', 'unavailable'],
    ['ENOENT', 'unavailable'],
  ] as const) {
    const cause = fsError(code);
    t.match(storageFailure(cause, 'storage'), { code: expected, cause }, code);
  }
  const same: unknown[] = [new Failure('damaged', 'x'), new TypeError('a bug'), 'no error at all', undefined];
  try {
    assert.fail('a bug with a code');
  } catch (error) {
    same.push(error);
  }
  for (const error of same) t.equal(storageFailure(error, 'storage'), error);
  t.end();
});
