/** Authority and the minority rule (docs/architecture.md, section 3, Control). */
import t from 'tap';
import { Authority } from '../../../src/cluster/control/authority.ts';
import { type Counted, Quorum } from '../../../src/cluster/control/quorum.ts';
import { DEFAULT_TIMES } from '../../../src/cluster/times.ts';

const times = DEFAULT_TIMES;

void t.test(
  '"its authority reaches to the noted time + ControlLease", not to when the write returned',
  async (t) => {
    const a = new Authority(3, times);
    t.equal(a.leftMs(0), 0, 'none before the first heartbeat');
    t.equal(a.begin(1000), 1);
    t.equal(a.leftMs(1000), 0, 'none while it is under way');
    a.finish([3]);
    t.equal(a.leftMs(1400), 350);
    t.equal(a.leaseMs(1400), 1600, '"no lease reaches beyond the noted time + SlotLease"');
    t.equal(a.leftMs(1750), 0);
    t.equal(a.leaseMs(1750), 0, 'nothing is granted or renewed without authority');
    a.begin(1900);
    a.finish([3]);
    t.equal(a.leftMs(2000), 650, 'and it comes back with the next');
  },
);

void t.test('a larger epoch listed ends it for good', async (t) => {
  const a = new Authority(3, times);
  a.begin(0);
  a.finish([3]);
  a.begin(150);
  a.finish([3, 4]);
  t.equal(a.leftMs(200), 0);
  t.ok(a.over);
});

void t.test('"quotes a heartbeat not older than a ControlLease"', async (t) => {
  const a = new Authority(3, times);
  for (let at = 0; at < 20_000; at += 150) {
    a.begin(at);
    a.finish([3]);
  }
  const last = a.counter;
  t.ok(a.isRecent(last, 19_950 + 750));
  t.notOk(a.isRecent(last, 19_950 + 751));
  t.ok(a.isRecent(last - 4, 19_950));
  t.notOk(a.isRecent(last - 80, 19_950), 'long forgotten');
  t.notOk(a.isRecent(last + 1, 19_950), 'of the future');
});

const members = (heardAt: Record<string, number>): Counted[] =>
  Object.entries(heardAt).map(([name, at]) => ({
    name,
    isBackend: name.startsWith('be'),
    ready: true,
    heardAt: at,
  }));

/** Everybody is heard until `lostAt`; then only `stay` are. Gives when control is given up. */
function givesUpAt(names: string[], stay: string[], lostAt = 3000): number | undefined {
  const quorum = new Quorum('be1', times);
  for (let now = 0; now < 12_000; now += 150) {
    const heard = names.map((name) => [name, now < lostAt || stay.includes(name) ? now : lostAt] as const);
    if (!quorum.check(now, members(Object.fromEntries(heard)))) return now;
  }
  return undefined;
}

void t.test('the minority rule', async (t) => {
  const give = givesUpAt(['be1', 'be2', 'fe1'], ['be1']);
  t.ok(give !== undefined && give - 3000 > 750 && give - 3000 <= 1050, `gives up ${give}`);
  t.equal(givesUpAt(['be1', 'be2'], ['be1']), undefined, '"exactly half is enough"');
  t.equal(givesUpAt(['be1', 'be2', 'fe1', 'fe2'], ['be1', 'fe1']), undefined, 'half of four');
  t.equal(givesUpAt(['be1', 'fe1', 'fe2', 'fe3'], ['be1']), undefined, 'no other backend was among them');
  t.equal(givesUpAt(['be1'], ['be1']), undefined, 'alone');
  t.ok(givesUpAt(['be1', 'be2', 'be3', 'be4'], ['be1']));
});

void t.test('"a member unheard for SlotLease plus margin is no longer counted"', async (t) => {
  const quorum = new Quorum('be1', times);
  let gaveUp = 0;
  for (let now = 0; now < 12_000; now += 150) {
    const late = now > 3000 ? 3000 : now;
    // be2 is lost at 3 s and be3 at 6 s: by then be2 is forgotten, and one of two is enough.
    const heard = { be1: now, be2: late, be3: now > 6000 ? 6000 : now };
    if (!quorum.check(now, members(heard))) gaveUp++;
  }
  t.equal(gaveUp, 0);
});
