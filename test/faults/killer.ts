/** Kills processes of a lab with SIGKILL at random instants, one member at a time, and brings back what was killed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Lab, signal, until } from '../support/lab.ts';
import type { Prng } from '../support/prng.ts';

const BETWEEN_MS_MAX = 1200;
const DOWN_MS_MAX = 800;
const READY_MS = 40_000;

/** What dies: worker processes, the supervisor alone (its workers end by themselves), or all of a member at once. */
type Death = 'workers' | 'supervisor' | 'member';
const DEATHS: readonly Death[] = ['workers', 'supervisor', 'member'];

/** Until `enough`; resolves to what was done, with every member running and ready. */
export async function killAtRandom(lab: Lab, random: Prng, enough: () => boolean): Promise<string[]> {
  const done: string[] = [];
  const { members } = await lab.file();
  const backends = members.filter(({ role }) => role === 'backend').map(({ name }) => name);
  const frontends = members.filter(({ role }) => role === 'frontend').map(({ name }) => name);
  while (!enough()) {
    await sleep(random.below(BETWEEN_MS_MAX));
    // Backends most of the time, and every third time the one that has control.
    const kind = random.below(6);
    const controller = await controllerOf(lab, backends);
    const name = kind < 2 ? controller : kind < 5 ? random.pick(backends) : random.pick(frontends);
    const death = kind < 2 ? random.pick(DEATHS.slice(1)) : random.pick(DEATHS);
    await kill(lab, name, death, random.below(DOWN_MS_MAX));
    done.push(`${death} of ${name}${name === controller ? ' (controller)' : ''}`);
  }
  return done;
}

/** Resolves when the member is ready again. */
export async function kill(lab: Lab, name: string, death: Death, downMs: number): Promise<void> {
  if (death === 'workers') {
    const before = await lab.workers(name);
    for (const pid of before) signal(pid, 'SIGKILL');
    await until(async () => {
      const { state, workers } = await lab.status(name);
      return state === 'ready' && workers.every((pid) => !before.includes(pid));
    }, READY_MS);
    return;
  }
  await (death === 'supervisor' ? lab.killSupervisor(name) : lab.act('kill', name));
  await sleep(downMs);
  await lab.act('start', name);
}

/** The member that says of itself that it has control. */
export async function controllerOf(lab: Lab, backends: readonly string[]): Promise<string> {
  let found: string | undefined;
  await until(async () => {
    for (const name of backends)
      if ((await lab.status(name).catch(() => undefined))?.isController === true) found = name;
    return found !== undefined;
  }, READY_MS);
  return found ?? '';
}
