/** What is done to members and mounts, one thing after another, each undone before the next. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Site } from '../support/network-site.ts';
import { network } from '../support/nfs.ts';

const DOWN_MS = 500;

/** `holdMs`: longer than SlotLease and its margin, so that what is held so long is taken over. */
type Harm = (site: Site, name: string, holdMs: number) => Promise<void>;

const workersKilled: Harm = async (site, name) => {
  const before = await site.workers(name);
  await site.signal(name, 'workers', 'SIGKILL');
  while ((await site.workers(name)).some((pid) => before.includes(pid))) await sleep(50);
  await site.ready(name);
};

const supervisorKilled: Harm = async (site, name) => {
  const ended = site.ended(name);
  await site.signal(name, 'supervisor', 'SIGKILL');
  await startAgain(site, name, ended);
};

const memberKilled: Harm = async (site, name) => {
  const ended = site.ended(name);
  await site.signal(name, 'all', 'SIGKILL');
  await startAgain(site, name, ended);
};

const paused: Harm = async (site, name, holdMs) => {
  await site.signal(name, 'all', 'SIGSTOP');
  await sleep(holdMs);
  await site.signal(name, 'all', 'SIGCONT');
};

/** The storage does not answer this backend, then it does. */
const cut: Harm = async (site, name, holdMs) => {
  await network('cut', mountOf(site, name));
  await sleep(holdMs);
  await network('heal', mountOf(site, name));
};

async function startAgain(site: Site, name: string, ended: Promise<void>): Promise<void> {
  await ended;
  await sleep(DOWN_MS);
  await site.launch(name);
  await site.ready(name);
}

/** By number, as nfs-bed counts them. */
export function mountOf(site: Site, name: string): string {
  return String(site.names('backend').indexOf(name) + 1);
}

/** To the controller, or to a backend that is not; in this order, again and again. */
const ROUND: readonly (readonly [string, Harm, 'controller' | 'backend' | 'frontend'])[] = [
  ['mount cut', cut, 'backend'],
  ['workers killed', workersKilled, 'backend'],
  ['mount cut', cut, 'controller'],
  ['paused', paused, 'backend'],
  ['killed', memberKilled, 'controller'],
  ['supervisor killed', supervisorKilled, 'backend'],
  ['paused', paused, 'controller'],
  ['workers killed', workersKilled, 'controller'],
  ['killed', memberKilled, 'backend'],
  ['workers killed', workersKilled, 'frontend'],
];

/** Until enough was done; gives what it was. */
export async function inflict(
  site: Site,
  holdMs: number,
  enough: (done: number) => boolean,
): Promise<readonly string[]> {
  const done: string[] = [];
  while (!enough(done.length)) {
    const [what, harm, whom] = ROUND[done.length % ROUND.length]!;
    const controller = await site.controller();
    const others = site.names('backend').filter((name) => name !== controller);
    const name =
      whom === 'controller'
        ? controller
        : whom === 'frontend'
          ? site.names('frontend')[0]!
          : others[done.length % others.length]!;
    const startMs = performance.now();
    await harm(site, name, holdMs);
    // The next one is to meet a whole cluster.
    for (const { name: each } of site.machines) await site.ready(each);
    const tookMs = Math.round(performance.now() - startMs);
    done.push(`${name}${whom === 'controller' ? ' (controller)' : ''} ${what} ${tookMs} ms`);
  }
  return done;
}
