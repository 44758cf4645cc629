/**
 * The records of a slot log and their payloads, octet by octet as in docs/storage-slot.md. A reader passes over octets
 * behind the fields it knows, so fields can be added at the end.
 */
import { DecodeError, Decoder, Encoder } from '../../lib/encoder.ts';
import { type DomainId, type Epoch, type ObjectId, SLOTS, type Slot } from '../ids.ts';
import type { Intent, IntentChange, IntentId, Name, NameEntry, ObjectEntry } from './types.ts';

/** Numbers of the storage format: they never change and are never used again. */
const SlotRecordType = {
  ObjectCreated: 16,
  NamePut: 17,
  IntentOpened: 18,
  IntentDecided: 19,
  IntentClosed: 20,
  Reserved: 21,
  Finished: 22,
  Undone: 23,
} as const;

export const SLOT_RECORD_TYPES: ReadonlySet<number> = new Set(Object.values(SlotRecordType));

export type SlotChange =
  | { readonly kind: 'object-created'; readonly object: ObjectEntry; readonly request: string }
  | { readonly kind: 'name-put'; readonly entry: NameEntry }
  | { readonly kind: 'intent-opened'; readonly intent: Intent }
  | { readonly kind: 'intent-decided'; readonly intent: IntentId }
  | { readonly kind: 'intent-closed'; readonly intent: IntentId }
  | {
      readonly kind: 'reserved';
      readonly step: StepRecord;
      readonly object: ObjectId;
      readonly add: readonly Name[];
      readonly drop: readonly Name[];
    }
  | { readonly kind: 'finished'; readonly step: StepRecord }
  | { readonly kind: 'undone'; readonly step: StepRecord; readonly object: ObjectId };

/** What every step of an intent carries to a participant. */
export interface StepRecord {
  readonly intent: IntentId;
  /** Epoch of the first log's owner that sent the step. */
  readonly epoch: Epoch;
  /** Modseq of the oldest intent still open in the first log: those below are closed and may be forgotten. */
  readonly lowestOpen: number;
}

export function typeOf(change: SlotChange): number {
  return TYPES[change.kind];
}

const TYPES = {
  'object-created': SlotRecordType.ObjectCreated,
  'name-put': SlotRecordType.NamePut,
  'intent-opened': SlotRecordType.IntentOpened,
  'intent-decided': SlotRecordType.IntentDecided,
  'intent-closed': SlotRecordType.IntentClosed,
  reserved: SlotRecordType.Reserved,
  finished: SlotRecordType.Finished,
  undone: SlotRecordType.Undone,
} as const satisfies Record<SlotChange['kind'], number>;

export function encodeChange(change: SlotChange): Buffer {
  const to = new Encoder();
  switch (change.kind) {
    case 'object-created':
      objectId(to, change.object.id);
      to.text(change.object.path).text(change.request);
      to.list([...change.object.initial], ([key, value]) => to.text(key).bytes(value));
      break;
    case 'name-put':
      name(to, change.entry);
      to.uint(KIND_ACCOUNT);
      objectId(to, change.entry.object);
      break;
    case 'intent-opened': {
      const { intent } = change;
      intentId(to, intent.id);
      objectId(to, intent.object);
      to.text(intent.request);
      intentChange(to, intent.change);
      names(to, intent.add);
      names(to, intent.drop);
      break;
    }
    case 'intent-decided':
    case 'intent-closed':
      intentId(to, change.intent);
      break;
    case 'reserved':
      step(to, change.step);
      objectId(to, change.object);
      names(to, change.add);
      names(to, change.drop);
      break;
    case 'finished':
      step(to, change.step);
      break;
    case 'undone':
      step(to, change.step);
      objectId(to, change.object);
      break;
    default:
      change satisfies never;
  }
  return to.done();
}

/** Throws DecodeError when the payload is not what its type says. Everything kept is copied out of the payload. */
export function decodeChange(type: number, payload: Buffer): SlotChange {
  const from = new Decoder(payload);
  switch (type) {
    case SlotRecordType.ObjectCreated: {
      const id = readObjectId(from);
      const path = from.text();
      const request = from.text();
      const initial = new Map(from.list(() => [from.text(), Buffer.from(from.bytes())] as const));
      const present = { domainId: id.domainId, name: id.name };
      const object = { id, path, state: 'active', present, aliases: [], initial, requests: [] } as const;
      return { kind: 'object-created', object, request };
    }
    case SlotRecordType.NamePut: {
      const entry = readName(from);
      if (from.uint() !== KIND_ACCOUNT) throw new DecodeError('unknown kind of name');
      return { kind: 'name-put', entry: { ...entry, kind: 'account', object: readObjectId(from) } };
    }
    case SlotRecordType.IntentOpened: {
      const id = readIntentId(from);
      const object = readObjectId(from);
      const request = from.text();
      const change = readIntentChange(from);
      const add = from.list(readName);
      const drop = from.list(readName);
      return { kind: 'intent-opened', intent: { id, object, request, change, add, drop, state: 'open' } };
    }
    case SlotRecordType.IntentDecided:
      return { kind: 'intent-decided', intent: readIntentId(from) };
    case SlotRecordType.IntentClosed:
      return { kind: 'intent-closed', intent: readIntentId(from) };
    case SlotRecordType.Reserved: {
      const step = readStep(from);
      const object = readObjectId(from);
      return { kind: 'reserved', step, object, add: from.list(readName), drop: from.list(readName) };
    }
    case SlotRecordType.Finished:
      return { kind: 'finished', step: readStep(from) };
    case SlotRecordType.Undone:
      return { kind: 'undone', step: readStep(from), object: readObjectId(from) };
    default:
      throw new DecodeError(`unknown record type ${type}`);
  }
}

const KIND_ACCOUNT = 1;
const CHANGE_NAMES = 1;
const CHANGE_DELETE = 2;

function name(to: Encoder, value: Name): void {
  to.uint(value.domainId).text(value.name);
}

function readName(from: Decoder): Name {
  return { domainId: from.uint() as DomainId, name: from.text() };
}

function names(to: Encoder, values: readonly Name[]): void {
  to.list(values, (value) => name(to, value));
}

function objectId(to: Encoder, id: ObjectId): void {
  to.uint(id.domainId).text(id.name).text(id.serial);
}

function readObjectId(from: Decoder): ObjectId {
  return { domainId: from.uint() as DomainId, name: from.text(), serial: from.text() };
}

function intentId(to: Encoder, id: IntentId): void {
  to.uint(id.slot).uint(id.epoch).uint(id.modseq);
}

function readIntentId(from: Decoder): IntentId {
  const slot = from.uint();
  if (slot >= SLOTS) throw new DecodeError('no such slot');
  return { slot: slot as Slot, epoch: from.uint() as Epoch, modseq: from.uint() };
}

function step(to: Encoder, value: StepRecord): void {
  intentId(to, value.intent);
  to.uint(value.epoch).uint(value.lowestOpen);
}

function readStep(from: Decoder): StepRecord {
  return { intent: readIntentId(from), epoch: from.uint() as Epoch, lowestOpen: from.uint() };
}

function intentChange(to: Encoder, change: IntentChange): void {
  if (change.kind === 'delete') {
    to.uint(CHANGE_DELETE);
    return;
  }
  to.uint(CHANGE_NAMES);
  name(to, change.present);
  to.list(change.aliases, (alias) => to.text(alias));
}

function readIntentChange(from: Decoder): IntentChange {
  const kind = from.uint();
  if (kind === CHANGE_DELETE) return { kind: 'delete' };
  if (kind !== CHANGE_NAMES) throw new DecodeError('unknown kind of change');
  return { kind: 'names', present: readName(from), aliases: from.list(() => from.text()) };
}
