/**
 * The owner's side of the directory: the services that the owners of slots give on the bus.
 *
 * | service | at the owner of | body | answer |
 * | --- | --- | --- | --- |
 * | directory.resolve | the name's slot | domainId, name | object or null |
 * | directory.entry | the object's slot | object | domainId, name, aliases |
 * | directory.create | the name's slot | domainId, name, initial, request | object |
 * | directory.change | the object's slot | object, domainId, name, request, change | nothing |
 * | directory.step | the participant's slot | slot, kind, intent, epoch, lowestOpen, object, add, drop | nothing |
 * | directory.intent | the first log's slot | intent | state, epoch |
 * | directory.list | any worker | domainId, after | names, covered slots, next |
 *
 * Every change can be asked for again with the same request id; it is done once (docs/storage-slot.md).
 */
import type { Bus } from '../cluster/bus/types.ts';
import type { ClusterSettings, SlotRouter } from '../cluster/types.ts';
import { Failure, failureCode } from '../lib/failure.ts';
import type { Logger } from '../lib/logging.ts';
import type { Platform } from '../platform/platform.ts';
import type { ObjectHost } from '../store/host/host.ts';
import type { Slot } from '../store/ids.ts';
import type { OpenSlot } from '../store/slot/slot.ts';
import { slotOf, slotOfObject } from '../store/slots.ts';
import { AccountCreation } from './accounts.ts';
import {
  readInitial,
  readIntentId,
  readName,
  readNames,
  readRequest,
  readSlot,
  readStep,
  writeStep,
} from './bodies.ts';
import { planChange, readChange } from './changes.ts';
import { Intents, type SendStep } from './intents.ts';
import { listNames } from './listing.ts';
import { finish, lookUp, Reserved, reserve, undo } from './participant.ts';
import { ReservationCheck } from './reservations.ts';
import { type Fields, readCount, readFields, readObjectId, readText } from './wire.ts';

export interface DirectoryServiceOptions {
  readonly bus: Pick<Bus, 'serve'>;
  readonly host: ObjectHost;
  readonly router: SlotRouter;
  readonly settings: ClusterSettings;
  readonly platform: Pick<Platform, 'clock' | 'fs'>;
  /** Root of the shared storage. */
  readonly root: string;
  readonly logger: Logger;
}

/** A read is answered after this long at the latest. */
const READ_TIMEOUT_MS = 3000;
/** A change is; what goes on after that is carried on all the same. */
const CHANGE_TIMEOUT_MS = 8000;

export class DirectoryService {
  readonly #options: DirectoryServiceOptions;
  readonly #intents: Intents;
  readonly #creation: AccountCreation;
  readonly #reservations: ReservationCheck;

  constructor(options: DirectoryServiceOptions) {
    this.#options = options;
    const { host, platform, logger, router } = options;
    this.#creation = new AccountCreation(options);
    this.#reservations = new ReservationCheck({ host, router, clock: platform.clock, logger });
    this.#intents = new Intents({
      host,
      clock: platform.clock,
      logger,
      send: this.#send,
      deleted: (object) => host.dropAccount(object),
    });
  }

  /** Registers the services and takes care of intents from now on. */
  start(): void {
    const { bus, host } = this.#options;
    bus.serve('directory.resolve', (body) => this.#resolve(readFields(body)));
    bus.serve('directory.entry', (body) => this.#entry(readFields(body)));
    bus.serve('directory.create', (body) => this.#create(readFields(body)));
    bus.serve('directory.change', (body) => this.#change(readFields(body)));
    bus.serve('directory.step', (body) => this.#step(readFields(body)));
    bus.serve('directory.intent', (body) => this.#intent(readFields(body)));
    bus.serve('directory.list', (body) => this.#list(readFields(body)));
    host.onSlotOpened((open) => {
      this.#intents.opened(open);
      this.#reservations.opened(open);
    });
  }

  async #resolve(body: Fields): Promise<unknown> {
    const name = readName(body);
    const slot = slotOf(name.domainId, name.name);
    return this.#watched(slot, () =>
      this.#read(slot, async (open) => ({
        object: (await open.read((state) => lookUp(state, name))) ?? null,
      })),
    );
  }

  async #entry(body: Fields): Promise<unknown> {
    const id = readObjectId(body.object);
    return this.#read(slotOfObject(id), (open) =>
      open.read((state) => {
        const entry = state.object(id);
        if (entry === undefined || entry.state === 'deleted')
          throw new Failure('not-found', 'no such account');
        return { ...entry.present, aliases: entry.aliases };
      }),
    );
  }

  async #create(body: Fields): Promise<unknown> {
    const name = readName(body);
    const initial = readInitial(body.initial);
    const request = readRequest(body.request);
    const create = () => this.#creation.create(name, initial, request);
    const slot = slotOf(name.domainId, name.name);
    const options = { timeoutMs: CHANGE_TIMEOUT_MS, late: 'unknown' } as const;
    return { object: await this.#watched(slot, () => this.#options.host.run(slot, create, options)) };
  }

  async #change(body: Fields): Promise<unknown> {
    const id = readObjectId(body.object);
    const wanted = {
      id,
      name: readName(body),
      request: readRequest(body.request),
      change: readChange(body.change),
    };
    const { host, settings, platform } = this.#options;
    const slot = slotOfObject(id);
    const begin = async () => {
      const open = await host.slot(slot);
      return open.change((draft) => planChange(draft, open, this.#intents, settings, wanted));
    };
    const run = await host.run(slot, begin, { timeoutMs: CHANGE_TIMEOUT_MS, late: 'unknown' });
    if (run === 'done') return null;
    let isDecided = false;
    run.decided.then(
      () => (isDecided = true),
      () => undefined,
    );
    const late = Promise.withResolvers<void>();
    const timer = platform.clock.timer(CHANGE_TIMEOUT_MS, () =>
      // Decided is done, for good: what is left is only that its participants hear of it.
      isDecided ? late.resolve() : late.reject(new Failure('unknown', 'the change is still under way')),
    );
    try {
      await Promise.race([run.closed, late.promise]);
    } finally {
      timer.cancel();
    }
    return null;
  }

  async #step(body: Fields): Promise<unknown> {
    const slot = readSlot(body.slot);
    const step = readStep(body);
    const share = { object: readObjectId(body.object), add: readNames(body.add), drop: readNames(body.drop) };
    for (const { domainId, name } of [...share.add, ...share.drop])
      if (slotOf(domainId, name) !== slot)
        throw new Failure('invalid', 'directory.step: a name of another slot');
    const kind = readText(body.kind, 'kind of step');
    const act = Object.hasOwn(STEPS, kind) ? STEPS[kind as keyof typeof STEPS] : undefined;
    if (act === undefined) throw new Failure('invalid', 'directory.step: unknown kind');
    const { host } = this.#options;
    await this.#watched(slot, () =>
      host.run(slot, async () => (await host.slot(slot)).change((draft) => act(draft, step, share)), {
        timeoutMs: READ_TIMEOUT_MS,
        late: 'unknown',
      }),
    );
    return null;
  }

  /** How an intent stands. Opening the slot to answer makes this owner carry it on. */
  async #intent(body: Fields): Promise<unknown> {
    const id = readIntentId(body.intent);
    return this.#read(id.slot, (open) =>
      open.read((state) => ({ state: state.intent(id)?.state ?? 'closed', epoch: open.lease.epoch })),
    );
  }

  async #list(body: Fields): Promise<unknown> {
    const domainId = readCount(body.domainId, 'domain id');
    const after =
      body.after === null || body.after === undefined ? undefined : readText(body.after, 'cookie');
    return listNames(this.#options.host, this.#options.platform.clock, domainId, after, READ_TIMEOUT_MS);
  }

  /** A step goes to our own slot in the same way as to another's, only not over the bus. */
  readonly #send: SendStep = async (slot, kind, step, share, options) => {
    const body = { slot, kind, ...writeStep(step), ...share };
    try {
      await this.#step(body);
    } catch (error) {
      if (failureCode(error) !== 'moved') throw error;
      await this.#options.router.call(slot, 'directory.step', body, { ...options, repeatable: true });
    }
  };

  #read<T>(slot: Slot, look: (open: OpenSlot) => Promise<T>): Promise<T> {
    const { host } = this.#options;
    return host.run(slot, async () => look(await host.slot(slot)), { timeoutMs: READ_TIMEOUT_MS });
  }

  /** A reservation in the way is asked about, so that one left by a lost owner does not stay. */
  async #watched<T>(slot: Slot, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Reserved) this.#reservations.check(error.participation, slot);
      throw error;
    }
  }
}

const STEPS = {
  reserve,
  finish: (draft, step) => finish(draft, step),
  undo: (draft, step, share) => undo(draft, step, share.object),
} as const satisfies Record<Parameters<SendStep>[1], (...args: [...Parameters<typeof reserve>]) => void>;
