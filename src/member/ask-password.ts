/** Asks a person at the terminal for a password without showing it. */
import type { ReadStream } from 'node:tty';

const CHARACTERS_MAX = 1024;
const ENTER: ReadonlySet<string> = new Set(['\r', '\n', '\u0004']);
const ERASE: ReadonlySet<string> = new Set(['\u0008', '\u007f']);
const INTERRUPT = '\u0003';

/** Undefined without a terminal, or when it was interrupted. */
export function askPassword(
  prompt: string,
  input: ReadStream = process.stdin,
  output: NodeJS.WritableStream = process.stderr,
): Promise<string | undefined> {
  if (!input.isTTY) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    let typed = '';
    const end = (result: string | undefined): void => {
      input.off('data', onData).off('end', onEnd).setRawMode(false).pause();
      output.write('\n');
      resolve(result);
    };
    const onEnd = (): void => end(undefined);
    const onData = (keys: string): void => {
      for (const key of keys) {
        if (ENTER.has(key)) return end(typed);
        if (key === INTERRUPT) return end(undefined);
        if (ERASE.has(key)) typed = Array.from(typed).slice(0, -1).join('');
        else if (key >= ' ' && typed.length < CHARACTERS_MAX) typed += key;
      }
    };
    output.write(prompt);
    input.setEncoding('utf8');
    input.setRawMode(true).on('data', onData).on('end', onEnd).resume();
  });
}
