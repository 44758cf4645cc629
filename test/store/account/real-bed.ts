/** One account on the real log over files in memory; every opening is by a new owner with the next epoch. */
import { noLogger } from '../../../src/lib/logging.ts';
import {
  type OpenAccount,
  type OpenAccountOptions,
  openAccount,
} from '../../../src/store/account/account.ts';
import { decode, KNOWN_TYPES } from '../../../src/store/account/records.ts';
import { type AccountState, apply, emptyState } from '../../../src/store/account/state.ts';
import { type Epoch, epochOf, type Incarnation, objectKey } from '../../../src/store/ids.ts';
import { type LogImpl, openLog } from '../../../src/store/log/log.ts';
import type { Lease, LogRecord, Restore } from '../../../src/store/log/types.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryFs } from '../../support/memory-fs.ts';
import { Prng } from '../../support/prng.ts';
import { ID } from './support.ts';

const DIRECTORY = '/shared/lab.example/jsmith.macnt';

class HeldLease implements Lease {
  readonly incarnation: Incarnation;
  readonly epoch: Epoch;

  constructor(grant: number) {
    this.epoch = epochOf(1, grant);
    this.incarnation = grant.toString(16).padStart(32, '0') as Incarnation;
  }

  held(): boolean {
    return true;
  }

  async confirm(): Promise<boolean> {
    return true;
  }

  reportLargerEpoch(): void {
    throw new Error('nobody else has this account');
  }
}

export class RealBed {
  readonly fs = new MemoryFs();
  readonly clock = new ManualClock();
  readonly initial: ReadonlyMap<string, Buffer>;
  readonly upkeep: OpenAccountOptions['upkeep'] & object;
  readonly reported: unknown[] = [];
  log!: LogImpl;
  #grant = 0;

  constructor(initial: ReadonlyMap<string, Buffer>, upkeep: OpenAccountOptions['upkeep'] = {}) {
    this.initial = initial;
    this.upkeep = upkeep;
  }

  /** The names in the account's directory. */
  names(): Promise<string[]> {
    return this.fs.list(DIRECTORY);
  }

  path(name: string): string {
    return `${DIRECTORY}/${name}`;
  }

  open(): Promise<OpenAccount> {
    return openAccount({
      openLog: (replay, _, restore) => this.#openLog(replay, restore),
      clock: this.clock,
      id: ID,
      initial: this.initial,
      upkeep: this.upkeep,
      report: (error) => this.reported.push(error),
    });
  }

  /** The next write fails, with nothing done. */
  async loseNext(): Promise<void> {
    await this.log.writable();
    this.fs.before = (call) => {
      if (call !== 'writeDurably') return;
      this.fs.before = undefined;
      throw Object.assign(new Error('input/output error'), { code: 'EIO' });
    };
  }

  /** Breaks the last octet of a text where it lies in the account's first file. */
  flip(text: string): void {
    const file = this.fs.tree.file(`${DIRECTORY}/000001.log`, 'test');
    const octets = file.read(0, file.size);
    const last = octets.indexOf(text) + text.length - 1;
    file.write(last, Buffer.from([(octets[last] as number) ^ 1]));
  }

  /** The state as the next owner builds it. */
  async replayed(): Promise<AccountState> {
    const state = emptyState();
    const log = await this.#openLog((record) => apply(state, decode(record.type, record.payload), record));
    await log.close();
    return state;
  }

  async #openLog(replay: (record: LogRecord) => void, restore?: Restore): Promise<LogImpl> {
    const grant = ++this.#grant;
    this.log = await openLog({
      fs: this.fs,
      clock: this.clock,
      random: new Prng(grant),
      directory: DIRECTORY,
      object: objectKey(ID),
      lease: new HeldLease(grant),
      knownTypes: KNOWN_TYPES,
      logger: noLogger,
      fence: true,
      makeDirectory: true,
      replay,
      ...(restore && { restore }),
    });
    return this.log;
  }
}
