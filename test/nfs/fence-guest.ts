/**
 * Two owners of one log, each on an NFS client of its own. The first is deposed and does not know: its lease says that it is held,
 * as on a machine whose clock stood still. What it commits after the second has taken the log is written, synced, and answered
 * with success by the server, and must not be acknowledged; without the fence it is, which shows that the trap is a real one
 * (docs/architecture.md, section 3, rule 3). And the self-test of a backend finds these mounts to be what it needs.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { noLogger } from '../../src/lib/logging.ts';
import { servePartner, tryTogether } from '../../src/member/self-test/partner.ts';
import { selfTest } from '../../src/member/self-test/self-test.ts';
import type { CheckName } from '../../src/member/self-test/types.ts';
import { realPlatform } from '../../src/platform/real/platform.ts';
import { type LogImpl, openLog } from '../../src/store/log/log.ts';
import { MemoryHub } from '../cluster/memory-bus.ts';
import { commit, TestLease, TYPE } from '../store/log/support.ts';
import { mountsHere } from '../support/nfs.ts';

/** Checks whose verdict is a matter of milliseconds, which the guest's are not. */
const TIMED: readonly CheckName[] = ['latency', 'fence'];
const ROUNDS = 15;
/** More than a tick of the server's clock, which moves in steps of 10 ms there. */
const TICKS_MS = 30;

void t.test('the self-test of a backend, with another one', async (t) => {
  const [ours, theirs] = mountsHere().map((root) => ({ root, ...realPlatform({ mounts: [root] }) }));
  if (ours === undefined || theirs === undefined) throw new Error('two mounts');
  const { clock, random, fs, root } = ours;
  await fs.makeDirectory(join(root, '.cluster'));
  const hub = new MemoryHub(clock);
  const [bus, partner] = [hub.bus('be1', 'worker', 'a'), hub.bus('be2', 'supervisor', 'b')];
  servePartner(partner, theirs.fs, theirs.root);
  const startMs = clock.monotonicMs();
  const found = await selfTest({
    fs,
    clock,
    random,
    root,
    member: 'be1',
    mount: { path: root, text: await readFile('/proc/self/mountinfo', 'utf8') },
    together: (place) => tryTogether({ fs, clock, bus, place, partners: [partner.self.address] }),
  });
  for (const { check, verdict, what } of found) t.comment(`${check} ${verdict}: ${what}`);
  t.comment(`${Math.round(clock.monotonicMs() - startMs)} ms`);
  t.same(
    found
      .filter(({ check, verdict }) => !TIMED.includes(check) && verdict !== 'fine')
      .map(({ check }) => check),
    process.env.NFS_VERSION === '3' ? ['mount'] : [],
    'what is warned of: version 3',
  );
  t.notOk(found.some(({ verdict }) => verdict === 'refused'));
});

interface Owner {
  readonly log: LogImpl;
  readonly texts: string[];
}

// Whoever runs it ends it.
t.setTimeout(0);

void t.test('a deposed owner', async (t) => {
  await t.test('with the fence', (t) => depose(t, true));
  await t.test('without it', (t) => depose(t, false));
});

async function depose(t: Test, fence: boolean): Promise<void> {
  let shown = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const place = `log-${fence}-${round}`;
    await mkdir(join(mountsHere()[0]!, place));
    const first = await own(0, place, 1, fence);
    await commit(first.log, 'first');
    // The directory is in the cache of its client, as it was looked at by the fence.
    await commit(first.log, 'second');
    await sleep(TICKS_MS);
    const second = await own(1, place, 2, fence);
    await commit(second.log, 'taken');
    const isShown = await commit(first.log, 'late').then(
      () => true,
      () => false,
    );
    if (isShown) shown++;
    const third = await own(0, place, 3, fence);
    t.same(
      third.texts,
      ['first', 'second', 'taken'],
      `round ${round}: what was committed late does not count`,
    );
    for (const { log } of [first, second, third]) await log.close().catch(() => undefined); // deposed
  }
  if (fence) t.equal(shown, 0, `nothing late was acknowledged in ${ROUNDS} rounds`);
  else t.equal(shown, ROUNDS, `all that was late was acknowledged in ${ROUNDS} rounds`);
}

async function own(mount: number, place: string, grant: number, fence: boolean): Promise<Owner> {
  const root = mountsHere()[mount]!;
  const { fs, clock, random } = realPlatform({ mounts: [root] });
  const texts: string[] = [];
  const lease = new TestLease(grant);
  const log = await openLog({
    fs,
    clock,
    random,
    lease,
    fence,
    directory: join(root, place),
    object: '7/jsmith/1-1',
    knownTypes: new Set([TYPE]),
    logger: noLogger,
    replay: (record) => void texts.push(record.payload.toString()),
  });
  return { log, texts };
}
