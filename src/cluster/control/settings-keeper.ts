/**
 * Holds the cluster settings open while this controller has authority, and lets changes wait: "a settings change is
 * answered when every ready member shows it" (docs/architecture.md, section 6, invariant 5).
 */
import { Failure } from '../../lib/failure.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Lease } from '../../store/log/types.ts';
import type { SettingsPage } from '../news.ts';
import type { ClusterLogger, OpenSettings } from '../types.ts';
import type { Membership } from './membership.ts';
import { SettingsPages, type SettingsQuestion } from './settings-pages.ts';

/** The settings are opened again so long after they failed. */
const SETTINGS_RETRY_MS = 250;

export interface SettingsKeeperOptions {
  readonly platform: Platform;
  readonly openSettings: OpenSettings | undefined;
  readonly logger: ClusterLogger;
}

type Waiting = { readonly version: number; readonly resolve: () => void; readonly giveUp: () => void };

export class SettingsKeeper {
  readonly #o: SettingsKeeperOptions;
  readonly #lease: () => Lease;
  #object: Awaited<ReturnType<OpenSettings>> | undefined;
  #state: 'closed' | 'opening' | 'open' | 'over' = 'closed';
  #retryAt = 0;
  #version = -1;
  readonly #waiting = new Set<Waiting>();
  readonly #pages = new SettingsPages();

  constructor(options: SettingsKeeperOptions, lease: () => Lease) {
    this.#o = options;
    this.#lease = lease;
  }

  /** The newest version that may be shown; -1 while not open. */
  get version(): number {
    return this.#version;
  }

  /** After each heartbeat with authority: opens what is not open. Never waits. */
  open(): void {
    const { openSettings, platform } = this.#o;
    this.#pages.tick(platform.clock.monotonicMs());
    if (this.#state !== 'closed' || openSettings === undefined) return;
    if (platform.clock.monotonicMs() < this.#retryAt) return;
    this.#state = 'opening';
    openSettings(this.#lease()).then(
      (object) => {
        if (this.#state === 'over') return void object.close().catch(() => undefined);
        this.#object = object;
        this.#state = 'open';
        this.#version = Math.max(this.#version, object.version);
        void object.failed.then((error) => this.#failed(error));
      },
      (error: unknown) => this.#failed(error),
    );
  }

  async page(question: SettingsQuestion): Promise<SettingsPage> {
    const object = this.#opened();
    const page = this.#pages.page(this.#o.platform.clock.monotonicMs(), object, question);
    await object.settled();
    return page;
  }

  async change(
    change: unknown,
    signal: AbortSignal,
  ): Promise<{ readonly value: unknown; readonly shown: Promise<void> }> {
    const { version, result } = await this.#opened().change(change);
    this.#version = Math.max(this.#version, version);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // It is durable and will be shown; only that all show it was not seen in time.
    const giveUp = () => {
      this.#waiting.delete(waiting);
      reject(new Failure('unknown', 'the change is stored, but not shown by all members yet'));
    };
    const waiting: Waiting = { version, resolve, giveUp };
    this.#waiting.add(waiting);
    if (signal.aborted || this.#state === 'over') giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    return { value: result, shown: promise.finally(() => signal.removeEventListener('abort', giveUp)) };
  }

  /** Lets those go whose version all ready members show. */
  shown(now: number, members: Membership): void {
    for (const waiting of this.#waiting) {
      if (!members.allShow(now, waiting.version)) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }

  async close(): Promise<void> {
    const object = this.#object;
    this.#state = 'over';
    this.#object = undefined;
    this.#pages.clear();
    // No member reports to this controller any more.
    for (const waiting of Array.from(this.#waiting)) waiting.giveUp();
    await object
      ?.close()
      .catch((error: unknown) => this.#o.logger.warn({ err: error }, 'cluster settings not closed'));
  }

  #opened(): Awaited<ReturnType<OpenSettings>> {
    if (this.#object === undefined) throw new Failure('unavailable', 'the cluster settings are not open yet');
    return this.#object;
  }

  #failed(error: unknown): void {
    if (this.#state === 'over') return;
    this.#o.logger.warn({ err: error }, 'cluster settings failed, opened again');
    this.#object = undefined;
    this.#pages.clear();
    this.#state = 'closed';
    this.#retryAt = this.#o.platform.clock.monotonicMs() + SETTINGS_RETRY_MS;
  }
}
