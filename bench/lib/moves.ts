/** One slot after the other moves to another backend, as an operator asks for it, while the client of its account asks on. */
import { HandoverBed } from './handover-bed.ts';

const ACCOUNTS = 4;
/** A client that hardly rests: what it waits for is the whole pause. */
const PACE_MS = 1;
const QUIET_MS = 300;

export interface Moved {
  readonly slot: number;
  readonly to: string;
  /** Of the account in it. */
  readonly pauseMs: number;
  /** The slowest answer to its client in the same time before. */
  readonly beforeMs: number;
  readonly errors: readonly string[];
}

export async function moves(count: number, show: (moved: Moved) => void): Promise<readonly Moved[]> {
  const flags = ['--backends', '3', '--frontends', '1', '--accounts', String(ACCOUNTS)];
  await using bed = await HandoverBed.start(flags, PACE_MS);
  const slots = await bed.slotsOf(bed.askers.map(({ account }) => account.login));
  const moved: Moved[] = [];
  for (let turn = 0; moved.length < count; turn++) {
    const index = turn % bed.askers.length;
    const [asker, slot] = [bed.askers[index]!, slots[index]!];
    const to = bed.cluster.backends[Math.floor(turn / bed.askers.length) % bed.cluster.backends.length]!;
    await bed.quiet(QUIET_MS);
    asker.begin();
    const beginMs = performance.now();
    await new Promise((done) => setTimeout(done, QUIET_MS));
    const beforeMs = asker.slowest(beginMs).ms;
    for (const each of bed.askers) each.begin();
    const startMs = performance.now();
    const { mapVersion } = await bed.report();
    await bed.order(`CLUSTER MOVESLOT ${slot} TO ${to}`);
    await new Promise((done) => setTimeout(done, QUIET_MS));
    await bed.served();
    // It was there already.
    if ((await bed.report()).mapVersion === mapVersion) continue;
    const result = { slot, to, pauseMs: asker.slowest(startMs).ms, beforeMs, errors: bed.errors() };
    moved.push(result);
    show(result);
  }
  return moved;
}
