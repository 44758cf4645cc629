/** The CLI (PWD protocol, communigate.md section 3) as a script uses it: log-in, INLINE, one command and its answer. */
import type { Address } from '../../src/platform/platform.ts';
import type { Lab, Login } from './lab.ts';
import { LineClient } from './line-client.ts';

/** Above what the server takes for its slowest answer (changes 15 s), so that it only ends what would hang a test. */
const PATIENCE_MS = 30_000;

export class Cli {
  readonly #client: LineClient;

  private constructor(client: LineClient) {
    this.#client = client;
  }

  /** Logged in as the lab's postmaster at one member. */
  static async open(lab: Lab, member: string): Promise<Cli> {
    const { postmaster } = await lab.file();
    return Cli.connect(await lab.service(member, 'pwd'), postmaster);
  }

  /** Rejects when the log-in is not answered as it should be. */
  static async connect(to: Address, { login, password }: Login): Promise<Cli> {
    const client = await LineClient.connect(to, PATIENCE_MS);
    const cli = new Cli(client);
    try {
      await client.line();
      for (const [command, code] of [
        [`USER ${login}`, '300'],
        [`PASS ${password}`, '200'],
        ['INLINE', '200'],
      ] as const) {
        const answer = await cli.run(command);
        if (!answer.startsWith(code)) throw new Error(`${command.split(' ')[0]}: ${answer}`);
      }
      return cli;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** The answer's line. Rejects when the connection ended before it. */
  async run(command: string): Promise<string> {
    this.#client.send(`${command}\r\n`);
    return this.#client.line();
  }

  close(): void {
    this.#client.close();
  }
}
