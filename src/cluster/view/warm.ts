/**
 * Connections to those who may be needed at once, made while there is time. When a controller is lost, its successor and every
 * worker have to find each other within what is left of the leases, and each connection costs two handshakes of TLS, all of
 * them in the turns of one process. So every process asks the supervisors of backends now and then, and these ask
 * everybody: a connection in use stays (docs/bus.md), and one that was lost is made again.
 */
import { formatEndpoint } from '../../lib/ip.ts';
import type { Address } from '../../platform/platform.ts';
import { sameAddress } from '../addresses.ts';
import type { Bus } from '../bus/types.ts';
import { Service } from '../messages.ts';
import type { MemberNews } from '../news.ts';
import { isBackendRole } from '../roles.ts';

/** Each is asked so often: a member that was started again is known to nobody for little longer. */
export const ASK_EVERY_MS = 2000;
/** So many at each Heartbeat, so that a large cluster makes its connections one by one. */
export const ASKED_AT_ONCE = 4;

export interface Peer {
  readonly to: Address;
  readonly service: typeof Service.ask | typeof Service.workerPing;
}

export class WarmConnections {
  readonly #bus: Pick<Bus, 'call' | 'self'>;
  readonly #timeoutMs: number;
  readonly #peers: () => readonly Peer[];
  readonly #askedAt = new Map<string, number>();

  constructor(bus: Pick<Bus, 'call' | 'self'>, timeoutMs: number, peers: () => readonly Peer[]) {
    this.#bus = bus;
    this.#timeoutMs = timeoutMs;
    this.#peers = peers;
  }

  /** Each Heartbeat: asks those who were not asked for longest. */
  tick(now: number): void {
    const peers = this.#peers()
      .filter(({ to }) => !sameAddress(to, this.#bus.self.address))
      .map((peer) => ({ peer, key: formatEndpoint(peer.to) }));
    const keys = new Set(peers.map(({ key }) => key));
    for (const key of this.#askedAt.keys()) if (!keys.has(key)) this.#askedAt.delete(key);
    const due = peers
      .map((each) => ({ ...each, askedAt: this.#askedAt.get(each.key) ?? -Infinity }))
      .filter(({ askedAt }) => now - askedAt >= ASK_EVERY_MS)
      .sort((a, b) => (a.askedAt < b.askedAt ? -1 : a.askedAt > b.askedAt ? 1 : 0));
    for (const { peer, key } of due.slice(0, ASKED_AT_ONCE)) {
      this.#askedAt.set(key, now);
      const body = peer.service === Service.ask ? { controlEpoch: 0 } : null;
      const options = { timeoutMs: this.#timeoutMs };
      // Whoever is not there is asked again later: all that counts is the connection.
      void this.#bus.call(peer.to, peer.service, body, options).catch(() => undefined);
    }
  }
}

/** Who may have control next: the supervisors of backends, and of those that have it. */
export function successors(members: readonly MemberNews[]): readonly Peer[] {
  return members
    .filter(({ role, state }) => isBackendRole(role) && state !== 'gone')
    .map(({ address }) => ({ to: address, service: Service.ask }));
}

/** Whom a new controller has to reach: supervisors, and workers. */
export function everybody(members: readonly MemberNews[]): readonly Peer[] {
  const present = members.filter(({ state }) => state !== 'gone');
  return present.flatMap(({ address, info }) => [
    { to: address, service: Service.ask },
    ...info.map((worker) => ({ to: worker.address, service: Service.workerPing })),
  ]);
}
