/** The parts of the limits, each by itself: keys, rules, counts, what is remembered and for how long. */
import fc from 'fast-check';
import t from 'tap';
import {
  AccountLimits,
  type Arrival,
  WAITING_MAX,
  WAITING_MAX_REFUSED,
} from '../../../src/login/limits/account-limits.ts';
import { addressKey } from '../../../src/login/limits/address-key.ts';
import { AddressLimits, UNDER_WAY_FREE, UNDER_WAY_MS } from '../../../src/login/limits/address-limits.ts';
import { FailureCounts } from '../../../src/login/limits/counts.ts';
import { KNOWN_PER_ACCOUNT_MAX, KnownAddresses } from '../../../src/login/limits/known-addresses.ts';
import { Recent } from '../../../src/login/limits/recent.ts';
import { ACCOUNT_RULE, ADDRESS_RULE, verdictOf } from '../../../src/login/limits/rules.ts';
import {
  OUTCOMES,
  readAddress,
  readAdmission,
  readArrival,
  readOutcome,
  readStand,
  writeAdmission,
} from '../../../src/login/limits/wire.ts';
import { ManualClock } from '../../support/manual-clock.ts';

void t.test('the key of an address', (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:c000:207', '192.0.2.7'],
    ['2001:db8:0:1::1', '2001:db8:0:1::/64'],
    ['2001:DB8:0:1:ffff:ffff:ffff:ffff', '2001:db8:0:1::/64'],
    ['2001:db8:0:2::1', '2001:db8:0:2::/64'],
    ['2001:db8::1', '2001:db8::/64'],
    ['::1', '::/64'],
    ['::', '::/64'],
    ['64:ff9b::192.0.2.7', '64:ff9b::/64'],
    ['fe80::1%eth0', 'fe80::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['', 'unknown'],
    ['mx.example', 'unknown'],
  ];
  for (const [host, key] of cases) t.equal(addressKey(host), key, host);
  for (const [, key] of cases) t.equal(readAddress(key), key);
  t.end();
});

const SEED = 4291;
void t.test(`every IPv6 address has the key of its first half, however it is written (seed ${SEED})`, (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 8 }), fc.nat(7), (groups, at) => {
      groups[at] = 0;
      groups[0] = 0x2001;
      const whole = groups.map((group) => group.toString(16)).join(':');
      const short = new URL(`http://[${whole}]/`).hostname.slice(1, -1);
      const half = groups.map((group, index) => (index < 4 ? group.toString(16) : '0')).join(':');
      const expected = `${new URL(`http://[${half}]/`).hostname.slice(1, -1)}/64`;
      return addressKey(whole) === expected && addressKey(short.toUpperCase()) === expected;
    }),
    { numRuns: 300, seed: SEED },
  );
  t.end();
});

void t.test('what a count means: free, then each wait twice the last, then refused', (t) => {
  const means = (count: number) => {
    const verdict = verdictOf(ACCOUNT_RULE, count);
    return verdict.kind === 'wait' ? verdict.waitMs : verdict.kind;
  };
  t.strictSame([0, 1, 4, 5, 6, 7, 8, 9, 10, 19].map(means), [
    'go',
    'go',
    'go',
    500,
    1000,
    2000,
    4000,
    8000,
    10_000,
    10_000,
  ]);
  t.strictSame([20, 80].map(means), ['refuse', 'refuse']);
  t.equal(means(4.01), 500, 'a failure that has begun to be forgotten still counts');
  t.equal(means(19.99), 10_000);
  t.end();
});

void t.test('counts go down with time and forget the longest unchanged key', (t) => {
  const clock = new ManualClock();
  const counts = new FailureCounts(clock, { decayMs: 1000, countMax: 5 }, 3);
  counts.add('a', 1);
  counts.add('a', 2);
  t.equal(counts.of('a'), 3);
  clock.leap(500);
  t.equal(counts.of('a'), 2.5);
  counts.add('a', -0.5);
  t.equal(counts.of('a'), 2);
  clock.leap(10_000);
  t.equal(counts.of('a'), 0);
  counts.add('a', 100);
  t.equal(counts.of('a'), 5, 'it has a maximum');
  counts.add('a', -7);
  t.equal(counts.size, 0, 'nothing is kept of what is paid');
  for (const key of ['b', 'c', 'd']) counts.add(key, 1);
  counts.add('b', 1);
  counts.add('e', 1);
  t.strictSame(
    ['b', 'c', 'd', 'e'].map((key) => counts.of(key)),
    [2, 0, 1, 1],
  );
  t.equal(counts.size, 3);
  t.end();
});

void t.test('what was noted is remembered for a while, and so much of it', (t) => {
  const clock = new ManualClock();
  const recent = new Recent(clock, { forMs: 1000, keysMax: 2 });
  recent.note('a');
  t.equal(recent.has('a'), true);
  clock.leap(999);
  t.equal(recent.has('a'), true);
  clock.leap(1);
  t.equal(recent.has('a'), false);
  for (const key of ['b', 'c', 'b', 'd']) recent.note(key);
  t.strictSame(
    ['b', 'c', 'd'].map((key) => recent.has(key)),
    [true, false, true],
  );
  t.equal(recent.size, 2);
  t.end();
});

void t.test('an account knows its last addresses', (t) => {
  const known = new KnownAddresses(2);
  for (let i = 0; i < KNOWN_PER_ACCOUNT_MAX; i++) known.add('joe', `${i}`);
  known.add('joe', '0');
  known.add('joe', 'x');
  t.equal(known.has('joe', '0'), true, 'used again');
  t.equal(known.has('joe', '1'), false, 'the longest unused went');
  t.equal(known.has('joe', 'x'), true);
  known.add('ann', 'x');
  known.add('joe', 'x');
  known.add('eve', 'x');
  t.strictSame(
    ['joe', 'ann', 'eve'].map((account) => known.has(account, 'x')),
    [true, false, true],
  );
  t.equal(known.accounts, 2);
  t.end();
});

const ARRIVAL: Arrival = {
  account: '1/joe',
  address: '192.0.2.7',
  waitedMs: 0,
  addressWaitMs: 0,
  isAddressRefused: false,
};

void t.test(
  'an account: of guesses from everywhere at once no more are looked at than one after the other',
  (t) => {
    const limits = new AccountLimits(new ManualClock());
    const all = Array.from({ length: 5000 }, (_, i) => limits.admit({ ...ARRIVAL, address: `address${i}` }));
    t.equal(all.filter(({ kind }) => kind === 'go').length, ACCOUNT_RULE.free);
    t.end();
  },
);

void t.test(
  'an account: a device that opens several connections at once is not held up where it is known',
  (t) => {
    const limits = new AccountLimits(new ManualClock());
    const first = limits.admit(ARRIVAL);
    if (first.kind === 'go') limits.settle(ARRIVAL, first.charge, 'right');
    for (let i = 0; i < 20; i++) t.equal(limits.admit(ARRIVAL).kind, 'go');
    t.end();
  },
);

void t.test('an account under attack: what fresh addresses without end are worth', (t) => {
  const clock = new ManualClock();
  const limits = new AccountLimits(clock);
  let looked = 0;
  let waiting: { readonly arrival: Arrival; readonly atMs: number }[] = [];
  const guess = (arrival: Arrival) => {
    const admission = limits.admit(arrival);
    if (admission.kind === 'go') {
      looked++;
      limits.settle(arrival, admission.charge, 'wrong');
    } else if (admission.kind === 'wait') {
      const waitedMs = arrival.waitedMs + admission.waitMs;
      waiting.push({ arrival: { ...arrival, waitedMs }, atMs: clock.monotonicMs() + admission.waitMs });
    }
  };
  for (let second = 0; second < 3600; second++) {
    for (let i = 0; i < 20; i++) guess({ ...ARRIVAL, address: `address${second}-${i}` });
    clock.leap(1000);
    const due = waiting.filter(({ atMs }) => atMs <= clock.monotonicMs());
    waiting = waiting.filter(({ atMs }) => atMs > clock.monotonicMs());
    for (const { arrival } of due) guess(arrival);
  }
  const hour = (WAITING_MAX_REFUSED * 3_600_000) / ACCOUNT_RULE.waitMsMax;
  t.ok(looked <= hour + ACCOUNT_RULE.refuseAt + WAITING_MAX, `${looked} an hour`);
  t.end();
});

void t.test('an address: attempts under way count, but for those of a crowd', (t) => {
  const clock = new ManualClock();
  const limits = new AddressLimits(clock);
  const { address } = ARRIVAL;
  const asked = Array.from({ length: UNDER_WAY_FREE + 200 }, () => limits.stand(address));
  t.same(asked[UNDER_WAY_FREE], { waitMs: 0, isRefused: false, count: 0 }, 'a crowd is no attack');
  t.equal(asked.filter(({ isRefused }) => !isRefused).length, UNDER_WAY_FREE + ADDRESS_RULE.refuseAt);
  t.equal(limits.stand('192.0.2.8').count, 0, 'of another address none');
  clock.leap(UNDER_WAY_MS);
  t.equal(limits.stand(address).count, 0, 'what nobody tells of is over');
  for (let i = 0; i < 2000; i++) {
    limits.stand(address);
    limits.succeeded(address, 'joe@one.example');
  }
  t.equal(limits.stand(address).count, 0, 'and so is what ended');
  t.end();
});

void t.test('an account: the count stops guesses that are sent all at once, once it has begun', (t) => {
  const clock = new ManualClock();
  const limits = new AccountLimits(clock);
  const fail = (arrival: Arrival) => {
    const admission = limits.admit(arrival);
    if (admission.kind === 'go') limits.settle(arrival, admission.charge, 'wrong');
    return admission.kind;
  };
  for (let i = 0; i < ACCOUNT_RULE.free; i++) t.equal(fail(ARRIVAL), 'go');
  t.match(limits.admit(ARRIVAL), { kind: 'wait', waitMs: 500, count: 5 });
  t.equal(fail({ ...ARRIVAL, waitedMs: 500 }), 'go');
  // From here on an attempt is charged before it is looked at.
  const waited = { ...ARRIVAL, waitedMs: 10_000 };
  const together = Array.from({ length: 30 }, () => limits.admit(waited));
  t.equal(together.filter(({ kind }) => kind === 'go').length, ACCOUNT_RULE.refuseAt - 6);
  t.equal(together.at(-1)?.kind, 'limited');
  for (const admission of together)
    if (admission.kind === 'go') limits.settle(waited, admission.charge, 'right');
  t.match(
    limits.admit({ ...ARRIVAL, address: '192.0.2.8' }),
    { kind: 'wait', count: 6 },
    'and paid back when it was right',
  );
  t.end();
});

void t.test('an account: neither what failed for our reasons nor what is repeated counts', (t) => {
  const limits = new AccountLimits(new ManualClock());
  for (const outcome of ['unchecked', 'repeated'] as const)
    for (let i = 0; i < 50; i++) {
      const admission = limits.admit(ARRIVAL);
      if (admission.kind === 'go') limits.settle(ARRIVAL, admission.charge, outcome);
      else t.fail(`${outcome} ${i}: ${admission.kind}`);
    }
  t.equal(limits.admit(ARRIVAL).kind, 'go');
  t.end();
});

void t.test('an account: so many wait at once, the next is refused, and later one may again', (t) => {
  const clock = new ManualClock();
  const limits = new AccountLimits(clock);
  for (let i = 0; i < 30; i++) {
    const arrival = { ...ARRIVAL, address: `192.0.2.${i}`, waitedMs: 10_000 };
    const admission = limits.admit(arrival);
    if (admission.kind === 'go') limits.settle(arrival, admission.charge, 'wrong');
  }
  const fresh = (i: number) => limits.admit({ ...ARRIVAL, address: `198.51.100.${i}` }).kind;
  t.strictSame(
    Array.from({ length: WAITING_MAX_REFUSED + 1 }, (_, i) => fresh(i)),
    [...Array(WAITING_MAX_REFUSED).fill('wait'), 'limited'],
  );
  clock.leap(10_000);
  t.equal(fresh(99), 'wait');
  const slowed = new AccountLimits(clock);
  for (let i = 0; i < ACCOUNT_RULE.free; i++) slowed.admit({ ...ARRIVAL, address: `192.0.2.${i}` });
  t.equal(
    Array.from(
      { length: 50 },
      (_, i) => slowed.admit({ ...ARRIVAL, address: `198.51.100.${i}` }).kind,
    ).filter((kind) => kind === 'wait').length,
    WAITING_MAX,
    'more while it only slows',
  );
  t.end();
});

void t.test('an account: a refused address passes only where it is known', (t) => {
  const limits = new AccountLimits(new ManualClock());
  const refused = { ...ARRIVAL, isAddressRefused: true };
  t.equal(limits.admit(refused).kind, 'limited');
  const admission = limits.admit(ARRIVAL);
  if (admission.kind === 'go') limits.settle(ARRIVAL, admission.charge, 'right');
  t.equal(limits.admit(refused).kind, 'go');
  t.equal(limits.admit({ ...refused, address: '192.0.2.8' }).kind, 'limited');
  t.equal(limits.admit({ ...refused, account: '1/ann' }).kind, 'limited');
  t.end();
});

void t.test('an account: the longer of two waits, and one place is taken for its own only', (t) => {
  const clock = new ManualClock();
  const limits = new AccountLimits(clock);
  const slowed = { ...ARRIVAL, addressWaitMs: 4000 };
  for (let i = 0; i < 3 * WAITING_MAX; i++)
    t.match(limits.admit(slowed), { kind: 'wait', waitMs: 4000, by: 'address' });
  t.match(limits.admit({ ...slowed, waitedMs: 1500 }), { kind: 'wait', waitMs: 2500, by: 'address' });
  t.equal(limits.admit({ ...slowed, waitedMs: 4000 }).kind, 'go');
  for (let i = 1; i < ACCOUNT_RULE.free; i++)
    limits.settle(ARRIVAL, { isKnown: false, isPaid: false }, 'wrong');
  t.match(limits.admit({ ...ARRIVAL, addressWaitMs: 100 }), { kind: 'wait', waitMs: 500, by: 'account' });
  limits.settle(ARRIVAL, { isKnown: false, isPaid: false }, 'right');
  t.equal(limits.admit(slowed).kind, 'go', 'who is known waits for neither');
  t.end();
});

void t.test('an address: an account pays back now and then, not at each log-in', (t) => {
  const clock = new ManualClock();
  const limits = new AddressLimits(clock);
  const { address } = ARRIVAL;
  for (let i = 0; i < 20; i++) limits.failed(address);
  t.equal(limits.stand(address).count, 20);
  for (let i = 0; i < 5; i++) limits.succeeded(address, 'joe@one.example');
  t.equal(limits.stand(address).count, 18);
  limits.succeeded(address, 'ann@one.example');
  t.equal(limits.stand(address).count, 16);
  for (let i = 0; i < 40; i++) limits.failed(address);
  t.match(limits.stand(address), { isRefused: true, waitMs: 0, count: 56 });
  t.match(limits.stand('192.0.2.8'), { isRefused: false, waitMs: 0, count: 0 });
  clock.leap(ADDRESS_RULE.decayMs * 17);
  t.match(limits.stand(address), { isRefused: false, waitMs: 10_000, count: 39 });
  t.end();
});

void t.test('what crosses the bus is read with care', (t) => {
  const admissions = [
    { kind: 'go', charge: { isKnown: true, isPaid: false } },
    { kind: 'wait', waitMs: 500, by: 'account', count: 5 },
    { kind: 'limited', by: 'address', count: 20 },
  ] as const;
  for (const admission of admissions) t.strictSame(readAdmission(writeAdmission(admission)), admission);
  t.strictSame(writeAdmission({ kind: 'wait', waitMs: 0.5, by: 'account', count: 1 }), {
    kind: 'wait',
    waitMs: 1,
    by: 'account',
    count: 1,
  });
  const { account: _, ...brought } = ARRIVAL;
  t.strictSame(readArrival({ ...brought, more: 1 }), brought);
  for (const field of ['address', 'waitedMs', 'addressWaitMs'])
    for (const bad of [undefined, null, -1, 0.5, '', {}, Number.NaN])
      t.throws(
        () => readArrival({ ...brought, [field]: bad }),
        { code: 'invalid' },
        `${field} ${JSON.stringify(bad)}`,
      );
  for (const outcome of OUTCOMES) t.equal(readOutcome(outcome), outcome);
  for (const bad of [
    undefined,
    null,
    {},
    { kind: 'wait' },
    { kind: 'wait', waitMs: 1, count: 1, by: 'moon' },
    { kind: 'go' },
    { kind: 'other' },
    { kind: 'limited', count: -1 },
  ])
    t.throws(() => readAdmission(bad), { code: 'invalid' }, JSON.stringify(bad));
  for (const bad of ['', 'x'.repeat(43), 'a b', 'A', 7, null])
    t.throws(() => readAddress(bad), { code: 'invalid' }, String(bad));
  for (const bad of ['wrongly', 1, undefined]) t.throws(() => readOutcome(bad), { code: 'invalid' });
  for (const bad of [undefined, {}, { waitMs: 1 }, { waitMs: 'x', count: 1 }])
    t.throws(() => readStand(bad), { code: 'invalid' });
  t.end();
});
