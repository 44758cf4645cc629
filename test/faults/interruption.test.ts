/** Accounts are served again soon after their owner died or stalled; nobody else's notice (architecture, invariant 6). */
import t from 'tap';
import { Lab } from '../support/lab.ts';
import { type Interruption, Interruptions, type Kind } from './interruption.ts';
import { labCluster } from './lab-cluster.ts';

const TRIES = 3;
/** Generous beside the aims (0.5 s, 3 s): a loaded CI machine must not make a test fail; bench/interruption.ts has the figures. */
const BOUNDS_MS = {
  'worker killed': 3000,
  'supervisor killed': 3000,
  'controller killed': 5000,
  paused: 7000,
  'frontend killed': 5000,
} as const satisfies Partial<Record<Kind, number>>;
/** Of accounts of other backends, at most times: far below a lease, far above what a busy machine takes for an answer. */
const OTHERS_BOUND_MS = 1000;

void t.test('interruption of accounts', { timeout: 400_000 }, async (t) => {
  const lab = await Lab.start(['--backends', '3', '--frontends', '2', '--accounts', '12']);
  t.teardown(() => lab.stop());
  const interruptions = await Interruptions.begin(await labCluster(lab));
  t.teardown(() => interruptions.stop());
  for (const [kind, boundMs] of Object.entries(BOUNDS_MS) as (readonly [keyof typeof BOUNDS_MS, number])[]) {
    const tries: Interruption[] = [];
    for (let count = 0; count < TRIES; count++) tries.push(await interruptions.inflict(kind));
    for (const each of tries) t.comment(JSON.stringify(each));
    t.ok(
      tries.some(({ accounts }) => accounts > 0),
      `${kind}: who was hit had accounts`,
    );
    t.ok(
      tries.every(({ ownMs }) => (ownMs ?? 0) < boundMs),
      `${kind}: its accounts are served again within ${boundMs} ms`,
    );
    const others = tries.map(({ othersMs }) => othersMs).sort((a, b) => a - b);
    t.ok(others[TRIES >> 1]! < OTHERS_BOUND_MS, `${kind}: others do not notice`);
    if (kind !== 'frontend killed')
      t.ok(
        tries.every(({ closed }) => closed === 0),
        `${kind}: no session was closed`,
      );
  }
});
