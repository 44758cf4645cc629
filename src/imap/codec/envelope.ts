/** ENVELOPE as a response writes it (RFC 9051 section 7.5.2, section 9: envelope). */
import type { Address } from '../../mime/address.ts';
import type { Envelope } from '../../mime/envelope.ts';
import type { Piece, WriteContext } from './write.ts';
import { append, list, nstring } from './write.ts';

export function envelope(value: Envelope, context: WriteContext): readonly Piece[] {
  const from = addresses(value.from, context);
  return list([
    nstring(value.date, context),
    nstring(value.subject, context),
    from,
    // Most messages have neither Sender nor Reply-To, and these are those of From then.
    value.sender === value.from ? from : addresses(value.sender, context),
    value.replyTo === value.from ? from : addresses(value.replyTo, context),
    addresses(value.to, context),
    addresses(value.cc, context),
    addresses(value.bcc, context),
    nstring(value.inReplyTo, context),
    nstring(value.messageId, context),
  ]);
}

const ASCII = /^\p{ASCII}*$/u;

/** `("(" 1*address ")") / nil`: no spaces between addresses. */
function addresses(value: readonly Address[] | undefined, context: WriteContext): readonly Piece[] {
  if (value === undefined) return ['NIL'];
  const pieces: Piece[] = ['('];
  for (const one of value) append(pieces, address(one, context));
  pieces.push(')');
  return pieces;
}

/** address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")" */
function address(value: Address, context: WriteContext): readonly Piece[] {
  const parts = [value.name, value.route, value.mailbox, value.host];
  return list(
    // One octet a character: what is ASCII is text as it stands.
    parts.map((part) =>
      nstring(part === undefined || ASCII.test(part) ? part : Buffer.from(part, 'latin1'), context),
    ),
  );
}
