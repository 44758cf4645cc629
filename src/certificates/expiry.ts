/** Which certificates end soon: for the log, once a day, and for the status page. Pure. */
import { WARN_DAYS } from './limits.ts';

const DAY_MS = 86_400_000;

export interface Ending {
  /** Undefined: the cluster's own. */
  readonly domain: string | undefined;
  readonly names: readonly string[];
  readonly endsMs: number;
}

export interface Expiring extends Ending {
  /** It ends within so many days, the fewest that are said; or it has ended. */
  readonly within: (typeof WARN_DAYS)[number] | 'over';
}

/** Those that end soon or have ended, the first to end first. */
export function expiringOf(certificates: Iterable<Ending>, nowMs: number): readonly Expiring[] {
  const found: Expiring[] = [];
  for (const each of certificates) {
    const within = stageOf(each.endsMs - nowMs);
    if (within !== undefined) found.push({ ...each, within });
  }
  return found.sort((a, b) => a.endsMs - b.endsMs);
}

function stageOf(leftMs: number): Expiring['within'] | undefined {
  if (leftMs <= 0) return 'over';
  return WARN_DAYS.findLast((days) => leftMs <= days * DAY_MS);
}
