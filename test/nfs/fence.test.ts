/** A deposed owner whose clock stood still, on real NFS clients: only the fence tells it (fence-guest.ts). */
import { join } from 'node:path';
import t from 'tap';
import { bedFails, inBed } from '../support/nfs.ts';

const why = await bedFails();
const SECONDS = 60;

for (const nfs of ['4.2', '3'] as const)
  void t.test(
    `the fence on NFS ${nfs}`,
    { timeout: 200_000, skip: why === undefined ? false : `NFS was not tried: ${why}` },
    (t) =>
      inBed(t, 'in the guest', join(import.meta.dirname, 'fence-guest.ts'), {
        nfs,
        mounts: 2,
        seconds: SECONDS,
      }),
  );
