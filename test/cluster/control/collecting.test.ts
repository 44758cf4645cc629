/** Whom a new controller asks for running leases. */
import t from 'tap';
import { Service } from '../../../src/cluster/messages.ts';
import { SLOTS } from '../../../src/store/ids.ts';
import { TestCluster } from '../cluster.ts';

void t.test('a frontend, which has no right to answer, is not asked for leases', async (t) => {
  const c = new TestCluster();
  await c.init();
  for (const name of ['be1', 'be2', 'fe1']) await c.add(name, name === 'fe1' ? 'frontend' : 'backend');
  await c.balanced();
  const lost = c.member(c.controllers[0]!);
  const left = c.member(lost.name === 'be1' ? 'be2' : 'be1');
  c.hub.seen.length = 0;
  for (const bus of [lost.bus, lost.worker.bus]) c.hub.crash(bus);
  void lost.node.stop();
  void lost.worker.node.stop(0);
  await c.until(() => left.worker.holder.held().length === SLOTS);
  const asked = c.hub.seen.filter(({ service }) => service === Service.leases).map(({ to }) => to);
  t.ok(asked.includes(left.name), 'the owner is');
  t.notOk(asked.includes('fe1'));
  await c.stop();
});
