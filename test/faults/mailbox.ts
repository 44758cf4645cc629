/** An account's INBOX as a mail program sees it at the end, read by a client that we did not write. */
import { ImapFlow } from 'imapflow';
import type { Address } from '../../src/platform/platform.ts';
import type { Login } from '../support/lab.ts';

export interface Stored {
  readonly uid: number;
  readonly subject: string;
  readonly flags: ReadonlySet<string>;
  readonly body: string;
}

export interface Inbox {
  readonly uidValidity: string;
  readonly messages: readonly Stored[];
}

export async function readInbox(address: Address, account: Login): Promise<Inbox> {
  const client = new ImapFlow({
    host: address.host,
    port: address.port,
    secure: false,
    // STARTTLS with the cluster's self-signed certificate.
    tls: { rejectUnauthorized: false },
    auth: { user: account.login, pass: account.password },
    logger: false,
  });
  await client.connect();
  try {
    const { uidValidity } = await client.mailboxOpen('INBOX');
    const messages: Stored[] = [];
    const wanted = { uid: true, envelope: true, flags: true, bodyParts: ['TEXT'] };
    for await (const { uid, envelope, flags, bodyParts } of client.fetch('1:*', wanted))
      messages.push({
        uid,
        subject: envelope?.subject ?? '',
        flags: flags ?? new Set(),
        body: bodyParts?.get('text')?.toString('latin1') ?? '',
      });
    return { uidValidity: String(uidValidity), messages };
  } finally {
    await client.logout();
  }
}
