/** A lab as interruption.ts hurts it: processes only, as all members share one network and one mount. */

import type { StatusReport } from '../../src/http/report.ts';
import { askLab } from '../../src/lab/control.ts';
import type { Lab } from '../support/lab.ts';
import type { Cluster } from './interruption.ts';

export async function labCluster(lab: Lab): Promise<Cluster> {
  const { members, accounts, postmaster } = await lab.file();
  const named = (role: string) => members.filter((member) => member.role === role).map(({ name }) => name);
  // Ports stay when a member is started again.
  const services = new Map(members.map((member) => [member.name, member.services]));
  const authorization = `Basic ${Buffer.from(`${postmaster.login}:${postmaster.password}`).toString('base64')}`;
  const frontends = named('frontend');
  return {
    backends: named('backend'),
    frontends,
    accounts,
    doors: frontends.map((name) => ({ name, ...services.get(name)!.imaps! })),
    status: (name) => lab.status(name).catch(() => undefined), // not there, or being written
    report: async (name) => {
      const { host, port } = services.get(name)!.admin!;
      const answer = await fetch(`http://${host}:${port}/status.json`, { headers: { authorization } });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      return (await answer.json()) as StatusReport;
    },
    workers: (name) => lab.workers(name),
    kill: (name, what) => (what === 'all' ? askLab(lab.base, 'kill', name) : lab.killSupervisor(name)),
    start: (name) => askLab(lab.base, 'start', name),
    pause: (name) => askLab(lab.base, 'pause', name),
    resume: (name) => askLab(lab.base, 'resume', name),
  };
}
