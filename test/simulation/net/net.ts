/** `Net` of one simulated process: listening, and connecting with SYNs that are sent again until the time is up. */
import type {
  Address,
  Connection,
  ConnectOptions,
  Listener,
  ListenOptions,
  Net,
} from '../../../src/platform/platform.ts';
import { agreeOnTls } from '../../support/memory-tls.ts';
import { netError } from '../../support/tcp.ts';
import type { SimProcess } from '../machine.ts';
import { Link } from './link.ts';
import { type Listening, LOOPBACK, type Network } from './network.ts';

const FIRST_EPHEMERAL_PORT = 32768;
const EPHEMERAL_PORTS = 28232;
/** RFC 6298 section 2: the first retransmission after one second, then doubling. */
const SYN_RETRY_MS = 1000;

export class ProcessNet implements Net {
  readonly #network: Network;
  readonly #process: SimProcess;
  #ports: number;

  constructor(network: Network, process: SimProcess) {
    this.#network = network;
    this.#process = process;
    this.#ports = network.world.random.below(EPHEMERAL_PORTS);
  }

  processLost(): void {
    this.#network.processLost(this.#process);
  }

  listen(
    address: Address,
    onConnection: (connection: Connection) => void,
    options: Pick<ListenOptions, 'tls' | 'shared'> = {},
  ): Promise<Listener> {
    return new Promise((resolve, reject) => {
      const isOurs = ['0.0.0.0', '::', LOOPBACK, 'localhost', this.#process.machine.host].includes(
        address.host,
      );
      const host = address.host === 'localhost' ? LOOPBACK : address.host;
      const entry = this.#bind(host, address.port, { accept: onConnection, options });
      this.#process.later(0, 'listen', () => {
        if (!isOurs) reject(netError('EADDRNOTAVAIL', 'listen', address));
        else if (entry === undefined) reject(netError('EADDRINUSE', 'listen', address));
        else resolve(this.#listener(entry));
      });
      if (!isOurs && entry !== undefined) this.#network.unlisten(entry);
    });
  }

  connect(address: Address, options: ConnectOptions): Promise<Connection> {
    return new Promise((resolve, reject) => {
      if (this.#process.crashed) return;
      if (options.signal?.aborted) {
        reject(options.signal.reason as Error);
        return;
      }
      let link: Link | undefined;
      let isOver = false;
      const settle = (act: () => void) => {
        if (isOver) return;
        isOver = true;
        timer.cancel();
        options.signal?.removeEventListener('abort', onAbort);
        act();
      };
      const giveUp = (error: Error) =>
        settle(() => {
          link?.near.endpoint.destroy();
          reject(error);
        });
      const onAbort = () => giveUp(options.signal?.reason as Error);
      const timer = this.#process.platform.clock.timer(options.timeoutMs, () =>
        giveUp(netError('ETIMEDOUT', 'connect', address)),
      );
      options.signal?.addEventListener('abort', onAbort, { once: true });

      const from = this.#process.machine;
      const local = { host: address.host === LOOPBACK ? LOOPBACK : from.host, port: this.#port() };
      const answer = (label: string, act: () => void) => {
        const to = this.#network.machineAt(address.host, from) ?? from;
        this.#network.world.schedule(
          this.#network.latencyMs(to, from),
          `${label} ${this.#process.label}`,
          () => this.#process.deliver('connect', () => settle(act)),
        );
      };
      const attempt = (retryMs: number) => {
        if (isOver || this.#process.crashed) return;
        const to = this.#network.machineAt(address.host, from);
        if (to === undefined || !this.#network.passes(from, to) || !this.#network.passes(to, from)) {
          // RFC 9293 section 3.8.1: a SYN without an answer is sent again; only `timeoutMs` ends it here.
          this.#process.later(retryMs, 'SYN again', () => attempt(retryMs * 2));
          return;
        }
        const host = address.host === 'localhost' ? LOOPBACK : address.host;
        const target = this.#network.listenerAt(to, host, address.port);
        if (target === undefined) {
          answer('refused', () => reject(netError('ECONNREFUSED', 'connect', address)));
          return;
        }
        const remote = { host, port: address.port };
        const tls = agreeOnTls(target.options, options, { from: local, to: remote });
        if (tls === undefined) {
          answer('no handshake', () => reject(netError('EPROTO', 'handshake', address)));
          return;
        }
        // The kernel accepts, also for a process that is paused; who listens learns of it when it runs.
        const made = new Link(
          this.#network,
          { process: this.#process, local, tls: tls.client },
          { process: target.process, local: remote, tls: tls.server },
        );
        link = made;
        target.process.later(0, 'accept', () => {
          if (this.#network.isListening(target)) target.accept(made.far.endpoint);
          else made.far.endpoint.destroy();
        });
        answer('connected', () => resolve(made.near.endpoint));
      };
      const to = this.#network.machineAt(address.host, from) ?? from;
      this.#network.world.schedule(this.#network.latencyMs(from, to), `SYN ${this.#process.label}`, () =>
        attempt(SYN_RETRY_MS),
      );
    });
  }

  #bind(host: string, port: number, listening: Pick<Listening, 'accept' | 'options'>): Listening | undefined {
    if (this.#process.crashed) return undefined;
    for (let tries = 0; tries < EPHEMERAL_PORTS; tries++) {
      const entry = { process: this.#process, host, port: port === 0 ? this.#port() : port, ...listening };
      if (this.#network.listen(entry)) return entry;
      if (port !== 0) return undefined;
    }
    return undefined;
  }

  #port(): number {
    this.#ports = (this.#ports + 1) % EPHEMERAL_PORTS;
    return FIRST_EPHEMERAL_PORT + this.#ports;
  }

  #listener(entry: Listening): Listener {
    return {
      address: { host: entry.host, port: entry.port },
      close: () => {
        this.#network.unlisten(entry);
        return new Promise((resolve) => this.#process.later(0, 'close listener', resolve));
      },
    };
  }
}
