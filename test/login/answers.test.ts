/** What crosses the bus about log-ins: read as written, and what is of another form is refused. */
import fc from 'fast-check';
import t from 'tap';
import { Failure } from '../../src/lib/failure.ts';
import {
  type CheckAnswer,
  readAnswer,
  readEvidence,
  readScramSalt,
  writeAnswer,
  writeEvidence,
} from '../../src/login/answers.ts';
import type { Evidence } from '../../src/login/judge.ts';
import type { DomainId } from '../../src/store/ids.ts';

const NAME = { domainId: 7 as DomainId, name: 'joe' };
const ANSWERS: readonly CheckAnswer[] = [
  { kind: 'right', name: NAME, serverSignature: undefined },
  { kind: 'right', name: NAME, serverSignature: Buffer.alloc(32, 1) },
  { kind: 'wrong', isRepeated: false },
  { kind: 'wrong', isRepeated: true },
  { kind: 'wait', waitMs: 500, by: 'account', count: 5 },
  { kind: 'limited', by: 'address', count: 20 },
];
const EVIDENCE: readonly Evidence[] = [
  { kind: 'password', password: 'päss' },
  { kind: 'proof', authMessage: 'n=joe,r=x', proof: Buffer.alloc(32, 2) },
];

void t.test('as written', (t) => {
  for (const answer of ANSWERS) t.strictSame(readAnswer(writeAnswer(answer)), answer);
  for (const evidence of EVIDENCE) t.strictSame(readEvidence(writeEvidence(evidence)), evidence);
  const salt = { salt: Buffer.alloc(16, 3), iterations: 4096 };
  t.strictSame(readScramSalt(salt), salt);
  t.end();
});

void t.test('another form', (t) => {
  const long = Buffer.alloc(65);
  for (const bad of [
    null,
    7,
    {},
    { kind: 'go', charge: {} },
    { kind: 'right' },
    { kind: 'right', name: NAME },
    { kind: 'right', name: NAME, serverSignature: 'x' },
    { kind: 'right', name: NAME, serverSignature: long },
  ])
    t.throws(() => readAnswer(bad), { code: 'invalid' }, JSON.stringify(bad));
  for (const bad of [
    null,
    {},
    { kind: 'password' },
    { kind: 'proof', authMessage: 'x' },
    { kind: 'proof', proof: long },
    { kind: 'proof', authMessage: 'x'.repeat(20_000), proof: long },
  ])
    t.throws(() => readEvidence(bad), { code: 'invalid' }, JSON.stringify(bad)?.slice(0, 60));
  for (const bad of [
    null,
    {},
    { salt: long, iterations: 1 },
    { salt: Buffer.alloc(16), iterations: 0 },
    { salt: 'x', iterations: 1 },
  ])
    t.throws(() => readScramSalt(bad), { code: 'invalid' }, JSON.stringify(bad));
  t.end();
});

const SEED = 4422;
void t.test(`fuzz: any body is read or is 'invalid' (seed ${SEED})`, (t) => {
  const value = fc.oneof(
    fc.anything({ maxDepth: 2 }),
    fc.uint8Array({ maxLength: 40 }).map((octets) => Buffer.from(octets)),
  );
  const body = fc.record(
    {
      kind: fc.oneof(fc.constantFrom('right', 'wrong', 'wait', 'limited', 'go', 'password', 'proof'), value),
      name: fc.oneof(fc.constant(NAME), value),
      serverSignature: value,
      waitMs: value,
      count: value,
      password: value,
      authMessage: value,
      proof: value,
      salt: value,
      iterations: value,
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(body, value), (input) => {
      for (const read of [readAnswer, readEvidence, readScramSalt])
        try {
          read(input);
        } catch (error) {
          if (!(error instanceof Failure) || error.code !== 'invalid') throw error;
        }
      return true;
    }),
    { numRuns: 300, seed: SEED },
  );
  t.end();
});
