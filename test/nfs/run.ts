/**
 * The faults on NFS for as long as one likes, by hand and as root:
 *
 *     node test/nfs/run.ts [--minutes N] [--nfs 4.2|3] [--slow N]
 *
 * `--slow` raises all times where the machine has other work too.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bedCommand, bedFails, type NfsVersion } from '../support/nfs.ts';

const VERSIONS: readonly NfsVersion[] = ['4.2', '3'];
/** Beyond the harm: start, the late write, checks through another backend. */
const AROUND_S = 300;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    nfs: { type: 'string', default: '4.2' },
    slow: { type: 'string', default: '1' },
  },
});
const nfs = VERSIONS.find((each) => each === values.nfs);
const seconds = Number(values.minutes) * 60;
if (nfs === undefined || !(seconds > 0)) throw new Error('give --minutes N and --nfs 4.2 or 3');
const why = await bedFails();
if (why !== undefined) throw new Error(why);
const [command, ...args] = bedCommand(join(import.meta.dirname, 'faults-guest.ts'), {
  nfs,
  mounts: 3,
  seconds: seconds + AROUND_S * Number(values.slow),
  args: [String(seconds), values.slow],
});
const child = spawn(command!, args, { stdio: 'inherit' });
const [status] = (await once(child, 'exit')) as [number | null];
process.exitCode = status ?? 1;
