/**
 * Every reader of a body of the bus. A member's certificate says who it is, not that its software is right: whatever
 * msgpack can say must be read or refused with a Failure.
 */
import { decodeBody, encodeBody } from '../../../src/cluster/bus/body.ts';
import {
  readAskAnswer,
  readHello,
  readLeasesAnswer,
  readRenewal,
  readRenewalAnswer,
  readReport,
  readStatement,
} from '../../../src/cluster/messages.ts';
import { readMapDelta, readMembers, readSettings } from '../../../src/cluster/news.ts';
import { readKeys } from '../../../src/cluster/security/follower.ts';
import { formatKeyrings, makeKeyring } from '../../../src/cluster/security/keyring.ts';
import { readQuestion } from '../../../src/cluster/security/registrar.ts';
import { readFields, readInitial, readNames, readStep } from '../../../src/directory/bodies.ts';
import { readChange } from '../../../src/directory/changes.ts';
import { readSettingsChange } from '../../../src/directory/cluster-settings.ts';
import { readObjectId, readTransactionId } from '../../../src/directory/wire.ts';
import { readSamples } from '../../../src/http/metrics/wire.ts';
import { readAnswer, readEvidence, readScramSalt } from '../../../src/login/answers.ts';
import { readAdmission, readArrival, readStand } from '../../../src/login/limits/wire.ts';
import { readAttach } from '../../../src/pop/wire.ts';
import { Prng } from '../../support/prng.ts';
import { CERTIFICATE_PEM } from '../corpus.ts';
import { type FuzzTarget, orFailure, refused, target } from '../target.ts';
import { BODY_WORDS } from './bus.ts';

const INCARNATION = 'a'.repeat(32);
const ADDRESS = { host: '192.0.2.1', port: 7600 };
const OBJECT = { domainId: 1, name: 'joe', serial: '1-1' };
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
const WORKER_FACTS = { ready: true, slots: 4096, storageMs: 3, refusal: null };
const FACTS = { version: '0.1.0', uptimeMs: 1000, refusal: 'a reason', workers: [WORKER_FACTS] };
const RENEWAL = {
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

/** Each reader with bodies that it takes. */
const READERS: Readonly<
  Record<string, { readonly read: (body: unknown) => unknown; readonly bodies: readonly unknown[] }>
> = {
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
  'settings-change': {
    read: readSettingsChange,
    bodies: [
      { kind: 'setValue', key: 'k', value: Buffer.from('v'), request: 'r' },
      { kind: 'createDomain', name: 'a.example', shared: true, request: 'r' },
      { kind: 'removeDomain', id: 3 },
    ],
  },
  question: {
    read: readQuestion,
    bodies: [
      { kind: 'revoke', member: 'fe1' },
      { kind: 'renew', member: 'fe1', serial: '0a', request: 'x' },
    ],
  },
  keys: {
    read: readKeys,
    bodies: [
      {
        authorities: [CERTIFICATE_PEM],
        keys: formatKeyrings({ backend: undefined, frontend: makeKeyring('frontend', new Prng('keys')) }),
      },
    ],
  },
  change: {
    read: readChange,
    bodies: [
      { kind: 'rename', to: { domainId: 1, name: 'jim' } },
      { kind: 'aliases', aliases: ['a', 'b'] },
    ],
  },
  object: { read: readObjectId, bodies: [OBJECT] },
  transaction: { read: readTransactionId, bodies: [{ incarnation: INCARNATION, number: 7, lowestOpen: 1 }] },
  names: { read: readNames, bodies: [[{ domainId: 1, name: 'joe' }]] },
  initial: { read: readInitial, bodies: [[['key', Buffer.from('value')]]] },
  step: {
    read: (body) => readStep(readFields(body)),
    bodies: [{ intent: { slot: 1, epoch: 7, modseq: 9 }, epoch: 7, lowestOpen: 2 }],
  },
  answer: {
    read: readAnswer,
    bodies: [
      { kind: 'right', name: { domainId: 1, name: 'joe' }, serverSignature: Buffer.alloc(32) },
      { kind: 'wrong', isRepeated: true },
    ],
  },
  evidence: {
    read: readEvidence,
    bodies: [
      { kind: 'proof', authMessage: 'a', proof: Buffer.alloc(32) },
      { kind: 'password', password: 'x' },
    ],
  },
  salt: { read: readScramSalt, bodies: [{ salt: Buffer.alloc(16), iterations: 15_000 }] },
  stand: { read: readStand, bodies: [{ waitMs: 0, isRefused: false, count: 3 }] },
  arrival: {
    read: (body) => readArrival(readFields(body)),
    bodies: [{ address: '192.0.2.1', waitedMs: 0, addressWaitMs: 0, isAddressRefused: false }],
  },
  admission: { read: readAdmission, bodies: [{ kind: 'go', charge: { isKnown: true, isPaid: false } }] },
  'pop-attach': {
    read: readAttach,
    bodies: [
      { object: OBJECT, login: 'joe', opened: { uidValidity: 1, uid: 9, modseq: 4, count: 3 } },
      { object: OBJECT, login: 'joe', opened: null },
    ],
  },
  samples: {
    read: readSamples,
    bodies: [
      [
        ['postern_connections', ['service', 'imap'], 3],
        ['x', [], [[1], [2, 3], 4]],
      ],
    ],
  },
};

export const TARGETS: readonly FuzzTarget[] = Object.entries(READERS).map(([name, { read, bodies }]) =>
  target({
    name: `message-${name}`,
    seeds: bodies.map((body) => encodeBody(body)),
    words: BODY_WORDS,
    octetsMax: 8192,
    run(input) {
      const decoded = decodeBody(input);
      if (typeof decoded === 'string') return refused(decoded);
      return orFailure(['invalid', 'limit'], () => read(decoded.body));
    },
  }),
);
