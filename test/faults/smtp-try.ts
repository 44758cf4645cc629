/** One message, tried once, as a mail server does: what the server said, or that it said nothing. */
import type { Address } from '../../src/platform/platform.ts';
import { LineClient } from '../support/line-client.ts';

/** Longer than any answer may take (10 s), so that it only ends what would hang a test. */
export const SMTP_PATIENCE_MS = 20_000;

export interface Mail {
  readonly to: string;
  /** The subject. */
  readonly mark: string;
  /** Lines with their ends. */
  readonly body: string;
}

/** The first reply that refuses, or the one to the message's end; undefined when the connection ended before it. */
export async function tryMail(frontend: Address, mail: Mail): Promise<string | undefined> {
  let client: LineClient | undefined;
  try {
    client = await LineClient.connect(frontend, SMTP_PATIENCE_MS);
    const greeting = await client.reply();
    if (!greeting.startsWith('220')) return greeting;
    return await sendMail(client, mail, 'EHLO writer.example');
  } catch {
    return undefined;
  } finally {
    client?.close();
  }
}

/** The same on a connection that is there. Rejects when it ended before the reply. */
export async function sendMail(client: LineClient, mail: Mail, first?: string): Promise<string> {
  const commands = [first, 'MAIL FROM:<>', `RCPT TO:<${mail.to}>`, 'DATA'];
  for (const command of commands.filter((each) => each !== undefined)) {
    client.send(`${command}\r\n`);
    const reply = await client.reply();
    if (!/^[23]/.test(reply)) return reply;
  }
  client.send(`Subject: ${mail.mark}\r\n\r\n${mail.body}.\r\n`);
  return client.reply();
}

/** A server closes a session that is refused for ever. */
const REFUSALS_BORNE = 50;

/** The replies to RCPT of these names, for a look at where they lead; no mail is sent. */
export async function askRecipients(
  frontend: Address,
  names: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const replies = new Map<string, string>();
  for (let from = 0; from < names.length; from += REFUSALS_BORNE)
    await askSome(frontend, names.slice(from, from + REFUSALS_BORNE), replies);
  return replies;
}

async function askSome(
  frontend: Address,
  names: readonly string[],
  replies: Map<string, string>,
): Promise<void> {
  const client = await LineClient.connect(frontend, SMTP_PATIENCE_MS);
  try {
    await client.reply();
    for (const name of names)
      for (const command of ['EHLO writer.example', 'MAIL FROM:<>', `RCPT TO:<${name}>`]) {
        client.send(`${command}\r\n`);
        replies.set(name, await client.reply());
      }
  } finally {
    client.close();
  }
}
