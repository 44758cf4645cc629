/** What the owner of an account says of a log-in, and how it crosses the bus. A wrong password is an answer, no failure. */
import { type Fields, readCount, readFields, readText } from '../directory/wire.ts';
import { Failure } from '../lib/failure.ts';
import type { DomainId } from '../store/ids.ts';
import type { Name } from '../store/slot/types.ts';
import type { Evidence } from './judge.ts';
import type { Admission } from './limits/account-limits.ts';
import { readAdmission, writeAdmission } from './limits/wire.ts';
import { SCRAM_HASH_OCTETS, SCRAM_SALT_OCTETS_MAX } from './scram.ts';

export type CheckAnswer =
  | Exclude<Admission, { readonly kind: 'go' }>
  /** Its present name. */
  | { readonly kind: 'right'; readonly name: Name; readonly serverSignature: Buffer | undefined }
  | { readonly kind: 'wrong'; readonly isRepeated: boolean };

/** What a client needs to make its proof. */
export interface ScramSalt {
  readonly salt: Buffer;
  readonly iterations: number;
}

/** Octets of an auth message at most: three messages of SCRAM, each bounded by its protocol. */
const AUTH_MESSAGE_OCTETS_MAX = 16_384;

export function writeAnswer(answer: CheckAnswer): Fields {
  switch (answer.kind) {
    case 'right':
      return { ...answer, serverSignature: answer.serverSignature ?? null };
    case 'wrong':
      return { ...answer };
    default:
      return writeAdmission(answer);
  }
}

export function readAnswer(body: unknown): CheckAnswer {
  const { kind, name, serverSignature, isRepeated } = readFields(body);
  if (kind === 'wrong') return { kind, isRepeated: isRepeated === true };
  if (kind === 'right') {
    const { domainId, name: local } = readFields(name);
    return {
      kind,
      name: { domainId: readCount(domainId, 'domain id') as DomainId, name: readText(local, 'name') },
      serverSignature: serverSignature === null ? undefined : octets(serverSignature, SCRAM_HASH_OCTETS),
    };
  }
  const admission = readAdmission(body);
  if (admission.kind === 'go') throw new Failure('invalid', 'log-in: no answer');
  return admission;
}

export function writeEvidence(evidence: Evidence): Fields {
  return { ...evidence };
}

export function readEvidence(value: unknown): Evidence {
  const { kind, password, authMessage, proof } = readFields(value);
  if (kind === 'password') return { kind, password: readText(password, 'password') };
  if (kind !== 'proof') throw new Failure('invalid', 'log-in: no evidence');
  const message = readText(authMessage, 'auth message');
  if (message.length > AUTH_MESSAGE_OCTETS_MAX) throw new Failure('invalid', 'log-in: auth message too long');
  return { kind, authMessage: message, proof: octets(proof, AUTH_MESSAGE_OCTETS_MAX) };
}

export function readScramSalt(body: unknown): ScramSalt {
  const { salt, iterations } = readFields(body);
  const count = readCount(iterations, 'iterations');
  if (count < 1) throw new Failure('invalid', 'log-in: no iterations');
  return { salt: octets(salt, SCRAM_SALT_OCTETS_MAX), iterations: count };
}

function octets(value: unknown, max: number): Buffer {
  if (!Buffer.isBuffer(value) || value.length > max) throw new Failure('invalid', 'log-in: not such octets');
  return value;
}
