/** What processes cost: processor time and memory from /proc, the lateness of event loops from /metrics. */
import { readFile } from 'node:fs/promises';
import { type Bed } from './bed.ts';

/** USER_HZ: fixed at 100 for user space on Linux. */
const TICK_MS = 10;

/** User and system time of one process so far; 0 when it has ended. */
export async function cpuMsOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return 0;
  // The name in parentheses may hold anything; the fields behind it are numbers (proc(5)).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Proportional set size, as processes of one program share much. */
export async function memoryKiB(pids: readonly number[]): Promise<number> {
  const sizes = await Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => ''); // it has ended
      return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0);
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Of the workers of these members together. */
export async function workersCpuMs(bed: Bed, members: readonly string[]): Promise<number> {
  const pids = (await Promise.all(members.map((name) => bed.lab.workers(name)))).flat();
  return (await Promise.all(pids.map(cpuMsOf))).reduce((sum, ms) => sum + ms, 0);
}

/** How late the event loop of the member's worker was at most in the last minute, in ms; undefined while it is not told. */
export async function loopDelayMs(bed: Bed, member: string): Promise<number | undefined> {
  const { host, port } = bed.address(member, 'admin');
  const answer = await fetch(`http://${host}:${port}/metrics`).catch(() => undefined);
  const text = answer?.ok === true ? await answer.text() : '';
  const delays = text
    .split('\n')
    .filter((line) => line.startsWith('postern_event_loop_delay_seconds') && line.includes('statistic="max"'))
    .filter((line) => !line.includes('worker="supervisor"'))
    .map((line) => Number(line.split(' ').at(-1)) * 1000);
  return delays.length === 0 ? undefined : Math.max(...delays);
}

export interface Spread {
  readonly median: number;
  readonly p99: number;
  readonly max: number;
  readonly count: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { median: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0, count: sorted.length };
}

/** `median 31 ms, 99 % 210 ms, max 240 ms of 1000`. */
export function spreadText(values: readonly number[]): string {
  const { median, p99, max, count } = spread(values);
  return `median ${Math.round(median)} ms, 99 % ${Math.round(p99)} ms, max ${Math.round(max)} ms of ${count}`;
}
