/**
 * The figures of all processes of a member, whichever of them is asked. Workers share the management port, and the kernel
 * chooses who gets a scrape; so who got it asks the other workers and the supervisor over the bus. One that does not answer
 * in time is left out: the scrape tells what there is.
 */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Bus } from '../cluster/bus/types.ts';
import type { FeatureLevel } from '../cluster/level.ts';
import { notReadyOf } from '../cluster/not-ready.ts';
import type { SupervisorNode, WorkerLoad, WorkerNode } from '../cluster/types.ts';
import type { FamilyName } from '../http/metrics/families.ts';
import { readSamples, SAMPLES_SERVICE, samplesBody } from '../http/metrics/wire.ts';
import type { ProcessSamples } from '../http/types.ts';
import type { Budget } from '../lib/budget.ts';
import { Failure } from '../lib/failure.ts';
import type { Labels, Measures } from '../lib/measures.ts';
import type { Address, Clock } from '../platform/platform.ts';

/** A process that has not answered by then is left out of the scrape. */
const ASK_TIMEOUT_MS = 1000;
/** How often the delay of the event loop is looked at. */
const DELAY_RESOLUTION_MS = 20;
/** Figures over time are of the last one to two of these: as long as scrapes are apart, usually. */
const WINDOW_MS = 30_000;
const WORKER_LENGTH_MAX = 16;
const NANOSECONDS = 1e9;
const MICROSECONDS = 1e6;

/** The name of this process in the label `worker`. */
export const SUPERVISOR = 'supervisor';

/** Answers other processes of this member. */
export function serveSamples(bus: Pick<Bus, 'serve' | 'self'>, worker: string, measures: Measures): void {
  bus.serve(SAMPLES_SERVICE, (_, { from }) => {
    if (from.member !== bus.self.member) throw new Failure('refused', 'figures are for the own member');
    return { worker, samples: samplesBody(measures.samples()) };
  });
}

export interface MemberSamplesOptions {
  readonly bus: Pick<Bus, 'call' | 'self'>;
  readonly node: Pick<WorkerNode, 'status'>;
  readonly supervisor: Address;
  readonly worker: string;
  readonly measures: Measures;
}

/** Of this process and all others of the member that answer. Never rejects. */
export async function memberSamples(options: MemberSamplesOptions): Promise<readonly ProcessSamples[]> {
  const { bus, node, supervisor, worker, measures } = options;
  const { member, incarnation } = bus.self;
  const siblings = node
    .status()
    .filter(({ name }) => name === member)
    .flatMap(({ workers }) => workers)
    .filter((each) => each.incarnation !== incarnation)
    .map(({ address }) => address);
  const ask = async (to: Address): Promise<ProcessSamples> =>
    readProcess(await bus.call(to, SAMPLES_SERVICE, null, { timeoutMs: ASK_TIMEOUT_MS }));
  const own = { worker, samples: measures.samples() };
  const others = await Promise.allSettled([...siblings, supervisor].map(ask));
  const answered = others.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  // A worker that was replaced may still be on the list, beside its successor: one of a name.
  const byName = new Map([...answered, own].map((each) => [each.worker, each]));
  return [...byName.values()].sort((a, b) => (a.worker < b.worker ? -1 : 1));
}

function readProcess(body: unknown): ProcessSamples {
  const { worker, samples } = (body ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof worker !== 'string' || worker.length > WORKER_LENGTH_MAX)
    throw new Failure('invalid', 'samples without a worker');
  return { worker, samples: readSamples(samples) };
}

/** What every process can say of itself. */
export function measureProcess(
  measures: Measures,
  labels: { readonly version: string; readonly role: string },
  clock: Pick<Clock, 'monotonicMs'>,
): Disposable {
  const gauge = gaugeOf(measures);
  const delays = new Windows(clock, newDelays, (delay) => void delay.disable());
  const loads = new Windows(clock, () => performance.eventLoopUtilization());
  gauge('postern_info', { ...labels }, () => 1);
  gauge('postern_uptime_seconds', {}, () => process.uptime());
  gauge('postern_resident_memory_bytes', {}, () => process.memoryUsage.rss());
  gauge('postern_cpu_seconds_total', { mode: 'user' }, () => process.cpuUsage().user / MICROSECONDS);
  gauge('postern_cpu_seconds_total', { mode: 'system' }, () => process.cpuUsage().system / MICROSECONDS);
  gauge('postern_event_loop_utilization', {}, () => {
    const now = performance.eventLoopUtilization();
    return performance.eventLoopUtilization(now, loads.open()).utilization;
  });
  for (const [statistic, read] of [
    ['mean', (delay: Delays) => delay.mean],
    ['p99', (delay: Delays) => delay.percentile(99)],
    ['max', (delay: Delays) => delay.max],
  ] as const)
    gauge('postern_event_loop_delay_seconds', { statistic }, () => lateness(read(delays.open())));
  return { [Symbol.dispose]: () => delays.end() };
}

type Delays = ReturnType<typeof monitorEventLoopDelay>;

function newDelays(): Delays {
  const delays = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  delays.enable();
  return delays;
}

/**
 * Something that gathers figures, begun anew every WINDOW_MS beside the one before it, so that what is read covers one to
 * two windows however many look at it: the figures of one scraper do not end with another's scrape.
 */
class Windows<T> {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #begin: () => T;
  readonly #end: (window: T) => void;
  #older: T;
  #newer: T;
  #turnedMs: number;

  constructor(clock: Pick<Clock, 'monotonicMs'>, begin: () => T, end: (window: T) => void = () => undefined) {
    this.#clock = clock;
    this.#begin = begin;
    this.#end = end;
    this.#older = begin();
    this.#newer = begin();
    this.#turnedMs = clock.monotonicMs();
  }

  /** What covers most: a window at least, and where nobody looked for longer all that came since the last look. */
  open(): T {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#turnedMs >= WINDOW_MS) {
      this.#end(this.#older);
      this.#older = this.#newer;
      this.#newer = this.#begin();
      this.#turnedMs = nowMs;
    }
    return this.#older;
  }

  end(): void {
    for (const window of [this.#older, this.#newer]) this.#end(window);
  }
}

/** What a worker's node knows. */
export function measureWorker(
  measures: Measures,
  node: WorkerNode,
  receiving: Budget,
  { member, level }: { readonly member: string; readonly level: FeatureLevel },
): void {
  const gauge = gaugeOf(measures);
  gauge('postern_made_not_ready', {}, () => Number(notReadyOf(node.settings, member) !== undefined));
  gauge('postern_feature_level', { of: 'cluster' }, () => level.required);
  gauge('postern_feature_level', { of: 'program' }, () => level.known);
  for (const standing of ['ready', 'degraded', 'not-ready'] as const)
    gauge('postern_standing', { standing }, () => Number(node.standing() === standing));
  gauge('postern_slots_owned', {}, () => node.slots());
  gauge('postern_control_epoch', {}, () => node.controller()?.controlEpoch ?? NaN);
  gauge('postern_storage_probe_age_seconds', {}, () => finite((node.storage()?.ageMs ?? NaN) / 1000));
  gauge('postern_storage_probe_seconds', {}, () => (node.storage()?.latencyMs ?? NaN) / 1000);
  gauge('postern_receiving_octets', {}, () => receiving.takenOctets);
  gauge('postern_receiving_octets_max', {}, () => receiving.octetsMax);
}

/** Busiest slots that are told, by rank: their numbers are values, as labels come from small fixed sets. */
const HOTTEST_SHOWN = 3;

export function measureLoad(measures: Measures, load: () => WorkerLoad | undefined): void {
  const gauge = gaugeOf(measures);
  gauge('postern_weight', {}, () => load()?.weight ?? NaN);
  gauge('postern_processor_utilization', {}, () => load()?.processor ?? NaN);
  gauge('postern_operations_per_second', {}, () => load()?.operations ?? NaN);
  for (let rank = 1; rank <= HOTTEST_SHOWN; rank++) {
    const labels = { rank: String(rank) };
    gauge('postern_hottest_slot', labels, () => load()?.hottest[rank - 1]?.slot ?? NaN);
    gauge('postern_hottest_slot_operations_per_second', labels, () => {
      return load()?.hottest[rank - 1]?.operations ?? NaN;
    });
  }
}

/** What a supervisor's node knows. `events` are those that it told as controller. */
export function measureSupervisor(measures: Measures, node: SupervisorNode, events: readonly string[]): void {
  const gauge = gaugeOf(measures);
  gauge('postern_controller', {}, () => Number(node.isController()));
  for (const event of events)
    gauge('postern_cluster_events_total', { event }, () => node.eventCounts().get(event) ?? 0);
  for (const reason of ['operator', 'drain', 'balance', 'hot'] as const)
    gauge('postern_slot_moves_total', { reason }, () => node.moveCounts()[reason]);
}

function gaugeOf(measures: Measures): (name: FamilyName, labels: Labels, read: () => number) => void {
  return (name, labels, read) => measures.gauge(name, labels, read);
}

/** Seconds beyond the time for which the timer was set: what is observed is from one tick to the next. */
function lateness(nanoseconds: number): number {
  return Math.max(0, nanoseconds / NANOSECONDS - DELAY_RESOLUTION_MS / 1000);
}

/** Before the first probe its age is infinite. */
function finite(value: number): number {
  return Number.isFinite(value) ? value : NaN;
}
