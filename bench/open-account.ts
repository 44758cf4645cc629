/**
 * How long it takes to open an account of 100,000 messages: from all its records, from a snapshot, and after a compaction.
 *
 *     node bench/open-account.ts [--messages 100000] [--octets 200] [--dir DIR]
 */

import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { noLogger } from '../src/lib/logging.ts';
import { realPlatform } from '../src/platform/real/platform.ts';
import { type OpenAccount, openAccount } from '../src/store/account/account.ts';
import { newAccount } from '../src/store/account/initial.ts';
import { rangesOf } from '../src/store/account/ranges.ts';
import type { MailboxId, Uid } from '../src/store/account/types.ts';
import { type DomainId, epochOf, type Incarnation, type ObjectId, objectKey } from '../src/store/ids.ts';
import { openLog } from '../src/store/log/log.ts';

const CALLS_IN_FLIGHT_MAX = 4;
const TRIES = 5;
const AT_ONCE = 1000;
const INBOX = 1 as MailboxId;

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '100000' },
    octets: { type: 'string', default: '200' },
    dir: { type: 'string' },
  },
});
const count = Number(values.messages);
const content = Buffer.alloc(Number(values.octets), 'x');
const root = await mkdtemp(join(values.dir ?? tmpdir(), 'postern-bench-open-'));
const platform = realPlatform({ callsInFlightMax: CALLS_IN_FLIGHT_MAX });
const id: ObjectId = { domainId: 1 as DomainId, name: 'bench', serial: '1-1' };
const initial = newAccount(platform.clock.wallMs());
let grant = 0;

try {
  await fill();
  console.log(`${count} messages of ${content.length} octets, ${root}`);
  console.log('what                     files   octets of files   ms (median of 5)');
  await measure('all records', false);
  await measure('snapshot', true);
  const account = await open(true);
  const start = performance.now();
  await account.compact();
  console.log(`compaction took ${(performance.now() - start).toFixed(0)} ms`);
  await account.close();
  await measure('compacted, all records', false);
  await measure('compacted, snapshot', true);
} finally {
  await rm(root, { recursive: true });
}

async function fill(): Promise<void> {
  const account = await open(true);
  for (let done = 0; done < count; done += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - done) }, (_, index) => done + index + 1);
    await Promise.all(
      some.map((number) =>
        account.append(INBOX, {
          content,
          flags: number % 3 === 0 ? ['$label'] : [],
          internalDateMs: number * 1000,
        }),
      ),
    );
    await account.storeFlags(INBOX, { uids: rangesOf(some as Uid[]), mode: 'add', flags: ['\\Seen'] });
  }
  await account.close();
}

/** Each opening is by the next owner, which reads a closed log and writes nothing. */
async function measure(what: string, withSnapshot: boolean): Promise<void> {
  const times: number[] = [];
  for (let tries = 0; tries < TRIES; tries++) {
    const start = performance.now();
    const account = await open(withSnapshot);
    times.push(performance.now() - start);
    if (account.mailboxById(INBOX)?.exists !== count) throw new Error('messages are missing');
    await account.close();
  }
  const files = (await readdir(root)).filter((name) => name.endsWith('.log'));
  const sizes = await Promise.all(files.map(async (name) => (await stat(join(root, name))).size));
  const octets = sizes.reduce((sum, size) => sum + size, 0);
  const median = times.toSorted((a, b) => a - b)[Math.floor(TRIES / 2)] ?? 0;
  console.log(
    `${what.padEnd(24)} ${String(files.length).padStart(5)} ${String(octets).padStart(17)} ${median.toFixed(0).padStart(18)}`,
  );
}

function open(withSnapshot: boolean): Promise<OpenAccount> {
  const epoch = epochOf(1, ++grant);
  return openAccount({
    openLog: (replay, knownTypes, restore) =>
      openLog({
        ...platform,
        directory: root,
        object: objectKey(id),
        lease: {
          incarnation: `bench${grant}` as Incarnation,
          epoch,
          held: () => true,
          confirm: () => Promise.resolve(true),
          reportLargerEpoch: () => undefined,
        },
        knownTypes,
        logger: noLogger,
        fence: false,
        replay,
        ...(withSnapshot && { restore }),
      }),
    clock: platform.clock,
    id,
    initial,
    // Without a snapshot at every close of one that was opened without.
    upkeep: withSnapshot ? {} : { snapshotRecordsMin: Number.POSITIVE_INFINITY },
  });
}
