/**
 * A client of a running member's CLI (PWD protocol, shared facts: communigate.md, section 3), for commands of
 * `bin/postern` that act on it. The port is on loopback, or on this machine's management address inside TLS.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Failure } from '../lib/failure.ts';
import { formatEndpoint, isLoopback } from '../lib/ip.ts';
import type { Address } from '../platform/platform.ts';

/** Above what the server takes for its slowest answer (a change of settings: 15 s). */
const PATIENCE_MS = 30_000;
/** Of an answer; what is longer comes from something else. */
const LINE_CHARACTERS_MAX = 1024 * 1024;
/** The answer's code for what is to be made and is there already. */
const EXISTS = 520;
/** Listening on every address: it is there on loopback too. */
const WILDCARDS: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

export class CliClient implements Disposable {
  readonly #socket: Socket;
  readonly #lines: string[] = [];
  #rest = '';
  #waiting: ((line: string | undefined) => void) | undefined;
  #isOver = false;
  #error: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('no answer in time')));
    socket.on('data', (text: string) => this.#received(text));
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => {
      this.#isOver = true;
      this.#waiting?.(undefined);
    });
  }

  /** Logs in. Failure 'refused' (name or password), 'unavailable' (nobody there). */
  static async connect(to: Address, login: string, password: string): Promise<CliClient> {
    const at = { ...to, host: WILDCARDS.get(to.host) ?? to.host };
    // The address is this machine's own, so the certificate, which may be self-signed, has nothing to prove.
    const socket = isLoopback(at.host) ? connect(at) : connectTls({ ...at, rejectUnauthorized: false });
    const client = new CliClient(socket);
    try {
      await client.#answer(`the CLI of the member at ${formatEndpoint(at)}`);
      await client.command(`USER ${login}`);
      await client.command(`PASS ${password}`);
      await client.command('INLINE');
      return client;
    } catch (error) {
      client[Symbol.dispose]();
      throw error;
    }
  }

  /** One command; gives the text of its answer. Failure 'exists', else 'refused', with the text of the server. */
  command(line: string): Promise<string> {
    this.#socket.write(`${line}\r\n`);
    return this.#answer(line.split(' ', 1)[0] ?? '');
  }

  async #answer(to: string): Promise<string> {
    const line = await this.#line();
    if (line === undefined) {
      const why = this.#error?.message ?? 'it ended the connection';
      throw new Failure('unavailable', `${to}: no answer: ${why}`, { cause: this.#error });
    }
    const code = Number(line.slice(0, 3));
    if (code >= 200 && code < 400) return line.slice(4);
    throw new Failure(code === EXISTS ? 'exists' : 'refused', `${to}: ${line.slice(4)}`);
  }

  /** The next line, one caller at a time; undefined when there will be none. */
  #line(): Promise<string | undefined> {
    if (this.#lines.length > 0 || this.#isOver) return Promise.resolve(this.#lines.shift());
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  #received(text: string): void {
    const lines = (this.#rest + text).split('\r\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > LINE_CHARACTERS_MAX) this.#socket.destroy(new Error('this is no CLI'));
    this.#lines.push(...lines);
    if (this.#lines.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.(this.#lines.shift());
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
