/** A real cluster as balancers, people and Prometheus see it, while members die and stop. */
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { StatusReport } from '../../src/http/report.ts';
import { Lab } from '../support/lab.ts';
import { type Metric, parseExposition } from './exposition.ts';

/** Between two looks at what nobody tells us about. */
const LOOK_MS = 20;
const FLAGS = ['--backends', '2', '--frontends', '1', '--workers', '2', '--accounts', '1'];

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Undefined: nobody listens there. */
async function ask(lab: Lab, member: string, path: string, accept = '*/*'): Promise<Answer | undefined> {
  const { host, port } = await lab.service(member, 'admin');
  try {
    const answer = await fetch(`http://${host}:${port}${path}`, { headers: { accept, connection: 'close' } });
    return { status: answer.status, text: await answer.text() };
  } catch {
    return undefined;
  }
}

async function report(lab: Lab, member: string): Promise<StatusReport> {
  return JSON.parse((await ask(lab, member, '/status.json'))?.text ?? '') as StatusReport;
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (let looks = 0; looks < 1500; looks++) {
    if (await condition()) return;
    await sleep(LOOK_MS);
  }
  throw new Error(`never: ${what}`);
}

function sum(metric: Metric | undefined, part = ''): number {
  return [...(metric?.series ?? [])]
    .filter(([key]) => key.includes(part))
    .reduce((total, [, value]) => total + value, 0);
}

void t.test('a cluster as it is seen from outside', { timeout: 150_000 }, async (t) => {
  const lab = await Lab.start(FLAGS);
  t.teardown(() => lab.stop());
  const members = ['be1', 'be2', 'fe1'];

  for (const member of members) {
    t.match(await ask(lab, member, '/health'), { status: 200, text: 'ready\n' }, member);
    t.match(await ask(lab, member, '/'), { status: 200, text: /<title>lab: ready/ });
    const parsed = parseExposition((await ask(lab, member, '/metrics'))?.text ?? '');
    const workers = [...(parsed.get('postern_uptime_seconds')?.series.keys() ?? [])];
    t.equal(workers.length, 3, `${member}: two workers and the supervisor in one scrape`);
    t.equal(sum(parsed.get('postern_standing'), 'standing="ready"'), 2);
    t.ok(sum(parsed.get('postern_bus_calls_total'), 'outcome="ok"') > 0);
    if (member !== 'fe1') t.ok(sum(parsed.get('postern_storage_probe_age_seconds')) < 10);
  }
  await until('slots rest', async () => {
    const [be1, be2] = (await report(lab, 'fe1')).members;
    return be1?.slots === 2048 && be2?.slots === 2048;
  });
  const all = await Promise.all(
    members.map(async (each) => parseExposition((await ask(lab, each, '/metrics'))?.text ?? '')),
  );
  const total = (name: string, part = ''): number =>
    all.reduce((a, each) => a + sum(each.get(name), part), 0);
  t.equal(total('postern_slots_owned'), 4096);
  t.equal(total('postern_controller'), 1);
  t.ok(total('postern_commits_total') > 0, 'accounts were made');
  t.ok(total('postern_logins_total', 'service="pwd"') > 0, 'through the CLI');
  t.ok(total('postern_cluster_events_total', 'event="control-taken"') >= 1);

  const [before] = (await report(lab, 'fe1')).members;
  t.match(before, {
    name: 'be1',
    state: 'ready',
    version: /\d/,
    workers: [{ ready: true }, { ready: true }],
  });

  await lab.act('kill', 'be1');
  await until('be2 owns everything, be1 is gone', async () => {
    const { members: now, current, slots } = await report(lab, 'fe1');
    const [be1, be2] = now;
    return current && slots.owned === 4096 && be2?.slots === 4096 && be1?.state === 'gone' && be1.slots === 0;
  });
  const killed = await report(lab, 'fe1');
  t.match(killed.controller, { member: 'be2' });
  t.strictSame(
    killed.members.map(({ name, isController }) => [name, isController]),
    [
      ['be1', false],
      ['be2', true],
      ['fe1', false],
    ],
  );
  t.match(await ask(lab, 'fe1', '/health'), { status: 200, text: 'ready\n' });
  t.equal(await ask(lab, 'be1', '/health').catch(() => undefined), undefined);

  await lab.act('start', 'be1');
  await until('be1 has slots again', async () => ((await report(lab, 'fe1')).members[0]?.slots ?? 0) > 100);
  const { host, port } = await lab.service('be1', 'admin');
  const stopped = lab.act('stop', 'be1').then(() => 'stopped' as const);
  const seen = new Set<string>();
  for (;;) {
    const answer = await fetch(`http://${host}:${port}/health`, { headers: { connection: 'close' } }).then(
      async (each) => `${each.status} ${await each.text()}`,
      () => 'closed',
    );
    seen.add(answer);
    if (answer === 'closed') break;
    await sleep(LOOK_MS);
  }
  await stopped;
  t.strictSame([...seen].at(-1), 'closed');
  t.ok(seen.has('503 not ready\n'), `while it stops: ${[...seen].join()}`);
  t.notOk(seen.has('200 degraded\n'));
  await until('be2 has everything', async () => (await report(lab, 'fe1')).members[1]?.slots === 4096);
});
