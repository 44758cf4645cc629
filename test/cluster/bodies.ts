/** Valid bodies of coordination, each with its reader: what the tests of the readers and the fuzzer begin with. */
import {
  readAskAnswer,
  readHello,
  readLeasesAnswer,
  readRenewal,
  readRenewalAnswer,
  readReport,
  readStatement,
  readWorker,
} from '../../src/cluster/messages.ts';
import { readMapDelta, readMembers, readSettings } from '../../src/cluster/news.ts';

export interface ReaderCase {
  readonly read: (body: unknown) => unknown;
  /** It takes these. */
  readonly bodies: readonly unknown[];
}

export const INCARNATION = 'a'.repeat(32);
const ADDRESS = { host: '192.0.2.1', port: 7600 };
const WORKER = { incarnation: INCARNATION, address: ADDRESS, pid: 12, life: null, holds: true };
const STATEMENT = {
  controlEpoch: 3,
  counter: 4,
  authorityLeftMs: 500,
  member: 'be1',
  address: ADDRESS,
  clusterId: '00',
  mapVersion: 1,
  settingsVersion: -1,
  membersVersion: 2,
  poke: false,
};
const WORKER_FACTS = { ready: true, slots: 4096, storageMs: 3, refusal: null, connections: 3 };
const FACTS = { version: '0.1.0', uptimeMs: 1000, refusal: 'a reason', level: 0, workers: [WORKER_FACTS] };
export const RENEWAL = {
  controlEpoch: 2 ** 21 - 1,
  quote: 9,
  member: 'be1',
  supervisor: ADDRESS,
  worker: WORKER,
  seq: 1,
  ack: 0,
  ready: true,
  draining: false,
  settingsVersion: -1,
  nonce: '',
  probeAgeMs: 12.5,
  stalled: false,
  count: 2,
  digest: 2 ** 43,
  released: [1, 2 ** 52],
  returned: [],
  pairs: [4095, 7],
  largerEpoch: null,
};
const REPORT = {
  seq: 1,
  controlEpoch: 3,
  quote: 9,
  member: 'be1',
  role: 'backend',
  incarnation: INCARNATION,
  address: ADDRESS,
  ready: true,
  draining: false,
  settingsVersion: 3,
  workers: [WORKER],
  dead: [INCARNATION],
  facts: FACTS,
};
const MEMBER = {
  name: 'be1',
  role: 'backend',
  state: 'ready',
  address: ADDRESS,
  isController: true,
  slots: 4096,
  draining: false,
  info: [WORKER],
  facts: FACTS,
};

export const COORDINATION_READERS = {
  statement: { read: readStatement, bodies: [STATEMENT] },
  renewal: { read: readRenewal, bodies: [RENEWAL] },
  'renewal-answer': {
    read: readRenewalAnswer,
    bodies: [
      {
        statement: STATEMENT,
        seq: 1,
        serial: 1,
        leftMs: 5,
        resync: false,
        grants: [1, 7],
        release: [],
        lost: [],
        giveUp: false,
        nonceKnown: true,
      },
    ],
  },
  report: { read: readReport, bodies: [REPORT] },
  worker: { read: readWorker, bodies: [WORKER] },
  hello: { read: readHello, bodies: [{ worker: WORKER, ready: true, slots: 3, facts: WORKER_FACTS }] },
  leases: { read: readLeasesAnswer, bodies: [{ worker: WORKER, member: 'be1', leftMs: 3, pairs: [1, 7] }] },
  ask: {
    read: readAskAnswer,
    bodies: [
      {
        controlEpoch: 1,
        heardAgoMs: 3,
        controller: ADDRESS,
        member: 'be1',
        clusterId: '00',
        workers: [WORKER],
      },
    ],
  },
  'map-delta': {
    read: readMapDelta,
    bodies: [
      {
        since: 0,
        version: 9,
        owners: [{ incarnation: INCARNATION, address: ADDRESS, member: 'be1' }],
        slots: [1, 0, 2, -1],
      },
    ],
  },
  members: { read: readMembers, bodies: [{ version: 1, members: [MEMBER] }] },
  settings: {
    read: readSettings,
    bodies: [
      {
        version: 1,
        whole: true,
        domains: [{ id: 1, name: 'a.example', shared: true }],
        domainsDeleted: [2],
        values: [['k', Buffer.from('v')]],
      },
    ],
  },
} satisfies Readonly<Record<string, ReaderCase>>;
