/** What the SMTP and LMTP listeners need from the rest: who is a recipient, and where a message goes. */
import type { ObjectId } from '../store/ids.ts';

/** A recipient that was found (RFC 5321 section 3.3: checked at RCPT). */
export interface Recipient {
  /** As given in RCPT, for trace fields and logs. */
  readonly forwardPath: string;
  readonly object: ObjectId;
}

/** A reply that refuses: `550 5.1.1 no such mailbox`. RFC 5321 section 4.2, RFC 3463. */
export interface Reply {
  readonly code: number;
  readonly text: string;
}

export interface MailIntake {
  /** The recipient, or the reply to RCPT that refuses it. */
  resolve(address: string): Promise<Recipient | Reply>;
  /** Undefined when the message is durable in the account; else the reply that refuses it. Never rejects. */
  deliver(recipient: Recipient, content: readonly Buffer[]): Promise<Reply | undefined>;
}

export function isReply(value: Recipient | Reply): value is Reply {
  return 'code' in value;
}
