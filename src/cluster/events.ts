/**
 * The decisions of the cluster as lines of the log: one structured line each, level info, with `event` from this table
 * and nothing else, so that an operator's tools need no text (docs/operator.md, "Events", lists them; a test compares).
 */
import type { LogFields } from '../lib/logging.ts';
import type { ClusterLogger } from './types.ts';

/** What each means, as the line's message says it. */
export const CLUSTER_EVENTS = {
  'control-stood': 'stands for control',
  'control-taken': 'in control',
  'control-given-up': 'control given up',
  'control-lost': 'control lost',
  'slots-granted': 'slots granted',
  'slots-confirmed': 'slots confirmed to who had them',
  'slots-released': 'slots released',
  'slot-moves': 'a slot moves for its load, or as an operator said',
  'take-over': 'slots taken over from a worker that is gone',
  'member-joined': 'member joined',
  'member-ready': 'member ready',
  'member-not-ready': 'member not ready',
  'member-gone': 'member gone',
  'worker-dead': 'worker proven dead, its slots are free',
  'drain-begun': 'drain begun: the slots move away',
  'drain-ended': 'drain ended: no slot is left',
  'settings-changed': 'cluster settings changed',
  'storage-refused': 'storage refused: stands for nothing',
  'storage-accepted': 'storage accepted',
  'storage-silent': 'storage does not answer',
  'storage-back': 'storage answers again',
} as const;

export type ClusterEvent = keyof typeof CLUSTER_EVENTS;

export function logEvent(logger: ClusterLogger, event: ClusterEvent, fields: LogFields = {}): void {
  logger.info({ event, ...fields }, CLUSTER_EVENTS[event]);
}
