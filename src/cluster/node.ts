/** The two entry points of the cluster layer, for whoever wires a member's processes. */
export { initStorage } from './storage-check.ts';
export { createSupervisorNode, type SupervisorNodeOptions } from './supervisor-node.ts';
export { DEFAULT_TIMES } from './times.ts';
export { createWorkerNode, type WorkerNodeOptions } from './worker-node.ts';
