/** What the tests of the log share: leases that the test holds in its hand, owners, and short ways to append and read. */
import assert from 'node:assert/strict';
import { setImmediate as immediate } from 'node:timers/promises';
import { noLogger } from '../../../src/lib/logging.ts';
import { type Epoch, epochOf, type Incarnation } from '../../../src/store/ids.ts';
import { type LogImpl, type OpenLogOptions, openLog } from '../../../src/store/log/log.ts';
import type { Lease, LogRecord, Place } from '../../../src/store/log/types.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryFs } from '../../support/memory-fs.ts';
import { Prng } from '../../support/prng.ts';

export const DIRECTORY = '/objects/one';
export const OBJECT = '7/jsmith/1-1';
export const TYPE = 16;
export const SKIPPABLE_UNKNOWN = 200;

export class TestLease implements Lease {
  readonly incarnation: Incarnation;
  readonly epoch: Epoch;
  isHeld = true;
  /** What the next renewals say. */
  confirms: () => Promise<boolean> = () => Promise.resolve(this.isHeld);
  confirmations = 0;
  readonly larger: Epoch[] = [];

  constructor(grant: number, incarnation = `incarnation-${grant}`) {
    this.epoch = epochOf(1, grant);
    this.incarnation = incarnation as Incarnation;
  }

  held(): boolean {
    return this.isHeld;
  }

  confirm(): Promise<boolean> {
    this.confirmations++;
    return this.confirms();
  }

  reportLargerEpoch(epoch: Epoch): void {
    this.larger.push(epoch);
  }
}

/** A replayed record as the tests compare it. */
export interface Seen {
  readonly modseq: number;
  readonly epoch: number;
  readonly text: string;
  readonly place: Place;
}

export interface Opened {
  readonly log: LogImpl;
  readonly seen: Seen[];
  readonly lease: TestLease;
  readonly clock: ManualClock;
}

export interface OwnerOptions extends Partial<OpenLogOptions> {
  readonly grant?: number;
  readonly incarnation?: string;
  readonly clock?: ManualClock;
}

/** Whoever only lets the event loop run does not wait for the test to move time on. */
export class RestingClock extends ManualClock {
  rests = 0;

  override sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    if (delayMs > 0) return super.sleep(delayMs, signal);
    this.rests++;
    return immediate();
  }
}

export function newFs(): MemoryFs {
  const fs = new MemoryFs();
  fs.tree.makeDirectory(DIRECTORY);
  return fs;
}

/** Opens the object as the owner with this grant. */
export async function openAs(fs: MemoryFs, grant: number, options: OwnerOptions = {}): Promise<Opened> {
  const lease = (options.lease as TestLease | undefined) ?? new TestLease(grant, options.incarnation);
  const clock = options.clock ?? new RestingClock();
  const seen: Seen[] = [];
  const log = await openLog({
    fs,
    clock,
    random: new Prng(grant),
    directory: DIRECTORY,
    object: OBJECT,
    knownTypes: new Set([TYPE]),
    logger: noLogger,
    fence: false,
    replay: (record) => seen.push(seenOf(record)),
    ...options,
    lease,
  });
  return { log, seen, lease, clock };
}

export function seenOf(record: LogRecord): Seen {
  return {
    modseq: record.modseq,
    epoch: record.epoch,
    text: record.payload.toString(),
    place: record.place,
  };
}

export function texts(seen: readonly Seen[]): string[] {
  return seen.map((each) => each.text);
}

/** Queues one commit with a record for each text, modseq 1, 2 … by its number in the text or its index. */
export function queue(log: LogImpl, ...values: readonly string[]): readonly Place[] {
  return log.append(
    values.map((text, index) => ({ type: TYPE, modseq: index + 1, payload: [Buffer.from(text)] })),
  );
}

/** One durable commit. */
export async function commit(log: LogImpl, ...values: readonly string[]): Promise<readonly Place[]> {
  await log.writable();
  const places = queue(log, ...values);
  await log.settled();
  return places;
}

export function numberedPath(number: number): string {
  return `${DIRECTORY}/${String(number).padStart(6, '0')}.log`;
}

/** The names in the object's directory. */
export async function names(fs: MemoryFs): Promise<string[]> {
  return (await fs.list(DIRECTORY)).toSorted();
}

/** A copy of the object's files, so that a test can go on from one state in several ways. */
export async function copyOf(fs: MemoryFs): Promise<MemoryFs> {
  const copy = newFs();
  for (const name of await names(fs))
    copy.put(`${DIRECTORY}/${name}`, Buffer.from(fs.content(`${DIRECTORY}/${name}`)));
  return copy;
}

export function fsError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** A hook of a MemoryFs, `before` or `after`: this call fails. */
export function failing(call: string, code: string): (name: string) => void {
  return (name) => {
    if (name === call) throw fsError(code);
  };
}

/** Appends a record whose write is carried out, while its answer is an error: what is in the file is not known to us. */
export async function loseAnswer(fs: MemoryFs, log: LogImpl, text: string): Promise<void> {
  fs.after = failing('writeDurably', 'EIO');
  await log.writable();
  queue(log, text);
  await assert.rejects(log.settled(), { code: 'unknown' });
  fs.after = undefined;
}

/** A promise that a test settles, for holding a file call open. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}
