/** Ids of processes, "made when a worker starts" (docs/architecture.md, section 1); supervisors and commands have one on the bus too. */
import type { Random } from '../platform/platform.ts';
import type { Incarnation } from '../store/ids.ts';

const OCTETS = 16;
const TEXT = /^[0-9a-f]{32}$/;

export function newIncarnation(random: Random): Incarnation {
  return random.bytes(OCTETS).toString('hex') as Incarnation;
}

export function isIncarnation(value: unknown): value is Incarnation {
  return typeof value === 'string' && TEXT.test(value);
}
