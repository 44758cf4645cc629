/**
 * How long accounts are not served when their owner dies or stalls: real processes, many tries, median and maximum.
 *
 *   node bench/interruption.ts [--tries 50]
 */
import { parseArgs } from 'node:util';
import { type Fault, interrupt, summary } from '../test/faults/interruption.ts';
import { Lab } from '../test/support/lab.ts';

const { values } = parseArgs({ options: { tries: { type: 'string', default: '50' } } });
const FAULTS: readonly Fault[] = ['process killed', 'process paused', 'controller killed'];

const lab = await Lab.start(['--backends', '3', '--frontends', '1', '--accounts', '12']);
try {
  for (const fault of FAULTS) {
    const own: number[] = [];
    const others: number[] = [];
    for (let count = 0; count < Number(values.tries); count++) {
      const result = await interrupt(lab, fault);
      own.push(result.ownMs);
      others.push(result.othersMs);
    }
    console.log(`${fault.padEnd(18)} its accounts ${summary(own)}; all others ${summary(others)}`);
  }
} finally {
  await lab.stop();
}
