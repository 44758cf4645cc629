/**
 * Any sequence of operations on names, with workers killed, deposed while they go on, storage errors, lost messages and
 * planned moves in between, keeps to a naive model: what was acknowledged holds, what was not is done whole or not at
 * all, and each name leads to exactly one thing.
 */
import fc from 'fast-check';
import t from 'tap';
import { Failure, type FailureCode, failureCode } from '../../src/lib/failure.ts';
import type { DomainId } from '../../src/store/ids.ts';
import { slotOf } from '../../src/store/slots.ts';
import { TestCluster, type Worker } from './cluster.ts';
import { ownNames, worldAtRest } from './consistency.ts';

const ONE = 1 as DomainId;
const TWO = 2 as DomainId;
const WORDS = ['joe', 'jim', 'ann', 'eve'];
const NAMES = [ONE, TWO].flatMap((domainId) => WORDS.map((name) => ({ domainId, name })));
const SLOTS_USED = NAMES.map(({ domainId, name }) => slotOf(domainId, name));
const FAULTS = ['kill', 'depose', 'fail'] as const;

async function outcome(
  cluster: TestCluster,
  act: (cluster: TestCluster) => Promise<unknown>,
): Promise<'ok' | FailureCode> {
  try {
    await cluster.until(act(cluster));
    return 'ok';
  } catch (error) {
    const code = failureCode(error);
    if (code === undefined) throw error;
    return code;
  }
}

type Step =
  | { readonly kind: 'create'; readonly name: number }
  | { readonly kind: 'delete'; readonly name: number }
  | { readonly kind: 'rename'; readonly name: number; readonly to: number }
  | { readonly kind: 'aliases'; readonly name: number; readonly aliases: readonly number[] };

const name = fc.nat(NAMES.length - 1);
const step = fc.record({
  act: fc.oneof(
    fc.record({ kind: fc.constant('create' as const), name }),
    fc.record({ kind: fc.constant('delete' as const), name }),
    fc.record({ kind: fc.constant('rename' as const), name, to: name }),
    fc.record({ kind: fc.constant('aliases' as const), name, aliases: fc.array(fc.nat(WORDS.length - 1)) }),
  ),
  /** What happens to the worker at this point of the operation, if it has so many. */
  fault: fc.option(fc.record({ at: fc.nat(20), kind: fc.constantFrom(...FAULTS) })),
  /** A planned move of a slot while it runs. */
  move: fc.option(fc.nat(SLOTS_USED.length - 1)),
});

/** Two accounts are there whatever the rest does. */
const START = [0, 3].map((name) => ({ act: { kind: 'create', name }, fault: null, move: null }) as const);

function strike(cluster: TestCluster, worker: Worker, kind: (typeof FAULTS)[number]): void {
  // A write fails, whether it was done or not; a message or its answer is lost.
  if (kind === 'fail') throw new Failure('unknown', 'it failed here');
  if (kind === 'depose') cluster.depose(worker);
  else cluster.kill(worker);
  if (cluster.workers.filter((other) => other.isAlive).length < 2) cluster.addWorker();
}

function actOf({ names }: TestCluster, act: Step): Promise<unknown> {
  const { domainId, name } = NAMES[act.name]!;
  switch (act.kind) {
    case 'create':
      return names.createAccount(domainId, name, new Map());
    case 'delete':
      return names.deleteAccount(domainId, name);
    case 'rename':
      return names.renameAccount(domainId, name, NAMES[act.to]!.domainId, NAMES[act.to]!.name);
    case 'aliases':
      return names.setAliases(
        domainId,
        name,
        act.aliases.map((i) => WORDS[i]!),
      );
    default:
      return act satisfies never;
  }
}

/** The naive model: each name leads to an account's number; each account has a name and aliases. */
class Model {
  readonly accounts = new Map<string, { present: string; aliases: ReadonlySet<string> }>();

  names(account: { present: string; aliases: ReadonlySet<string> }): string[] {
    const domain = account.present.slice(0, 2);
    return [account.present, ...[...account.aliases].map((alias) => domain + alias)].sort();
  }

  /** What an acknowledged step has done. */
  apply(act: Step, id: string): void {
    const { domainId, name } = NAMES[act.name]!;
    const key = `${domainId}/${name}`;
    if (act.kind === 'create') {
      this.accounts.set(id, { present: key, aliases: new Set() });
      return;
    }
    const found = [...this.accounts].find(([, account]) => this.names(account).includes(key));
    if (found === undefined) throw new Error(`${key} is not in the model`);
    const [account, { present, aliases }] = found;
    if (act.kind === 'delete') this.accounts.delete(account);
    else if (act.kind === 'rename') {
      const to = NAMES[act.to]!;
      const rest = [...aliases].filter((alias) => alias !== to.name);
      this.accounts.set(account, { present: `${to.domainId}/${to.name}`, aliases: new Set(rest) });
    } else {
      const own = present.slice(2);
      const wanted = act.aliases.map((i) => WORDS[i]!).filter((alias) => alias !== own);
      this.accounts.set(account, { present, aliases: new Set(wanted) });
    }
  }
}

void t.test('any sequence of operations, faults and moves keeps to the model', async (t) => {
  let acknowledged = 0;
  let faults = 0;
  const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
    const cluster = new TestCluster(SLOTS_USED, 3);
    const model = new Model();
    for (const { act, fault, move } of [...START, ...steps]) {
      let points = 0;
      cluster.onPoint = ({ worker }) => {
        if (fault === null || points++ !== fault.at) return;
        faults++;
        strike(cluster, worker, fault.kind);
      };
      const alive = cluster.workers.filter((worker) => worker.isAlive);
      const moving = move === null ? undefined : cluster.move(SLOTS_USED[move]!, alive[move % alive.length]!);
      const result = await outcome(cluster, (it) => actOf(it, act));
      cluster.onPoint = undefined;
      await Promise.race([moving, cluster.clock.advance(100)]);
      const world = await worldAtRest(cluster, SLOTS_USED, NAMES);
      if (world.problems.length > 0) throw new Error(world.problems.join('; '));
      const seen = new Map(
        [...world.objects].map(([key, entry]) => [key, ownNames(entry).toSorted().join(' ')]),
      );
      const describe = () =>
        new Map([...model.accounts].map(([key, account]) => [key, model.names(account).join(' ')]));
      const before = describe();
      const fresh = [...world.objects.keys()].find((key) => !model.accounts.has(key)) ?? '';
      if (result === 'ok') {
        acknowledged++;
        model.apply(act, fresh);
      } else if (!sameMap(seen, before)) {
        // Not acknowledged, and done all the same: then it is done whole.
        if (result !== 'unknown' && result !== 'unavailable' && result !== 'not-found' && result !== 'exists')
          throw new Error(`${result}, but something happened`);
        model.apply(act, fresh);
      }
      if (!sameMap(seen, describe()))
        throw new Error(`${JSON.stringify(act)} ${result}: ${show(before)} became ${show(seen)}`);
    }
  });
  const seed = 20_261;
  await fc.assert(property, { numRuns: 120, seed });
  t.comment(`seed ${seed}: ${acknowledged} acknowledged, ${faults} faults`);
  t.ok(acknowledged > 100 && faults > 50, 'it was not all refused');
});

function sameMap(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return show(a) === show(b);
}

function show(map: ReadonlyMap<string, string>): string {
  return JSON.stringify([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
}

void t.test('operations at once, with faults: each name leads to exactly one thing', async (t) => {
  let acknowledged = 0;
  const rounds = fc.array(fc.array(step, { minLength: 2, maxLength: 5 }), { minLength: 1, maxLength: 3 });
  const property = fc.asyncProperty(rounds, async (rounds) => {
    const cluster = new TestCluster(SLOTS_USED, 3);
    for (const { act } of START) await outcome(cluster, (it) => actOf(it, act));
    for (const steps of rounds) {
      let points = 0;
      cluster.onPoint = ({ worker }) => {
        const at = points++;
        for (const { fault } of steps) if (fault?.at === at) strike(cluster, worker, fault.kind);
      };
      const results = await cluster.until(
        Promise.all(steps.map(({ act }) => outcome(cluster, (it) => actOf(it, act)))),
      );
      cluster.onPoint = undefined;
      acknowledged += results.filter((result) => result === 'ok').length;
      const { problems } = await worldAtRest(cluster, SLOTS_USED, NAMES);
      if (problems.length > 0) throw new Error(problems.join('; '));
    }
  });
  const seed = 20_262;
  await fc.assert(property, { numRuns: 80, seed });
  t.comment(`seed ${seed}: ${acknowledged} acknowledged`);
  t.ok(acknowledged > 80, 'it was not all refused');
});
