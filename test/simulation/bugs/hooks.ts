/** What bugs have in common: calls passed on unchanged, and what most of them break. */

import type { Bus } from '../../../src/cluster/bus/types.ts';
import type { AppendFile, Fs } from '../../../src/platform/platform.ts';
import type { HostedLog, OpenLog } from '../../../src/store/host/types.ts';
import type { Shape } from '../mail/shape.ts';
import { delegateBus } from '../mail/unreliable-bus.ts';
import type { Bug } from './bug.ts';

/** What somebody was answered or has seen is not there for who owns the object later. */
export const LOST =
  /a settled record of .* counts 0 times|is not there any more|is there again|was acknowledged and is not in|is there 0 times|is not linearizable/;
/** Two that take themselves for the owner: one's records do not count, count twice, or are mixed with the other's. */
export const TWO_OWNERS = new RegExp(
  `${LOST.source}|is held twice|held with epoch|have two writers|counts [2-9] times|epoch \\d+ after \\d+|modseq \\d+ after \\d+|damaged`,
);

/** Two owners and a door to them: where two fight for the same accounts all the time. */
export const SMALL: Pick<Shape, 'members'> = {
  members: [
    { name: 'be1', duty: 'owns', workers: 1 },
    { name: 'be2', duty: 'owns', workers: 1 },
    { name: 'fe1', duty: 'faces', workers: 1 },
  ],
};

export function delegateFs(fs: Fs): Fs {
  return {
    createExclusive: (path) => fs.createExclusive(path),
    open: (path) => fs.open(path),
    list: (path) => fs.list(path),
    makeDirectory: (path) => fs.makeDirectory(path),
    syncDirectory: (path) => fs.syncDirectory(path),
    replace: (path, bytes) => fs.replace(path, bytes),
    remove: (path) => fs.remove(path),
    removeTree: (path) => fs.removeTree(path),
    kind: (path) => fs.kind(path),
  };
}

/** Renewals are under way for up to so long before they are answered: who has lost its leases hears of it late. */
const SLOW_RENEWAL_MS = 1200;

export const slowRenewals: Pick<Bug, 'bus'> = {
  bus: (bus, { platform: { clock, random } }) =>
    withCalls(bus, async (call, service) => {
      if (service === 'cluster.renew') await clock.sleep(random.below(SLOW_RENEWAL_MS));
      return call();
    }),
};

/** So long a write to a log may wait for a thread. */
const SLOW_WRITE_MS = 300;

/** Writes that wait before they are handed to the kernel. */
export const slowWrites: Pick<Bug, 'fs'> = {
  fs: (fs, { platform: { clock, random } }) => ({
    ...delegateFs(fs),
    createExclusive: async (path) => {
      const file = await fs.createExclusive(path);
      return {
        close: () => file.close(),
        writeDurably: async (chunks, position) => {
          if (path.endsWith('.log')) await clock.sleep(random.below(SLOW_WRITE_MS));
          return file.writeDurably(chunks, position);
        },
      };
    },
  }),
};

type Call = () => Promise<unknown>;

/** `change` takes the place of each call, and may make it. */
export function withCalls(
  bus: Bus,
  change: (call: Call, service: string, body: unknown) => Promise<unknown>,
): Bus {
  return {
    ...delegateBus(bus),
    call: (to, service, body, options) => change(() => bus.call(to, service, body, options), service, body),
  };
}

export function withBodies(bus: Bus, change: (service: string, body: unknown) => unknown): Bus {
  return {
    ...delegateBus(bus),
    call: (to, service, body, options) => bus.call(to, service, change(service, body), options),
  };
}

export function withLog(openLog: OpenLog, change: (log: HostedLog) => Partial<HostedLog>): OpenLog {
  return async (options) => {
    const log = await openLog(options);
    return {
      failed: log.failed,
      ...(log.maintenance && { maintenance: log.maintenance }),
      writable: () => log.writable(),
      append: (records) => log.append(records),
      settled: () => log.settled(),
      read: (...args) => log.read(...args),
      close: () => log.close(),
      abandon: (reason) => log.abandon(reason),
      ...change(log),
    };
  };
}

/** Says that a write is durable while it is still on its way. */
export function hasty(file: AppendFile): AppendFile {
  let last = Promise.resolve();
  return {
    writeDurably: (chunks, position) => {
      last = last.then(() => file.writeDurably(chunks, position)).catch(() => undefined);
      return Promise.resolve();
    },
    close: () => last.then(() => file.close()),
  };
}
