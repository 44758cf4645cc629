/** What members say of themselves: it comes through whole, may be absent (an earlier version), and nonsense is refused. */
import t from 'tap';
import { factsBody, NO_FACTS, NO_WORKER_FACTS, readFacts, readWorkerFacts } from '../../src/cluster/facts.ts';
import {
  type Hello,
  helloBody,
  type Report,
  readHello,
  readReport,
  reportBody,
} from '../../src/cluster/messages.ts';
import { membersBody, readMembers, shown } from '../../src/cluster/news.ts';
import type { Incarnation } from '../../src/store/ids.ts';

const WORKER = {
  incarnation: 'a'.repeat(32) as Incarnation,
  address: { host: '10.0.0.1', port: 1 },
  pid: 5,
  life: undefined,
  holds: true,
};
const FACTS = {
  version: '1.2.3',
  uptimeMs: 99,
  refusal: '/x is not mounted',
  level: 2,
  workers: [{ ready: true, slots: 7, storageMs: 3, refusal: undefined, connections: 9 }],
};
const REPORT: Report = {
  controlEpoch: 1,
  quote: 1,
  member: 'be1',
  role: 'backend',
  incarnation: 'b'.repeat(32) as Incarnation,
  address: { host: '10.0.0.1', port: 2 },
  ready: true,
  draining: true,
  seq: 1,
  settingsVersion: 1,
  workers: [WORKER],
  dead: [],
  facts: FACTS,
};

void t.test('through a report and the list of members', (t) => {
  t.strictSame(readReport(reportBody(REPORT)).facts, FACTS);
  const hello: Hello = { worker: WORKER, ready: true, slots: 7, facts: FACTS.workers[0]! };
  t.strictSame(readHello(helloBody(hello)), hello);
  const member = {
    name: 'be1',
    role: 'backend',
    state: 'ready',
    address: REPORT.address,
    isController: false,
    slots: 7,
    draining: true,
    controlEpoch: 4,
    info: [WORKER],
    silent: [WORKER.incarnation],
    ...shown([WORKER], FACTS),
  } as const;
  t.strictSame(readMembers(membersBody({ version: 1, members: [member] })).members, [member]);
  t.end();
});

void t.test('of an earlier version there is nothing, and that is no error', (t) => {
  const { facts: _, ...old } = reportBody(REPORT);
  t.strictSame(readReport(old).facts, NO_FACTS);
  // As 053f440 says it.
  const { level: _level, ...first } = factsBody(FACTS);
  const workers = [{ ready: true, slots: 7, storageMs: 3, refusal: null }];
  t.match(readFacts({ ...first, workers }), { level: 0, workers: [{ slots: 7, connections: undefined }] });
  t.strictSame(
    readHello({ worker: { ...WORKER, life: null }, ready: true, slots: 1 }).facts,
    NO_WORKER_FACTS,
  );
  const members = [
    {
      name: 'be1',
      role: 'backend',
      state: 'ready',
      address: REPORT.address,
      isController: false,
      slots: 7,
      workers: [],
      info: [{ ...WORKER, life: null }],
    },
  ];
  t.match(readMembers({ version: 1, members }).members, [
    {
      version: '',
      draining: false,
      controlEpoch: 0,
      refusal: undefined,
      workers: [{ pid: 5, ready: false, storageMs: undefined }],
    },
  ]);
  t.end();
});

const NONSENSE: readonly unknown[] = [
  7,
  [],
  { ...factsBody(FACTS), version: 7 },
  { ...factsBody(FACTS), uptimeMs: -1 },
  { ...factsBody(FACTS), refusal: 'x'.repeat(256) },
  { ...factsBody(FACTS), workers: [{ ready: 1 }] },
  { ...factsBody(FACTS), level: -1 },
  { ...factsBody(FACTS), level: '1' },
  { ...factsBody(FACTS), workers: Array.from({ length: 257 }, () => ({})) },
];

void t.test('nonsense is refused', (t) => {
  for (const value of NONSENSE)
    t.throws(() => readFacts(value), { code: 'invalid' }, JSON.stringify(value).slice(0, 80));
  const worker = { ready: true, slots: 1, storageMs: 3, refusal: null };
  for (const nonsense of [{ storageMs: 'x' }, { connections: 0.5 }, { connections: 'x' }])
    t.throws(() => readWorkerFacts({ ...worker, ...nonsense }), { code: 'invalid' });
  t.end();
});

void t.test('a long refusal is cut, not refused', (t) => {
  const { refusal } = readFacts(factsBody({ ...FACTS, refusal: 'x'.repeat(1000) }));
  t.equal(refusal?.length, 255);
  t.end();
});
