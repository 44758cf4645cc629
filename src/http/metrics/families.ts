/**
 * Every metric, declared once: its type, its labels, and what it means. The exposition, its HELP texts and the tests come
 * from this table. Each sample has the label `worker` besides: the index of the worker process, or `supervisor`.
 *
 * Names as Prometheus wants them (prometheus.io, "Metric and label naming"): base units, `_total` for what only grows.
 */

export interface Family {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
}

const family = (type: Family['type'], help: string, ...labels: string[]): Family => ({ type, help, labels });

export const FAMILIES = {
  postern_info: family('gauge', 'Always 1; the labels say which program runs.', 'version', 'role'),
  postern_standing: family(
    'gauge',
    '1 for what balancers are told now: ready, degraded, not-ready.',
    'standing',
  ),
  postern_made_not_ready: family('gauge', '1 while an operator has made this member Not-Ready.'),
  postern_feature_level: family(
    'gauge',
    'Feature levels: of the cluster, and the highest that this program knows.',
    'of',
  ),
  postern_uptime_seconds: family('gauge', 'Since the process was started.'),
  postern_connections: family('gauge', 'Connections of clients that are open.', 'service'),
  postern_connections_total: family('counter', 'Connections of clients that were let in.', 'service'),
  postern_logins_total: family(
    'counter',
    'Log-ins by outcome: ok, failed (wrong name or password), limited (too many failures), unavailable.',
    'service',
    'outcome',
  ),
  postern_logins_slowed_total: family(
    'counter',
    'Log-ins that had to wait after failures of the account or the address.',
    'service',
  ),
  postern_login_seconds: family('histogram', 'How long log-ins took, delays against guessing included.'),
  postern_messages_total: family(
    'counter',
    'Messages for one recipient: accepted (durable), refused for good, or put off (temporary).',
    'service',
    'outcome',
  ),
  postern_recipients_total: family('counter', 'Recipients by outcome, as messages.', 'service', 'outcome'),
  postern_session_commands_total: family(
    'counter',
    'Commands of mailbox sessions (IMAP, POP3) that were sent to owners of accounts.',
    'service',
  ),
  postern_receiving_octets: family('gauge', 'Octets of messages being received over all connections.'),
  postern_receiving_octets_max: family('gauge', 'MaxReceivingMemory.'),
  postern_bus_calls_total: family(
    'counter',
    'Calls to other processes by outcome: ok, or the code of the failure.',
    'outcome',
  ),
  postern_bus_answers_total: family('counter', 'Calls of other processes that were asked here.'),
  postern_commits_total: family('counter', 'Writes to logs that were made durable.'),
  postern_commit_octets_total: family('counter', 'Octets in them.'),
  postern_commit_failures_total: family('counter', 'Writes to logs that failed.'),
  postern_sync_seconds: family('histogram', 'How long a write to a log took until it was durable.'),
  postern_slots_owned: family('gauge', 'Slots leased now.'),
  postern_weight: family('gauge', 'Weight: how many slots this worker is to have beside others.'),
  postern_processor_utilization: family(
    'gauge',
    "Share of a processor that the worker's thread used in the last second, from 0 to 1.",
  ),
  postern_operations_per_second: family(
    'gauge',
    'Operations and commands of sessions on the slots of this worker, over the last ten seconds or so.',
  ),
  postern_hottest_slot: family('gauge', 'The number of the slot with the most of them, by rank.', 'rank'),
  postern_hottest_slot_operations_per_second: family('gauge', 'Its operations, by rank.', 'rank'),
  postern_slot_moves_total: family(
    'counter',
    'Planned moves of slots begun as controller: operator, drain, balance (workers came or went), hot.',
    'reason',
  ),
  postern_storage_probe_age_seconds: family(
    'gauge',
    'Since the newest storage probe that succeeded was begun.',
  ),
  postern_storage_probe_seconds: family('gauge', 'How long the newest storage probe took.'),
  postern_event_loop_delay_seconds: family(
    'gauge',
    'How late the event loop was in the last minute: mean, p99, max.',
    'statistic',
  ),
  postern_event_loop_utilization: family(
    'gauge',
    'Share of the time that the event loop was busy, from 0 to 1, in the last minute.',
  ),
  postern_resident_memory_bytes: family('gauge', 'Memory of the process.'),
  postern_cpu_seconds_total: family('counter', 'Processor time of the process.', 'mode'),
  postern_controller: family('gauge', '1 while this member holds control.'),
  postern_control_epoch: family(
    'gauge',
    'The control epoch of the controller that is heard; absent while none is.',
  ),
  postern_cluster_events_total: family(
    'counter',
    'Decisions as controller, by the event of the log (docs/operator.md, "Events").',
    'event',
  ),
} as const satisfies Record<`postern_${string}`, Family>;

export type FamilyName = keyof typeof FAMILIES;

/** Upper bounds in seconds: from local flash to a storage that nearly stalls. */
export const SYNC_SECONDS: readonly number[] = [
  0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];
export const LOGIN_SECONDS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
