import t from 'tap';
import { open, withCode } from '../../../src/platform/real/syscalls.ts';

const error = (errno: number | undefined, code: string | undefined): NodeJS.ErrnoException =>
  Object.assign(new Error('x'), errno === undefined ? {} : { errno }, code === undefined ? {} : { code });

// Shared facts: NFS, section 4: libuv has no name for ESTALE (nor EDQUOT); Node says UNKNOWN or nothing.
for (const [errno, given, wanted] of [
  [-116, 'UNKNOWN', 'ESTALE'],
  [-116, undefined, 'ESTALE'],
  [-116, 'Unknown system error -116', 'ESTALE'],
  [-122, undefined, 'EDQUOT'],
  [-28, 'ENOSPC', 'ENOSPC'],
  [-2, 'ENOENT', 'ENOENT'],
  [-99_999, 'UNKNOWN', 'UNKNOWN'],
  [undefined, 'ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_TYPE'],
] as const)
  void t.test(`errno ${errno} with code ${given} is ${wanted}`, async (t) =>
    t.equal(withCode(error(errno, given)).code, wanted),
  );

void t.test('a call that fails has the code of the kernel', async (t) => {
  await t.rejects(open('/nowhere/at/all', 0), { code: 'ENOENT', syscall: 'open' });
});
