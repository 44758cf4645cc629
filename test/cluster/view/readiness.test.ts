/** Who calls itself ready is one that the controller waits for (docs/architecture.md, section 6, invariant 5). */
import t from 'tap';
import { type Answered, Readiness } from '../../../src/cluster/view/readiness.ts';

const UNHEARD_MS = 3000;
const YES: Answered = { hasAuthority: true, statedVersion: 7, shownVersion: 7 };

void t.test('ready by the answer, for 3 s from before the message was sent', async (t) => {
  const readiness = new Readiness(UNHEARD_MS);
  t.notOk(readiness.isCounted(0));
  const said = readiness.say(100, true);
  t.notOk(readiness.isCounted(150), 'not before it is answered');
  readiness.answered(600, said, YES);
  t.ok(readiness.isCounted(100 + UNHEARD_MS - 1));
  t.notOk(readiness.isCounted(100 + UNHEARD_MS));
});

void t.test('answers that make nobody ready', async (t) => {
  const cases: readonly [string, boolean, Partial<Answered>][] = [
    ['not ready is what was said', false, {}],
    ['no authority', true, { hasAuthority: false }],
    ['an older version is shown than is stated', true, { shownVersion: 6 }],
    ['the settings are not open', true, { statedVersion: -1 }],
  ];
  for (const [what, ready, more] of cases) {
    const readiness = new Readiness(UNHEARD_MS);
    readiness.answered(10, readiness.say(0, ready), { ...YES, ...more });
    t.notOk(readiness.isCounted(10), what);
  }
});

void t.test(
  'who is ready stays so while it fetches a new version: the controller waits for it',
  async (t) => {
    const readiness = new Readiness(UNHEARD_MS);
    readiness.answered(10, readiness.say(0, true), YES);
    readiness.answered(1010, readiness.say(1000, true), { ...YES, statedVersion: 8 });
    t.ok(readiness.isCounted(1000 + UNHEARD_MS - 1));
    const late = readiness.say(2000, true);
    readiness.answered(1000 + UNHEARD_MS, late, { ...YES, statedVersion: 8 });
    t.notOk(readiness.isCounted(1000 + UNHEARD_MS), 'not any more when its time is over');
  },
);

void t.test('what was said before "not ready" does not count, whenever it is answered', async (t) => {
  const readiness = new Readiness(UNHEARD_MS);
  const first = readiness.say(0, true);
  readiness.say(10, false);
  readiness.answered(20, first, YES);
  t.notOk(readiness.isCounted(20));
  readiness.answered(40, readiness.say(30, true), YES);
  t.ok(readiness.isCounted(40));
  readiness.say(50, false);
  t.notOk(readiness.isCounted(50));
});

void t.test('an older answer does not shorten what a newer one gave', async (t) => {
  const readiness = new Readiness(UNHEARD_MS);
  const [first, second] = [readiness.say(0, true), readiness.say(500, true)];
  readiness.answered(600, second, YES);
  readiness.answered(700, first, YES);
  t.ok(readiness.isCounted(500 + UNHEARD_MS - 1));
});
