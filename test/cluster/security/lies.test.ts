/** What a frontend's lies about itself do to backends: nothing. */
import t from 'tap';
import { Membership } from '../../../src/cluster/control/membership.ts';
import { type Renewal, Service } from '../../../src/cluster/messages.ts';
import { type MemberNews, membersBody } from '../../../src/cluster/news.ts';
import { DEFAULT_TIMES } from '../../../src/cluster/times.ts';
import type { Role } from '../../../src/cluster/types.ts';
import { View } from '../../../src/cluster/view/view.ts';
import { noLogger } from '../../../src/lib/logging.ts';
import type { Address } from '../../../src/platform/platform.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryHub } from '../memory-bus.ts';
import * as said from '../said.ts';
import { CLUSTER_ID } from './support.ts';

const renewal = (member: string, letter: string, holds: boolean): Renewal =>
  said.renewal(member, { worker: said.worker(letter, { holds }), probeAgeMs: 0 });

void t.test('only who owns slots has a storage that is fresh', async (t) => {
  const members = new Membership('be1', 1, DEFAULT_TIMES);
  members.renewed(0, renewal('fe1', 'f', false), true, true);
  const { controlLeaseMs } = DEFAULT_TIMES;
  t.equal(
    members.anotherIsFresh(controlLeaseMs, 'be1', controlLeaseMs),
    false,
    'a frontend’s word makes nobody give up',
  );
  members.renewed(0, renewal('be2', 'b', true), true, true);
  t.equal(members.anotherIsFresh(controlLeaseMs, 'be1', controlLeaseMs), true);
});

void t.test('a frontend that says a backend’s address takes it off nobody’s list', async (t) => {
  const hub = new MemoryHub(new ManualClock());
  const [be1, be2, be3, fe1] = ['be1', 'be2', 'be3', 'fe1'].map((name) => hub.bus(name, 'supervisor', name));
  const member = (name: string, role: Role, address: Address): MemberNews => ({
    name,
    role,
    address,
    state: 'ready',
    isController: name === 'be1',
    slots: 0,
    draining: false,
    controlEpoch: 1,
    version: '',
    uptimeMs: 0,
    refusal: undefined,
    level: 0,
    workers: [],
    info: [],
    silent: [],
  });
  const members = [
    member('be1', 'backend', be1!.self.address),
    member('be2', 'backend', be2!.self.address),
    member('fe1', 'frontend', be2!.self.address),
    // As `BackendAddresses` has it, and not (yet) on the list.
    member('fe2', 'frontend', be3!.self.address),
    member('fe3', 'frontend', fe1!.self.address),
  ];
  be1!.serve(Service.members, () => membersBody({ version: 1, members }));
  const self = hub.bus('be4', 'supervisor', 'be4');
  const proven = { clusterId: CLUSTER_ID, member: 'be4', role: 'backend', serial: '1' } as const;
  const bus = {
    call: self.call.bind(self),
    serve: self.serve.bind(self),
    notify: self.notify.bind(self),
    self: { ...self.self, proven },
  };
  const view = new View({
    bus: bus as unknown as ConstructorParameters<typeof View>[0]['bus'],
    clock: new ManualClock(),
    times: DEFAULT_TIMES,
    logger: noLogger,
    seeds: [be3!.self.address],
    alsoReady: () => true,
    changed: () => undefined,
  });
  view.statement({
    controlEpoch: 1,
    counter: 1,
    authorityLeftMs: 500,
    member: 'be1',
    address: be1!.self.address,
    clusterId: CLUSTER_ID,
    mapVersion: 0,
    settingsVersion: -1,
    membersVersion: 0,
    poke: false,
  });
  t.ok(await view.refreshStatus(1000));
  t.same(
    new Set(view.relays().map(({ port }) => port)),
    new Set([be1, be2, be3].map((each) => each!.self.address.port)),
  );
  view.stop();
});
