/** `SharedDomains-sample/`: `DOMAIN/NAME.macnt/account.settings` (dictionary text) and `MAILBOX/N.eml` below each account. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from '../lib/dictionary/parse.ts';
import { isArray, isDictionary } from '../lib/dictionary/value.ts';
import { Failure } from '../lib/failure.ts';

export interface SampleAccount {
  readonly name: string;
  readonly password: string;
  readonly realName: string | undefined;
  readonly aliases: readonly string[];
  readonly mailboxes: readonly { readonly name: string; readonly messages: readonly Buffer[] }[];
}

export interface SampleDomain {
  readonly name: string;
  readonly accounts: readonly SampleAccount[];
}

const ACCOUNT = '.macnt';
const MESSAGE = '.eml';

/** Failure 'invalid' names the file that cannot be read. */
export async function readSample(directory: string): Promise<readonly SampleDomain[]> {
  const domains: SampleDomain[] = [];
  for (const name of await folders(directory)) {
    const path = join(directory, name);
    const accounts: SampleAccount[] = [];
    for (const folder of await folders(path))
      if (folder.endsWith(ACCOUNT)) accounts.push(await readAccount(path, folder));
    domains.push({ name, accounts });
  }
  return domains;
}

async function readAccount(domain: string, folder: string): Promise<SampleAccount> {
  const path = join(domain, folder);
  const file = join(path, 'account.settings');
  const parsed = parse(await readFile(file));
  if (parsed.kind === 'bad') throw new Failure('invalid', `${file}:${parsed.line}: ${parsed.why}`);
  const { value } = parsed;
  if (!isDictionary(value)) throw new Failure('invalid', `${file}: not a dictionary`);
  const password = value.get('Password');
  if (typeof password !== 'string') throw new Failure('invalid', `${file}: Password: give a text`);
  const realName = value.get('RealName');
  const aliases = value.get('Aliases') ?? [];
  const mailboxes = [];
  for (const name of await folders(path))
    mailboxes.push({ name, messages: await readMessages(join(path, name)) });
  return {
    name: folder.slice(0, -ACCOUNT.length),
    password,
    realName: typeof realName === 'string' ? realName : undefined,
    aliases: isArray(aliases) ? aliases.filter((alias) => typeof alias === 'string') : [],
    mailboxes,
  };
}

async function readMessages(mailbox: string): Promise<readonly Buffer[]> {
  const names = (await readdir(mailbox)).filter((name) => name.endsWith(MESSAGE));
  const inOrder = names.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1));
  return Promise.all(inOrder.map((name) => readFile(join(mailbox, name))));
}

async function folders(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}
