/**
 * Who gets the mail for postmaster: RFC 5321 section 4.5.1 wants it taken for every domain that is served, and for
 * `<Postmaster>` without a domain. An account of that name has its own. For the others, in this order: PostmasterAddress;
 * the account `postmaster` of one of the oldest domains, as whoever made it is there for the server. No other account is
 * guessed at: what strangers write to a postmaster is nobody else's to read. Where there is none, senders come again,
 * and meanwhile somebody can make one.
 */
import type { ClusterSettings } from '../cluster/types.ts';

/** Domains that are asked for a postmaster; each costs a question to the owner of the name. */
export const POSTMASTER_DOMAINS_MAX = 8;

export function isPostmaster(localPart: string): boolean {
  return localPart.toLowerCase() === 'postmaster';
}

/** Addresses to try, first to last; `setting` is PostmasterAddress. */
export function postmasters(
  setting: string,
  { domains }: Pick<ClusterSettings, 'domains'>,
): readonly string[] {
  const oldest = domains()
    .filter(({ deleting }) => deleting !== true)
    .sort((a, b) => a.id - b.id) // a larger id was given later
    .slice(0, POSTMASTER_DOMAINS_MAX)
    .map(({ name }) => `postmaster@${name}`);
  return setting === '' ? oldest : [setting, ...oldest];
}
