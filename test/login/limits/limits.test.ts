/**
 * The limits over a cluster in memory: guessing from one address at many accounts, from many at one, through two
 * frontends, with slots that move, and the owner of the account among all of it.
 */
import t from 'tap';
import { failureCode } from '../../../src/lib/failure.ts';
import { administratorKey } from '../../../src/login/authenticator.ts';
import { makeCredentials } from '../../../src/login/credentials.ts';
import { ACCOUNT_RULE, ADDRESS_RULE } from '../../../src/login/limits/rules.ts';
import { slotOfAddress, slotOfAdministrator } from '../../../src/login/limits/slots.ts';
import { slotOf } from '../../../src/store/slots.ts';
import { from, LoginBed, ONE, PASSWORD } from '../bed.ts';

const JOE = 'joe@one.example';
const HOME = '198.51.100.7';
const NEW = '198.51.100.200';
const OFFICE = '198.51.100.201';
const BAD = '203.0.113.66';
const NAMES = Array.from({ length: 60 }, (_, index) => `victim${index}`);
const BOTS = Array.from({ length: 60 }, (_, index) => `203.0.113.${index + 1}`);

/** One guess at each of so many accounts, all at once. */
function sweep(bed: LoginBed, count: number, host: string, frontend = bed.login): Promise<unknown> {
  const guesses = NAMES.slice(0, count).map((name) =>
    bed.started(`${name}@one.example`, `guess at ${name}`, from(host), frontend),
  );
  return bed.run(Promise.all(guesses));
}

/** One guess each, another one, from so many addresses at joe. */
function siege(bed: LoginBed, count: number): Promise<unknown> {
  return bed.run(
    Promise.all(BOTS.slice(0, count).map((host) => bed.started(JOE, `guess of ${host}`, from(host)))),
  );
}

void t.test(
  'one address at many accounts: free at first, then slower, then refused; through all frontends',
  async (t) => {
    const bed = await LoginBed.start({ names: NAMES, hosts: [BAD, HOME], frontends: 2 });
    const [one, other] = bed.frontends as [typeof bed.login, typeof bed.login];
    const took: number[] = [];
    for (const [index, name] of NAMES.slice(0, 16).entries()) {
      const frontend = index % 2 === 0 ? one : other;
      const { outcome, tookMs } = await bed.timed(`${name}@one.example`, 'a guess', from(BAD), frontend);
      t.equal(outcome, 'refused');
      took.push(tookMs);
    }
    const waits = took.map((ms) => ms - (ms % 500));
    t.ok(
      waits.slice(0, 10).every((ms) => ms === 500),
      `free: ${waits.slice(0, 10).join()}`,
    );
    t.ok(waits[12]! > waits[10]! && waits[14]! > waits[12]!, `slower: ${waits.slice(10).join()}`);
    t.ok(Math.max(...waits) <= ADDRESS_RULE.waitMsMax + 500);
    await sweep(bed, 60, BAD, other);
    t.equal(
      await bed.try('ghost@one.example', 'a guess', from(BAD), one),
      'limit',
      'at the other frontend too',
    );
    t.equal(await bed.try(JOE, PASSWORD, from(BAD)), 'limit', 'who was never there before waits as well');
    t.equal((await bed.timed(JOE, PASSWORD, from(HOME))).outcome, JOE, 'other addresses are not touched');
    const slowed = bed.told.find(({ fields }) => fields.event === 'login-slowed');
    t.match(slowed?.fields, {
      by: 'address',
      address: BAD,
      account: /^victim/,
      service: 'imap',
      count: Number,
      waitMs: Number,
    });
    t.match(bed.told.find(({ fields }) => fields.event === 'login-refused')?.fields, {
      by: 'address',
      address: BAD,
    });
    await bed.cluster.clock.advance(ADDRESS_RULE.countMax * ADDRESS_RULE.decayMs);
    t.equal((await bed.timed(JOE, PASSWORD, from(BAD))).outcome, JOE, 'after a while all is forgotten');
  },
);

void t.test(
  'many addresses at one account: its owner gets in, at once from where he was before',
  async (t) => {
    const bed = await LoginBed.start({ hosts: [...BOTS, HOME, NEW, OFFICE], frontends: 2 });
    t.equal(await bed.try(JOE, PASSWORD, from(HOME)), JOE);
    await siege(bed, 60);
    const bot = from(BOTS[0]);
    for (const guess of ['second', 'third']) t.equal(await bed.try(JOE, guess, bot), 'refused');
    t.equal(
      await bed.try(JOE, 'one more guess', bot),
      'limit',
      'who guessed wrong again and again is refused',
    );
    t.equal(await bed.try(JOE, PASSWORD, bot), 'limit', 'whatever he says');
    const home = await bed.timed(JOE, PASSWORD, from(HOME), bed.frontends[1]);
    t.equal(home.outcome, JOE);
    t.ok(home.tookMs < 500, `from home: ${home.tookMs} ms`);
    const first = await bed.timed(JOE, PASSWORD, from(NEW));
    t.equal(first.outcome, JOE, 'a right password from a new address succeeds');
    t.ok(
      first.tookMs >= ACCOUNT_RULE.waitMsMax && first.tookMs < ACCOUNT_RULE.waitMsMax + 500,
      `after ${first.tookMs} ms`,
    );
    t.ok((await bed.timed(JOE, PASSWORD, from(NEW))).tookMs < 500, 'and then the address is known');
    await siege(bed, 60);
    t.equal(await bed.try(JOE, 'mistyped', from(OFFICE)), 'refused', 'there too one may mistype');
    t.equal(await bed.try(JOE, PASSWORD, from(OFFICE)), JOE);
    t.match(bed.told.find(({ fields }) => fields.event === 'login-refused')?.fields, {
      by: 'account',
      account: JOE,
      address: /^203/,
    });
  },
);

void t.test('guesses from a known address count by themselves, and end there', async (t) => {
  const bed = await LoginBed.start({ hosts: [HOME, NEW] });
  t.equal(await bed.try(JOE, PASSWORD, from(HOME)), JOE);
  await bed.run(Promise.all(NAMES.slice(0, 25).map((name) => bed.started(JOE, name, from(HOME)))));
  t.equal(await bed.try(JOE, PASSWORD, from(HOME)), 'limit');
  const elsewhere = await bed.timed(JOE, PASSWORD, from(NEW));
  t.equal(elsewhere.outcome, JOE);
  t.ok(elsewhere.tookMs < 500, 'elsewhere nothing was guessed');
});

void t.test(
  'an address with many people: who was there before passes, and no answer says who that is',
  async (t) => {
    const bed = await LoginBed.start({ names: NAMES, hosts: [HOME] });
    t.equal(await bed.try(JOE, PASSWORD, from(HOME)), JOE);
    await sweep(bed, 25, HOME);
    const slowed = await bed.timed('ghost@one.example', 'a guess', from(HOME));
    t.ok(slowed.tookMs > 5000, 'a guess is slowed');
    t.ok((await bed.timed(JOE, PASSWORD, from(HOME))).tookMs < 500, 'and he is not');
    const rest = NAMES.slice(25).map((name) => bed.started(`${name}@one.example`, 'a guess', from(HOME)));
    await bed.run(Promise.all(rest));
    t.equal(await bed.try(JOE, PASSWORD, from(HOME)), JOE);
    t.equal(await bed.try(JOE, 'a guess', from(HOME)), 'limit', 'a wrong password is not called wrong');
    t.equal(await bed.try('ghost@one.example', 'a guess', from(HOME)), 'limit');
    const times = [];
    for (const name of [JOE, 'ghost@one.example'])
      times.push((await bed.timed(name, 'another guess', from(HOME))).tookMs);
    t.equal(times[0], times[1], 'at the same time');
  },
);

void t.test('successes pay back: people who mistype behind one address are never slowed', async (t) => {
  const people = NAMES.slice(0, 30);
  const bed = await LoginBed.start({ names: people, hosts: [HOME] });
  for (const name of people) await bed.create(name, `word of ${name}`);
  let longestMs = 0;
  for (const name of people) {
    await bed.timed(`${name}@one.example`, 'mistyped', from(HOME));
    const { outcome, tookMs } = await bed.timed(`${name}@one.example`, `word of ${name}`, from(HOME));
    t.equal(outcome, `${name}@one.example`);
    longestMs = Math.max(longestMs, tookMs);
  }
  t.ok(longestMs < 500, `${longestMs} ms`);
});

void t.test('one account of his own does not pay for guesses at others', async (t) => {
  const bed = await LoginBed.start({ names: NAMES, hosts: [BAD] });
  let slowed = 0;
  for (const name of NAMES.slice(0, 25)) {
    const { tookMs } = await bed.timed(`${name}@one.example`, 'a guess', from(BAD));
    if (tookMs > 500) slowed++;
    t.equal(await bed.try(JOE, PASSWORD, from(BAD)), JOE);
  }
  t.ok(slowed > 5, `${slowed} slowed`);
});

void t.test('a device with an old password is no attack', async (t) => {
  const bed = await LoginBed.start({ hosts: [HOME] });
  for (let i = 0; i < 30; i++) {
    const { outcome, tookMs } = await bed.timed(JOE, 'the old password', from(HOME));
    if (outcome !== 'refused' || tookMs !== 500) t.fail(`try ${i}: ${outcome} after ${tookMs} ms`);
  }
  t.ok((await bed.timed(JOE, PASSWORD, from(HOME))).tookMs < 500);
});

void t.test('the slot of the account moves while a log-in waits', async (t) => {
  const bed = await LoginBed.start({ hosts: [...BOTS, NEW] });
  const { cluster } = bed;
  await siege(bed, 60);
  const waiting = bed.started(JOE, PASSWORD, from(NEW));
  await cluster.clock.advance(5000);
  const slot = slotOf(ONE, 'joe');
  const owner = cluster.owner(slot)!;
  await bed.run(cluster.move(slot, cluster.workers.find((worker) => worker !== owner)!));
  const { outcome, tookMs } = await bed.run(waiting);
  t.equal(outcome, JOE);
  t.ok(tookMs >= ACCOUNT_RULE.waitMsMax, `${tookMs} ms`);
  const afterwards = await bed.timed(JOE, PASSWORD, from(BOTS[0]));
  t.equal(afterwards.outcome, JOE, 'the next owner counts from the beginning');
  await siege(bed, 60);
  t.ok((await bed.timed(JOE, 'x', from(BOTS[5]))).tookMs >= ACCOUNT_RULE.waitMsMax, 'but it counts');
});

void t.test('the slot of the address moves: the next owner counts from the beginning', async (t) => {
  const bed = await LoginBed.start({ names: NAMES, hosts: [BAD] });
  const { cluster } = bed;
  await sweep(bed, 60, BAD);
  t.equal(await bed.try('ghost@one.example', 'a guess', from(BAD)), 'limit');
  const slot = slotOfAddress(BAD);
  await bed.run(cluster.move(slot, cluster.workers.find((worker) => worker !== cluster.owner(slot))!));
  t.equal(await bed.try('ghost@one.example', 'a guess', from(BAD)), 'refused');
});

void t.test('without the owner of the address a log-in goes on after 200 ms', async (t) => {
  const bed = await LoginBed.start();
  const { outcome, tookMs } = await bed.timed(JOE, PASSWORD, from(NEW));
  t.equal(outcome, JOE);
  t.ok(tookMs >= 200 && tookMs <= 300, `${tookMs} ms`);
});

void t.test('this machine has no count of its own, but accounts have', async (t) => {
  const bed = await LoginBed.start({ names: NAMES });
  await sweep(bed, 60, '127.0.0.1');
  t.ok((await bed.timed(JOE, PASSWORD, from('::1'))).tookMs < 500);
  await bed.run(Promise.all(NAMES.slice(0, 30).map((name) => bed.started('ghost@one.example', name))));
  t.equal(await bed.try('ghost@one.example', 'x'), 'limit');
});

void t.test('a name that leads nowhere is limited like one that does', async (t) => {
  const bed = await LoginBed.start({ hosts: BOTS });
  const outcomes = async (name: string) => {
    const all = BOTS.slice(0, 30).map((host) => bed.started(name, `guess of ${host}`, from(host)));
    const tries = [...(await bed.run(Promise.all(all))), await bed.timed(name, 'last', from(BOTS[0]))];
    return tries.map(({ outcome, tookMs }) => `${outcome} ${tookMs}`);
  };
  await bed.run(bed.cluster.names.resolve(ONE, 'joe', 1000));
  t.strictSame(await outcomes('ghost@one.example'), await outcomes(JOE));
});

void t.test('administrators: counted over all members, and let in while no owner is there', async (t) => {
  const bed = await LoginBed.start({ hosts: [...BOTS, HOME, NEW], frontends: 2 });
  const record = await makeCredentials(bed.hasher, bed.random, 'master of posts');
  bed.cluster.settings.setValue(administratorKey('postmaster'), record);
  t.equal(await bed.try('postmaster', 'master of posts', from(HOME)), 'postmaster');
  for (const [index, host] of BOTS.entries())
    void bed.started('postmaster', `guess of ${host}`, from(host), bed.frontends[index % 2]);
  await bed.cluster.clock.advance(1000);
  const more: string[] = [];
  for (const guess of ['second', 'third', 'fourth'])
    more.push(await bed.try('postmaster', guess, from(BOTS[0]), bed.frontends[1]));
  t.strictSame(more, ['refused', 'refused', 'limit']);
  t.ok((await bed.timed('postmaster', 'master of posts', from(HOME), bed.frontends[1])).tookMs < 500);
  t.equal((await bed.timed('postmaster', 'master of posts', from(NEW))).outcome, 'postmaster');

  const alone = await LoginBed.start({ administrators: [] });
  alone.cluster.settings.setValue(administratorKey('postmaster'), record);
  const { outcome, tookMs } = await alone.timed('postmaster', 'master of posts');
  t.equal(outcome, 'postmaster');
  t.ok(tookMs <= 300, `${tookMs} ms`);
  t.equal(alone.cluster.owner(slotOfAdministrator('postmaster')), undefined);
  const outcomes: string[] = [];
  for (let i = 0; i < 30; i++) outcomes.push(await alone.try('postmaster', `guess ${i}`, from(BAD)));
  t.equal(outcomes.at(-1), 'limit', 'without an owner this process counts');
  t.ok(outcomes.filter((each) => each === 'refused').length <= ACCOUNT_RULE.refuseAt + 5, outcomes.join());
  t.ok(
    (await alone.timed('postmaster', 'master of posts')).tookMs <= 300,
    'and where it was used it is known',
  );
});

void t.test('SCRAM counts like passwords', async (t) => {
  const bed = await LoginBed.start({ hosts: [BAD] });
  const outcomes: (string | undefined)[] = [];
  for (let i = 0; i < 8; i++) {
    const begun = await bed.run(bed.login.beginScram(JOE, from(BAD)));
    const startMs = bed.cluster.clock.monotonicMs();
    const outcome = await bed.run(
      begun.verify('a message', Buffer.alloc(32, i)).then(() => 'right', failureCode),
    );
    outcomes.push(`${outcome} ${bed.cluster.clock.monotonicMs() - startMs > 500 ? 'slow' : 'soon'}`);
  }
  t.strictSame(outcomes, [...Array(5).fill('refused soon'), ...Array(3).fill('refused slow')]);
});

void t.test('exchanges of SCRAM begun before an address was refused are no stock of guesses', async (t) => {
  const bed = await LoginBed.start({ names: NAMES, hosts: [BAD] });
  const begun = await bed.run(
    Promise.all(NAMES.map((name) => bed.login.beginScram(`${name}@one.example`, from(BAD)))),
  );
  await sweep(bed, 60, BAD);
  const all = begun.map((each) =>
    each.verify('a message', Buffer.alloc(32)).then(() => 'right', failureCode),
  );
  t.strictSame([...new Set(await bed.run(Promise.all(all)))], ['limit']);
});

void t.test('a log line an account or address, not one a guess', async (t) => {
  const bed = await LoginBed.start({ names: NAMES, hosts: [BAD] });
  await sweep(bed, 60, BAD);
  await sweep(bed, 60, BAD);
  const lines = bed.told.filter(({ fields }) => fields.by === 'address');
  t.equal(lines.length, 1, JSON.stringify(lines));
});
