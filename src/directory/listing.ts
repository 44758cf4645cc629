/**
 * The names of a domain's accounts in the slots of one worker, in pages of bounded size. The answer says which slots it
 * covered, so that the client knows whether all 4096 were, also when slots move while it asks. A page ends early when
 * it takes long, as slots may have to be read first, and gives the event loop back between slots (invariant 8).
 */
import { Failure, failureCode } from '../lib/failure.ts';
import type { Clock } from '../platform/platform.ts';
import type { ObjectHost } from '../store/host/host.ts';
import { SLOTS, type Slot } from '../store/ids.ts';
import type { SlotState } from '../store/slot/state.ts';

export interface ListPage {
  readonly names: readonly string[];
  /** Slots that are listed to their end by now, from the first page on. */
  readonly covered: readonly Slot[];
  /** Give it back as `after` for the next page; null when there is none. */
  readonly next: string | null;
}

/** Names in one page. */
export const LIST_PAGE_MAX = 1000;
/** No further slot is begun in a page that has taken so long: clients wait for `PAGE_TIMEOUT_MS` of names.ts. */
const PAGE_MS = 1500;
/** Objects looked at in one turn of the event loop, a single slot's at least. */
const OBJECTS_A_TURN = 5000;

export async function listNames(
  host: ObjectHost,
  clock: Clock,
  domainId: number,
  after: string | undefined,
  timeoutMs: number,
): Promise<ListPage> {
  const cookie = readCookie(after);
  const onStorage = new Set(await host.slotsOnStorage());
  const held = host.slots().filter((slot) => slot >= cookie.slot);
  const covered: Slot[] = [];
  const names: string[] = [];
  const startMs = clock.monotonicMs();
  let looked = 0;
  for (const slot of held.toSorted((a, b) => a - b)) {
    // Without a directory it has never had a name.
    if (onStorage.has(slot)) {
      if (looked > 0 && clock.monotonicMs() - startMs >= PAGE_MS)
        return { names, covered, next: `${slot}/${slot === cookie.slot ? cookie.name : ''}` };
      if (looked >= OBJECTS_A_TURN) {
        looked = 0;
        await clock.sleep(0);
      }
      const found = await namesOfSlot(host, slot, domainId, timeoutMs);
      if (found === undefined) continue;
      const { names: all } = found;
      looked += found.looked + 1;
      const rest = slot === cookie.slot ? all.filter((name) => name > cookie.name) : all;
      const room = LIST_PAGE_MAX - names.length;
      names.push(...rest.slice(0, room));
      if (rest.length > room) return { names, covered, next: `${slot}/${names.at(-1) ?? ''}` };
    }
    covered.push(slot);
  }
  return { names, covered, next: null };
}

/** Undefined when the slot is ours no longer or cannot be read now: the client asks again, or its new owner. */
async function namesOfSlot(
  host: ObjectHost,
  slot: Slot,
  domainId: number,
  timeoutMs: number,
): Promise<{ readonly names: readonly string[]; readonly looked: number } | undefined> {
  const look = async () =>
    (await host.slot(slot)).read((state) => ({
      names: [...namesIn(state, domainId)].sort(),
      looked: state.entryCount,
    }));
  try {
    return await host.run(slot, look, { timeoutMs });
  } catch (error) {
    const code = failureCode(error);
    if (code === 'moved' || code === 'unavailable') return undefined;
    throw error;
  }
}

/** With the names that accounts are just getting: a domain is empty only when none is on its way into it. */
function* namesIn(state: SlotState, domainId: number): Iterable<string> {
  for (const { present, state: life } of state.objects())
    if (life === 'active' && present.domainId === domainId) yield present.name;
  for (const { state: phase, change, add } of state.intents())
    if (phase === 'open' && change.kind === 'names' && change.present.domainId === domainId)
      for (const { name } of add) if (name === change.present.name) yield name;
}

function readCookie(after: string | undefined): { readonly slot: number; readonly name: string } {
  if (after === undefined) return { slot: 0, name: '' };
  const slash = after.indexOf('/');
  const slot = Number(after.slice(0, slash));
  if (slash < 1 || !Number.isSafeInteger(slot) || slot < 0 || slot >= SLOTS)
    throw new Failure('invalid', 'directory.list: bad cookie');
  return { slot, name: after.slice(slash + 1) };
}
