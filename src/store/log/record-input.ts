/** What may be appended by an object: its own types, whole modseqs, payloads within the limit. */
import { strict as assert } from 'node:assert';
import { Failure } from '../../lib/failure.ts';
import { PAYLOAD_OCTETS_MAX } from './limits.ts';
import { OBJECT_TYPE_MIN, TYPE_MAX } from './record.ts';
import type { RecordInput } from './types.ts';

export function checkInput(record: RecordInput): void {
  assert(
    Number.isInteger(record.type) && record.type >= OBJECT_TYPE_MIN && record.type <= TYPE_MAX,
    `not a type of an object's record: ${record.type}`,
  );
  assert(Number.isSafeInteger(record.modseq) && record.modseq >= 0, `not a modseq: ${record.modseq}`);
  let octets = 0;
  for (const part of record.payload) octets += part.length;
  if (octets > PAYLOAD_OCTETS_MAX)
    throw new Failure('limit', `a record of ${octets} octets; at most ${PAYLOAD_OCTETS_MAX} are allowed`);
}
