/**
 * Bugs that this simulation must find, each put between two layers of an otherwise unchanged cluster. A plant that no
 * seed finds means that the checks look past a whole class of bugs. `docs/architecture.md`, section 3, says what each of
 * them breaks. (Epochs that do not grow are none of them: the store writes nothing under such a lease, so all stands still
 * and no promise is broken.)
 */
import type { Bus } from '../../../src/cluster/bus/types.ts';
import type { AppendFile, Fs } from '../../../src/platform/platform.ts';
import type { HostedLog, OpenLog } from '../../../src/store/host/types.ts';
import { SimAppendFile } from '../disk/files.ts';
import type { SimFs } from '../disk/fs.ts';
import type { Plant } from './plant.ts';

/** What somebody was answered or has seen is not there for who owns the object later. */
const LOST =
  /a settled record of .* counts 0 times|is not there any more|is there again|was acknowledged and is not in|is there 0 times/;
/** Two that take themselves for the owner: one's records do not count, count twice, or are mixed with the other's. */
const TWO_OWNERS = new RegExp(
  `${LOST.source}|have two writers|counts [2-9] times|epoch \\d+ after \\d+|modseq \\d+ after \\d+|damaged`,
);

/** A lease that is believed for ever: no self-fencing, and losses are not told to the store. */
const leaseForEver: Plant = {
  name: 'lease-for-ever',
  finds: TWO_OWNERS,
  fence: false,
  harms: ['pause-process', 'pause-machine', 'isolate'],
  holder: (holder) => ({
    granted: (slot, lease) =>
      holder.granted(slot, { ...lease, held: () => true, confirm: () => Promise.resolve(true) }),
    release: (slot) => holder.release(slot),
    lost: () => undefined,
  }),
};

/** Creation of a name that is there succeeds, as with a server that answers a retransmitted CREATE wrongly. */
const createNotExclusive: Plant = {
  name: 'create-not-exclusive',
  finds: TWO_OWNERS,
  harms: ['pause-process', 'crash-process', 'pause-machine'],
  sabotage: ['pause'],
  fs: (fs, process) => ({
    ...delegate(fs),
    createExclusive: async (path) => {
      try {
        return await fs.createExclusive(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !path.endsWith('.log')) throw error;
        const file = process.machine.disk.server.tree.file(path, 'open');
        return new SimAppendFile(fs as SimFs, path, file);
      }
    },
  }),
};

/** A listing is believed for some seconds (a mount with a long acdirmin): new names of others are not seen. */
const STALE_LIST_MS = 4000;
const staleListing: Plant = {
  name: 'stale-listing',
  finds: TWO_OWNERS,
  harms: ['pause-process', 'crash-process', 'pause-machine', 'isolate'],
  fs: (fs, process) => {
    const known = new Map<string, { readonly untilMs: number; readonly names: readonly string[] }>();
    const { clock } = process.platform;
    return {
      ...delegate(fs),
      list: async (path) => {
        const now = clock.monotonicMs();
        const entry = known.get(path);
        if (entry !== undefined && now < entry.untilMs) return [...entry.names];
        const names = await fs.list(path);
        if (names.some((name) => name.endsWith('.log')))
          known.set(path, { names, untilMs: now + STALE_LIST_MS });
        return names;
      },
    };
  },
};

/** The lease is counted from when its answer came, and a good while more than was granted. */
const EXTRA_LEASE_MS = 8000;
const leaseFromReceipt: Plant = {
  name: 'lease-from-receipt',
  finds: TWO_OWNERS,
  fence: false,
  harms: ['pause-process', 'pause-machine'],
  sabotage: ['pause'],
  bus: (bus) =>
    withCalls(bus, async (call, service) => {
      const answer = await call();
      if (service !== 'cluster.renew') return answer;
      const { leftMs } = answer as { readonly leftMs: number };
      return leftMs > 0 ? { ...(answer as object), leftMs: leftMs + EXTRA_LEASE_MS } : answer;
    }),
};

/** A supervisor that takes a stopped child for an exited one: the next owner does not wait for the predecessor. */
const noWaitForPredecessor: Plant = {
  name: 'no-wait-for-predecessor',
  finds: TWO_OWNERS,
  fence: false,
  harms: ['pause-process'],
  takesPausedForDead: true,
};

/** Writes are answered before they are on the storage. */
const answeredBeforeSync: Plant = {
  name: 'answered-before-sync',
  finds: LOST,
  harms: ['crash-process', 'crash-machine', 'pause-process'],
  fs: (fs) => ({
    ...delegate(fs),
    createExclusive: async (path) => hasty(await fs.createExclusive(path)),
  }),
};

/** What was queued is shown at once: no wait for the disk and no look at the lease. */
const shownBeforeSettled: Plant = {
  name: 'shown-before-settled',
  finds: LOST,
  harms: ['crash-process', 'crash-machine', 'pause-machine', 'fill-storage'],
  openLog: (openLog) =>
    withLog(openLog, (log) => ({
      settled: () => (void log.settled().catch(() => undefined), Promise.resolve()),
    })),
};

/** No StorageFence while machines stand still together with their clocks. */
const frozenWithoutFence: Plant = {
  name: 'frozen-without-fence',
  finds: TWO_OWNERS,
  fence: false,
  harms: ['freeze-machine'],
};

/** A repeated request comes under a new transaction number: the account cannot know it again. */
const newTransactionEachTime: Plant = {
  name: 'new-transaction-each-time',
  finds: /is there \d+ times, was seen/,
  bus: (bus, process) => {
    // A supervisor that relays one passes it on as it is.
    if (process.name !== 'w') return bus;
    let last = 0;
    return withBodies(bus, (service, body) => {
      if (service !== 'mail.deliver') return body;
      const { transaction } = body as { readonly transaction: object };
      return {
        ...(body as object),
        transaction: { ...transaction, number: 1_000_000 + last++, lowestOpen: 1 },
      };
    });
  },
};

/** An intent that is decided is not carried out at the participants. */
const intentsNotFinished: Plant = {
  name: 'intents-not-finished',
  finds: /name [^ ]+ is not there any more|is called .*, could be/,
  bus: (bus) =>
    withCalls(bus, (call, service, body) =>
      service === 'directory.step' && (body as { readonly kind: string }).kind === 'finish'
        ? Promise.resolve(null)
        : call(),
    ),
};

export const PLANTS: readonly Plant[] = [
  leaseForEver,
  createNotExclusive,
  staleListing,
  leaseFromReceipt,
  noWaitForPredecessor,
  answeredBeforeSync,
  shownBeforeSettled,
  frozenWithoutFence,
  newTransactionEachTime,
  intentsNotFinished,
];

function delegate(fs: Fs): Fs {
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

/** Says that a write is durable while it is still on its way. */
function hasty(file: AppendFile): AppendFile {
  let last = Promise.resolve();
  return {
    writeDurably: (chunks, position) => {
      last = last.then(() => file.writeDurably(chunks, position)).catch(() => undefined);
      return Promise.resolve();
    },
    close: () => last.then(() => file.close()),
  };
}

type Call = () => Promise<unknown>;

function withCalls(bus: Bus, change: (call: Call, service: string, body: unknown) => Promise<unknown>): Bus {
  return {
    ...delegateBus(bus),
    call: (to, service, body, options) => change(() => bus.call(to, service, body, options), service, body),
  };
}

function withBodies(bus: Bus, change: (service: string, body: unknown) => unknown): Bus {
  return {
    ...delegateBus(bus),
    call: (to, service, body, options) => bus.call(to, service, change(service, body), options),
  };
}

function delegateBus(bus: Bus): Bus {
  return {
    self: bus.self,
    serve: (...args) => bus.serve(...args),
    onNotice: (...args) => bus.onNotice(...args),
    onStream: (...args) => bus.onStream(...args),
    call: (...args) => bus.call(...args),
    notify: (...args) => bus.notify(...args),
    open: (...args) => bus.open(...args),
    onPeer: (...args) => bus.onPeer(...args),
    close: () => bus.close(),
  };
}

function withLog(openLog: OpenLog, change: (log: HostedLog) => Partial<HostedLog>): OpenLog {
  return async (options) => {
    const log = await openLog(options);
    return {
      failed: log.failed,
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
