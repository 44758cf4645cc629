/**
 * `postern demo`, which `npm start` runs: two backends and two frontends on loopback, the domains of SharedDomains-sample/
 * with accounts, aliases and mail, a table of what to open; then who comes and goes, until Ctrl-C.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DemoOptions } from '../flags.ts';
import { format, formatString } from '../lib/dictionary/format.ts';
import { formatEndpoint } from '../lib/ip.ts';
import { realPlatform } from '../platform/real/platform.ts';
import { wanted } from './accounts.ts';
import { ImapClient, quoted } from './imap-client.ts';
import { Lab } from './lab.ts';
import type { Login } from './lab-file.ts';
import { labFolder, untilSignal } from './main.ts';
import { PwdClient } from './pwd-client.ts';
import { readSample, type SampleAccount, type SampleDomain } from './sample.ts';

const SAMPLE = fileURLToPath(new URL('../../SharedDomains-sample', import.meta.url));
const SIZE = { backends: 2, frontends: 2, symmetric: 0, workers: 1 } as const;

/** Resolves to the exit status. */
export async function runDemo({ base }: DemoOptions): Promise<number> {
  const platform = realPlatform();
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const running: { lab: Lab | undefined } = { lab: undefined };
  using signalled = untilSignal(platform, () => running.lab?.kill());
  await using folder = await labFolder(base);
  say('Starting two backends and two frontends …');
  const event = (line: string): void =>
    say(`${new Date(platform.clock.wallMs()).toISOString().slice(11, 19)}  ${line}`);
  await using lab = await Lab.start(platform, folder.path, SIZE, event);
  running.lab = lab;
  const filled = fill(lab);
  const domains = await Promise.race([filled, signalled.first]);
  if (domains === undefined) {
    filled.catch(() => undefined);
    return 0;
  }
  const logins = domains.flatMap(({ name, accounts }) =>
    accounts.map((account) => ({ login: `${account.name}@${name}`, password: account.password })),
  );
  await lab.publish({ login: 'postmaster', password: lab.passwords.administrator }, logins);
  say(describe(lab, logins));
  await signalled.first;
  say('Stopping …');
  return 0;
}

async function fill(lab: Lab): Promise<readonly SampleDomain[]> {
  const domains = await readSample(SAMPLE);
  using pwd = await PwdClient.connect(lab.service('pwd'), 'postmaster', lab.passwords.administrator);
  for (const domain of domains) {
    await pwd.makeDomain(domain.name);
    await Promise.all(domain.accounts.map((account) => importAccount(lab, domain.name, account)));
  }
  return domains;
}

/** On the folder of an earlier demo the account is there, and so is its mail. */
async function importAccount(lab: Lab, domain: string, account: SampleAccount): Promise<void> {
  const login = `${account.name}@${domain}`;
  using pwd = await PwdClient.connect(lab.service('pwd'), 'postmaster', lab.passwords.administrator);
  const realName = account.realName === undefined ? '' : `RealName=${formatString(account.realName)};`;
  let isNew = true;
  const create = pwd.command(
    `CREATEACCOUNT ${login} {Password=${formatString(account.password)};${realName}}`,
  );
  await wanted(
    create.catch((error: unknown) => {
      isNew = false;
      throw error;
    }),
  );
  if (!isNew) return;
  if (account.aliases.length > 0) await pwd.command(`SETACCOUNTALIASES ${login} ${format(account.aliases)}`);
  using imap = await ImapClient.connect(lab.service('imap'), login, account.password);
  for (const { name, messages } of account.mailboxes) {
    if (name !== 'INBOX') await wanted(imap.command(`CREATE ${quoted(name)}`));
    for (const message of messages) await imap.append(name, message);
  }
}

/** The table of members and ports, and what to do with them. */
function describe(lab: Lab, logins: readonly Login[]): string {
  const rows = lab.members.map(({ plan, pids, status }) => [
    plan.name,
    plan.role,
    status?.isController === true ? 'READY, controller' : (status?.state ?? 'gone').toUpperCase(),
    String(pids[0] ?? ''),
    Object.entries(status?.services ?? {})
      .map(([service, address]) => `${service} ${formatEndpoint(address)}`)
      .join('  '),
  ]);
  const lines = [
    '',
    ...table([['member', 'role', 'state', 'pid', 'services'], ...rows]),
    '',
    'Log in with any mail program (IMAP without TLS, on loopback only):',
    ...table(logins.map(({ login, password }) => ['', login, password])),
    '',
    `Administration: nc ${formatEndpoint(lab.service('pwd')).replace(':', ' ')}, USER postmaster, PASS ${lab.passwords.administrator}, HELP`,
    `Kill a member:  bin/postern lab kill be1 --base ${lab.directory}   (start brings it back)`,
    `Everything is in ${join(lab.directory, 'lab.json')}. Ctrl-C stops the cluster.`,
    '',
  ];
  return lines.join('\n');
}

/** Columns as wide as they must be. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
  );
}
