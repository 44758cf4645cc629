/** The bodies of the directory's own services, read with the same care as in wire.ts. The table of services is in service.ts. */
import { Failure } from '../lib/failure.ts';
import { type DomainId, type Epoch, SLOTS, type Slot } from '../store/ids.ts';
import { ALIASES_MAX, INITIAL_OCTETS_MAX, REQUEST_OCTETS_MAX } from '../store/slot/limits.ts';
import type { StepRecord } from '../store/slot/records.ts';
import { type IntentId, intentKey, type Name } from '../store/slot/types.ts';
import { localPart } from './address.ts';
import { type Fields, readCount, readFields, readText } from './wire.ts';

export { readFields };

export function readSlot(value: unknown): Slot {
  const slot = readCount(value, 'slot');
  if (slot >= SLOTS) throw new Failure('invalid', 'directory: no such slot');
  return slot as Slot;
}

/** A name in stored form; a client that did not bring it into that form is mistaken. */
export function readName(value: unknown): Name {
  const { domainId, name } = readFields(value);
  const id = readCount(domainId, 'domain id');
  if (typeof name !== 'string' || localPart(name) !== name)
    throw new Failure('invalid', 'directory: not a name that an account can have');
  return { domainId: id as DomainId, name };
}

/** At most what one intent may touch: all old and all new names of an account. */
export function readNames(value: unknown): readonly Name[] {
  if (!Array.isArray(value)) throw new Failure('invalid', 'directory: no names');
  if (value.length > 2 * (ALIASES_MAX + 1)) throw new Failure('limit', 'directory: too many names');
  return value.map(readName);
}

export function readRequest(value: unknown): string {
  const request = readText(value, 'request');
  if (request === '' || request.length > REQUEST_OCTETS_MAX)
    throw new Failure('invalid', 'directory: bad request id');
  return request;
}

export function readInitial(value: unknown): ReadonlyMap<string, Buffer> {
  if (!Array.isArray(value)) throw new Failure('invalid', 'directory: no initial properties');
  const initial = new Map<string, Buffer>();
  let octets = 0;
  for (const pair of value as readonly unknown[]) {
    const [key, content] = Array.isArray(pair) ? (pair as readonly unknown[]) : [];
    if (typeof key !== 'string' || !Buffer.isBuffer(content))
      throw new Failure('invalid', 'directory: bad initial property');
    octets += key.length + content.length;
    initial.set(key, content);
  }
  if (octets > INITIAL_OCTETS_MAX) throw new Failure('limit', 'directory: initial properties too large');
  return initial;
}

export function writeIntentId(id: IntentId): Fields {
  return { slot: id.slot, epoch: id.epoch, modseq: id.modseq };
}

export function readIntentId(value: unknown): IntentId {
  const { slot, epoch, modseq } = readFields(value);
  return {
    slot: readSlot(slot),
    epoch: readCount(epoch, 'epoch') as Epoch,
    modseq: readCount(modseq, 'modseq'),
  };
}

export function writeStep(step: StepRecord): Fields {
  return { intent: writeIntentId(step.intent), epoch: step.epoch, lowestOpen: step.lowestOpen };
}

export function readStep(value: Fields): StepRecord {
  const step = {
    intent: readIntentId(value.intent),
    epoch: readCount(value.epoch, 'epoch') as Epoch,
    lowestOpen: readCount(value.lowestOpen, 'lowest open intent'),
  };
  // An intent that sends steps is open itself; a larger number would make participants forget it half done.
  if (step.lowestOpen > step.intent.modseq)
    throw new Failure('invalid', `directory: intent ${intentKey(step.intent)} is not open`);
  return step;
}
