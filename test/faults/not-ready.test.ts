/**
 * A frontend that is made Not-Ready: balancers hear it at once, new clients are taken a while longer, then its listeners are closed and
 * its sessions go on; it stays so over a restart, and READY brings it back at the same ports.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import type { MemberLine } from '../../src/admin/members.ts';
import type { StatusReport } from '../../src/http/report.ts';
import { healthOf } from '../rolling/balancer.ts';
import { Lab, type Login, POSTERN, until } from '../support/lab.ts';
import { LineClient } from '../support/line-client.ts';
import { Session } from './session.ts';

const LAB = ['--backends', '2', '--frontends', '1', '--accounts', '1'];
const PATIENCE_MS = 30_000;

void t.test('a frontend, Not-Ready and Ready', { timeout: 240_000 }, async (t) => {
  const lab = await Lab.start(LAB);
  t.teardown(() => lab.stop());
  const [account] = (await lab.file()).accounts as [Login];
  const [imap, smtp, admin, pwd] = await Promise.all(
    ['imap', 'smtp', 'admin', 'pwd'].map((service) => lab.service('fe1', service)),
  );
  /** `bin/postern cluster …` on the machine of a member. */
  const cluster = async (at: string, ...words: readonly string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(POSTERN, [
      'cluster',
      ...words,
      '--Base',
      join(lab.base, at),
    ]);
    return stdout;
  };
  const member = async (name: string): Promise<MemberLine> =>
    (JSON.parse(await cluster('be1', 'members', '--json')) as readonly MemberLine[]).find(
      (each) => each.name === name,
    )!;
  const answers = async (at = imap!): Promise<boolean> => {
    const client = await LineClient.connect(at, PATIENCE_MS).catch(() => undefined);
    client?.close();
    return client !== undefined;
  };

  const session = await Session.open(imap!, account);
  t.equal(await healthOf(admin!), 200);
  t.match(await cluster('be2', 'not-ready', 'fe1'), /^postern: fe1 takes nothing new any more/);
  t.equal(await healthOf(admin!), 503, 'balancers hear it at once');
  t.equal(await answers(), true, 'and whoever one of them still sends is served');
  await until(async () => !(await answers()));
  t.equal(await answers(smtp), false, 'all listeners for clients are closed');
  t.match(await session.ask('NOOP'), /^OK/, 'the session goes on');
  t.equal(await answers(pwd), true, 'so does administration');
  t.equal(await healthOf(admin!), 503);
  await until(async () => (await member('fe1')).connections === 1);
  t.match(await member('fe1'), { state: 'ready', notReady: { by: /@be2$/ }, slots: 0, connections: 1 });
  t.match((await lab.status('fe1')).notReady, { by: /@be2$/ });
  const { host, port } = await lab.service('be1', 'admin');
  const report = (await (await fetch(`http://${host}:${port}/status.json`)).json()) as StatusReport;
  t.match(
    report.members.find(({ name }) => name === 'fe1'),
    { notReady: { by: /@be2$/ }, connections: 1, level: 0 },
  );

  await lab.act('stop', 'fe1');
  t.match(await session.goodbye(), /^\* BYE /);
  await lab.act('start', 'fe1');
  t.equal(await healthOf(admin!), 503, 'it holds over a restart');
  await until(async () => !(await answers()));

  t.match(await cluster('fe1', 'ready', 'fe1'), /^postern: fe1 takes clients and slots again/);
  await until(async () => (await healthOf(admin!)) === 200);
  const again = await Session.open(imap!, account);
  t.match(await again.ask('NOOP'), /^OK/, 'at the same port');
  t.equal((await member('fe1')).notReady, null);
  t.match(
    await cluster('fe1', 'level'),
    /^cluster: level 0; this program knows levels up to 0\nbe1: level 0/,
  );
  await t.rejects(cluster('fe1', 'level', '1'), /knows levels up to 0: install a newer version/);
  await t.rejects(cluster('fe1', 'not-ready', 'fe7'), /there is no member fe7; there are be1, be2, fe1/);
  for (const each of [session, again]) each.close();
});
