/**
 * The heartbeats of one control epoch: "the controller notes its clock, rewrites and syncs the counter in its own file,
 * *then* lists that directory". What is in the file, or may be while it is written, and who waits for the next one; which
 * authority follows from it is in authority.ts, and what the controller does with it is told to it.
 */
import type { AppendFile, Platform } from '../../platform/platform.ts';
import type { Incarnation } from '../../store/ids.ts';
import type { Peer } from '../bus/types.ts';
import type { Written } from '../leases/giver.ts';
import type { ClusterLogger } from '../types.ts';
import type { Authority } from './authority.ts';
import { encodeHeartbeat, type Heartbeat, type LeaseTimes, listControlEpochs } from './heartbeat-file.ts';

const NONCE_OCTETS = 16;

/** What a heartbeat that begins now says of the leases under it. */
export interface Stated {
  /** Who may hold a lease. */
  readonly holders: ReadonlySet<Incarnation>;
  /** Others may hold one too, and are not known by name. */
  readonly isUnknown: boolean;
  readonly times: LeaseTimes;
}

export interface HeartbeatsOptions {
  readonly platform: Pick<Platform, 'clock' | 'fs' | 'random'>;
  readonly self: Pick<Peer, 'member' | 'address'>;
  readonly root: string;
  readonly file: AppendFile;
  readonly authority: Authority;
  readonly logger: ClusterLogger;
  readonly stated: () => Stated;
  /** One has given authority. `afterGap`: there was none any more. */
  readonly beaten: (beat: { readonly isFirst: boolean; readonly afterGap: boolean }) => void;
  /** A larger epoch is listed, or the file failed: there will be no authority any more. */
  readonly lost: () => void;
}

export class Heartbeats {
  /** Read by backends through their own mounts, to show that it is the same storage. */
  readonly nonce: string;
  readonly #o: HeartbeatsOptions;
  #written: Written = { named: new Set(), mayBeNamed: new Set() };
  /** The heartbeat under way; never rejects. */
  #beating: Promise<void> | undefined;
  readonly #confirms = new Set<(held: boolean) => void>();
  #ended = false;

  constructor(options: HeartbeatsOptions) {
    this.#o = options;
    this.nonce = options.platform.random.bytes(NONCE_OCTETS).toString('hex');
  }

  /** Whom the file names, and whom it may name while it is written. */
  get written(): Written {
    return this.#written;
  }

  /** One heartbeat, unless one is under way. Never rejects. */
  beat(): Promise<void> {
    if (this.#ended) return Promise.resolve();
    this.#beating ??= this.#beat().finally(() => {
      this.#beating = undefined;
    });
    return this.#beating;
  }

  /** One that begins now, or, where one is under way, after that. */
  async beatAnew(): Promise<void> {
    await this.#beating;
    await this.beat();
  }

  /** Resolves by a heartbeat begun after this call: true when there is authority then. */
  confirmation(): Promise<boolean> {
    if (this.#ended) return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const settle = (held: boolean): void => {
      this.#confirms.delete(settle);
      resolve(held && this.#o.authority.leftMs(this.#now()) > 0);
    };
    this.#confirms.add(settle);
    return promise;
  }

  /** None any more; one that is under way counts for nothing. */
  end(): void {
    this.#ended = true;
    this.#o.authority.end();
    for (const settle of Array.from(this.#confirms)) settle(false);
  }

  /** After `end`. `nothingLeft`: no lease is, the file says so, and nobody needs to wait for anything. */
  async close(nothingLeft: boolean): Promise<void> {
    // Never while a write is under way.
    await this.#beating;
    const { authority, file, logger } = this.#o;
    try {
      if (nothingLeft && authority.counter > 0) {
        const last = { ...this.#o.stated(), holders: new Set<Incarnation>() };
        await file.writeDurably([this.#octets(authority.begun + 1, 'ended', last)], 0);
      }
    } finally {
      await file.close().catch((error: unknown) => logger.warn({ err: error }, 'heartbeat file not closed'));
    }
  }

  async #beat(): Promise<void> {
    const { authority, platform, root, file, logger } = this.#o;
    const waiting = [...this.#confirms];
    const stated = this.#o.stated();
    const { holders, isUnknown } = stated;
    const { named, mayBeNamed } = this.#written;
    // While it is written, whoever reads the file may see the old list or the new one: only who is in both is given any.
    this.#written = {
      named: named.intersection(holders),
      mayBeNamed: isUnknown ? undefined : mayBeNamed?.union(holders),
    };
    const counter = authority.begin(this.#now());
    let afterGap = false;
    try {
      await file.writeDurably([this.#octets(counter, 'running', stated)], 0);
      const epochs = await listControlEpochs(platform.fs, root);
      afterGap = counter > 1 && authority.leftMs(this.#now()) === 0;
      authority.finish(epochs);
    } catch (error) {
      logger.warn({ err: error, controlEpoch: authority.controlEpoch }, 'heartbeat failed');
      authority.end();
    }
    if (this.#ended) return;
    if (authority.over) return this.#o.lost();
    this.#written = { named: holders, mayBeNamed: isUnknown ? undefined : holders };
    for (const settle of waiting) settle(true);
    this.#o.beaten({ isFirst: counter === 1, afterGap });
  }

  #octets(counter: number, state: Heartbeat['state'], { holders, isUnknown, times }: Stated): Buffer {
    const { authority, self } = this.#o;
    return encodeHeartbeat({
      controlEpoch: authority.controlEpoch,
      counter,
      state,
      member: self.member,
      address: self.address,
      nonce: this.nonce,
      holders: isUnknown ? undefined : [...holders],
      times,
    });
  }

  #now(): number {
    return this.#o.platform.clock.monotonicMs();
  }
}
