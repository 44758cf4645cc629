/**
 * A link that is cut one way: a backend's messages arrive everywhere and nothing arrives there. Its leases run out, as it hears
 * no answer; a controller that renewed them all the same would let nobody else have its accounts for as long as that lasts.
 */
import t from 'tap';
import { withMargin } from '../../src/cluster/times.ts';
import { SLOTS } from '../../src/store/ids.ts';
import { TestCluster } from './cluster.ts';

void t.test('who sends and hears nothing keeps nothing', async (t) => {
  const c = new TestCluster();
  await c.init();
  const members = [
    await c.add('be1', 'backend'),
    await c.add('be2', 'backend'),
    await c.add('be3', 'backend'),
  ];
  await c.balanced();
  const deaf = members.find(({ name }) => name !== c.controllers[0])!;
  const ears = [deaf.bus.self.address.port, deaf.worker.bus.self.address.port];
  const reaches = c.hub.reaches.bind(c.hub);
  c.hub.reaches = (from, to) => reaches(from, to) && (!ears.includes(to.port) || ears.includes(from.port));

  const holders = () => members.map(({ worker }) => worker.holder.held());
  const others = () => members.filter((each) => each !== deaf).flatMap(({ worker }) => worker.holder.held());
  let twice = 0;
  const tookMs = await c.until(() => {
    const held = holders().flat();
    twice += held.length - new Set(held).size;
    return others().length === SLOTS;
  });
  // Heard for a ControlLease, held for a SlotLease by the controller's clock, then a heartbeat without its name and a renewal.
  const { controlLeaseMs, slotLeaseMs, heartbeatMs } = c.times;
  const limitMs = controlLeaseMs + withMargin(slotLeaseMs, c.times) + 4 * heartbeatMs;
  t.ok(tookMs <= limitMs, `others have its slots after ${tookMs} ms of ${Math.round(limitMs)}`);
  t.equal(twice, 0, 'no slot was held twice at any time');
  t.same(deaf.worker.holder.held(), [], 'it knows that it has none');

  c.hub.reaches = reaches;
  await c.balanced();
  t.ok(deaf.worker.holder.held().length > 0, 'and gets its share when it hears again');
  await c.stop();
});
