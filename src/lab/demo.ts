/**
 * `postern demo`, which `npm start` runs: two backends and two frontends on loopback, the domains of SharedDomains-sample/
 * with accounts, aliases and mail, a table of what to open; then who comes and goes, until Ctrl-C.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DemoOptions } from '../flags.ts';
import { format, formatString } from '../lib/dictionary/format.ts';
import { formatEndpoint } from '../lib/ip.ts';
import { CliClient } from '../member/cli-client.ts';
import { POSTMASTER } from '../member/init.ts';
import { realPlatform } from '../platform/real/platform.ts';
import { type Made, makeDomain, wanted } from './accounts.ts';
import { runInForeground } from './foreground.ts';
import { ImapClient, quoted } from './imap-client.ts';
import type { Lab } from './lab.ts';
import type { Login } from './lab-file.ts';
import { readSample, type SampleAccount } from './sample.ts';

const SAMPLE = fileURLToPath(new URL('../../SharedDomains-sample', import.meta.url));
const SIZE = { backends: 2, frontends: 2, symmetric: 0, workers: 1 } as const;

/** Resolves to the exit status. */
export async function runDemo({ base }: DemoOptions): Promise<number> {
  const platform = realPlatform();
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  say('Starting two backends and two frontends …');
  await runInForeground(platform, {
    base,
    size: SIZE,
    tell: (line) => say(`${new Date(platform.clock.wallMs()).toISOString().slice(11, 19)}  ${line}`),
    fill,
    ready: (lab, { accounts }) => say(describe(lab, accounts)),
    stopping: () => say('Stopping …'),
  });
  return 0;
}

async function fill(lab: Lab): Promise<Made> {
  const domains = await readSample(SAMPLE);
  const postmaster = { login: POSTMASTER, password: lab.passwords.administrator };
  using cli = await CliClient.connect(lab.service('pwd'), postmaster.login, postmaster.password);
  for (const domain of domains) {
    await makeDomain(cli, domain.name);
    await Promise.all(domain.accounts.map((account) => importAccount(lab, domain.name, account)));
  }
  const accounts = domains.flatMap(({ name, accounts }) =>
    accounts.map((account) => ({ login: `${account.name}@${name}`, password: account.password })),
  );
  return { postmaster, accounts };
}

/** On the folder of an earlier demo the account is there, and so is its mail. */
async function importAccount(lab: Lab, domain: string, account: SampleAccount): Promise<void> {
  const login = `${account.name}@${domain}`;
  using cli = await CliClient.connect(lab.service('pwd'), POSTMASTER, lab.passwords.administrator);
  const realName = account.realName === undefined ? '' : `RealName=${formatString(account.realName)};`;
  let isNew = true;
  const create = cli.command(
    `CREATEACCOUNT ${login} {Password=${formatString(account.password)};${realName}}`,
  );
  await wanted(
    create.catch((error: unknown) => {
      isNew = false;
      throw error;
    }),
  );
  if (!isNew) return;
  if (account.aliases.length > 0) await cli.command(`SETACCOUNTALIASES ${login} ${format(account.aliases)}`);
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
