/** Fills a lab through the text CLI: the domain, postmaster@domain with the Master right, accounts user1, user2 … */

import { formatString } from '../lib/dictionary/format.ts';
import { FILE_LIMITS, parse } from '../lib/dictionary/parse.ts';
import { isArray } from '../lib/dictionary/value.ts';
import { failureCode } from '../lib/failure.ts';
import { CliClient } from '../member/cli-client.ts';
import { POSTMASTER } from '../member/init.ts';
import type { Lab } from './lab.ts';
import type { Login } from './lab-file.ts';

/** Sessions that make accounts side by side; each account costs a password's hash. */
const SESSIONS = 4;

export interface Made {
  readonly postmaster: Login;
  readonly accounts: readonly Login[];
}

/** Makes what is not there yet; safe to repeat on the folder of an earlier lab. */
export async function fillLab(lab: Lab, domain: string, count: number): Promise<Made> {
  const { administrator, accounts: password } = lab.passwords;
  const to = lab.service('pwd');
  using admin = await CliClient.connect(to, POSTMASTER, administrator);
  await makeDomain(admin, domain);
  const postmaster = { login: `postmaster@${domain}`, password };
  await createAccount(admin, postmaster);
  await admin.command(`SETACCOUNTRIGHTS ${postmaster.login} (Master)`);
  const accounts = Array.from({ length: count }, (_, index) => ({
    login: `user${index + 1}@${domain}`,
    password,
  }));
  const next = accounts.values();
  const session = async (): Promise<void> => {
    using cli = await CliClient.connect(to, POSTMASTER, administrator);
    for (const account of next) await createAccount(cli, account);
  };
  await Promise.all(Array.from({ length: Math.min(SESSIONS, count) }, session));
  return { postmaster, accounts };
}

/** Makes a shared domain where there is none of this name. */
export async function makeDomain(cli: CliClient, name: string): Promise<void> {
  const listed = parse(await cli.command('LISTDOMAINS'), FILE_LIMITS, 'one-line');
  const domains = listed.kind === 'value' && isArray(listed.value) ? listed.value : [];
  if (!domains.includes(name)) await cli.command(`CREATEDOMAIN ${name} SHARED`);
}

async function createAccount(cli: CliClient, { login, password }: Login): Promise<void> {
  await wanted(cli.command(`CREATEACCOUNT ${login} {Password=${formatString(password)};}`));
}

/** What is there already is as it should be. */
export async function wanted(command: Promise<unknown>): Promise<void> {
  await command.catch((error: unknown) => {
    if (failureCode(error) !== 'exists') throw error;
  });
}
