/** Fills a lab through the text CLI: the domain, postmaster@domain with the Master right, accounts user1, user2 … */

import { formatString } from '../lib/dictionary/format.ts';
import { failureCode } from '../lib/failure.ts';
import type { Lab } from './lab.ts';
import type { Login } from './lab-file.ts';
import { PwdClient } from './pwd-client.ts';

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
  using admin = await PwdClient.connect(to, 'postmaster', administrator);
  await admin.makeDomain(domain);
  const postmaster = { login: `postmaster@${domain}`, password };
  await createAccount(admin, postmaster);
  await admin.command(`SETACCOUNTRIGHTS ${postmaster.login} (Master)`);
  const accounts = Array.from({ length: count }, (_, index) => ({
    login: `user${index + 1}@${domain}`,
    password,
  }));
  const next = accounts.values();
  const session = async (): Promise<void> => {
    using pwd = await PwdClient.connect(to, 'postmaster', administrator);
    for (const account of next) await createAccount(pwd, account);
  };
  await Promise.all(Array.from({ length: Math.min(SESSIONS, count) }, session));
  return { postmaster, accounts };
}

async function createAccount(pwd: PwdClient, { login, password }: Login): Promise<void> {
  await wanted(pwd.command(`CREATEACCOUNT ${login} {Password=${formatString(password)};}`));
}

/** What is there already is as it should be. */
export async function wanted(command: Promise<unknown>): Promise<void> {
  await command.catch((error: unknown) => {
    if (failureCode(error) !== 'exists') throw error;
  });
}
