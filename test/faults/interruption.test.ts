/** Accounts are served again soon after their owner died or stalled; nobody else's notice (architecture, invariant 6). */
import t from 'tap';
import { Lab } from '../support/lab.ts';
import { type Fault, interrupt, median, summary } from './interruption.ts';

const TRIES = 5;
/** Generous beside the aims (0.5 s, 3 s): a loaded CI machine must not make a test fail; bench/interruption.ts has the figures. */
const BOUNDS_MS: Readonly<Record<Fault, number>> = {
  'process killed': 3000,
  'process paused': 7000,
  'controller killed': 5000,
};
/** Of accounts of other backends, at most times: far below a lease, far above what a busy machine takes for an answer. */
const OTHERS_BOUND_MS = 1000;

void t.test('interruption of accounts', { timeout: 280_000 }, async (t) => {
  const lab = await Lab.start(['--backends', '3', '--frontends', '1', '--accounts', '12']);
  t.teardown(() => lab.stop());
  for (const fault of Object.keys(BOUNDS_MS) as Fault[]) {
    const own: number[] = [];
    const others: number[] = [];
    for (let count = 0; count < TRIES; count++) {
      const result = await interrupt(lab, fault);
      own.push(result.ownMs);
      others.push(result.othersMs);
    }
    t.comment(`${fault}: its accounts ${summary(own)}; all others ${summary(others)}`);
    t.ok(Math.max(...own) < BOUNDS_MS[fault], `${fault}: ${summary(own)}`);
    t.ok(median(others) < OTHERS_BOUND_MS, `${fault}: others do not notice: ${summary(others)}`);
  }
});
