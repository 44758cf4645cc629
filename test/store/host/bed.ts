/** A host on the real engines over a platform in memory, with leases and accounts that a test makes by hand. */
import { setImmediate as immediate } from 'node:timers/promises';
import { failureCode } from '../../../src/lib/failure.ts';
import { noLogger } from '../../../src/lib/logging.ts';
import { openAccount } from '../../../src/store/account/account.ts';
import { ObjectHost } from '../../../src/store/host/host.ts';
import type { HostLimits } from '../../../src/store/host/types.ts';
import {
  type DomainId,
  type Epoch,
  epochOf,
  type Incarnation,
  type ObjectId,
  type Slot,
} from '../../../src/store/ids.ts';
import { openLog } from '../../../src/store/log/log.ts';
import type { OpenLogOptions } from '../../../src/store/log/options.ts';
import { serialOf } from '../../../src/store/slot/slot.ts';
import { slotOf } from '../../../src/store/slots.ts';
import { type MemoryPlatform, memoryPlatform } from '../../support/memory-platform.ts';

export const ONE = 1 as DomainId;
export const SLOT = slotOf(ONE, 'joe');
const INCARNATION = 'a'.repeat(32) as Incarnation;

export class HostBed {
  readonly platform: MemoryPlatform;
  readonly host: ObjectHost;
  /** Object keys, in the order in which their logs were opened. */
  readonly opened: string[] = [];
  readonly #firstGrant: number;
  #grants = 0;

  constructor(
    options: {
      readonly platform?: MemoryPlatform;
      readonly limits?: Partial<HostLimits>;
      readonly firstGrant?: number;
    } = {},
  ) {
    this.platform = options.platform ?? memoryPlatform();
    this.#firstGrant = options.firstGrant ?? 1;
    this.host = new ObjectHost({
      platform: this.platform,
      root: '/shared',
      logger: noLogger,
      fence: false,
      limits: options.limits ?? {},
      openAccount,
      openLog: (log: OpenLogOptions) => {
        this.opened.push(log.object);
        return openLog(log);
      },
    });
  }

  grant(slot: Slot = SLOT, epoch: Epoch = epochOf(1, this.#firstGrant + this.#grants++)) {
    const lease = {
      incarnation: INCARNATION,
      epoch,
      isHeld: true,
      held: () => lease.isHeld,
      confirm: async () => lease.isHeld,
      reportLargerEpoch: () => undefined,
    };
    this.host.granted(slot, lease);
    return lease;
  }

  /** As the directory does it, without its checks. */
  async create(name: string): Promise<ObjectId> {
    const open = await this.host.slot(slotOf(ONE, name));
    await this.platform.fs.makeDirectory(`/shared/d/${name}`);
    return open.change((draft) => {
      const id = { domainId: ONE, name, serial: serialOf(open.lease, draft.nextModseq) };
      const present = { domainId: ONE, name };
      const rest = { state: 'active', present, aliases: [], requests: [], initial: new Map() } as const;
      draft.put({ kind: 'object-created', request: 'r', object: { id, path: `d/${name}`, ...rest } });
      draft.put({ kind: 'name-put', entry: { ...present, kind: 'account', object: id } });
      return id;
    });
  }

  set(id: ObjectId, value: string): Promise<void> {
    const changes = new Map([['x', Buffer.from(value)]]);
    return this.host.withAccount(id, (account) => account.setProperties(changes));
  }

  async get(id: ObjectId): Promise<string | undefined> {
    using handle = await this.host.account(id);
    const value = handle.account.property('x')?.toString();
    await handle.account.settled();
    return value;
  }
}

export async function code(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'ok',
    (error: unknown) => failureCode(error) ?? String(error),
  );
}

export async function turns(count = 30): Promise<void> {
  for (let i = 0; i < count; i++) await immediate();
}
