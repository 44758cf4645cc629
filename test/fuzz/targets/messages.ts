/**
 * Every reader of a body of the bus. A member's certificate says who it is, not that its software is right: whatever
 * msgpack can say must be read or refused with a Failure.
 */
import { decodeBody, encodeBody } from '../../../src/cluster/bus/body.ts';
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
import { COORDINATION_READERS, INCARNATION, type ReaderCase } from '../../cluster/bodies.ts';
import { Prng } from '../../support/prng.ts';
import { CERTIFICATE_PEM } from '../corpus.ts';
import { type FuzzTarget, orFailure, refused, target } from '../target.ts';
import { BODY_WORDS } from './bus.ts';

const OBJECT = { domainId: 1, name: 'joe', serial: '1-1' };

/** Each reader with bodies that it takes. */
const READERS: Readonly<Record<string, ReaderCase>> = {
  ...COORDINATION_READERS,
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
