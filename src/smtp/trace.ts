/**
 * Fields that we add on top of a message: Return-Path, Received (RFC 5321 section 4.4), Original-Recipient (RFC 8098
 * section 2.3), and for users' mail what it lacks (RFC 6409 section 8).
 */
import { isAscii } from 'node:buffer';
import type { TlsInfo } from '../platform/platform.ts';
import type { Envelope, Recipient } from './types.ts';

export interface Trace {
  readonly envelope: Envelope;
  readonly recipient: Recipient;
  /** What the client called itself. */
  readonly helo: string;
  readonly remoteHost: string;
  readonly tls: TlsInfo | undefined;
  readonly by: string;
  /** `ESMTP`, `LMTP`, `UTF8SMTP` … (RFC 3848, RFC 6531 section 4.3). */
  readonly with: string;
  readonly id: string;
  readonly atMs: number;
}

export function traceFields(trace: Trace): string {
  const { envelope, recipient, tls } = trace;
  const address = trace.remoteHost.includes(':') ? `IPv6:${trace.remoteHost}` : trace.remoteHost;
  const comment = tls === undefined ? '' : ` (using ${tls.protocol} with cipher ${tls.cipher})`;
  // Registered by RFC 8314 section 7.4; additional clauses come after For (RFC 5321 section 4.4).
  const clause = tls === undefined ? '' : ` tls ${tls.cipher}`;
  return (
    `Return-Path: <${envelope.reversePath}>\r\n` +
    originalRecipient(trace) +
    `Received: from ${token(trace.helo)} ([${address}])${comment}\r\n` +
    ` by ${trace.by} with ${trace.with} id ${trace.id}\r\n` +
    ` for <${recipient.forwardPath}>${clause}; ${dateTime(trace.atMs)}\r\n`
  );
}

/** RFC 6409 section 8.2 and 8.3: a date and an identifier, where the user's program gave none. */
export function missingFields(
  has: { readonly hasDate: boolean; readonly hasMessageId: boolean },
  { id, by, atMs }: Pick<Trace, 'id' | 'by' | 'atMs'>,
): string {
  const date = has.hasDate ? '' : `Date: ${dateTime(atMs)}\r\n`;
  const messageId = has.hasMessageId ? '' : `Message-ID: <${id}@${by}>\r\n`;
  return date + messageId;
}

/** RFC 5322 section 3.3, in UTC: that of ECMAScript but for the zone, whose name there is an obsolete one (section 4.3). */
function dateTime(ms: number): string {
  return new Date(ms).toUTCString().replace('GMT', '+0000');
}

/** RFC 8098 section 2.3; outside ASCII only where the whole message may be so (RFC 6531). */
function originalRecipient({ envelope, recipient }: Trace): string {
  const orcpt = recipient.dsn?.orcpt;
  if (orcpt === undefined || !(envelope.smtpUtf8 || isAscii(Buffer.from(orcpt.address)))) return '';
  return `Original-Recipient: ${orcpt.type};${orcpt.address}\r\n`;
}

/** A client may call itself anything: only what cannot end the field or open a comment is repeated. */
function token(text: string): string {
  return text.replace(/[^A-Za-z0-9.:[\]_-]/g, '?').slice(0, 255);
}
