/** A lab for planned moves: clients that ask all the time, an administrator, and where the slots are. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusReport } from '../../src/http/report.ts';
import type { DomainId } from '../../src/store/ids.ts';
import { slotOf } from '../../src/store/slots.ts';
import { Asker } from '../../test/faults/asker.ts';
import type { Cluster } from '../../test/faults/interruption.ts';
import { labCluster } from '../../test/faults/lab-cluster.ts';
import { Cli } from '../../test/support/cli.ts';
import { Lab, until } from '../../test/support/lab.ts';

const READY_MS = 120_000;
/** A client answered so lately is served. */
const WELL_MS = 500;
const LOOK_MS = 250;
/** Domains that a lab has made by the time. */
const DOMAINS_MAX = 8;

export class HandoverBed implements AsyncDisposable {
  readonly lab: Lab;
  readonly cluster: Cluster;
  readonly cli: Cli;
  readonly askers: readonly Asker[];

  private constructor(lab: Lab, cluster: Cluster, cli: Cli, askers: readonly Asker[]) {
    this.lab = lab;
    this.cluster = cluster;
    this.cli = cli;
    this.askers = askers;
  }

  static async start(flags: readonly string[], paceMs: number): Promise<HandoverBed> {
    const lab = await Lab.start(flags);
    try {
      const cluster = await labCluster(lab);
      const cli = await Cli.open(lab, cluster.frontends[0]!);
      const askers = cluster.accounts.map(
        (account, index) => new Asker(account, cluster.doors, index, paceMs),
      );
      const bed = new HandoverBed(lab, cluster, cli, askers);
      await bed.served();
      return bed;
    } catch (error) {
      await lab.stop();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.askers.map((asker) => asker.stop()));
    this.cli.close();
    await this.lab.stop();
  }

  /** Every client has asked since and has its answer. */
  async served(): Promise<void> {
    const nowMs = performance.now();
    await until(
      () => Promise.resolve(this.askers.every((asker) => asker.isServed(WELL_MS, nowMs))),
      READY_MS,
    );
  }

  /** Rejects with an answer other than 2yz. */
  async order(command: string): Promise<void> {
    const answer = await this.cli.run(command);
    if (!answer.startsWith('2')) throw new Error(`${command}: ${answer}`);
  }

  report(): Promise<StatusReport> {
    return this.cluster.report(this.cluster.frontends[0]!);
  }

  /** Resolves when each of these members has as many slots as it is to have. Looks seldom, as a look costs members some work. */
  async slots(wanted: Readonly<Record<string, (slots: number) => boolean>>): Promise<void> {
    await until(async () => {
      await sleep(LOOK_MS);
      const { current, members } = await this.report();
      return current && members.every(({ name, slots }) => wanted[name]?.(slots) !== false);
    }, READY_MS);
  }

  /** Every slot has an owner and nothing has moved from one look to another. */
  async quiet(betweenMs: number): Promise<void> {
    let version: number | undefined;
    await until(async () => {
      const { current, mapVersion, slots } = await this.report();
      const isQuiet = current && slots.owned === slots.total && version === mapVersion;
      version = mapVersion;
      if (!isQuiet) await sleep(betweenMs);
      return isQuiet;
    }, READY_MS);
  }

  /** The slots of accounts: the domain's id is the one under which all of their slots have a log. */
  async slotsOf(logins: readonly string[]): Promise<readonly number[]> {
    const there = new Set(await readdir(join(this.lab.storage, '.cluster', 'slots')));
    for (let id = 1; id <= DOMAINS_MAX; id++) {
      const slots = logins.map((login) => slotOf(id as DomainId, login.split('@')[0]!));
      if (slots.every((slot) => there.has(String(slot).padStart(4, '0')))) return slots;
    }
    throw new Error('the slots of the accounts are not known');
  }

  /** Answers other than OK and sessions that ended, since they began anew. */
  errors(): readonly string[] {
    return this.askers.flatMap(({ account: { login }, refused, closed }) => [
      ...refused.map((answer) => `${login}: ${answer}`),
      ...Array.from({ length: closed }, () => `${login}: closed`),
    ]);
  }
}
