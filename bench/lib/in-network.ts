/** Tries of one kind of interruption in network namespaces; run by run-in-network.ts inside `isolated`. */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { Interruptions } from '../../test/faults/interruption.ts';
import { networkCluster } from './network-cluster.ts';
import { type Order, TRY } from './run-in-network.ts';

const [, , folder, text] = process.argv;
if (folder === undefined || text === undefined) throw new Error('run by run-in-network.ts');
const { kind, tries, accounts, keep } = JSON.parse(text) as Order;

await using cluster = await networkCluster(folder, accounts, kind === 'storage cut' ? 'relayed' : 'bound');
const interruptions = await Interruptions.begin(cluster);
try {
  for (let done = 0; done < tries; done++)
    process.stdout.write(`${TRY}${JSON.stringify(await interruptions.inflict(kind))}\n`);
} finally {
  await interruptions.stop();
  if (keep !== undefined)
    for (const name of [...cluster.backends, ...cluster.frontends])
      await cp(cluster.logs(name), join(keep, kind, name), { recursive: true });
}
