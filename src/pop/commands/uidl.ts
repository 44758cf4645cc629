/**
 * UIDL (RFC 1939 section 7): `UIDVALIDITY.UID` of INBOX. UIDs of a mailbox only grow and its UIDVALIDITY never changes
 * while it lives (docs/architecture.md, invariant 3), so the id persists over sessions, owners and renaming of the
 * account, and no other message ever gets it. At most 21 of the 70 characters, all in the range.
 */
import type { Rule } from './command.ts';
import { listing } from './listing.ts';

export const uidl: Rule<'UIDL'> = {
  counts: 'own',
  run: (running, { number }) => {
    const { uidValidity } = running.session.drop().opened;
    return listing(running, number, (each, { uid }) => `${each} ${uidValidity}.${uid}`);
  },
};
