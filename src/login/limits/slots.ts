/** Whose owner counts what: addresses and administrators have slots as names of domain 0, which is the cluster itself. */
import type { DomainId, Slot } from '../../store/ids.ts';
import { slotOf } from '../../store/slots.ts';

const CLUSTER = 0 as DomainId;

export function slotOfAddress(address: string): Slot {
  return slotOf(CLUSTER, `address/${address}`);
}

export function slotOfAdministrator(name: string): Slot {
  return slotOf(CLUSTER, `administrator/${name}`);
}
