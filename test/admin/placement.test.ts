/** CLUSTER MOVESLOT: what it takes, and what becomes of what the cluster says. */
import t from 'tap';
import { execute, type Outcome } from '../../src/admin/commands.ts';
import { Failure } from '../../src/lib/failure.ts';
import { MemoryAdministration, POSTMASTER } from './memory.ts';

const told = (outcome: Outcome): string =>
  outcome.kind === 'refused' ? `${outcome.reason}: ${outcome.message}` : outcome.kind;

const LINES: readonly (readonly [line: string, expected: string | RegExp])[] = [
  ['CLUSTER MOVESLOT 7 TO be1', 'done'],
  ['cluster moveslot 4095 to be1', 'done'],
  ['CLUSTER MOVESLOT 0 TO "be1"', 'done'],
  ['CLUSTER MOVESLOT 4096 TO be1', 'invalid: a slot is a number from 0 to 4095'],
  ['CLUSTER MOVESLOT -1 TO be1', /^invalid/],
  ['CLUSTER MOVESLOT 1e3 TO be1', /^invalid/],
  ['CLUSTER MOVESLOT joe TO be1', /^invalid/],
  ['CLUSTER MOVESLOT 7', /^syntax: .*TO member expected.*usage: CLUSTER MOVESLOT slot TO member$/],
  ['CLUSTER MOVESLOT 7 be1', /^syntax/],
  ['CLUSTER MOVESLOT 7 TO be1 now', /^syntax/],
  ['CLUSTER MOVESLOT 7 TO be9', 'invalid: no backend be9 is there'],
];

void t.test('a slot and a member', async (t) => {
  const admin = new MemoryAdministration();
  for (const [line, expected] of LINES) {
    const outcome = told(await execute(admin, POSTMASTER, line));
    if (typeof expected === 'string') t.equal(outcome, expected, line);
    else t.match(outcome, expected, line);
  }
  t.strictSame(admin.slots.get('be1'), [7, 4095, 0]);
});

void t.test('what the cluster says', async (t) => {
  const admin = new MemoryAdministration();
  for (const [code, reason] of [
    ['refused', 'failed'],
    ['unavailable', 'temporary'],
    ['unknown', 'unknown-outcome'],
  ] as const) {
    admin.failure = new Failure(code, 'so it is');
    t.match(told(await execute(admin, POSTMASTER, 'CLUSTER MOVESLOT 7 TO be1')), `${reason}: `);
  }
});
