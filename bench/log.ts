/**
 * Commits a second and CPU a commit of the log engine: 4 KiB commits to 200 logs at 10 and 50 in parallel, beside the
 * disk's own rate (one append with O_DSYNC a commit on 200 files, and append + fdatasync), in the same run.
 *
 *     UV_THREADPOOL_SIZE=16 node bench/log.ts [--dir DIR] [--seconds 2]
 */

import { constants } from 'node:fs';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { noLogger } from '../src/lib/logging.ts';
import { realPlatform } from '../src/platform/real/platform.ts';
import { epochOf, type Incarnation } from '../src/store/ids.ts';
import { type LogImpl, openLog } from '../src/store/log/log.ts';
import type { Lease } from '../src/store/log/types.ts';

const LOGS = 200;
const COMMIT_OCTETS = 4096;
const PARALLEL = [10, 50];
const CALLS_IN_FLIGHT_MAX = 16;

const { values } = parseArgs({
  options: { dir: { type: 'string' }, seconds: { type: 'string', default: '2' } },
});
const forMs = Number(values.seconds) * 1000;
const root = await mkdtemp(join(values.dir ?? tmpdir(), 'postern-bench-log-'));
const platform = realPlatform({ callsInFlightMax: CALLS_IN_FLIGHT_MAX });
const payload = platform.random.bytes(COMMIT_OCTETS);

console.log(
  `${LOGS} files, ${COMMIT_OCTETS} octets a commit, pool ${process.env.UV_THREADPOOL_SIZE ?? 4}, ${root}`,
);
console.log('what                          parallel   commits/s   CPU us/commit   ms/commit');
try {
  for (const parallel of PARALLEL) {
    const logs = await openLogs(`logs-${parallel}`);
    await measure('log', parallel, (index) => commit(logs[index]!));
    await Promise.all(logs.map((log) => log.close()));
    for (const [what, flags, sync] of [
      ['append, O_DSYNC', constants.O_DSYNC, false],
      ['append + fdatasync', 0, true],
    ] as const) {
      const files = await openFiles(`${sync ? 'sync' : 'dsync'}-${parallel}`, flags);
      await measure(what, parallel, async (index) => {
        const file = files[index]!;
        const position = file.position;
        file.position += COMMIT_OCTETS;
        await file.handle.write(payload, 0, COMMIT_OCTETS, position);
        if (sync) await file.handle.datasync();
      });
      await Promise.all(files.map(({ handle }) => handle.close()));
    }
  }
} finally {
  await rm(root, { recursive: true });
}

/** `parallel` workers, each committing to the next log in turn. */
async function measure(what: string, parallel: number, act: (index: number) => Promise<void>): Promise<void> {
  let done = 0;
  let next = 0;
  const cpu = process.cpuUsage();
  const start = performance.now();
  const worker = async () => {
    while (performance.now() - start < forMs) {
      await act(next++ % LOGS);
      done++;
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  console.log(
    [
      what.padEnd(30),
      String(parallel).padStart(8),
      ((done / ms) * 1000).toFixed(0).padStart(12),
      `${((user + system) / done).toFixed(1)} (${(user / done).toFixed(1)} user)`.padStart(16),
      ((ms * parallel) / done).toFixed(2).padStart(12),
    ].join(''),
  );
}

async function commit(log: LogImpl): Promise<void> {
  await log.writable();
  log.append([{ type: 16, modseq: 1, payload: [payload] }]);
  await log.settled();
}

function openLogs(name: string): Promise<LogImpl[]> {
  const lease: Lease = {
    incarnation: 'bench' as Incarnation,
    epoch: epochOf(1, 1),
    held: () => true,
    confirm: () => Promise.resolve(true),
    reportLargerEpoch: () => undefined,
  };
  return Promise.all(
    Array.from({ length: LOGS }, async (_, index) => {
      const log = await openLog({
        ...platform,
        directory: join(root, name, String(index)),
        object: `1/bench${index}/1-1`,
        lease,
        knownTypes: new Set([16]),
        logger: noLogger,
        fence: false,
        replay: () => undefined,
        makeDirectory: true,
      });
      await log.writable();
      return log;
    }),
  );
}

async function openFiles(name: string, flags: number): Promise<{ handle: FileHandle; position: number }[]> {
  const create = constants.O_CREAT | constants.O_WRONLY | flags;
  return Promise.all(
    Array.from({ length: LOGS }, async (_, index) => ({
      handle: await open(join(root, `${name}-${index}`), create, 0o600),
      position: 0,
    })),
  );
}
