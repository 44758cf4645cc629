/**
 * Rotation among several members over a bus in memory: new keys reach everybody before anything rests on them, all that is
 * sealed opens at every moment at every member, and what is cut short anywhere can be done again.
 */
import { X509Certificate } from 'node:crypto';
import t, { type Test } from 'tap';
import { Service } from '../../../src/cluster/messages.ts';
import { isBackendRole } from '../../../src/cluster/roles.ts';
import { fingerprint, makeRequest } from '../../../src/cluster/security/authority.ts';
import { Follower, holdsAll, keysFor } from '../../../src/cluster/security/follower.ts';
import { readMemberCertificate } from '../../../src/cluster/security/identity.ts';
import type { MemberSecurity } from '../../../src/cluster/security/member-security.ts';
import { Registrar, sealAuthority } from '../../../src/cluster/security/registrar.ts';
import { held, type RotationOptions, renewed, rotate } from '../../../src/cluster/security/rotation.ts';
import { seal, sealedUnder, unseal } from '../../../src/cluster/security/sealed.ts';
import { authorityKey } from '../../../src/cluster/security/state.ts';
import { type SettingsWrite } from '../../../src/cluster/types.ts';
import { noLogger } from '../../../src/lib/logging.ts';
import type { Address, Clock } from '../../../src/platform/platform.ts';
import { realPlatform } from '../../../src/platform/real/platform.ts';
import { codeOf } from '../bus/support.ts';
import { MemoryHub } from '../memory-bus.ts';
import { TestSettings } from './settings.ts';
import { TestCluster } from './support.ts';

const { clock, random } = realPlatform();
const TLS = 'tls/ticket-key';

class Cluster {
  readonly settings: TestSettings;
  readonly members = new Map<string, MemberSecurity>();
  readonly addresses = new Map<string, Address>();
  readonly followers = new Map<string, Follower>();
  readonly registrar: Registrar;
  /** Which take no new keys. */
  readonly stuck = new Set<string>();
  readonly #hub = new MemoryHub(clock);
  /** Of the controller's clock, when it is wrong. */
  wallMs: number | undefined;
  readonly #clock: Clock = {
    monotonicMs: () => clock.monotonicMs(),
    wallMs: () => this.wallMs ?? clock.wallMs(),
    timer: (delayMs, run) => clock.timer(delayMs, run),
    sleep: (delayMs, signal) => clock.sleep(delayMs, signal),
  };

  static async make(t: Test): Promise<Cluster> {
    const made = await TestCluster.make();
    const names = [
      ['be1', 'backend'],
      ['be2', 'symmetric'],
      ['fe1', 'frontend'],
    ] as const;
    const members = new Map<string, MemberSecurity>();
    for (const [name, role] of names) members.set(name, await made.member(name, role));
    const settings = new TestSettings(made.state);
    const id = fingerprint(made.authority.certificate);
    await settings.set(sealAuthority(made.authority, id, made.rings.backend!, random));
    await settings.set({ key: TLS, value: seal(made.rings.frontend, TLS, Buffer.from('tickets'), random) });
    const cluster = new Cluster(settings, members);
    t.teardown(() => {
      for (const follower of cluster.followers.values()) follower.stop();
    });
    return cluster;
  }

  private constructor(settings: TestSettings, members: ReadonlyMap<string, MemberSecurity>) {
    this.settings = settings;
    const controller = members.get('be1')!;
    this.registrar = new Registrar({
      platform: { clock, random },
      security: controller,
      decide: settings.decide,
      logger: noLogger,
    });
    for (const [name, security] of members) this.#add(name, security);
    const tell = () => {
      for (const follower of this.followers.values()) follower.settings(settings.copy);
    };
    tell();
    settings.copy.onChange(tell);
  }

  #add(name: string, security: MemberSecurity): void {
    const plain = this.#hub.bus(name, 'supervisor', name);
    this.members.set(name, security);
    this.addresses.set(name, plain.self.address);
    plain.serve(Service.securityHolds, () => held(security));
    plain.serve(Service.securityKeys, (_, { from }) =>
      keysFor(security, isBackendRole(this.members.get(from.member)!.self.role)),
    );
    plain.serve(Service.securityRenew, (body, { from }) => {
      const { request, serial } = body as { readonly request: string; readonly serial: string };
      return this.registrar.decide({ kind: 'renew', member: from.member, serial, request });
    });
    const follower = new Follower({
      bus: plain,
      clock,
      security,
      backends: () => ['be1', 'be2'].map((each) => this.addresses.get(each)!),
      store: async (change) => {
        if (this.stuck.has(name)) throw new Error('ENOSPC');
        security.replace(change(security.files));
      },
      logger: noLogger,
    });
    this.followers.set(name, follower);
  }

  async rotate(): Promise<void> {
    const security = this.members.get('be1')!;
    const options: RotationOptions = {
      bus: this.#hub.buses.values().next().value!,
      platform: { clock: this.#clock, random },
      security,
      decide: this.settings.decide,
      store: async (change) => security.replace(change(security.files)),
      members: () =>
        ['be2', 'fe1'].map((name) => ({
          name,
          address: this.addresses.get(name)!,
          isBackend: isBackendRole(this.members.get(name)!.self.role),
        })),
      settings: this.settings.copy,
      change: async (change) => this.settings.set(change as SettingsWrite),
      *elsewhere(settings, { frontend }) {
        const value = settings.value(TLS)!;
        if (sealedUnder(value) !== frontend.keys[0]!.id)
          yield { key: TLS, value: seal(frontend, TLS, unseal(frontend, TLS, value), random) };
      },
      logger: noLogger,
    };
    await this.followers.get('be1')!.without(() => rotate(options));
    await renewed(options);
  }

  /** Whether an authority that has yet to be used would be readable by who has had keys of backends before. */
  isLeak({ key, value }: SettingsWrite): boolean {
    const { authorities, rings } = this.settings.state;
    if (!key.startsWith('security/authority/') || value === null) return false;
    return key !== authorityKey(authorities[0]!) && rings.backend.includes(sealedUnder(value)!);
  }

  /** Who cannot open what it must be able to open. */
  broken(): readonly string[] {
    const broken: string[] = [];
    for (const [name, security] of this.members) {
      const { frontend, backend } = security.keyrings;
      if (!opens(() => unseal(frontend, TLS, this.settings.copy.value(TLS)!))) broken.push(`${name}: ${TLS}`);
      const [first = ''] = this.settings.state.authorities;
      const key = authorityKey(first);
      if (backend && !opens(() => unseal(backend, key, this.settings.copy.value(key)!)))
        broken.push(`${name}: ${key}`);
      // A certificate is good as long as everybody believes who signed it.
      for (const [other, theirs] of this.members)
        if (!security.authorities().some((each) => signed(each, theirs)))
          broken.push(`${name} does not believe ${other}`);
    }
    return broken;
  }

  async settled(): Promise<void> {
    const isOver = () =>
      [...this.members.values()].every(
        (security) => holdsAll(security, this.settings.state) && signed(security.authorities()[0]!, security),
      );
    while (!isOver()) await clock.sleep(5);
  }
}

void t.test('new keys reach everybody before anything rests on them', async (t) => {
  const cluster = await Cluster.make(t);
  const before = cluster.settings.state;
  cluster.settings.before = (write) => {
    t.same(cluster.broken(), [], 'before each write');
    t.notOk(cluster.isLeak(write), 'a new authority is sealed under a new key only');
  };
  cluster.settings.copy.onChange(() => t.same(cluster.broken(), [], 'after each change'));
  await cluster.rotate();
  await cluster.settled();
  const { state } = cluster.settings;
  for (const ring of ['backend', 'frontend'] as const) {
    t.equal(state.rings[ring].length, 2);
    t.equal(state.rings[ring][1], before.rings[ring][0], `${ring}: the new one first`);
  }
  t.equal(state.authorities[1], before.authorities[0]);
  t.equal(sealedUnder(cluster.settings.copy.value(TLS)!), state.rings.frontend[0], 'sealed anew');
  t.same(cluster.broken(), []);
  t.equal(
    cluster.members.get('fe1')!.keyrings.backend,
    undefined,
    'a frontend has still no ring of backends',
  );
  t.equal(readMemberCertificate(cluster.members.get('fe1')!.files.certificate)!.role, 'frontend');

  await cluster.rotate();
  await cluster.settled();
  const second = cluster.settings.state;
  t.equal(second.rings.backend.length, 2);
  t.notOk(
    second.rings.backend.includes(before.rings.backend[0]!),
    'the second ends what was before the first',
  );
  t.notOk(second.authorities.includes(before.authorities[0]!));
  t.equal(
    cluster.settings.copy.value(authorityKey(before.authorities[0]!)),
    undefined,
    'its key is forgotten',
  );
  t.same(cluster.broken(), []);
});

void t.test('what a frontend planted holds up no rotation', async (t) => {
  const cluster = await Cluster.make(t);
  const { rings } = cluster.settings.state;
  for (const [name, id] of [
    ['of a frontend’s key', rings.frontend[0]!],
    ['of a backend’s key', rings.backend[0]!],
    ['of no key', '7'.repeat(16)],
  ] as const) {
    const value = Buffer.concat([Buffer.from([1]), Buffer.from(id, 'hex'), Buffer.alloc(60)]);
    await cluster.settings.set({ key: name, value });
  }
  await cluster.rotate();
  await cluster.settled();
  t.same(cluster.broken(), []);
});

void t.test('a wrong clock at the controller makes no authority', async (t) => {
  const cluster = await Cluster.make(t);
  cluster.wallMs = Date.now() + 400 * 86_400_000;
  const before = cluster.settings.writes.length;
  await t.rejects(cluster.rotate(), { code: 'refused', message: /clock/ });
  t.equal(cluster.settings.writes.length, before);
});

void t.test('cut short at every write, then done again', { timeout: 20_000 }, async (t) => {
  for (let cut = 0; ; cut++) {
    const cluster = await Cluster.make(t);
    let left = cut;
    cluster.settings.before = (write) => {
      t.notOk(cluster.isLeak(write), `cut at write ${cut}`);
      if (left-- === 0) throw new Error('cut');
    };
    const failed = await cluster.rotate().then(
      () => false,
      () => true,
    );
    t.same(cluster.broken(), [], `cut at write ${cut}`);
    cluster.settings.before = (write) => void t.notOk(cluster.isLeak(write), `again after write ${cut}`);
    if (!failed) break;
    await cluster.settled();
    await cluster.rotate();
    await cluster.settled();
    t.same(cluster.broken(), [], `again after write ${cut}`);
    t.ok(cluster.settings.state.rings.frontend.length <= 2);
  }
});

void t.test(
  'a member that does not take the new keys stops the rotation, not the cluster',
  { timeout: 20_000 },
  async (t) => {
    const cluster = await Cluster.make(t);
    cluster.stuck.add('fe1');
    // The wait is real time; the rest of it is not needed to see that nothing is used.
    const rotating = cluster.rotate();
    rotating.catch(() => undefined);
    while (cluster.settings.state.rings.frontend.length < 2) await clock.sleep(5);
    await clock.sleep(100);
    const [first] = cluster.settings.state.rings.frontend;
    t.equal(sealedUnder(cluster.settings.copy.value(TLS)!), first, 'the old one still seals');
    t.same(cluster.broken(), []);
    cluster.stuck.clear();
    await rotating;
    await cluster.settled();
    t.same(cluster.broken(), [], 'it went on when it could');
  },
);

void t.test('who was away for the last rotation must come back before the next', async (t) => {
  const cluster = await Cluster.make(t);
  await cluster.rotate();
  await cluster.settled();
  await cluster.settings.decide(async () => {
    const { state } = cluster.settings;
    const own = state.members.fe1!.filter(({ authority }) => authority !== state.authorities[0]);
    const value = Buffer.from(
      JSON.stringify({ version: 1, ...state, members: { ...state.members, fe1: own } }),
    );
    return { writes: [{ key: 'security/state', value }], answer: null };
  });
  cluster.followers.get('fe1')!.stop();
  t.equal(await codeOf(cluster.rotate()), 'refused');
  t.ok(await makeRequest());
});

function opens(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

function signed(authority: string, { files }: MemberSecurity): boolean {
  const [ca, own] = [new X509Certificate(authority), new X509Certificate(files.certificate)];
  return own.verify(ca.publicKey);
}
