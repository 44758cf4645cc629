/** What must hold of all names once a cluster has come to rest: each leads to exactly one thing, and back. */
import type { Test } from 'tap';
import { type ObjectId, objectKey, type Slot } from '../../src/store/ids.ts';
import { type Name, nameKey, type ObjectEntry } from '../../src/store/slot/types.ts';
import { slotOf } from '../../src/store/slots.ts';
import type { TestCluster } from './cluster.ts';

export interface World {
  readonly objects: ReadonlyMap<string, ObjectEntry>;
  /** By `domain id/name`. */
  readonly leadsTo: ReadonlyMap<string, ObjectId>;
}

/** Lets everything that was begun come to its end, then looks at the state of every slot. */
export async function worldAtRest(
  cluster: TestCluster,
  slots: Iterable<Slot>,
  names: readonly Name[],
): Promise<World & { readonly problems: readonly string[] }> {
  for (let rounds = 1; ; rounds++) {
    await cluster.clock.advance(REST_MS / ROUNDS);
    const world = await look(cluster, slots, names);
    if (world.problems.length === 0 || rounds === ROUNDS) return world;
  }
}

/** Longer than any pause before something is tried again. */
const REST_MS = 20_000;
const ROUNDS = 20;

async function look(
  cluster: TestCluster,
  slots: Iterable<Slot>,
  names: readonly Name[],
): Promise<World & { readonly problems: readonly string[] }> {
  const problems: string[] = [];
  const objects = new Map<string, ObjectEntry>();
  const leadsTo = new Map<string, ObjectId>();
  for (const slot of new Set(slots)) {
    const owner = cluster.owner(slot)!;
    const open = await cluster.until(owner.host.slot(slot));
    for (const entry of open.state.objects())
      if (entry.state === 'active') objects.set(objectKey(entry.id), entry);
    for (const intent of open.state.intents()) problems.push(`slot ${slot}: an intent is ${intent.state}`);
    for (const { state } of open.state.reservations())
      problems.push(`slot ${slot}: a reservation is ${state}`);
    for (const name of names) {
      if (slotOf(name.domainId, name.name) !== slot) continue;
      const entry = open.state.name(name);
      if (entry !== undefined) leadsTo.set(nameKey(name), entry.object);
    }
  }
  for (const [name, id] of leadsTo) {
    const entry = objects.get(objectKey(id));
    if (entry === undefined) problems.push(`${name} leads to ${objectKey(id)}, which is not there`);
    else if (!ownNames(entry).includes(name))
      problems.push(`${name} leads to ${objectKey(id)}, which is not called so`);
  }
  for (const [key, entry] of objects)
    for (const name of ownNames(entry)) {
      const id = leadsTo.get(name);
      if (id === undefined || objectKey(id) !== key)
        problems.push(`${key} is called ${name}, which does not lead there`);
    }
  const paths = [...objects.values()].map(({ path }) => path);
  if (new Set(paths).size !== paths.length) problems.push('two objects have one directory');
  return { objects, leadsTo, problems };
}

export function ownNames({ present, aliases }: ObjectEntry): readonly string[] {
  return [present, ...aliases.map((name) => ({ domainId: present.domainId, name }))].map(nameKey);
}

export async function expectAtRest(
  t: Test,
  cluster: TestCluster,
  slots: Iterable<Slot>,
  names: readonly Name[],
  what: string,
): Promise<World> {
  const world = await worldAtRest(cluster, slots, names);
  t.strictSame(world.problems, [], what);
  return world;
}
