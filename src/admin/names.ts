/** Names of accounts and domains as arguments of commands: `acct`, `acct@domain`, `*` for whoever is logged in. */
import type { DomainRecord } from '../cluster/types.ts';
import { domainName, localPart, splitAddress } from '../directory/address.ts';
import type { AuthenticatedAs } from '../login/types.ts';
import { type AccountName, type Administration, Refusal } from './types.ts';

/** A new domain's name in stored form. */
export function readDomainName(text: string): string {
  const name = domainName(text);
  if (name === undefined) throw new Refusal('invalid', 'this is no domain name');
  return name;
}

/** A domain that is there. */
export function readDomain(admin: Administration, text: string): DomainRecord {
  const domain = admin.settings.domain(readDomainName(text));
  if (domain === undefined) throw new Refusal('unknown-domain', 'unknown secondary domain name');
  return domain;
}

/** The same where a command may leave it out: then it is the member's main domain. */
export function readDomainOrMain(admin: Administration, text: string | undefined): DomainRecord {
  const name = text ?? admin.mainDomain;
  if (name === undefined) throw new Refusal('unknown-domain', 'give the name of a domain');
  return readDomain(admin, name);
}

/** An account's name, complete; whether there is such an account is for the directory to say. */
export function readAccount(admin: Administration, who: AuthenticatedAs, text: string): AccountName {
  if (text === '*') return ownAccount(admin, who);
  if (text.includes('@')) return readAddress(admin, text);
  if (admin.mainDomain === undefined)
    throw new Refusal('unknown-domain', 'give the name with its domain: name@domain');
  return readAddress(admin, `${text}@${admin.mainDomain}`);
}

/** The new name of an account; without a domain it stays in its own. */
export function readNewName(
  admin: Administration,
  text: string,
  domainId: AccountName['domainId'],
): AccountName {
  return text.includes('@') ? readAddress(admin, text) : { domainId, name: readLocalPart(text) };
}

/** An alias: a local part, or an address in the account's own domain. */
export function readAlias(admin: Administration, text: string, domainId: AccountName['domainId']): string {
  const alias = readNewName(admin, text, domainId);
  if (alias.domainId !== domainId) throw new Refusal('invalid', 'an alias is in the domain of its account');
  return alias.name;
}

function ownAccount(admin: Administration, who: AuthenticatedAs): AccountName {
  if (who.kind !== 'account')
    throw new Refusal('unknown-account', 'an administrator of the cluster has no account');
  return readAddress(admin, who.login);
}

function readAddress(admin: Administration, text: string): AccountName {
  const address = splitAddress(text);
  if (address === undefined) throw new Refusal('invalid', 'this is no account name');
  const domain = admin.settings.domain(address.domain);
  if (domain === undefined) throw new Refusal('unknown-domain', 'unknown secondary domain name');
  return { domainId: domain.id, name: address.name };
}

function readLocalPart(text: string): string {
  const name = localPart(text);
  if (name === undefined) throw new Refusal('invalid', 'this is no account name');
  return name;
}
