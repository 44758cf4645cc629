/**
 * The driver of a backend's candidacy: performs the candidate's effects on storage and bus and feeds the results back.
 * One storage call at a time; nothing else waits for it. Holds the acting `Controller` while there is one.
 */
import type { Timer } from '../../platform/platform.ts';
import type { Incarnation } from '../../store/ids.ts';
import { Complaint } from '../complaint.ts';
import { logEvent } from '../events.ts';
import { type AskAnswer, readAskAnswer, Service, type WorkerInfo } from '../messages.ts';
import {
  type Candidate,
  dueAt,
  type Effect,
  hasFile,
  type Input,
  newCandidate,
  type Phase,
  step,
} from './candidate.ts';
import { Controller } from './controller.ts';
import {
  createHeartbeat,
  decodeHeartbeat,
  type LeaseTimes,
  listControlEpochs,
  readHeartbeat,
} from './heartbeat-file.ts';
import { LeaseCollector } from './lease-collector.ts';
import type { Collected, ControllerOptions, Over } from './types.ts';
import type { Look } from './watch.ts';

/** What the controller that it becomes needs, and what a candidate does besides. */
export interface StandOptions
  extends Omit<
    ControllerOptions,
    'clusterId' | 'controlEpoch' | 'file' | 'predecessor' | 'collected' | 'over'
  > {
  /** How many backups are before us in the line. */
  readonly rank: () => number;
  /** False for the id of another cluster, which is an obstacle to standing. */
  readonly isOurs: (clusterId: string) => boolean;
  /** A control epoch of ours is about to be stated: refuse smaller ones from now on. False when a larger is accepted. */
  readonly accept: (controlEpoch: number) => boolean;
  /** In control from now on, without authority yet: the own member's report, deaths included, is due. */
  readonly acting: () => void;
}

export class Stand {
  readonly #o: StandOptions;
  readonly #clusterId: string;
  readonly #collected = new Map<Incarnation, Collected>();
  /** Of the control epoch that we stand for. */
  #collector: LeaseCollector | undefined;
  readonly #unreadable: Complaint;
  #candidate: Candidate;
  #file: Awaited<ReturnType<typeof createHeartbeat>> | undefined;
  #controller: Controller | undefined;
  #busy = false;
  /** How the controller's times differ from ours, as last logged. */
  #difference = '';
  #due: Timer | undefined;
  #stopped = false;

  constructor(options: StandOptions, clusterId: string) {
    this.#o = options;
    this.#clusterId = clusterId;
    this.#unreadable = new Complaint(options.logger, 'control directory cannot be read');
    this.#candidate = newCandidate(this.#now());
  }

  get controller(): Controller | undefined {
    return this.#controller;
  }

  /** Each Heartbeat, from the timer. Waits for nothing. */
  tick(): void {
    if (this.#stopped) return;
    this.#step();
    this.#controller?.tick();
    this.#storage();
  }

  #step(): void {
    this.#feed({ kind: 'tick', now: this.#now(), rank: this.#o.rank() });
  }

  heard(controlEpoch: number): void {
    this.#feed({ kind: 'heard', now: this.#now(), controlEpoch });
  }

  /** Does nothing the second time. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#due?.cancel();
    const controller = this.#controller;
    this.#controller = undefined;
    await controller?.stop();
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  /** "Every backup reads the counter, by fresh opens, every Heartbeat, always"; a controller beats instead. */
  #storage(): void {
    if (this.#busy) return;
    this.#busy = true;
    const controller = this.#controller;
    void (controller === undefined ? this.#look() : controller.beat()).finally(() => {
      this.#busy = false;
      // The first heartbeat of a controller that came to be during a look waits for no timer.
      if (controller === undefined && this.#controller !== undefined) this.#storage();
    });
  }

  async #look(): Promise<void> {
    let look: Look;
    try {
      look = await this.#read();
    } catch (error) {
      return this.#unreadable.about(error);
    }
    this.#unreadable.over();
    this.#feed({ kind: 'looked', look });
    this.#compareTimes();
    // Where the time is up already only this look was missing: no need to wait for the next Heartbeat.
    const due = dueAt(this.#candidate, this.#o.times) ?? Infinity;
    if (this.#candidate.phase === 'watching' || look.returnedAt >= due) this.#step();
  }

  async #read(): Promise<Look> {
    const { platform, root } = this.#o;
    const startedAt = this.#now();
    const epochs = await listControlEpochs(platform.fs, root);
    // From the moment it may be on the storage: while the creation has not returned it is listed already.
    const own = hasFile(this.#candidate) ? this.#candidate.controlEpoch : 0;
    const controlEpoch = epochs.findLast((epoch) => epoch !== own);
    const octets = controlEpoch && (await readHeartbeat(platform.fs, root, controlEpoch));
    const predecessor = octets ? { controlEpoch: controlEpoch, octets } : undefined;
    const timesBefore =
      octets && this.#candidate.seen?.times === undefined && decodeHeartbeat(octets) === undefined
        ? await this.#timesBefore(epochs.filter((epoch) => epoch < controlEpoch))
        : undefined;
    const returnedAt = this.#now();
    return { startedAt, returnedAt, epochs, predecessor, ...(timesBefore && { timesBefore }) };
  }

  /** A candidate that died before its first heartbeat states no times: those before it do. */
  async #timesBefore(epochs: readonly number[]): Promise<LeaseTimes | undefined> {
    for (const epoch of epochs.toReversed()) {
      const octets = await readHeartbeat(this.#o.platform.fs, this.#o.root, epoch);
      const heartbeat = decodeHeartbeat(octets);
      if (heartbeat !== undefined) return heartbeat.times;
    }
    return undefined;
  }

  /** Members that go by other times wait by the longer ones: safe, but slower than anybody meant it to be. */
  #compareTimes(): void {
    const { times, logger } = this.#o;
    const stated = this.#candidate.seen?.times;
    if (stated === undefined) return;
    const { controlLeaseMs, slotLeaseMs, clockMargin } = times;
    const same =
      stated.controlLeaseMs === Math.ceil(controlLeaseMs) &&
      stated.slotLeaseMs === Math.ceil(slotLeaseMs) &&
      Math.abs(stated.clockMargin - clockMargin) < 0.002;
    const difference = same ? '' : JSON.stringify(stated);
    if (difference === this.#difference) return;
    this.#difference = difference;
    if (!same)
      logger.warn(
        { own: { controlLeaseMs, slotLeaseMs, clockMargin }, controller: stated },
        'the controller goes by other times: give ControlLease, SlotLease and ClockMargin alike on all members',
      );
  }

  #feed(input: Input): void {
    if (this.#stopped) return;
    const [next, effects] = step(this.#candidate, input, this.#o.times);
    this.#candidate = next;
    for (const effect of effects) this.#perform(effect);
    this.#wakeWhenDue();
  }

  /** What a candidate waits for is over between two Heartbeats more often than not. */
  #wakeWhenDue(): void {
    this.#due?.cancel();
    this.#due = undefined;
    const due = dueAt(this.#candidate, this.#o.times);
    const now = this.#now();
    if (due === undefined || due <= now || this.#stopped) return;
    this.#due = this.#o.platform.clock.timer(due - now, () => this.#step());
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'poll':
        return void this.#poll(effect.poll);
      case 'create':
        return void this.#create(effect.controlEpoch);
      case 'collect':
        return this.#collect(effect.controlEpoch);
      case 'act':
        return this.#act(effect);
      case 'abandon':
        return this.#abandon();
    }
    effect satisfies never;
  }

  async #poll(poll: number): Promise<void> {
    const answers = await this.#askAll(0, this.#o.times.heartbeatMs);
    if (!answers.every(({ clusterId }) => this.#o.isOurs(clusterId))) return;
    const agoMs = answers.flatMap(({ heardAgoMs }) => (heardAgoMs === undefined ? [] : [heardAgoMs]));
    const least = agoMs.length === 0 ? undefined : Math.min(...agoMs);
    this.#feed({ kind: 'polled', now: this.#now(), poll, heardAgoMs: least });
  }

  /** The answers of all that can be reached in that time. */
  async #askAll(controlEpoch: number, timeoutMs: number): Promise<readonly AskAnswer[]> {
    const asked = this.#o.supervisors().map(async (to) => {
      return readAskAnswer(await this.#o.bus.call(to, Service.ask, { controlEpoch }, { timeoutMs }));
    });
    const settled = await Promise.allSettled(asked);
    return settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  }

  async #create(controlEpoch: number): Promise<void> {
    try {
      const file = await createHeartbeat(this.#o.platform.fs, this.#o.root, controlEpoch);
      // Started over meanwhile, and perhaps creating another one by now.
      if (this.#stopped || !this.#isIn('creating', controlEpoch)) return await file.close();
      this.#file = file;
      logEvent(this.#o.logger, 'control-stood', { controlEpoch });
      this.#collected.clear();
      const { bus, platform, times, logger } = this.#o;
      const timeoutMs = times.controlLeaseMs;
      this.#collector = new LeaseCollector({ bus, clock: platform.clock, timeoutMs, logger });
      this.#feed({ kind: 'created', controlEpoch, now: this.#now() });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
        this.#o.logger.warn({ err: error, controlEpoch }, 'control file not created');
      this.#feed({ kind: 'not-created', now: this.#now() });
    }
  }

  /** "Meanwhile it collects from every live worker": those we know, and those that other supervisors know. */
  #collect(controlEpoch: number): void {
    if (!this.#o.accept(controlEpoch)) return;
    for (const worker of this.#o.workers()) this.#askLeases(controlEpoch, worker);
    void this.#askAll(controlEpoch, this.#o.times.controlLeaseMs).then((answers) => {
      for (const { workers } of answers) for (const worker of workers) this.#askLeases(controlEpoch, worker);
    });
  }

  #askLeases(controlEpoch: number, worker: WorkerInfo): void {
    if (this.#collected.has(worker.incarnation) || !worker.holds || !this.#isIn('waiting', controlEpoch))
      return;
    this.#collector?.ask(worker, controlEpoch, (collected) => {
      if (this.#isIn('waiting', controlEpoch)) this.#collected.set(worker.incarnation, collected);
    });
  }

  #isIn(phase: Phase, controlEpoch: number): boolean {
    return this.#candidate.phase === phase && this.#candidate.controlEpoch === controlEpoch;
  }

  #act({ controlEpoch, predecessor }: Extract<Effect, { kind: 'act' }>): void {
    const file = this.#file!;
    this.#file = undefined;
    if (!this.#o.accept(controlEpoch)) {
      void file.close();
      return this.#feed({ kind: 'deposed', now: this.#now() });
    }
    this.#controller = new Controller({
      ...this.#o,
      controlEpoch,
      file,
      predecessor,
      clusterId: this.#clusterId,
      collected: this.#collected.values(),
      over: (over) => this.#over(over),
    });
    this.#o.acting();
    this.#storage();
  }

  #over(over: Over): void {
    this.#controller = undefined;
    this.#feed({ ...over, now: this.#now() });
  }

  #abandon(): void {
    const file = this.#file;
    this.#file = undefined;
    file?.close().catch((error: unknown) => this.#o.logger.warn({ err: error }, 'control file not closed'));
    const controller = this.#controller;
    this.#controller = undefined;
    controller?.depose();
  }

  #now(): number {
    return this.#o.platform.clock.monotonicMs();
  }
}
