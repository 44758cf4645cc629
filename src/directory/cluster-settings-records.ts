/**
 * Records of the cluster settings' log (docs/storage-slot.md). Domain ids are given here and never used again; a
 * directory belongs to one domain for ever.
 */
import type { DomainRecord } from '../cluster/types.ts';
import { DecodeError, Decoder, Encoder } from '../lib/encoder.ts';
import type { DomainId } from '../store/ids.ts';

/** Numbers of the storage format: they never change and are never used again. */
export const SettingsRecordType = { DomainPut: 16, DomainDeleted: 17, ValuePut: 18 } as const;

export const SETTINGS_RECORD_TYPES: ReadonlySet<number> = new Set(Object.values(SettingsRecordType));

export type SettingsRecord =
  | { readonly kind: 'domain-put'; readonly domain: DomainRecord; readonly request: string }
  | { readonly kind: 'domain-deleted'; readonly id: DomainId; readonly request: string }
  | {
      readonly kind: 'value-put';
      readonly key: string;
      readonly value: Buffer | null;
      readonly request: string;
    };

const TYPES = {
  'domain-put': SettingsRecordType.DomainPut,
  'domain-deleted': SettingsRecordType.DomainDeleted,
  'value-put': SettingsRecordType.ValuePut,
} as const satisfies Record<SettingsRecord['kind'], number>;

const SHARED = 1;
const DELETING = 2;
/** The settings follow. Records from before there were any have neither flag nor octets. */
const SETTINGS = 4;

export function settingsRecordType(record: SettingsRecord): number {
  return TYPES[record.kind];
}

export function encodeSettingsRecord(record: SettingsRecord): Buffer {
  const to = new Encoder().text(record.request);
  switch (record.kind) {
    case 'domain-put': {
      const { id, name, shared, directory, deleting, settings } = record.domain;
      to.uint(id)
        .text(name)
        .text(directory ?? name)
        .uint((shared ? SHARED : 0) + (deleting ? DELETING : 0) + (settings ? SETTINGS : 0));
      if (settings !== undefined) to.bytes(settings);
      return to.done();
    }
    case 'domain-deleted':
      return to.uint(record.id).done();
    case 'value-put':
      to.text(record.key).bool(record.value !== null);
      if (record.value !== null) to.bytes(record.value);
      return to.done();
    default:
      return record satisfies never;
  }
}

/** Throws DecodeError when the payload is not what its type says. */
export function decodeSettingsRecord(type: number, payload: Buffer): SettingsRecord {
  const from = new Decoder(payload);
  const request = from.text();
  switch (type) {
    case SettingsRecordType.DomainPut: {
      const [id, name, directory, flags] = [from.uint() as DomainId, from.text(), from.text(), from.uint()];
      const domain: DomainRecord = {
        id,
        name,
        directory,
        shared: (flags & SHARED) !== 0,
        ...((flags & DELETING) === 0 ? {} : { deleting: true }),
        // A copy: the payload is a view into what was read of the log.
        ...((flags & SETTINGS) === 0 ? {} : { settings: Buffer.from(from.bytes()) }),
      };
      return { kind: 'domain-put', request, domain };
    }
    case SettingsRecordType.DomainDeleted:
      return { kind: 'domain-deleted', request, id: from.uint() as DomainId };
    case SettingsRecordType.ValuePut: {
      const key = from.text();
      return { kind: 'value-put', request, key, value: from.bool() ? Buffer.from(from.bytes()) : null };
    }
    default:
      throw new DecodeError(`unknown record type ${type}`);
  }
}
