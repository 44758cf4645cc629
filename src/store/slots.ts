/** Which slot a name or object belongs to. The function is part of the storage format: it never changes. */
import { crc32c } from '../lib/crc32c.ts';
import { type DomainId, type ObjectId, SLOTS, type Slot } from './ids.ts';

/** `crc32c(decimal domain id, NUL, name in UTF-8) mod 4096`. */
export function slotOf(domainId: DomainId, name: string): Slot {
  return (crc32c(Buffer.from(`${domainId}\0${name}`)) % SLOTS) as Slot;
}

export function slotOfObject(id: ObjectId): Slot {
  return slotOf(id.domainId, id.name);
}
