/** The commands on accounts, their names, passwords and rights. */

import { format } from '../lib/dictionary/format.ts';
import type { Dictionary } from '../lib/dictionary/value.ts';
import { Failure } from '../lib/failure.ts';
import { newPassword } from '../login/passwords.ts';
import { isPassword } from '../login/scram.ts';
import type { Call, Command } from './command.ts';
import { array, choice, keyed, optionalDictionary, optionalWord, word } from './grammar.ts';
import { readAccount, readAlias, readDomainOrMain, readNewName } from './names.ts';
import { type AccountName, Refusal, RIGHTS, type Right } from './types.ts';

/** The one type of account there is, and what listings call it. */
const ACCOUNT_TYPE = 'MultiMailbox';
const LISTED_TYPE = 'macnt';
/** How long a command waits for the owner of a name. */
export const RESOLVE_TIMEOUT_MS = 10_000;
/** Octets of a password that is set here: `PASS` with it has room in the line of a log-in (src/cli/codec.ts). */
const PASSWORD_OCTETS_MAX = 512;
/** Settings that may be given at creation; the password is kept as credentials, the others as this property. */
const CREATION_SETTINGS: ReadonlySet<string> = new Set(['Password', 'RealName']);
const SETTINGS_PROPERTY = 'settings';
const SETTING_OCTETS_MAX = 4096;

export const ACCOUNT_COMMANDS = {
  LISTACCOUNTS: {
    parts: [optionalWord('domain')],
    right: 'Master',
    help: 'names of the accounts of a domain, a dictionary of names and types',
    run: async ({ admin, args }) => {
      const domain = readDomainOrMain(admin, args.optionalText('domain'));
      const names = await admin.directory.listAccounts(domain.id);
      return new Map(names.map((name) => [name, LISTED_TYPE]));
    },
  },
  CREATEACCOUNT: {
    parts: [word('account'), choice('type', [ACCOUNT_TYPE]), optionalDictionary('settings')],
    right: 'Master',
    help: 'make an account; settings: {Password="..."; RealName="...";}',
    run: async ({ admin, who, args }) => {
      const { domainId, name } = readAccount(admin, who, args.text('account'));
      const initial = await initialProperties(admin, args.dictionary('settings'));
      await whenExists(() => admin.directory.createAccount(domainId, name, initial));
      return undefined;
    },
  },
  RENAMEACCOUNT: {
    parts: [word('account'), keyed('INTO', 'newName')],
    right: 'Master',
    help: 'give an account another name; without a domain it stays in its own',
    run: async (call) => {
      const { admin, args } = call;
      const from = await existing(call);
      const to = readNewName(admin, args.text('newName'), from.domainId);
      await whenExists(() => admin.directory.renameAccount(from.domainId, from.name, to.domainId, to.name));
      return undefined;
    },
  },
  DELETEACCOUNT: {
    parts: [word('account')],
    right: 'Master',
    help: 'remove an account with all it holds',
    run: async (call) => {
      const { domainId, name } = await existing(call);
      await call.admin.directory.deleteAccount(domainId, name);
      return undefined;
    },
  },
  SETACCOUNTPASSWORD: {
    parts: [word('account'), keyed('PASSWORD', 'password')],
    right: 'own',
    help: 'set the password of an account',
    run: async (call) => {
      const { admin, who, args, by } = call;
      const password = args.text('password');
      // The session's own account, not whoever has its name by the time that the password is set.
      if (by === 'own') await admin.setOwnPassword(who, checkNewPassword(password));
      else {
        const account = await existing(call);
        await admin.setPassword(account, checkPassword(password));
      }
      return undefined;
    },
  },
  GETACCOUNTALIASES: {
    parts: [word('account')],
    right: 'own',
    help: 'other names of an account, an array',
    run: async (call) => {
      const { domainId, name } = await existing(call);
      return [...(await call.admin.directory.aliases(domainId, name))].sort();
    },
  },
  SETACCOUNTALIASES: {
    parts: [word('account'), array('aliases')],
    right: 'Master',
    help: 'replace the other names of an account',
    run: async (call) => {
      const { admin, args } = call;
      const { domainId, name } = await existing(call);
      const aliases = args.texts('aliases').map((alias) => readAlias(admin, alias, domainId));
      await whenExists(() => admin.directory.setAliases(domainId, name, [...new Set(aliases)]));
      return undefined;
    },
  },
  GETACCOUNTRIGHTS: {
    parts: [word('account')],
    right: 'own',
    help: 'rights of an account for the whole cluster, an array',
    run: async (call) => {
      const account = await existing(call);
      return [...(await call.admin.accountRights(account))].sort();
    },
  },
  SETACCOUNTRIGHTS: {
    parts: [word('account'), array('rights')],
    right: 'Master',
    help: `replace the rights of an account; there is one: ${RIGHTS.join(', ')}`,
    run: async (call) => {
      const { admin, args } = call;
      const account = await existing(call);
      await admin.setAccountRights(account, new Set(args.texts('rights').map(readRight)));
      return undefined;
    },
  },
} as const satisfies Record<string, Command>;

/** A password as it may be set: something, not too much, nothing that a line of a protocol cannot carry. */
export function checkPassword(password: string): string {
  if (password === '') throw new Refusal('invalid', 'an empty password is not allowed');
  if (Buffer.byteLength(password) > PASSWORD_OCTETS_MAX)
    throw new Refusal('invalid', `a password has at most ${PASSWORD_OCTETS_MAX} octets`);
  if (!isPassword(password)) throw new Refusal('invalid', 'a password has no control characters');
  return password;
}

/** The same where a person chooses it: also not one that is easily guessed. */
export function checkNewPassword(password: string): string {
  const why = newPassword(checkPassword(password));
  if (why !== undefined) throw new Refusal('invalid', why);
  return password;
}

/** The account that a command is about, when there is one: so that a missing one is told from other failures. */
async function existing({ admin, who, args }: Call): Promise<AccountName> {
  const account = readAccount(admin, who, args.text('account'));
  const resolved = await admin.directory.resolve(account.domainId, account.name, RESOLVE_TIMEOUT_MS);
  if (resolved.kind === 'unknown') throw new Refusal('unknown-account', 'unknown user account');
  return account;
}

async function initialProperties(
  admin: Call['admin'],
  settings: Dictionary,
): Promise<ReadonlyMap<string, Buffer>> {
  for (const [key, value] of settings) {
    if (!CREATION_SETTINGS.has(key))
      throw new Refusal(
        'invalid',
        `an account has no setting ${key}; known are ${[...CREATION_SETTINGS].join(', ')}`,
      );
    if (typeof value !== 'string' || Buffer.byteLength(value) > SETTING_OCTETS_MAX)
      throw new Refusal('invalid', `${key}: give a string of at most ${SETTING_OCTETS_MAX} octets`);
  }
  const properties = new Map<string, Buffer>();
  const kept = new Map([...settings].filter(([key]) => key !== 'Password'));
  if (kept.size > 0) properties.set(SETTINGS_PROPERTY, Buffer.from(format(kept)));
  const password = settings.get('Password');
  if (typeof password !== 'string') return properties;
  const credentials = await admin.credentials(checkPassword(password));
  return new Map([...properties, ...credentials]);
}

/** The directory's 'exists' is always about a name of an account here. */
async function whenExists(change: () => Promise<unknown>): Promise<void> {
  try {
    await change();
  } catch (error) {
    if (error instanceof Failure && error.code === 'exists')
      throw new Refusal('account-exists', 'account with this name already exists', { cause: error });
    throw error;
  }
}

function readRight(text: string): Right {
  const right = RIGHTS.find((each) => each.toLowerCase() === text.toLowerCase());
  if (right === undefined) throw new Refusal('invalid', `no such right; known are ${RIGHTS.join(', ')}`);
  return right;
}
