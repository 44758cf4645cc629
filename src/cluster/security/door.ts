/**
 * Where invited machines come in: a listener of its own, beside the bus, on the cluster address, open only while there is
 * an invitation that this member gave. It has to take connections without a certificate, and so the bus, which takes none,
 * stays out of strangers' reach; TLS 1.3 shows the machine that this is a backend of the cluster that invited it.
 *
 * One line of JSON in, one out, then the end. Connections, octets, time and wrong attempts are bounded; all is logged.
 */
import { Failure } from '../../lib/failure.ts';
import { formatEndpoint } from '../../lib/ip.ts';
import type { Address, Connection, Listener, Platform, Timer } from '../../platform/platform.ts';
import type { ClusterLogger } from '../types.ts';
import type { MemberSecurity } from './member-security.ts';

const CONNECTIONS_MAX = 8;
const LINE_OCTETS_MAX = 16_384;
const CONNECTION_MS_MAX = 15_000;
/**
 * Wrong secrets, before nobody is let in here until the next invitation: a secret has 256 bits, so whoever tries so often is
 * no operator. What is no request at all is not counted, as it guesses nothing.
 */
const WRONG_MAX = 50;

/** What an invited machine sends. */
export interface JoinRequest {
  readonly id: string;
  readonly secret: Buffer;
  readonly request: string;
}

export interface DoorOptions {
  readonly platform: Pick<Platform, 'clock' | 'net'>;
  readonly security: MemberSecurity;
  /** Of the cluster address; not a wildcard. */
  readonly host: string;
  readonly join: (request: JoinRequest) => Promise<Record<string, unknown>>;
  readonly logger: ClusterLogger;
}

export class Door {
  readonly #o: DoorOptions;
  #listener: Promise<Listener> | undefined;
  #open = 0;
  #wrong = 0;

  constructor(options: DoorOptions) {
    this.#o = options;
  }

  /**
   * Opens it, unless it is open; `port` 0 lets the kernel choose. Gives where it is. What was tried before counts no more:
   * somebody is expected now.
   */
  async open(port: number): Promise<Address> {
    this.#wrong = 0;
    this.#listener ??= this.#listen(port);
    try {
      const { address } = await this.#listener;
      return { host: this.#o.host, port: address.port };
    } catch (error) {
      this.#listener = undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    await listener?.then((open) => open.close()).catch(() => undefined);
  }

  get isOpen(): boolean {
    return this.#listener !== undefined;
  }

  #listen(port: number): Promise<Listener> {
    const { platform, security, host } = this.#o;
    return platform.net.listen({ host, port }, (connection) => this.#enter(connection), {
      tls: { minVersion: 'TLSv1.3', identity: () => security.identity() },
    });
  }

  #enter(connection: Connection): void {
    const isFull = this.#open >= CONNECTIONS_MAX || this.#wrong >= WRONG_MAX;
    const timer: Timer = this.#o.platform.clock.timer(CONNECTION_MS_MAX, () => connection.destroy());
    const visit = new Visit(connection);
    this.#open++;
    visit.start(
      // What was sent already comes, also on a connection that is dropped.
      (line) => void (isFull || this.#answer(visit, line)),
      () => {
        timer.cancel();
        this.#open--;
      },
    );
    if (isFull) connection.destroy();
  }

  async #answer(visit: Visit, line: string): Promise<void> {
    const remote = formatEndpoint(visit.remote);
    try {
      const answer = await this.#o.join(readJoin(line));
      visit.answer({ ok: true, ...answer });
    } catch (error) {
      const { code, message } = error instanceof Failure ? error : new Failure('unknown', 'failed');
      if (code === 'refused') this.#wrong++;
      this.#o.logger.warn(
        { err: error, remote, code, wrong: this.#wrong },
        'refused at the door for invited machines',
      );
      if (code === 'refused' && this.#wrong === WRONG_MAX)
        this.#o.logger.error(
          { remote },
          'too many wrong attempts: nobody is let in here until there is a new invitation',
        );
      visit.answer({ ok: false, code, message });
    }
  }
}

/** One connection. */
class Visit {
  readonly #connection: Connection;
  #octets = Buffer.alloc(0);
  #told = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get remote(): Address {
    return this.#connection.remote;
  }

  start(line: (line: string) => void, closed: () => void): void {
    this.#connection.start({
      data: (bytes) => {
        if (this.#told) return;
        this.#octets = Buffer.concat([this.#octets, bytes]);
        const end = this.#octets.indexOf('\n');
        if (end < 0 && this.#octets.length <= LINE_OCTETS_MAX) return;
        this.#told = true;
        if (end < 0 || end > LINE_OCTETS_MAX) this.#connection.destroy();
        else line(this.#octets.toString('utf8', 0, end));
      },
      ended: () => this.#told || this.#connection.destroy(),
      closed,
    });
  }

  answer(body: Record<string, unknown>): void {
    this.#connection.write(Buffer.from(`${JSON.stringify(body)}\n`));
    this.#connection.end();
  }
}

function readJoin(line: string): JoinRequest {
  let it: Record<string, unknown>;
  try {
    it = JSON.parse(line) as Record<string, unknown>;
  } catch {
    throw new Failure('invalid', 'not a request to join');
  }
  const { id, secret, request } = it ?? {};
  if (typeof id !== 'string' || typeof secret !== 'string' || typeof request !== 'string')
    throw new Failure('invalid', 'not a request to join');
  return { id, secret: Buffer.from(secret, 'base64url'), request };
}
