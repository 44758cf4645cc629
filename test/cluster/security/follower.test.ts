/** A member's certificate is renewed in time, by itself, and a worker follows the list of good ones. */
import { setImmediate as immediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Service } from '../../../src/cluster/messages.ts';
import { fingerprint, issue } from '../../../src/cluster/security/authority.ts';
import { Follower, followState } from '../../../src/cluster/security/follower.ts';
import { readMemberCertificate } from '../../../src/cluster/security/identity.ts';
import type { SecurityFiles } from '../../../src/cluster/security/member-security.ts';
import { Registrar, sealAuthority } from '../../../src/cluster/security/registrar.ts';
import { formatState, STATE_KEY, withoutMember } from '../../../src/cluster/security/state.ts';
import { noLogger } from '../../../src/lib/logging.ts';
import { realPlatform } from '../../../src/platform/real/platform.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryHub } from '../memory-bus.ts';
import { TestSettings } from './settings.ts';
import { DAY_MS, TestCluster } from './support.ts';

const { clock, random } = realPlatform();

async function issued({ authority, clusterId }: TestCluster, request: string, at: number): Promise<string> {
  const to = { clusterId, member: 'fe1', role: 'frontend', request } as const;
  return (await issue(authority, to, at, random)).certificate;
}

/** A backend that renews, and a frontend whose certificate is so old. */
async function make(t: Test, ageDays: number) {
  const cluster = await TestCluster.make();
  const backend = await cluster.member('be1', 'backend');
  const security = await cluster.member('fe1', 'frontend', Date.now() - ageDays * DAY_MS);
  const settings = new TestSettings(cluster.state);
  const id = fingerprint(cluster.authority.certificate);
  await settings.set(sealAuthority(cluster.authority, id, cluster.rings.backend!, random));
  const registrar = new Registrar({
    platform: { clock, random },
    security: backend,
    decide: settings.decide,
    logger: noLogger,
  });
  const hub = new MemoryHub(clock);
  const asked: string[] = [];
  const be = hub.bus('be1', 'supervisor', 'be1');
  be.serve(Service.securityRenew, (body) => {
    asked.push(security.self.serial);
    const { request, serial } = body as { readonly request: string; readonly serial: string };
    return registrar.decide({ kind: 'renew', member: 'fe1', serial, request });
  });
  const stored = Promise.withResolvers<SecurityFiles>();
  const follower = new Follower({
    bus: hub.bus('fe1', 'supervisor', 'fe1'),
    clock,
    security,
    backends: () => [be.self.address],
    store: async (change) => {
      security.replace(change(security.files));
      stored.resolve(security.files);
    },
    logger: noLogger,
  });
  t.teardown(() => follower.stop());
  return {
    settings,
    security,
    follower,
    asked,
    stored: stored.promise,
    cluster,
    hub,
    renewals: hub.bus('fe1', 'supervisor', 'fe1'),
    backend: be.self.address,
  };
}

void t.test('after two thirds of its life, not before', async (t) => {
  const old = await make(t, 250);
  const before = old.security.self.serial;
  old.follower.settings(old.settings.copy);
  const files = await old.stored;
  const read = readMemberCertificate(files.certificate)!;
  t.not(read.serial, before);
  t.equal(old.security.self.serial, read.serial, 'in use');
  t.ok(read.notAfterMs > Date.now() + 360 * DAY_MS);
  t.not(files.key, '', 'with a new key');

  const young = await make(t, 200);
  young.follower.settings(young.settings.copy);
  await clock.sleep(100);
  t.same(young.asked, [], 'two thirds of a year are not over');
});

void t.test('a renewal that cannot be stored is tried less and less often', async (t) => {
  const manual = new ManualClock({ wallMs: Date.now() });
  const { security, asked, settings, renewals, backend } = await make(t, 250);
  let failed = 0;
  const follower = new Follower({
    bus: renewals,
    clock: manual,
    security,
    backends: () => [backend, backend, backend],
    store: () => Promise.reject(new Error('ENOSPC')),
    logger: { ...noLogger, warn: () => void failed++ },
  });
  t.teardown(() => follower.stop());
  follower.settings(settings.copy);
  // Making a key takes real time.
  const until = async (count: number) => {
    while (failed < count) await immediate();
    await immediate();
  };
  await until(1);
  t.equal(asked.length, 1, 'one backend was asked, once: its answer was no failure of its own');
  // Whatever else changes in the settings asks for nothing.
  for (let i = 0; i < 5; i++) {
    await settings.set({ key: STATE_KEY, value: formatState({ ...settings.state }) });
    follower.settings(settings.copy);
    await immediate();
  }
  t.equal(asked.length, 1);
  let ms = 1000;
  for (let count = 2; count < 6; count++, ms *= 2) {
    await manual.advance(ms - 1);
    t.equal(asked.length, count - 1, `not before ${ms} ms`);
    await manual.advance(1);
    await until(count);
    t.equal(asked.length, count);
  }
});

void t.test('a certificate that could not be used replaces none that can', async (t) => {
  const wrongs = {
    'for another key': async (c: TestCluster) => (await c.files('fe1', 'frontend')).certificate,
    'for another member': async (c: TestCluster) => (await c.files('fe2', 'frontend')).certificate,
    'of tomorrow': (c: TestCluster, request: string) => issued(c, request, Date.now() + 2 * DAY_MS),
    'of last year': (c: TestCluster, request: string) => issued(c, request, Date.now() - 370 * DAY_MS),
    'of another authority': async (c: TestCluster, request: string) =>
      issued(await TestCluster.make(c.clusterId), request, Date.now()),
  };
  for (const [name, give] of Object.entries(wrongs)) {
    const { security, settings, renewals, backend, cluster, hub } = await make(t, 250);
    const be = hub.bus('be2', 'supervisor', 'be2');
    be.serve(Service.securityRenew, async (body) => ({
      certificate: await give(cluster, (body as { readonly request: string }).request),
    }));
    const told = Promise.withResolvers<Error>();
    const follower = new Follower({
      bus: renewals,
      clock,
      security,
      backends: () => [be.self.address],
      store: () => Promise.reject(new Error('stored')),
      logger: { ...noLogger, warn: ({ err }) => told.resolve(err as Error) },
    });
    follower.settings(settings.copy);
    t.match(await told.promise, { code: 'invalid' }, name);
    follower.stop();
    t.ok(backend);
  }
});

void t.test('who is revoked is written down though nothing else can be had', async (t) => {
  const { security, settings, follower, cluster, hub, backend } = await make(t, 1);
  hub.buses.delete(`${backend.host}:${backend.port}`);
  const revoked = [{ serial: 'ab', member: 'be9', notAfterMs: Date.now() + DAY_MS }];
  const rings = { ...cluster.state.rings, frontend: ['7'.repeat(16)] };
  await settings.set({ key: STATE_KEY, value: formatState({ ...settings.state, rings, revoked }) });
  follower.settings(settings.copy);
  while (security.files.revoked.length === 0) await immediate();
  t.same(security.files.revoked, ['ab']);
});

void t.test('a rotation begins when what was under way is over', async (t) => {
  const { security, settings, follower, asked } = await make(t, 250);
  follower.settings(settings.copy);
  await follower.without(async () => {
    t.same(asked.length, 1);
    t.equal(security.self.serial, readMemberCertificate(security.files.certificate)!.serial);
    t.not(security.self.serial, asked[0], 'the renewal is stored');
  });
});

void t.test('a revoked member does not ask', async (t) => {
  const { follower, settings, asked, security } = await make(t, 300);
  await settings.set({ key: STATE_KEY, value: formatState(withoutMember(settings.state, 'fe1')) });
  follower.settings(settings.copy);
  await clock.sleep(100);
  t.same(asked, []);
  t.ok(security.files.revoked.includes(security.self.serial), 'but knows who is revoked');
});

void t.test('a worker follows the list; what it cannot read changes nothing', async (t) => {
  const { settings, security, cluster } = await make(t, 1);
  const good = (await cluster.files('fe2', 'frontend')).certificate;
  const der = Buffer.from(good.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  let looked = 0;
  security.onRevoked(() => looked++);
  followState(security, settings.copy, noLogger);
  t.ok(security.identify(der), 'no settings yet: its signature counts');
  await settings.set({ key: STATE_KEY, value: formatState(settings.state) });
  t.equal(security.identify(der), undefined, 'not listed');
  t.equal(looked, 1, 'connections are looked at');
  await settings.set({ key: STATE_KEY, value: formatState(cluster.state) });
  t.match(security.identify(der), { member: 'fe2' });
  await settings.set({ key: STATE_KEY, value: Buffer.from('broken') });
  t.match(security.identify(der), { member: 'fe2' });
  t.equal(looked, 1, 'nobody less, nobody looked at');
});
