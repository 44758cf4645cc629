/** A cluster whose members are cut from each other for real (scenario.ts), in network namespaces. Needs root. */
import { join } from 'node:path';
import t from 'tap';
import { isolated, networksFail } from '../support/network.ts';

/** What hangs is ended; in the end it takes a third of that. */
const TIMEOUT_MS = 280_000 * Number(process.env.SLOW ?? 1);

const why = await networksFail();

void t.test(
  'a cluster that is cut in pieces',
  { timeout: TIMEOUT_MS, skip: why === undefined ? false : `partitions were not tried: ${why}` },
  (t) => isolated(t, 'in namespaces', join(import.meta.dirname, 'scenario.ts'), { timeoutMs: TIMEOUT_MS }),
);
