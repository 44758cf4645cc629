/** A worker that hangs, and a supervisor that stood still. */
import t from 'tap';
import { ASK_EVERY_MS, Silence } from '../../src/member/silence.ts';

void t.test('ten seconds without an answer are too long', async (t) => {
  const silence = new Silence(0);
  for (let now = ASK_EVERY_MS; now < 10_000; now += ASK_EVERY_MS) t.notOk(silence.isTooLong(now), `${now}`);
  t.ok(silence.isTooLong(10_000));
  silence.heard(10_500);
  t.notOk(silence.isTooLong(11_000));
});

void t.test('not so when nobody looked: the answers are still unread', async (t) => {
  const silence = new Silence(0);
  t.notOk(silence.isTooLong(ASK_EVERY_MS));
  t.notOk(silence.isTooLong(60_000), 'we stood still');
  for (let now = 61_000; now < 70_000; now += ASK_EVERY_MS) t.notOk(silence.isTooLong(now), `${now}`);
  t.ok(silence.isTooLong(70_000), 'it has the whole time again, and no more');
});
