/** What the SMTP, LMTP and submission listeners need from the rest: who is a recipient, and where a message goes. */
import type { ObjectId } from '../store/ids.ts';

/** `submission` is RFC 6409 (port 587) and its form inside TLS (RFC 8314, port 465). */
export type Protocol = 'smtp' | 'lmtp' | 'submission';

/** RFC 6152 section 3, RFC 3030 section 3. */
export type BodyType = '7BIT' | '8BITMIME' | 'BINARYMIME';

/** RFC 3461 section 4.1. */
export type Notify = 'NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY';

/** What MAIL says of a message, beside who gets it. */
export interface Envelope {
  /** '' for the null reverse-path. */
  readonly reversePath: string;
  readonly body: BodyType;
  /** RFC 6531 section 3.4. */
  readonly smtpUtf8: boolean;
  /** What a failed-delivery notification returns (RFC 3461 section 4.3). */
  readonly ret: 'FULL' | 'HDRS' | undefined;
  /** RFC 3461 section 4.4, decoded. */
  readonly envid: string | undefined;
  /** The submitter that a trusted client names, '' for `<>` (RFC 4954 section 5); of others it is not kept. */
  readonly auth: string | undefined;
}

/** When and to whom the fate of this recipient's copy is told: for whoever delivers or bounces it (RFC 3461 section 4). */
export interface RecipientDsn {
  /** Undefined when the sender left it to us: on failure, and on delay as we like. */
  readonly notify: readonly Notify[] | undefined;
  readonly orcpt: OriginalRecipient | undefined;
}

/** RFC 3461 section 4.2. */
export interface OriginalRecipient {
  /** `rfc822`, `utf-8` …, lower case. */
  readonly type: string;
  /** Decoded: printable characters only. */
  readonly address: string;
}

/** A recipient that was found (RFC 5321 section 3.3: checked at RCPT). */
export interface Recipient {
  /** As given in RCPT, for trace fields and logs. */
  readonly forwardPath: string;
  readonly object: ObjectId;
  readonly dsn?: RecipientDsn;
}

/** A reply: `550` and `5.1.1 no such mailbox` (RFC 5321 section 4.2, RFC 3463). Lines of a longer text end in `\n`. */
export interface Reply {
  readonly code: number;
  readonly text: string;
}

export interface MailIntake {
  /** The recipient, or the reply to RCPT that refuses it. `Postmaster` alone is an address too (RFC 5321 section 4.5.1). */
  resolve(address: string): Promise<Recipient | Reply>;
  /**
   * Undefined when the message is durable in the account; else the reply that refuses it. Never rejects. The parts are not
   * changed and may be given again for the next recipient.
   */
  deliver(recipient: Recipient, parts: readonly Buffer[], envelope?: Envelope): Promise<Reply | undefined>;
}

/** Whether an account may send as an address: RFC 6409 section 6.1. */
export interface SenderCheck {
  /** Undefined when it may; else the reply to MAIL that refuses it. Never rejects. */
  refuse(account: ObjectId | undefined, reversePath: string): Promise<Reply | undefined>;
}

export function isReply(value: object): value is Reply {
  return 'code' in value && 'text' in value;
}
