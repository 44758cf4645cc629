/** One message after the other to accounts drawn by turns, and how long each waits for its 250. */
import type { Address } from '../../src/platform/platform.ts';
import { LineClient } from '../../test/support/line-client.ts';

const PATIENCE_MS = 60_000;
/** Neighbours in the list are in other slots; a step without a common factor draws all of them. */
const STEP = 7919;

export class MailTimes {
  readonly #mailMs: number[] = [];
  readonly #errors: string[] = [];
  #isOver = false;
  readonly #running: Promise<void>;

  private constructor(address: Address, recipients: readonly string[], octets: number) {
    this.#running = this.#run(address, recipients, octets);
  }

  static begin(address: Address, recipients: readonly string[], octets: number): MailTimes {
    return new MailTimes(address, recipients, octets);
  }

  async end(): Promise<{ readonly mailMs: readonly number[]; readonly errors: readonly string[] }> {
    this.#isOver = true;
    await this.#running;
    return { mailMs: this.#mailMs, errors: this.#errors };
  }

  async #run(address: Address, recipients: readonly string[], octets: number): Promise<void> {
    const message = `Subject: meanwhile\r\n\r\n${'x'.repeat(octets)}\r\n.`;
    const client = await LineClient.connect(address, PATIENCE_MS);
    try {
      await client.reply();
      await ask(client, 'EHLO meanwhile.example', '250');
      for (let count = 1; !this.#isOver; count++) {
        const to = recipients[(count * STEP) % recipients.length]!;
        await ask(client, 'MAIL FROM:<>', '250');
        const startMs = performance.now();
        await ask(client, `RCPT TO:<${to}>`, '250');
        await ask(client, 'DATA', '354');
        await ask(client, message, '250');
        this.#mailMs.push(Math.round((performance.now() - startMs) * 10) / 10);
      }
    } catch (error) {
      this.#errors.push((error as Error).message);
    } finally {
      client.close();
    }
  }
}

async function ask(client: LineClient, text: string, wanted: string): Promise<void> {
  client.send(`${text}\r\n`);
  const reply = await client.reply();
  if (!reply.startsWith(wanted)) throw new Error(`mail: ${reply}`);
}
