/**
 * Sessions that outlive their backends, in a size that a test run bears: idle ones whose backends are killed, and ones
 * that hold their view against a fresh session's after each take-over. `bench/sessions.ts` does the same in full size.
 */
import t from 'tap';
import { Prng } from '../support/prng.ts';
import { Bed } from './bed.ts';
import { checkCrowd } from './crowd.ts';
import { spread, spreadText } from './meter.ts';
import { checkViews } from './views.ts';

const ACCOUNTS = 8;
const CLIENTS = 300;
const TAKE_OVERS = 12;
const VIEW_ACCOUNTS = 4;
/** Issue 4: from the answer to a mail until everybody in IDLE is told of it. */
const TOLD_WITHIN_MS = 3000;

void t.test('sessions outlive their backends', { timeout: 280_000 }, async (t) => {
  const seed = process.env['FAULT_SEED'] ?? String(Date.now());
  t.comment(`seed ${seed}: FAULT_SEED=${seed} draws the same losses`);
  const bed = await Bed.start(ACCOUNTS);
  t.teardown(() => bed.stop());

  await t.test('idle ones are not closed, and told of new mail', async (t) => {
    const { losses, complaints, frontendKiBEach, idle } = await checkCrowd({
      bed,
      clients: CLIENTS,
      accounts: ACCOUNTS,
      losses: [
        ['be1', 'worker killed'],
        ['be2', 'supervisor killed'],
        ['be3', 'worker killed'],
      ],
    });
    for (const loss of losses) {
      const late = `late by ${loss.loopDelaysMs.map(([member, ms]) => `${member} ${Math.round(ms ?? -1)} ms`).join(', ')}`;
      t.comment(`${loss.what}, which had ${loss.lost} sessions: told ${spreadText(loss.toldMs)}; ${late}`);
      t.equal(loss.closed, 0, `${loss.what}: no connection is closed`);
      t.equal(loss.toldMs.length, idle, 'everybody in IDLE is told');
      t.ok(spread(loss.toldMs).max < TOLD_WITHIN_MS, `within ${TOLD_WITHIN_MS} ms`);
      t.same(loss.notOk, [], 'all others are answered OK, and told then');
    }
    t.ok(
      losses.some(({ lost }) => lost > 0),
      'sessions lost their owner',
    );
    t.same(complaints, []);
    t.comment(`${frontendKiBEach.toFixed(1)} KiB of a frontend for each of ${CLIENTS}`);
  });

  await t.test('their views are right after every take-over', async (t) => {
    const figures = await checkViews({
      bed,
      random: new Prng(seed),
      accounts: VIEW_ACCOUNTS,
      takeOvers: TAKE_OVERS,
      onTakeOver: (_, what) => t.comment(what),
    });
    t.same(figures.complaints, []);
    t.equal(figures.closed, 0);
    t.ok(figures.takeOvers >= TAKE_OVERS, `${figures.takeOvers} take-overs`);
    t.comment(
      `${figures.compared} views of ${figures.messagesCompared} messages, ${figures.changes} changes; refused: ${JSON.stringify([...figures.refused])}`,
    );
  });
});
