/**
 * Replies on their way out. Those to grouped commands wait for the commands behind them, as long as some have been
 * received, and leave with the next one in one segment (RFC 2920 section 3.2).
 */
import { REPLIES_HELD_MAX } from '../limits.ts';
import type { Reply } from '../types.ts';

export class Outbox {
  readonly #write: (text: string) => void;
  #held = '';

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  send(reply: Reply, mayWait: boolean): void {
    this.#held += format(reply);
    if (!mayWait || this.#held.length >= REPLIES_HELD_MAX) this.flush();
  }

  flush(): void {
    if (this.#held === '') return;
    const text = this.#held;
    this.#held = '';
    this.#write(text);
  }
}

/** RFC 5321 section 4.2.1: all lines but the last have a hyphen behind the code. */
function format({ code, text }: Reply): string {
  if (!text.includes('\n')) return `${code} ${text}\r\n`;
  const lines = text.split('\n');
  return lines.map((line, index) => `${code}${index < lines.length - 1 ? '-' : ' '}${line}\r\n`).join('');
}
