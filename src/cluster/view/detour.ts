/**
 * Calls with a detour: "a member cut from the controller but not from others has its renewals relayed one hop". Direct
 * first; over a supervisor of another member when the peer cannot be reached. One hop: a relay calls the peer itself.
 */
import { Failure, failureCode } from '../../lib/failure.ts';
import type { Address } from '../../platform/platform.ts';
import { sameAddress } from '../addresses.ts';
import type { Body, Bus, CallOptions } from '../bus/types.ts';
import { address, fields, isCoordination, Service, uint } from '../messages.ts';

/** A relayed call may take no longer than this. */
const RELAY_MS_MAX = 10 * 60_000;

export interface Insist<T> {
  readonly timeoutMs: number;
  readonly detour: boolean;
  /** Failure 'invalid' for an answer that makes no sense. */
  readonly read: (answer: Body) => T;
  readonly answered: (answer: T) => void;
  readonly unanswered: (error: unknown) => void;
}

export class Detour {
  readonly #bus: Bus;
  /** Supervisors of other members, for a detour; of backends where there are certificates, as nobody else is believed. */
  readonly #relays: () => readonly Address[];
  /** Every address that belongs to a member: a relay calls nobody else. */
  readonly #isMember: (to: Address) => boolean;
  #next = 0;

  constructor(bus: Bus, relays: () => readonly Address[], isMember: (to: Address) => boolean) {
    this.#bus = bus;
    this.#relays = relays;
    this.#isMember = isMember;
  }

  direct(to: Address, service: string, body: Body, options: CallOptions): Promise<Body> {
    return this.#bus.call(to, service, body, options);
  }

  /** Over one hop; the relay is another one at every call. Failure 'unavailable' when there is none. */
  async relayed(to: Address, service: string, body: Body, options: CallOptions): Promise<Body> {
    const relays = this.#relays().filter((each) => !sameAddress(each, to));
    const relay = relays[this.#next++ % Math.max(1, relays.length)];
    if (relay === undefined) throw new Failure('unavailable', 'nobody to relay');
    const wrapper = isCoordination(service) ? Service.relay : Service.relayData;
    return this.#bus.call(relay, wrapper, { to, service, body, timeoutMs: options.timeoutMs }, options);
  }

  /**
   * Asks each Heartbeat what may be asked twice: directly, and over one hop too where the peer has been silent. Each answer
   * that makes sense is given to `answered`, whose own errors are bugs and no failures of the call.
   */
  insist<T>(to: Address, service: string, body: Body, ask: Insist<T>): void {
    const options = { timeoutMs: ask.timeoutMs };
    const calls = [this.direct(to, service, body, options)];
    if (ask.detour) calls.push(this.relayed(to, service, body, options));
    for (const call of calls) void call.then(ask.read).then(ask.answered, ask.unanswered);
  }

  /** Directly, and when the request certainly did not reach the peer, over one hop. */
  async call(to: Address, service: string, body: Body, options: CallOptions): Promise<Body> {
    try {
      return await this.direct(to, service, body, options);
    } catch (error) {
      // A Failure of the handler itself is an answer; only our own bus says 'unavailable' without one.
      if (failureCode(error) !== 'unavailable' || options.signal?.aborted) throw error;
      try {
        return await this.relayed(to, service, body, options);
      } catch (detour) {
        throw failureCode(detour) === 'unavailable' ? error : detour;
      }
    }
  }

  /** Serves as a relay for others. */
  serve(): void {
    for (const name of [Service.relay, Service.relayData])
      this.#bus.serve(name, (body, { from, signal }) => {
        const it = fields(body, 'relay');
        const to = address(it.to);
        const { service } = it;
        if (typeof service !== 'string' || service === Service.relay || service === Service.relayData)
          throw new Failure('invalid', 'one hop only');
        // A relay that has just started, or hears nobody, does not know the members yet; nothing was passed on, and the
        // caller's client must not take this for an answer of the peer ('refused' is a wrong password to a log-in).
        if (!this.#isMember(to)) throw new Failure('unavailable', 'not known as a member here');
        const timeoutMs = Math.min(uint(Math.ceil(Number(it.timeoutMs)), 'time-out'), RELAY_MS_MAX);
        // With the rights of who asked, which the peer looks at: ours would let a frontend ask what only backends may.
        return this.#bus.call(to, service, it.body, { timeoutMs, signal, asker: from.proven });
      });
  }
}
