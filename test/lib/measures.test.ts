import t from 'tap';
import { Measures } from '../../src/lib/measures.ts';

void t.test('a tally is one for its name and labels', async (t) => {
  const measures = new Measures();
  measures.tally('mails', { by: 'smtp' }).count++;
  measures.tally('mails', { by: 'smtp' }).count++;
  measures.tally('mails', { by: 'lmtp' }).count++;
  t.same(measures.samples(), [
    { name: 'mails', labels: { by: 'smtp' }, value: 2 },
    { name: 'mails', labels: { by: 'lmtp' }, value: 1 },
  ]);
});

void t.test('a histogram counts by upper bounds, the bound itself included', async (t) => {
  const measures = new Measures();
  const histogram = measures.histogram('seconds', [1, 5]);
  for (const value of [0, 1, 2, 5, 5.5, 100]) histogram.observe(value);
  t.match(measures.samples(), [
    { name: 'seconds', labels: {}, value: { bounds: [1, 5], counts: [2, 2, 2], sum: 113.5 } },
  ]);
});

void t.test('a gauge is asked each time, and left out while there is no figure', async (t) => {
  const measures = new Measures();
  let value = Number.NaN;
  measures.gauge('left', {}, () => value);
  t.same(measures.samples(), []);
  value = 3;
  t.same(measures.samples(), [{ name: 'left', labels: {}, value: 3 }]);
});
