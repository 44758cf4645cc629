/** ENVELOPE as a response writes it (RFC 9051 section 7.5.2, section 9: envelope). */
import type { Address } from '../../mime/address.ts';
import type { Envelope } from '../../mime/envelope.ts';
import type { Piece, WriteContext } from './write.ts';
import { list, nstring } from './write.ts';

export function envelope(value: Envelope, context: WriteContext): readonly Piece[] {
  return list([
    nstring(value.date, context),
    nstring(value.subject, context),
    addresses(value.from, context),
    addresses(value.sender, context),
    addresses(value.replyTo, context),
    addresses(value.to, context),
    addresses(value.cc, context),
    addresses(value.bcc, context),
    nstring(value.inReplyTo, context),
    nstring(value.messageId, context),
  ]);
}

/** `("(" 1*address ")") / nil`: no spaces between addresses. */
function addresses(value: readonly Address[] | undefined, context: WriteContext): readonly Piece[] {
  if (value === undefined) return ['NIL'];
  return ['(', ...value.flatMap((one) => address(one, context)), ')'];
}

/** address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")" */
function address(value: Address, context: WriteContext): readonly Piece[] {
  const parts = [value.name, value.route, value.mailbox, value.host];
  return list(
    parts.map((part) => nstring(part === undefined ? undefined : Buffer.from(part, 'latin1'), context)),
  );
}
