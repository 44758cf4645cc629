/**
 * How long accounts are not served when something dies, stalls or is cut off: real processes, many tries of each kind; and
 * that nothing is taken over while the machine is merely busy.
 *
 *   node bench/interruption.ts [--kind NAME] [--tries 50] [--json FILE] [--keep DIR]
 *   node bench/interruption.ts --kind none [--minutes 10] [--keep DIR]
 *
 * A kind by itself by --kind, else all seven (not 'controller machine lost'). Each try is shown when it is over; the table, and
 * the JSON of all tries, at the end. --keep keeps the members' logs. A lost machine and a cut storage need root.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Interruption, Interruptions, KINDS, type Kind } from '../test/faults/interruption.ts';
import { labCluster } from '../test/faults/lab-cluster.ts';
import { Lab } from '../test/support/lab.ts';
import { networksFail } from '../test/support/network.ts';
import { undisturbed } from './lib/full-load.ts';
import { keepLogs } from './lib/keep-logs.ts';
import { moveQuickly } from './lib/quick-moves.ts';
import { runInNetwork } from './lib/run-in-network.ts';
import { table } from './lib/tries.ts';

const { values } = parseArgs({
  options: {
    kind: { type: 'string' },
    tries: { type: 'string', default: '50' },
    minutes: { type: 'string', default: '10' },
    json: { type: 'string' },
    keep: { type: 'string' },
  },
});

/** A handful of each backend. */
const ACCOUNTS = 12;
const NEED_NETWORKS: ReadonlySet<Kind> = new Set(['machine lost', 'controller machine lost', 'storage cut']);
const BY_HAND: ReadonlySet<Kind> = new Set(['controller machine lost']);

if (values.kind === 'none') {
  process.exitCode = (await undisturbed(Number(values.minutes), values.keep)) ? 0 : 1;
} else await interruptions(wanted(values.kind), Number(values.tries));

function wanted(name: string | undefined): readonly Kind[] {
  if (name === undefined) return KINDS.filter((kind) => !BY_HAND.has(kind));
  const kind = KINDS.find((each) => each === name);
  if (kind === undefined) throw new Error(`--kind is one of: ${[...KINDS, 'none'].join(', ')}`);
  return [kind];
}

async function interruptions(kinds: readonly Kind[], count: number): Promise<void> {
  const why = kinds.some((kind) => NEED_NETWORKS.has(kind)) ? await networksFail() : undefined;
  const tries: Interruption[] = [];
  const seen = (result: Interruption): void => {
    tries.push(result);
    console.log(JSON.stringify(result));
  };
  for (const kind of kinds)
    if (!NEED_NETWORKS.has(kind)) await inLab(kind, count, seen);
    else if (why === undefined)
      await runInNetwork({ kind, tries: count, accounts: ACCOUNTS, keep: values.keep, seen });
    else console.log(`${kind}: not tried: ${why}`);
  console.log(table(tries));
  const json = JSON.stringify(tries);
  if (values.json === undefined) console.log(json);
  else await writeFile(values.json, `${json}\n`);
}

async function inLab(kind: Kind, count: number, seen: (result: Interruption) => void): Promise<void> {
  const lab = await Lab.start(['--backends', '3', '--frontends', '2', '--accounts', String(ACCOUNTS)]);
  try {
    await moveQuickly(lab, ['be1', 'be2', 'be3']);
    const interruptions = await Interruptions.begin(await labCluster(lab));
    try {
      for (let done = 0; done < count; done++) seen(await interruptions.inflict(kind));
    } finally {
      await interruptions.stop();
    }
  } finally {
    if (values.keep !== undefined) await keepLogs(lab, join(values.keep, kind));
    await lab.stop();
  }
}
