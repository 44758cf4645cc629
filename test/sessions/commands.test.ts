/** Each command at the moment its owner is lost, a few times; `bench/sessions.ts commands` and `pop` do it more often. */
import t from 'tap';
import { Prng } from '../support/prng.ts';
import { Bed } from './bed.ts';
import { checkCommands } from './commands.ts';
import { KINDS } from './player.ts';
import { checkPop } from './pop.ts';

const TRIES = 1;

void t.test('commands while their owner is killed', { timeout: 280_000 }, async (t) => {
  const seed = process.env['FAULT_SEED'] ?? String(Date.now());
  t.comment(`seed ${seed}: FAULT_SEED=${seed} draws the same instants`);
  const random = new Prng(seed);
  const bed = await Bed.start(KINDS.length + 1);
  t.teardown(() => bed.stop());

  await t.test('IMAP', async (t) => {
    const { kinds, complaints, refused } = await checkCommands({
      bed,
      random: random.fork('imap'),
      tries: TRIES,
    });
    t.same(complaints, [], 'done once when answered OK, never twice; no number was wrong');
    for (const [kind, { tries, commands, ok, cut }] of kinds) {
      t.ok(tries >= TRIES, `${kind}: ${commands} commands, ${cut} cut inside a response`);
      t.equal(ok + cut, commands, 'every other one is answered OK');
    }
    t.comment(`not OK: ${JSON.stringify([...refused])}`);
  });

  await t.test('POP3', async (t) => {
    const account = bed.accounts[KINDS.length]!;
    const { complaints, ...figures } = await checkPop({
      bed,
      random: random.fork('pop'),
      tries: 3 * TRIES,
      account,
    });
    t.same(complaints, [], 'the same numbers and octets at every owner; QUIT deletes what was marked');
    t.comment(`${figures.commands} commands, ${figures.deleted} messages deleted`);
  });
});
