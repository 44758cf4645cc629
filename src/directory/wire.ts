/**
 * What crosses the bus between a frontend and the owners of slots, read with care: a body of another form is the peer's
 * mistake, answered with 'invalid'. Here is what bodies are made of, and the identities that all services share; those of
 * the directory's own services are in bodies.ts.
 */
import { Failure } from '../lib/failure.ts';
import type { DomainId, Incarnation, ObjectId, TransactionId } from '../store/ids.ts';

export type Fields = Readonly<Record<string, unknown>>;

export function readFields(body: unknown): Fields {
  if (typeof body !== 'object' || body === null) throw new Failure('invalid', 'no body');
  return body as Fields;
}

export function readCount(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new Failure('invalid', `${what} is not a number`);
  return value;
}

export function readText(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new Failure('invalid', `${what} is not a text`);
  return value;
}

export function readList<T>(value: unknown, what: string, read: (each: unknown) => T): readonly T[] {
  if (!Array.isArray(value)) throw new Failure('invalid', `${what} is not a list`);
  return value.map(read);
}

export function readObjectId(value: unknown): ObjectId {
  const { domainId, name, serial } = readFields(value);
  return {
    domainId: readCount(domainId, 'domain id') as DomainId,
    name: readText(name, 'name'),
    serial: readText(serial, 'serial'),
  };
}

export function readTransactionId(value: unknown): TransactionId {
  const { incarnation, number, lowestOpen } = readFields(value);
  if (typeof incarnation !== 'string' || !/^[0-9a-f]{32}$/.test(incarnation))
    throw new Failure('invalid', 'not an incarnation');
  return {
    incarnation: incarnation as Incarnation,
    number: readCount(number, 'number'),
    lowestOpen: readCount(lowestOpen, 'lowest open number'),
  };
}
