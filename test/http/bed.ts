/** The HTTP listener on a real socket, over sources and log-ins that the test makes. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Test } from 'tap';
import type { Standing } from '../../src/cluster/types.ts';
import type { StatusReport } from '../../src/http/report.ts';
import { startHttpListener } from '../../src/http/server.ts';
import type { HttpListener, HttpSocket, ProcessSamples } from '../../src/http/types.ts';
import { Failure } from '../../src/lib/failure.ts';
import { noLogger } from '../../src/lib/logging.ts';
import type { AuthenticatedAs, LoginAttempt } from '../../src/login/types.ts';
import type { Clock } from '../../src/platform/platform.ts';
import { RealClock } from '../../src/platform/real/clock.ts';
import { listenSockets } from '../../src/platform/real/sockets.ts';

export const REPORT: StatusReport = {
  at: '2026-01-01T00:00:00.000Z',
  cluster: 'lab',
  member: 'be1',
  version: '0.1.0',
  standing: 'ready',
  current: true,
  controller: { member: 'be1', address: '127.0.0.1:7600', controlEpoch: 3 },
  settingsVersion: 7,
  level: 0,
  mapVersion: 9,
  slots: { total: 4096, owned: 4096 },
  moves: { operator: 1, drain: 2, balance: 3, hot: 4, underWay: 5 },
  members: [
    {
      name: 'be1',
      role: 'backend',
      state: 'ready',
      address: '127.0.0.1:7600',
      isController: true,
      draining: false,
      controlEpoch: 3,
      version: '0.1.0',
      uptimeSeconds: 93_784,
      slots: 4096,
      refusal: null,
      notReady: null,
      connections: 12,
      level: 0,
      workers: [
        {
          incarnation: 'a'.repeat(32),
          address: '127.0.0.1:7601',
          pid: 42,
          ready: true,
          slots: 4096,
          storageMs: 3,
          refusal: null,
          connections: 12,
          load: {
            weight: 100,
            processor: 0.254,
            operationsPerSecond: 1234,
            hottest: [{ slot: 7, operationsPerSecond: 1200 }],
            wholeLoad: null,
          },
        },
      ],
    },
  ],
  certificates: [],
};

/** `admin:right` is an administrator, `joe:right` an account without rights; `slow` is held back, `down` cannot be told. */
function verifyPassword(login: string, password: string): Promise<AuthenticatedAs> {
  if (login === 'slow') return Promise.reject(new Failure('limit', 'too many failures'));
  if (login === 'down') return Promise.reject(new Failure('unavailable', 'no owner'));
  if (password !== 'right') return Promise.reject(new Failure('refused', 'no'));
  return Promise.resolve({
    kind: login === 'admin' ? 'administrator' : 'account',
    login,
    object: undefined,
  });
}

export interface BedOptions {
  readonly standing?: () => Standing;
  readonly report?: () => Promise<StatusReport>;
  readonly samples?: readonly ProcessSamples[];
  /** As whom clients are seen; the loopback address that they have otherwise. */
  readonly seenAs?: Partial<Pick<HttpSocket, 'remote' | 'tls'>>;
  readonly connectionsMax?: number;
  readonly clock?: Clock;
}

export interface Bed {
  readonly listener: HttpListener;
  readonly attempts: readonly LoginAttempt[];
  /** Sends octets, ends, and gives all that comes until the server ends too. */
  readonly ask: (request: string | Buffer) => Promise<string>;
  readonly connect: () => Promise<Socket>;
}

export async function bed(t: Test, options: BedOptions = {}): Promise<Bed> {
  const attempts: LoginAttempt[] = [];
  const listener = await startHttpListener({
    listen: (address, onSocket, listenOptions) =>
      listenSockets(
        address,
        (accepted) =>
          onSocket({
            socket: accepted.socket,
            local: accepted.local,
            remote: options.seenAs?.remote ?? accepted.remote,
            tls: options.seenAs?.tls ?? accepted.tls,
          }),
        listenOptions,
      ),
    address: { host: '127.0.0.1', port: 0 },
    shared: false,
    tls: undefined,
    sources: {
      standing: options.standing ?? (() => 'ready'),
      report: options.report ?? (() => Promise.resolve(REPORT)),
      samples: () => Promise.resolve(options.samples ?? []),
    },
    authenticator: {
      verifyPassword: (login, password, attempt) => {
        attempts.push(attempt);
        return verifyPassword(login, password);
      },
    },
    administration: {
      rightsOf: (who) => Promise.resolve(new Set(who.kind === 'administrator' ? ['Master' as const] : [])),
    },
    connectionsMax: options.connectionsMax ?? 20,
    clock: options.clock ?? new RealClock(),
    logger: noLogger,
  });
  t.teardown(() => listener.close(0));
  const open = async (): Promise<Socket> => {
    const socket = connect(listener.address.port, listener.address.host);
    socket.on('error', () => undefined);
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  return {
    listener,
    attempts,
    connect: open,
    async ask(request) {
      const socket = await open();
      const answer = allOf(socket);
      socket.write(request);
      return answer;
    },
  };
}

/** What comes until the other side ends. */
export async function allOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (!socket.closed) await once(socket, 'close').catch(() => undefined);
  return Buffer.concat(chunks).toString('latin1');
}

/** A request that asks for the connection to be closed. */
export function get(path: string, ...fields: readonly string[]): string {
  return [`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...fields, '', ''].join('\r\n');
}

export function basic(login: string, password: string): string {
  return `Authorization: Basic ${Buffer.from(`${login}:${password}`).toString('base64')}`;
}
