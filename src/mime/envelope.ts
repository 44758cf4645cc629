/** The ENVELOPE of a message (RFC 9051 section 7.5.2) as values; octets as they are in the header. */
import type { Address } from './address.ts';
import { parseAddresses } from './address.ts';
import { ADDRESSES_MAX } from './limits.ts';
import type { Part } from './part.ts';
import { field } from './part.ts';

export interface Envelope {
  readonly date: Buffer | undefined;
  readonly subject: Buffer | undefined;
  /** Undefined without the field or without an address in it. */
  readonly from: readonly Address[] | undefined;
  readonly sender: readonly Address[] | undefined;
  readonly replyTo: readonly Address[] | undefined;
  readonly to: readonly Address[] | undefined;
  readonly cc: readonly Address[] | undefined;
  readonly bcc: readonly Address[] | undefined;
  readonly inReplyTo: Buffer | undefined;
  readonly messageId: Buffer | undefined;
}

export function envelopeOf(message: Pick<Part, 'fields'>): Envelope {
  const from = addresses(message, 'from');
  return {
    date: field(message, 'date'),
    subject: field(message, 'subject'),
    from,
    // RFC 9051 section 7.5.2: Sender and Reply-To that are absent or empty are those of From.
    sender: addresses(message, 'sender') ?? from,
    replyTo: addresses(message, 'reply-to') ?? from,
    to: addresses(message, 'to'),
    cc: addresses(message, 'cc'),
    bcc: addresses(message, 'bcc'),
    inReplyTo: field(message, 'in-reply-to'),
    messageId: field(message, 'message-id'),
  };
}

/** A field that stands several times (not allowed, but sent) counts as one list. */
function addresses(message: Pick<Part, 'fields'>, name: string): readonly Address[] | undefined {
  const values = message.fields.get(name);
  if (values === undefined) return undefined;
  const list = values.flatMap((value) => parseAddresses(value.toString('latin1')));
  return list.length === 0 ? undefined : list.slice(0, ADDRESSES_MAX);
}
