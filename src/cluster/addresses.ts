/** Addresses of processes, as they name each other. */
import type { Address } from '../platform/platform.ts';

export function sameAddress(a: Address, b: Address): boolean {
  return a.host === b.host && a.port === b.port;
}
