/** CPU time of a process and all its descendants, those that have ended included, from /proc. */
import { readdir, readFile } from 'node:fs/promises';

/** USER_HZ: fixed at 100 for user space on Linux. */
const TICK_MS = 10;

interface Stat {
  readonly parent: number;
  readonly ticks: number;
}

export async function cpuMs(root: number): Promise<number> {
  const stats = new Map<number, Stat>();
  for (const name of await readdir('/proc')) {
    const stat = /^\d+$/.test(name) ? await readStat(Number(name)) : undefined;
    if (stat !== undefined) stats.set(Number(name), stat);
  }
  let ticks = 0;
  for (const pid of stats.keys()) if (descends(pid, root, stats)) ticks += stats.get(pid)!.ticks;
  return ticks * TICK_MS;
}

async function readStat(pid: number): Promise<Stat | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; the fields behind it are numbers (proc(5)).
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    // utime, stime, and those of children that were waited for.
    return { parent: fields[1]!, ticks: fields[11]! + fields[12]! + fields[13]! + fields[14]! };
  } catch {
    return undefined; // it has ended since the directory was read
  }
}

function descends(pid: number, root: number, stats: ReadonlyMap<number, Stat>): boolean {
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = stats.get(at)?.parent)
    if (at === root) return true;
  return false;
}
