import t from 'tap';
import { ARRIVAL_MS_FREE, ARRIVAL_OCTETS_PER_SECOND_MIN, Arrival } from '../../src/lib/arrival.ts';

void t.test('some time for everybody, then as much as the octets take at the least rate', async (t) => {
  const arrival = new Arrival(1000);
  t.equal(arrival.untilMs, 1000 + ARRIVAL_MS_FREE);
  arrival.add(ARRIVAL_OCTETS_PER_SECOND_MIN);
  t.equal(arrival.untilMs, 2000 + ARRIVAL_MS_FREE, 'a second more for what takes a second');
  arrival.add(ARRIVAL_OCTETS_PER_SECOND_MIN / 2);
  t.equal(arrival.untilMs, 2500 + ARRIVAL_MS_FREE, 'each octet puts it off');
});

void t.test('an octet now and then gains next to nothing', async (t) => {
  const arrival = new Arrival(0);
  for (let count = 0; count < 1000; count++) arrival.add(1);
  t.ok(arrival.untilMs < ARRIVAL_MS_FREE + 100);
});
