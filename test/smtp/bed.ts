/** What the tests of the listeners stand on: a listener on loopback, an intake in memory, one account that can log in. */
import { type Budget, createBudget } from '../../src/lib/budget.ts';
import { Failure } from '../../src/lib/failure.ts';
import { noLogger } from '../../src/lib/logging.ts';
import type { AuthenticatedAs, Authenticator } from '../../src/login/types.ts';
import type { TlsServerOptions } from '../../src/platform/platform.ts';
import { RealClock } from '../../src/platform/real/clock.ts';
import { RealRandom } from '../../src/platform/real/random.ts';
import { listenSockets } from '../../src/platform/real/sockets.ts';
import type { ListenerOptions, ListenSockets, SmtpListener } from '../../src/smtp/listener/options.ts';
import { startSmtpListener } from '../../src/smtp/listener/server.ts';
import { NO_SUCH_MAILBOX, NOT_OUR_DOMAIN, replyFor } from '../../src/smtp/replies.ts';
import { createSenderCheck } from '../../src/smtp/senders.ts';
import type { Envelope, MailIntake, Recipient } from '../../src/smtp/types.ts';
import type { DomainId, ObjectId } from '../../src/store/ids.ts';
import { OneAccount } from '../sasl/bed.ts';
import { serverTls } from '../support/certificates.ts';

export const HOST_NAME = 'mx.lab.example';
const DATE_MS = Date.UTC(2026, 0, 2, 3, 4, 5);
export const SIZE_MAX = 1000;
const BUDGET_OCTETS = 10_000_000;
/** Lines of the answer to EHLO behind the first, in the clear, without TLS and log-ins. */
export const KEYWORDS = [
  'PIPELINING',
  `SIZE ${SIZE_MAX}`,
  '8BITMIME',
  'BINARYMIME',
  'CHUNKING',
  'SMTPUTF8',
  'ENHANCEDSTATUSCODES',
  'DSN',
  'LIMITS RCPTMAX=1 MAILMAX=10000',
  'HELP',
] as const;
/** A network where others listen. */
export const ELSEWHERE = { host: '192.0.2.7', port: 54321 };

export interface Delivered {
  readonly to: Recipient;
  readonly content: string;
  readonly envelope: Envelope | undefined;
}

export interface Bed {
  readonly listener: SmtpListener;
  readonly intake: MemoryIntake;
  readonly authenticator: JoeOnly;
  readonly budget: Budget;
}

export type BedOptions = Partial<Omit<ListenerOptions, 'login'>> & {
  readonly hasLogin?: boolean;
  /** Where clients seem to be. */
  readonly remote?: typeof ELSEWHERE;
};

export function objectOf(name: string): ObjectId {
  return { domainId: 1 as DomainId, name, serial: '1-1' };
}

/** Accounts of lab.example: any name but `nobody`; `full` and `away` refuse messages; `alias` is another name of joe. */
class MemoryIntake implements MailIntake {
  readonly delivered: Delivered[] = [];
  /** What deliveries wait for. */
  gate: Promise<void> = Promise.resolve();

  async resolve(address: string) {
    const [name = '', domain = 'lab.example'] = address.split('@');
    if (domain !== 'lab.example') return NOT_OUR_DOMAIN;
    if (name === 'nobody') return NO_SUCH_MAILBOX;
    return { forwardPath: address, object: objectOf(name === 'alias' ? 'joe' : name.toLowerCase()) };
  }

  async deliver(to: Recipient, parts: readonly Buffer[], envelope?: Envelope) {
    const content = Buffer.concat(parts).toString('latin1');
    await this.gate;
    if (to.object.name === 'full') return replyFor(new Failure('no-space', 'test'));
    if (to.object.name === 'away') return replyFor(new Failure('unavailable', 'test'));
    this.delivered.push({ to, content, envelope });
    return undefined;
  }
}

/** joe, who has an account. */
class JoeOnly implements Authenticator {
  readonly one = new OneAccount();

  async verifyPassword(login: string, password: string) {
    return withAccount(await this.one.verifyPassword(login, password));
  }

  async beginScram(login: string) {
    const exchange = await this.one.beginScram(login);
    return {
      ...exchange,
      verify: async (message: string, proof: Buffer) => {
        const verified = await exchange.verify(message, proof);
        return { ...verified, who: withAccount(verified.who) };
      },
    };
  }
}

function withAccount(who: AuthenticatedAs): AuthenticatedAs {
  return { ...who, object: objectOf('joe') };
}

const senders = createSenderCheck({
  directory: {
    parse: (address) => {
      const [name = '', domain] = address.split('@');
      return domain === 'lab.example' ? { domainId: 1 as DomainId, name } : undefined;
    },
    resolve: async (_, name) => {
      if (name === 'away') throw new Failure('unavailable', 'test');
      if (name === 'nobody') return { kind: 'unknown' };
      return { kind: 'account', object: objectOf(name === 'alias' ? 'joe' : name) };
    },
  },
  logger: noLogger,
  waitMs: 1000,
});

/** Certificates for STARTTLS, made once a test file. */
export function testTls(): Promise<TlsServerOptions> {
  return serverTls(HOST_NAME);
}

export async function startBed(
  t: { teardown(fn: () => unknown): void },
  { hasLogin = false, remote, ...options }: BedOptions,
): Promise<Bed> {
  const intake = new MemoryIntake();
  const authenticator = new JoeOnly();
  const budget = createBudget(BUDGET_OCTETS);
  const listen: ListenSockets =
    remote === undefined
      ? listenSockets
      : (address, onSocket, each) =>
          listenSockets(address, (client) => onSocket({ ...client, remote }), each);
  const clock = new RealClock();
  const listener = await startSmtpListener({
    protocol: 'smtp',
    listen,
    address: { host: '127.0.0.1', port: 0 },
    shared: false,
    tls: undefined,
    isImplicitTls: false,
    fromBalancer: undefined,
    trusted: (host) => host === '127.0.0.1',
    hostName: HOST_NAME,
    messageOctetsMax: SIZE_MAX,
    recipientsMax: 100,
    connectionsMax: 2000,
    connectionsPerAddressMax: 100,
    idleMs: 300_000,
    intake,
    login: hasLogin ? { authenticator, senders } : undefined,
    budget,
    clock: {
      monotonicMs: () => clock.monotonicMs(),
      wallMs: () => DATE_MS,
      timer: (delayMs, run) => clock.timer(delayMs, run),
      sleep: (delayMs, signal) => clock.sleep(delayMs, signal),
    },
    random: new RealRandom(),
    logger: noLogger,
    ...options,
  });
  t.teardown(() => listener.close(0));
  return { listener, intake, authenticator, budget };
}
