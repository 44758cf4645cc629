/**
 * Creating an account: object entry and name entry in one commit of the name's slot log, so it needs no intent
 * (docs/architecture.md, section 8, 4). Its directory is made and made durable before, so that a missing directory of a
 * known account always means a missing mount, never an empty account (section 3, rule 5).
 */
import type { ClusterSettings } from '../cluster/types.ts';
import { Failure } from '../lib/failure.ts';
import type { Fs } from '../platform/platform.ts';
import type { ObjectHost } from '../store/host/host.ts';
import type { ObjectId } from '../store/ids.ts';
import { storageFailure } from '../store/log/errors.ts';
import { accountPath } from '../store/slot/path.ts';
import { type Draft, type OpenSlot, serialOf } from '../store/slot/slot.ts';
import type { Name } from '../store/slot/types.ts';
import { slotOf } from '../store/slots.ts';
import { assertNotReserved } from './participant.ts';

export interface AccountCreationOptions {
  readonly host: ObjectHost;
  readonly settings: ClusterSettings;
  readonly platform: { readonly fs: Fs };
  readonly root: string;
}

/** A name used before gets a directory with its serial in it, which another change of the slot may take first. */
const PATH_TRIES_MAX = 16;

export class AccountCreation {
  readonly #options: AccountCreationOptions;

  constructor(options: AccountCreationOptions) {
    this.#options = options;
  }

  /** Failure 'exists', 'not-found' (no such domain), 'refused' (domain being deleted), 'unavailable'. */
  async create(name: Name, initial: ReadonlyMap<string, Buffer>, request: string): Promise<ObjectId> {
    const open = await this.#options.host.slot(slotOf(name.domainId, name.name));
    let made: string | undefined;
    for (let tries = 0; tries < PATH_TRIES_MAX; tries++) {
      const outcome = await open.change((draft) => this.#plan(draft, open, { name, initial, request, made }));
      if (outcome.kind === 'created') return outcome.id;
      await this.#makeDirectory(outcome.path);
      made = outcome.path;
    }
    throw new Failure('unavailable', 'the slot changes too fast to find a directory');
  }

  #plan(
    draft: Draft,
    open: OpenSlot,
    wanted: {
      readonly name: Name;
      readonly initial: ReadonlyMap<string, Buffer>;
      readonly request: string;
      readonly made: string | undefined;
    },
  ): { readonly kind: 'created'; readonly id: ObjectId } | { readonly kind: 'make'; readonly path: string } {
    const { name, initial, request, made } = wanted;
    const { state } = draft;
    for (const entry of state.createdWith(name))
      if (entry.requests.includes(request)) return { kind: 'created', id: entry.id };
    assertNotReserved(state, name);
    if (state.name(name) !== undefined) throw new Failure('exists', `name ${name.name} is taken`);
    const directory = this.#domainDirectory(name);
    const serial = serialOf(open.lease, draft.nextModseq);
    const path = accountPath(directory, name.name, serial, state.wasUsed(name));
    if (path !== made) return { kind: 'make', path };
    const id = { ...name, serial };
    const object = { id, path, state: 'active', present: name, aliases: [], initial, requests: [] } as const;
    draft.put({ kind: 'object-created', object, request });
    draft.put({ kind: 'name-put', entry: { ...name, kind: 'account', object: id } });
    return { kind: 'created', id };
  }

  /** As shown by our copy of the settings now: a change is answered when every ready member shows it (invariant 5). */
  #domainDirectory(name: Name): string {
    const { settings } = this.#options;
    // An owner that has just started may own slots before it has the settings.
    if (settings.version < 0)
      throw new Failure('unavailable', 'the domains of the cluster are not known here yet');
    const domain = settings.domainById(name.domainId);
    if (domain === undefined) throw new Failure('not-found', 'no such domain');
    if (domain.deleting) throw new Failure('refused', `domain ${domain.name} is being deleted`);
    return domain.directory ?? domain.name;
  }

  async #makeDirectory(path: string): Promise<void> {
    const { root, platform } = this.#options;
    try {
      await platform.fs.makeDirectory(`${root}/${path}`);
      // On a local file system the new names are durable when both parents are.
      await platform.fs.syncDirectory(`${root}/${path.slice(0, path.indexOf('/'))}`);
      await platform.fs.syncDirectory(root);
    } catch (error) {
      throw storageFailure(error, `cannot make ${path}`);
    }
  }
}
