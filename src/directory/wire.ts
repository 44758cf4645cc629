/** Reads the identities that cross the bus; a body that is not of the expected form is the peer's mistake. */
import { Failure } from '../lib/failure.ts';
import type { DomainId, Incarnation, ObjectId, TransactionId } from '../store/ids.ts';

export function readObjectId(value: unknown): ObjectId {
  const { domainId, name, serial } = record(value, 'object id');
  if (!isCount(domainId) || typeof name !== 'string' || typeof serial !== 'string')
    throw new Failure('invalid', 'not an object id');
  return { domainId: domainId as DomainId, name, serial };
}

export function readTransactionId(value: unknown): TransactionId {
  const { incarnation, number, lowestOpen } = record(value, 'transaction id');
  if (
    typeof incarnation !== 'string' ||
    !/^[0-9a-f]{32}$/.test(incarnation) ||
    !isCount(number) ||
    !isCount(lowestOpen)
  )
    throw new Failure('invalid', 'not a transaction id');
  return { incarnation: incarnation as Incarnation, number, lowestOpen };
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Failure('invalid', `not an ${what}`);
  return value as Record<string, unknown>;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
