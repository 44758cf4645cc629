/** What mailboxes are for: the attributes of RFC 6154. */

/** RFC 6154 section 2 and RFC 8457, without \All and \Flagged: there are no mailboxes that show other mailboxes' mail. */
const SPECIAL_USES = ['\\Archive', '\\Drafts', '\\Important', '\\Junk', '\\Sent', '\\Trash'];

/** The attribute as it is spelled there, whatever its case; undefined for one that no mailbox here can have. */
export function knownSpecialUse(given: string): string | undefined {
  return SPECIAL_USES.find((use) => use.toLowerCase() === given.toLowerCase());
}
