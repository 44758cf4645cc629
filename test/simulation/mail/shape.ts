/**
 * What kind of cluster a seed has: how many members with which duties and how many workers each, which proofs and fences
 * are on, how soon logs are compacted. All of it is drawn, so that no arrangement is tested only where somebody thought of
 * it; a planted bug names what it needs.
 */
import type { Prng } from '../../support/prng.ts';

export type Duty = 'owns' | 'faces' | 'both' | 'alone';

export interface MemberShape {
  readonly name: string;
  readonly duty: Duty;
  readonly workers: number;
}

export interface Shape {
  readonly members: readonly MemberShape[];
  /** StorageFence: without it nobody may freeze a machine together with its clock. */
  readonly fence: boolean;
  /** Life connections prove deaths. */
  readonly lifeProofs: boolean;
  /** Accounts are compacted after so many files, and get a snapshot after so many records; undefined: as in production. */
  readonly upkeep: { readonly filesMax: number; readonly snapshotRecordsMin: number } | undefined;
  /** Octets of a dead place that turn up in one account's log. */
  readonly rots: boolean;
}

const ALONE = 0.05;
const SYMMETRIC = 0.25;
const MORE_WORKERS = 0.3;
const WORKERS_MAX = 3;
/** More make a seed slow and find no more. */
const WORKERS_IN_ALL_MAX = 9;

export function drawShape(random: Prng, fixed: Partial<Shape> = {}): Shape {
  const drawn = {
    members: drawMembers(random),
    fence: random.chance(0.8),
    lifeProofs: random.chance(0.5),
    upkeep: random.chance(0.5)
      ? { filesMax: random.between(1, 2), snapshotRecordsMin: random.between(1, 8) }
      : undefined,
    rots: random.chance(0.15),
  };
  return { ...drawn, ...fixed };
}

function drawMembers(random: Prng): readonly MemberShape[] {
  const kind = random.unit();
  const many = random.chance(MORE_WORKERS);
  let left = WORKERS_IN_ALL_MAX;
  const member = (name: string, duty: Duty, others: number): MemberShape => {
    const workers = many ? Math.max(1, Math.min(random.between(1, WORKERS_MAX), left - others)) : 1;
    left -= workers;
    return { name, duty, workers };
  };
  if (kind < ALONE) return [member('one', 'alone', 0)];
  if (kind < ALONE + SYMMETRIC) {
    const count = random.between(3, 5);
    return Array.from({ length: count }, (_, i) => member(`sy${i + 1}`, 'both', count - i - 1));
  }
  // Most faults need few members, and a small cluster does more in the same time.
  const backends = random.pick([2, 2, 3, 3, 3, 4]);
  const frontends = random.between(backends === 2 ? 1 : 1, backends === 4 ? 3 : 2);
  const count = backends + frontends;
  return Array.from({ length: count }, (_, i) =>
    i < backends
      ? member(`be${i + 1}`, 'owns', count - i - 1)
      : member(`fe${i - backends + 1}`, 'faces', count - i - 1),
  );
}

/** `be1 be2x3 fe1, fence, life, compacts after 2` */
export function describeShape({ members, fence, lifeProofs, upkeep, rots }: Shape): string {
  const names = members.map(({ name, workers }) => (workers === 1 ? name : `${name}x${workers}`));
  return [
    names.join(' '),
    fence && 'fence',
    lifeProofs && 'life',
    upkeep && `compacts after ${upkeep.filesMax}`,
    rots && 'rots',
  ]
    .filter(Boolean)
    .join(', ');
}
