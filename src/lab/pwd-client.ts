/** Administration of a lab through the text CLI of a member (PWD protocol, shared facts: communigate.md, section 3). */
import { FILE_LIMITS, parse } from '../lib/dictionary/parse.ts';
import { isArray } from '../lib/dictionary/value.ts';
import { Failure } from '../lib/failure.ts';
import type { Address } from '../platform/platform.ts';
import { LineClient } from './line-client.ts';

export class PwdClient implements Disposable {
  readonly #client: LineClient;

  private constructor(client: LineClient) {
    this.#client = client;
  }

  /** Logs in. */
  static async connect(to: Address, login: string, password: string): Promise<PwdClient> {
    const pwd = new PwdClient(await LineClient.connect(to));
    try {
      await pwd.#answer('greeting');
      await pwd.command(`USER ${login}`);
      await pwd.command(`PASS ${password}`);
      // Data then come in the answer's own line.
      await pwd.command('INLINE');
      return pwd;
    } catch (error) {
      pwd[Symbol.dispose]();
      throw error;
    }
  }

  /** One command; gives the answer's text. */
  async command(line: string): Promise<string> {
    this.#client.write(`${line}\r\n`);
    return this.#answer(line.split(' ', 1)[0] ?? '');
  }

  /** Makes a shared domain where there is none of this name. */
  async makeDomain(name: string): Promise<void> {
    const listed = parse(await this.command('LISTDOMAINS'), FILE_LIMITS, 'one-line');
    const domains = listed.kind === 'value' && isArray(listed.value) ? listed.value : [];
    if (!domains.includes(name)) await this.command(`CREATEDOMAIN ${name} SHARED`);
  }

  async #answer(command: string): Promise<string> {
    const answer = await this.#client.line();
    const code = Number(answer.slice(0, 3));
    if (code >= 200 && code < 400) return answer.slice(4);
    // 520: it is there, which is what is wanted of a lab started again.
    throw new Failure(code === 520 ? 'exists' : 'refused', `${command}: ${answer}`);
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}
