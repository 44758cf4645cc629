/** The running service: the door is open while somebody is expected, and no keys are given before it is known who is who. */
import t, { type Test } from 'tap';
import type { CallContext } from '../../../src/cluster/bus/types.ts';
import { Service } from '../../../src/cluster/messages.ts';
import { fingerprint } from '../../../src/cluster/security/authority.ts';
import { sealAuthority } from '../../../src/cluster/security/registrar.ts';
import { SecurityService } from '../../../src/cluster/security/service.ts';
import { formatState, STATE_KEY } from '../../../src/cluster/security/state.ts';
import { parseToken } from '../../../src/cluster/security/token.ts';
import { Failure } from '../../../src/lib/failure.ts';
import { noLogger } from '../../../src/lib/logging.ts';
import type { Address } from '../../../src/platform/platform.ts';
import { realPlatform } from '../../../src/platform/real/platform.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { codeOf } from '../bus/support.ts';
import { MemoryHub } from '../memory-bus.ts';
import { TestSettings } from './settings.ts';
import { TestCluster } from './support.ts';

const MINUTE_MS = 60_000;

async function make(t: Test) {
  const { random, net } = realPlatform();
  const cluster = await TestCluster.make();
  const security = await cluster.member('be1', 'backend');
  const settings = new TestSettings(cluster.state);
  const id = fingerprint(cluster.authority.certificate);
  await settings.set(sealAuthority(cluster.authority, id, cluster.rings.backend!, random));
  const clock = new ManualClock({ wallMs: Date.now() });
  const bus = new MemoryHub(clock).bus('be1', 'supervisor', 'be1');
  Object.assign(bus.self.address, { host: '127.0.0.1' });
  const control = { isOurs: true };
  const open = new Set<number>();
  const service = new SecurityService({
    platform: {
      clock,
      random,
      net: {
        ...net,
        listen: async (at: Address) => {
          const port = at.port === 0 ? 4000 : at.port;
          if (open.has(port)) throw new Error('EADDRINUSE');
          open.add(port);
          return { address: { ...at, port }, close: async () => void open.delete(port) };
        },
      },
    },
    bus,
    security,
    node: {
      status: () => [],
      controller: () => undefined,
      isController: () => control.isOurs,
      decide: settings.decide,
      settings: settings.copy,
      changeSettings: () => Promise.resolve(),
    },
    seeds: [],
    elsewhere: () => [],
    store: async (change) => security.replace(change(security.files)),
    logger: noLogger,
  });
  service.serve();
  t.teardown(() => service.stop());
  const ask = async (name: string, body: unknown, role: 'backend' | 'frontend' = 'backend') => {
    const proven = { clusterId: cluster.clusterId, member: 'm', role, serial: '1' };
    const context = { from: { ...bus.self, proven } } as unknown as CallContext;
    return bus.calls.get(name)!(body, context);
  };
  const invite = (minutes: number) =>
    ask(Service.securityInvite, { member: 'fe1', role: 'frontend', forMs: minutes * MINUTE_MS }) as Promise<{
      readonly token: string;
    }>;
  return { settings, clock, service, open, control, ask, invite };
}

void t.test('the door is closed when nobody is expected any more', async (t) => {
  const { service, settings, clock, open, invite } = await make(t);
  service.follow(settings.copy);
  const { token } = await invite(10);
  t.same([...open], [parseToken(token).at.port]);
  await clock.advance(5 * MINUTE_MS);
  t.equal(open.size, 1);
  await clock.advance(6 * MINUTE_MS);
  t.equal(open.size, 0, 'the invitation is over; nothing in the settings has changed');
});

void t.test('nor when an invitation could not be decided', async (t) => {
  const { service, settings, clock, open, control, invite } = await make(t);
  service.follow(settings.copy);
  control.isOurs = false;
  t.equal(await codeOf(invite(10)), 'unavailable');
  await clock.advance(1);
  t.equal(open.size, 0);
});

void t.test('keys are given to nobody before the list of members is here', async (t) => {
  const { service, settings, ask } = await make(t);
  await t.rejects(ask(Service.securityKeys, null), { code: 'unavailable', constructor: Failure });
  service.follow(settings.copy);
  await settings.set({ key: STATE_KEY, value: formatState(settings.state) });
  t.match(await ask(Service.securityKeys, null), { keys: /"backend"/ });
  t.notMatch(await ask(Service.securityKeys, null, 'frontend'), { keys: /"backend"/ });
});
