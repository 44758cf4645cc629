/** Where the controller is said to be: of two that point, who has answered the larger control epoch knows better. */
import t from 'tap';
import { Pointer } from '../../../src/cluster/view/pointer.ts';

const at = (port: number) => ({ host: '10.0.0.1', port });

void t.test('who points to whom', (t) => {
  const pointer = new Pointer();
  t.equal(pointer.to, undefined);
  t.equal(pointer.pointed(at(1), 3, 4), false, 'what is over already');
  t.equal(pointer.to, undefined);
  t.equal(pointer.pointed(at(1), 4, 4), true);
  t.equal(pointer.pointed(at(1), 4, 4), false, 'the same again is no news');
  t.equal(pointer.pointed(at(2), 3, 0), false, 'who knows less');
  t.strictSame(pointer.to, at(1));
  t.equal(pointer.pointed(at(2), 5, 0), true);
  t.strictSame(pointer.to, at(2));
  pointer.clear();
  t.equal(pointer.to, undefined);
  t.equal(pointer.pointed(at(3), 1, 1), true, 'after it was heard the count begins anew');
  t.end();
});
