/**
 * The bugs that this simulation must find. One that no seed finds means that the checks look past a whole class of bugs.
 * (Epochs that do not grow are none of them: the store writes nothing under such a lease, so all stands still and no
 * promise is broken.) Nothing here may load what a bug changes: the changes are made before `src/` is loaded.
 */
import { type Bug, NO_BUG } from './bug.ts';
import { FENCING_BUGS } from './fencing.ts';
import { LEASE_BUGS } from './leases.ts';
import { SERVICE_BUGS } from './services.ts';
import { STORE_BUGS } from './store.ts';

export const BUGS: readonly Bug[] = [...LEASE_BUGS, ...FENCING_BUGS, ...STORE_BUGS, ...SERVICE_BUGS];

export function bugNamed(name: string): Bug {
  const bug = name === NO_BUG.name ? NO_BUG : BUGS.find((each) => each.name === name);
  if (bug === undefined)
    throw new Error(`no bug ${name}; there are ${BUGS.map((each) => each.name).join(', ')}`);
  return bug;
}
