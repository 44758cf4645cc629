/**
 * Operations killed at every step: a worker dies before and after every write to the storage and every message, and
 * others go on with its slots. Afterwards each name leads to exactly one thing, nothing is left half done, and what was
 * acknowledged holds (docs/architecture.md, section 3 rule 5; invariant 1).
 */
import { isDeepStrictEqual } from 'node:util';
import t from 'tap';
import { type FailureCode, failureCode } from '../../src/lib/failure.ts';
import type { DomainId } from '../../src/store/ids.ts';
import { slotOf } from '../../src/store/slots.ts';
import { TestCluster } from './cluster.ts';
import { worldAtRest } from './consistency.ts';

const ONE = 1 as DomainId;
const TWO = 2 as DomainId;
const WORDS = ['joe', 'jim', 'ann', 'eve', 'max'];
const NAMES = [ONE, TWO].flatMap((domainId) => WORDS.map((name) => ({ domainId, name })));
const SLOTS_USED = NAMES.map(({ domainId, name }) => slotOf(domainId, name));

type Act = (cluster: TestCluster) => Promise<unknown>;
type Outcome = 'ok' | FailureCode;

async function outcome(cluster: TestCluster, act: Act): Promise<Outcome> {
  try {
    await cluster.until(act(cluster));
    return 'ok';
  } catch (error) {
    const code = failureCode(error);
    if (code === undefined) throw error;
    return code;
  }
}

const prepare: Act = async ({ names }) => {
  await names.createAccount(ONE, 'joe', new Map());
  await names.setAliases(ONE, 'joe', ['jim']);
  await names.createAccount(ONE, 'eve', new Map());
};

const BEFORE = { '1/joe': 'joe', '1/jim': 'joe', '1/eve': 'eve' };

/** What the names lead to, by the name that the object was created with, before and after each operation. */
const OPERATIONS: readonly {
  readonly what: string;
  readonly act: Act;
  readonly after: Readonly<Record<string, string>>;
  /** What it is answered when it has been done before. */
  readonly whenDone: Outcome;
}[] = [
  {
    what: 'create',
    act: ({ names }) => names.createAccount(ONE, 'max', new Map()),
    after: { ...BEFORE, '1/max': 'max' },
    whenDone: 'exists',
  },
  {
    what: 'rename into another domain',
    act: ({ names }) => names.renameAccount(ONE, 'joe', TWO, 'ann'),
    after: { '2/ann': 'joe', '2/jim': 'joe', '1/eve': 'eve' },
    whenDone: 'not-found',
  },
  {
    what: 'set aliases',
    act: ({ names }) => names.setAliases(ONE, 'joe', ['ann', 'max']),
    after: { '1/joe': 'joe', '1/ann': 'joe', '1/max': 'joe', '1/eve': 'eve' },
    whenDone: 'ok',
  },
  {
    what: 'delete',
    act: ({ names }) => names.deleteAccount(ONE, 'joe'),
    after: { '1/eve': 'eve' },
    whenDone: 'not-found',
  },
  {
    what: 'rename onto a name that is taken',
    act: ({ names }) => names.renameAccount(ONE, 'joe', ONE, 'eve').catch(() => undefined),
    after: BEFORE,
    whenDone: 'ok',
  },
];

/** Points passed while `act` runs, and what holds in the end when the worker at one of them is killed there. */
async function runWithKill(act: Act, killAt: number, workers: number) {
  const cluster = new TestCluster(SLOTS_USED, workers);
  await cluster.until(prepare(cluster));
  let points = 0;
  cluster.onPoint = ({ worker }) => {
    if (points++ === killAt) cluster.kill(worker);
  };
  const result = await outcome(cluster, act);
  const during = points;
  const world = await worldAtRest(cluster, SLOTS_USED, NAMES);
  const leadsTo = Object.fromEntries([...world.leadsTo].map(([name, id]) => [name, id.name]));
  return { result, points: during, problems: world.problems, leadsTo, cluster };
}

for (const { what, act, after, whenDone } of OPERATIONS)
  for (const workers of what.startsWith('rename into') ? [2, 4] : [3])
    void t.test(`${what}, over ${workers} workers, killed at every step`, async (t) => {
      const { points, leadsTo } = await runWithKill(act, -1, workers);
      t.strictSame(leadsTo, after, 'not killed');
      t.ok(points >= 2, `there are steps to be killed at: ${points}`);
      for (let killAt = 0; killAt < points; killAt++) {
        const { result, problems, leadsTo, cluster } = await runWithKill(act, killAt, workers);
        const at = `killed at ${killAt} of ${points}`;
        t.strictSame(problems, [], at);
        if (result === 'ok') t.strictSame(leadsTo, after, `${at}: acknowledged`);
        else t.ok(same(leadsTo, BEFORE) || same(leadsTo, after), `${at}: ${result}, all or nothing`);
        // Asked for once more, by a new request: nothing left over is in its way.
        const isDone = same(leadsTo, after);
        t.equal(await outcome(cluster, act), isDone ? whenDone : 'ok', `${at}: goes on`);
      }
    });

function same(a: object, b: object): boolean {
  return isDeepStrictEqual(new Map(Object.entries(a)), new Map(Object.entries(b)));
}
