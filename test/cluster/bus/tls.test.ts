/**
 * The bus with certificates, over real sockets and TLS 1.3: who gets in, who does not, what a frontend may ask and answer,
 * what a relay may pass on, and that a revoked member is cut off at once.
 */
import { connect, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { createBus } from '../../../src/cluster/bus/bus.ts';
import { FOR_ANOTHER } from '../../../src/cluster/bus/gate.ts';
import type { BusLimits } from '../../../src/cluster/bus/limits.ts';
import type { Bus, Peer } from '../../../src/cluster/bus/types.ts';
import { Service } from '../../../src/cluster/messages.ts';
import { MemberSecurity } from '../../../src/cluster/security/member-security.ts';
import { withoutMember } from '../../../src/cluster/security/state.ts';
import type { BusSecurity, MemberIdentity } from '../../../src/cluster/security/types.ts';
import { Failure } from '../../../src/lib/failure.ts';
import { type LogFields, type Logger, noLogger } from '../../../src/lib/logging.ts';
import type { Address } from '../../../src/platform/platform.ts';
import { realPlatform } from '../../../src/platform/real/platform.ts';
import type { Incarnation } from '../../../src/store/ids.ts';
import { DAY_MS, TestCluster } from '../security/support.ts';
import { codeOf } from './support.ts';

const SOON = { timeoutMs: 3000 };
const LISTEN: Address = { host: '127.0.0.1', port: 0 };

interface Line extends LogFields {
  readonly message: string;
}

/** Warnings, and a promise of the next one like this. */
class Warnings {
  readonly lines: Line[] = [];
  #told = Promise.withResolvers<void>();

  readonly logger: Logger = {
    ...noLogger,
    warn: (fields, message) => {
      this.lines.push({ ...fields, message });
      this.#told.resolve();
      this.#told = Promise.withResolvers();
    },
    child: () => this.logger,
  };

  async like(pattern: RegExp): Promise<Line> {
    for (;;) {
      const found = this.lines.find(({ message }) => pattern.test(message));
      if (found !== undefined) return found;
      await this.#told.promise;
    }
  }
}

async function bus(
  t: Test,
  security: BusSecurity | undefined,
  more: {
    readonly name?: string;
    readonly clusterId?: string;
    readonly logger?: Logger;
    readonly role?: Peer['role'];
    readonly limits?: Partial<BusLimits>;
  } = {},
): Promise<Bus> {
  const platform = realPlatform();
  const made = await createBus({
    platform,
    self: {
      member: more.name ?? security?.self.member ?? 'nobody',
      role: more.role ?? 'worker',
      incarnation: platform.random.bytes(16).toString('hex') as Incarnation,
    },
    listen: LISTEN,
    clusterId: more.clusterId ?? security?.self.clusterId ?? '',
    ...(security && { security }),
    ...(more.limits && { limits: more.limits }),
    logger: more.logger ?? noLogger,
  });
  t.teardown(() => made.close());
  return made;
}

void t.test('members talk, and each knows who the other is', async (t) => {
  const cluster = await TestCluster.make();
  const be = await bus(t, await cluster.member('be1', 'backend'));
  const fe = await bus(t, await cluster.member('fe1', 'frontend'));
  be.serve('mail.deliver', (body, { from }) => ({ body, proven: from.proven }));
  const answer = await fe.call(be.self.address, 'mail.deliver', { octets: Buffer.alloc(100_000, 1) }, SOON);
  t.match(answer, {
    body: { octets: Buffer.alloc(100_000, 1) },
    proven: { member: 'fe1', role: 'frontend', clusterId: cluster.clusterId },
  });
  t.match(fe.self.proven, { member: 'fe1', role: 'frontend' });
});

void t.test('a frontend that asks for a backend’s right is refused and logged', async (t) => {
  const cluster = await TestCluster.make();
  const warnings = new Warnings();
  const be = await bus(t, await cluster.member('be1', 'backend'), { logger: warnings.logger });
  const fe = await bus(t, await cluster.member('fe1', 'frontend'));
  const ran: string[] = [];
  for (const service of [Service.leases, 'directory.step', 'unlisted.service'])
    be.serve(service, () => ran.push(service));
  be.onNotice(Service.supervisorStatement, () => ran.push('statement'));
  be.onStream('unlisted.stream', () => ran.push('stream'));
  be.serve(Service.workerPing, () => 'pong');
  const to = be.self.address;
  // Its own bus would not even ask whom it must not believe; a broken-in one would, so the far side is what counts.
  for (const service of [Service.leases, 'directory.step']) {
    await t.rejects(
      fe.call(to, service, {}, SOON),
      { code: 'refused', message: /fe1 \(frontend\)/ },
      service,
    );
    t.match(await warnings.like(new RegExp(`refused.*${service}`)), {
      member: 'fe1',
      role: 'frontend',
      service,
    });
  }
  fe.notify(to, Service.supervisorStatement, {});
  await warnings.like(/cluster\.statement/);
  t.equal(
    await codeOf(fe.call(to, 'unlisted.service', {}, SOON)),
    'unavailable',
    'not in the table: not asked',
  );
  t.equal(
    await fe.call(to, Service.workerPing, null, SOON),
    'pong',
    'the connection is good for what it may',
  );
  t.same(ran, [], 'no handler has run');
});

void t.test('a frontend’s answer in a backend’s place is not asked for', async (t) => {
  const cluster = await TestCluster.make();
  const warnings = new Warnings();
  const fe = await bus(t, await cluster.member('fe1', 'frontend'));
  const other = await bus(t, await cluster.member('fe2', 'frontend'), { logger: warnings.logger });
  const asked: string[] = [];
  for (const service of ['mail.deliver', Service.renew, Service.report])
    fe.serve(service, () => asked.push(service));
  fe.onStream('imap.session', () => asked.push('stream'));
  const to = fe.self.address;
  for (const service of ['mail.deliver', Service.renew, Service.report])
    await t.rejects(
      other.call(to, service, {}, SOON),
      { code: 'unavailable', message: /no right to answer/ },
      service,
    );
  await t.rejects(other.open(to, 'imap.session', {}, SOON), { code: 'unavailable' });
  t.match(await warnings.like(/no right to answer mail\.deliver/), { member: 'fe1', role: 'frontend' });
  t.same(asked, [], 'nothing was sent');
});

void t.test('a relay passes on the rights of who asked', async (t) => {
  const cluster = await TestCluster.make();
  const warnings = new Warnings();
  const target = await bus(t, await cluster.member('be2', 'backend'), { logger: warnings.logger });
  const relay = await bus(t, await cluster.member('be1', 'backend'));
  const fe = await bus(t, await cluster.member('fe1', 'frontend'));
  target.serve('mail.deliver', (_, { from }) => [from.member, from.proven?.role]);
  target.serve(Service.leases, () => 'leases');
  const to = target.self.address;
  const asker = fe.self.proven;
  t.same(await relay.call(to, 'mail.deliver', {}, { ...SOON, asker }), ['fe1', 'frontend'], 'in its name');
  await t.rejects(relay.call(to, Service.leases, {}, { ...SOON, asker }), {
    code: 'refused',
    message: /fe1/,
  });
  t.match(await warnings.like(/cluster\.leases/), { member: 'fe1', role: 'frontend', over: 'be1' });
  t.equal(await relay.call(to, Service.leases, {}, SOON), 'leases', 'its own rights are another matter');
  // A frontend that says that it asks for a backend.
  await t.rejects(fe.call(to, 'mail.deliver', {}, { ...SOON, asker: relay.self.proven! }), {
    code: 'refused',
    message: /no right to ask for another/,
  });
  for (const nonsense of [
    {},
    { ...asker, role: 'king' },
    { ...asker, member: 'a b' },
    { ...asker, serial: '' },
  ])
    t.equal(
      await codeOf(relay.call(to, 'mail.deliver', {}, { ...SOON, asker: nonsense as MemberIdentity })),
      'invalid',
      JSON.stringify(nonsense),
    );
  t.throws(() => target.serve(FOR_ANOTHER, () => 1), 'and no service has that name');
});

void t.test('who does not get in', async (t) => {
  const cluster = await TestCluster.make();
  const warnings = new Warnings();
  const be = await bus(t, await cluster.member('be1', 'backend'), { logger: warnings.logger });
  be.serve(Service.workerPing, () => 'pong');
  const to = be.self.address;
  const refused = async (name: string, from: Bus): Promise<void> => {
    t.equal(await codeOf(from.call(to, Service.workerPing, null, SOON)), 'unavailable', name);
  };

  const stranger = await TestCluster.make('d2'.repeat(16));
  await refused('another cluster’s', await bus(t, await stranger.member('be9', 'backend')));
  const forger = await TestCluster.make(cluster.clusterId);
  await refused('the same names by another authority', await bus(t, await forger.member('be2', 'backend')));

  // With an authority that ours does not know, but which believes ours: only the server can refuse it.
  const files = await forger.files('be2', 'backend');
  const trusting = new MemberSecurity({ ...files, authorities: [cluster.authority.certificate] });
  await refused('a client whose certificate is signed by another', await bus(t, trusting));

  await refused('in the clear', await bus(t, undefined, { name: 'be2', clusterId: cluster.clusterId }));
  const over = await cluster.member('old', 'backend', Date.now() - 400 * DAY_MS);
  await refused('a certificate that is over', await bus(t, over));
  const early = await cluster.member('new', 'backend', Date.now() + 2 * DAY_MS);
  await refused('one of tomorrow', await bus(t, early));

  const fe1 = await cluster.member('fe1', 'frontend');
  await refused('another member’s name in the hello', await bus(t, fe1, { name: 'be1' }));
  t.match(await warnings.like(/the certificate of fe1, the hello of be1/), { stated: 'be1', proven: 'fe1' });
  await refused('another cluster in the hello', await bus(t, fe1, { clusterId: stranger.clusterId }));
  await warnings.like(/the hello of d2/);

  t.equal(
    await (await bus(t, fe1, { clusterId: '' })).call(to, Service.workerPing, null, SOON),
    'pong',
    'no cluster in it',
  );
});

void t.test('nothing is said before TLS, and no client without a certificate gets anything', async (t) => {
  const cluster = await TestCluster.make();
  const be = await bus(t, await cluster.member('be1', 'backend'));
  for (const options of [{}, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }] as const) {
    const socket = connect({
      ...be.self.address,
      ca: cluster.authority.certificate,
      checkServerIdentity: () => undefined,
      ...options,
    });
    let octets = 0;
    socket.on('data', (bytes: Buffer) => (octets += bytes.length));
    socket.on('error', () => undefined);
    socket.write('anything');
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
    t.equal(octets, 0, JSON.stringify(options));
  }
});

void t.test('a revoked member is cut off within a second, and stays out', async (t) => {
  const cluster = await TestCluster.make();
  const warnings = new Warnings();
  const security = await cluster.member('be1', 'backend');
  const be = await bus(t, security, { logger: warnings.logger });
  const fe = await bus(t, await cluster.member('fe1', 'frontend'));
  const other = await bus(t, await cluster.member('fe2', 'frontend'));
  security.follow(cluster.state);
  const held = Promise.withResolvers<never>();
  be.serve('mail.deliver', () => held.promise);
  be.serve(Service.workerPing, () => 'pong');
  fe.serve(Service.workerPing, () => 'pong');
  const to = be.self.address;
  t.equal(await fe.call(to, Service.workerPing, null, SOON), 'pong');
  t.equal(await be.call(fe.self.address, Service.workerPing, null, SOON), 'pong');
  const waiting = codeOf(fe.call(to, 'mail.deliver', {}, { timeoutMs: 60_000 }));
  const startMs = performance.now();
  security.follow(withoutMember(cluster.state, 'fe1'));
  t.equal(await waiting, 'unknown', 'what was under way ends');
  t.ok(performance.now() - startMs < 1000, 'at once');
  t.equal(await codeOf(fe.call(to, Service.workerPing, null, SOON)), 'unavailable', 'it does not get in');
  t.equal(
    await codeOf(be.call(fe.self.address, Service.workerPing, null, SOON)),
    'unavailable',
    'and is not asked',
  );
  t.match(await warnings.like(/revoked/), { stated: 'fe1', remote: /^127\.0\.0\.1:\d+$/ });
  for (let i = 0; i < 10; i++) await codeOf(fe.call(to, Service.workerPing, null, SOON));
  t.equal(warnings.lines.filter(({ message }) => /revoked/.test(message)).length, 1, 'said once in a while');
  t.equal(await other.call(to, Service.workerPing, null, SOON), 'pong', 'others stay');
  held.reject(new Failure('unavailable', 'over'));
  await held.promise.catch(() => undefined);
});

void t.test(
  'a certificate that no settings list is nobody’s, also when an authority of ours has signed it',
  async (t) => {
    const cluster = await TestCluster.make();
    const security = await cluster.member('be1', 'backend');
    const { state } = cluster;
    const forged = await cluster.member('be2', 'backend');
    const be = await bus(t, security);
    be.serve(Service.workerPing, () => 'pong');
    const from = await bus(t, forged);
    t.equal(
      await from.call(be.self.address, Service.workerPing, null, SOON),
      'pong',
      'before there are settings',
    );
    security.follow(state);
    t.equal(
      await codeOf(from.call(be.self.address, Service.workerPing, null, SOON)),
      'unknown',
      'its connection ends',
    );
    t.equal(
      await codeOf(from.call(be.self.address, Service.workerPing, null, SOON)),
      'unavailable',
      'there is no other',
    );
  },
);

void t.test('a renewed certificate and a second authority are taken up while running', async (t) => {
  const cluster = await TestCluster.make();
  const successor = await TestCluster.make(cluster.clusterId);
  const both = [successor.authority.certificate, cluster.authority.certificate];
  const be = await cluster.member('be1', 'backend');
  const fe = await cluster.member('fe1', 'frontend');
  const server = await bus(t, be);
  server.serve(Service.workerPing, (_, { from }) => from.proven?.serial);
  const client = await bus(t, fe);
  const before = await client.call(server.self.address, Service.workerPing, null, SOON);
  t.equal(before, fe.self.serial);
  be.replace({ ...be.files, authorities: both });
  fe.replace({ ...(await successor.files('fe1', 'frontend')), authorities: both });
  const again = await bus(t, fe);
  t.equal(
    await again.call(server.self.address, Service.workerPing, null, SOON),
    fe.self.serial,
    'signed by the new one',
  );
  be.replace({ ...(await successor.files('be1', 'backend')), authorities: both });
  const third = await bus(t, fe);
  t.equal(
    await third.call(server.self.address, Service.workerPing, null, SOON),
    fe.self.serial,
    'the server’s too',
  );
  t.equal(
    await client.call(server.self.address, Service.workerPing, null, SOON),
    before,
    'what stood goes on',
  );
  const wrong = await cluster.files('fe2', 'frontend');
  t.throws(() => fe.replace(wrong), { code: 'invalid' }, 'another member’s certificate');
});

void t.test('one member does not take the places of others, nor by saying nothing', async (t) => {
  const cluster = await TestCluster.make();
  const warnings = new Warnings();
  const security = await cluster.member('fe1', 'frontend');
  const limits = { memberConnectionsMax: 3 };
  const be = await bus(t, await cluster.member('be1', 'backend'), { logger: warnings.logger, limits });
  be.serve(Service.workerPing, () => 'pong');
  const { port } = be.self.address;
  const identity = security.identity();
  const silent = await Promise.all(
    [1, 2, 3].map(
      () =>
        new Promise<TLSSocket>((resolve) => {
          const { chain: cert, key } = identity;
          const socket: TLSSocket = connect(
            {
              host: '127.0.0.1',
              port,
              ca: [...security.authorities()],
              cert,
              key,
              checkServerIdentity: () => undefined,
            },
            () => resolve(socket),
          );
          socket.on('error', () => undefined);
          t.teardown(() => socket.destroy());
        }),
    ),
  );
  t.equal(silent.length, 3);
  // TLS 1.3: the client is through before the server has taken its certificate.
  let code = 'not asked';
  while (!warnings.lines.some(({ message }) => /too many connections of a member/.test(message))) {
    const fe = await bus(t, security);
    code = await codeOf(fe.call(be.self.address, Service.workerPing, null, SOON));
  }
  t.not(code, 'not asked');
  t.match(await warnings.like(/too many connections of a member/), { member: 'fe1', max: 3 });
  const other = await bus(t, await cluster.member('fe2', 'frontend'));
  t.equal(await other.call(be.self.address, Service.workerPing, null, SOON), 'pong', 'others come in');
  for (const socket of silent) socket.destroy();
  const fe = await bus(t, security);
  let answer: unknown;
  while (answer !== 'pong')
    answer = await fe.call(be.self.address, Service.workerPing, null, SOON).catch(() => undefined);
  t.equal(answer, 'pong', 'and there is room again');
});

void t.test(
  'what handlers hold for one member is bounded over its connections; credit comes back',
  async (t) => {
    const cluster = await TestCluster.make();
    const limits = { memberHeldCallOctetsMax: 100_000, connectionCredit: 65_536 };
    const be = await bus(t, await cluster.member('be1', 'backend'), { limits });
    const held: (() => void)[] = [];
    be.serve('mail.deliver', () => new Promise((resolve) => held.push(() => resolve('done'))));
    const security = await cluster.member('fe1', 'frontend');
    const senders = await Promise.all([1, 2, 3].map(() => bus(t, security)));
    const to = be.self.address;
    const octets = Buffer.alloc(60_000, 1);
    const calls = senders.map((each) => each.call(to, 'mail.deliver', { octets }, SOON));
    while (held.length < 3) await new Promise((resolve) => setImmediate(resolve));
    // The member holds more than it may: what its processes send now waits for credit, and is not lost.
    const more = senders.map((each) => each.call(to, 'mail.deliver', { octets }, SOON));
    for (const resolve of held.splice(0)) resolve();
    t.same(await Promise.all(calls), ['done', 'done', 'done']);
    const pump = setInterval(() => {
      for (const resolve of held.splice(0)) resolve();
    }, 5);
    t.teardown(() => clearInterval(pump));
    t.same(await Promise.all(more), ['done', 'done', 'done']);
  },
);
