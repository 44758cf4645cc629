/**
 * A thread that runs seeds, one after another, as it is told. The source changes of its bug are made before anything of
 * `src/` is loaded, which is why everything that leads there is imported only then.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { bugNamed } from '../bugs/bugs.ts';
import { changeSources } from '../bugs/source-changes.ts';
import type { Task, ThreadSetup } from './crew.ts';

const { bug: name, quick } = workerData as ThreadSetup;
// Nobody reads the stacks of failures that are part of the weather, and to capture them takes a tenth of the time.
if (quick) Error.stackTraceLimit = 0;
const bug = bugNamed(name);
const assertChanged = changeSources(bug.sources ?? []);
const { runStorm } = await import('../mail/storm.ts');
assertChanged();
const port = parentPort!;
port.on('message', ({ seed, ...options }: Task) => {
  void runStorm({ seed, bug, ...options }).then((result) => port.postMessage(result));
});
