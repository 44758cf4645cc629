/**
 * `postern lab`: a whole cluster on free loopback ports, in the foreground, described in `DIR/lab.json` when all members are
 * ready; and `postern lab kill|stop|start|pause|resume NAME --base DIR`, which acts on one member of it.
 */
import { join } from 'node:path';
import type { LabOptions } from '../flags.ts';
import { realPlatform } from '../platform/real/platform.ts';
import { fillLab } from './accounts.ts';
import { askLab } from './control.ts';
import { runInForeground } from './foreground.ts';
import { LAB_FILE } from './lab-file.ts';

/** Resolves to the exit status. */
export async function runLab(options: LabOptions): Promise<number> {
  if (options.kind === 'act') {
    await askLab(options.base, options.action, options.name);
    return 0;
  }
  const say = (line: string): void => void process.stdout.write(`postern lab: ${line}\n`);
  await runInForeground(realPlatform(), {
    base: options.base,
    size: options,
    tell: say,
    fill: (lab) => fillLab(lab, options.domain, options.accounts),
    ready: ({ directory }) => say(`ready, see ${join(directory, LAB_FILE)}; Ctrl-C stops it`),
    stopping: () => say('stopping'),
  });
  return 0;
}
