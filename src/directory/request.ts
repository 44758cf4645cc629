/** Ids of changes: a change that is asked for again under its id is answered and not done twice. */
import type { Random } from '../platform/platform.ts';

const REQUEST_OCTETS = 16;

export function newRequest(random: Random): string {
  return random.bytes(REQUEST_OCTETS).toString('hex');
}
