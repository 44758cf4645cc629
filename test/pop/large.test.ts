/** A million messages (docs/architecture.md, invariant 8): opened at once, listed in turns none of which takes long. */
import t from 'tap';
import { noLogger } from '../../src/lib/logging.ts';
import { realPlatform } from '../../src/platform/real/platform.ts';
import { ruleOf } from '../../src/pop/commands/table.ts';
import { PopSession } from '../../src/pop/session/session.ts';
import type { OwnerCommand } from '../../src/pop/wire.ts';
import { Output } from '../../src/relay/output.ts';
import type { Account } from '../../src/store/account/types.ts';
import { Rows } from './session/drop.ts';

const MILLION = 1_000_000;
/** Of the processor, for one turn: the machine's other work does not count. */
const TURN_MS_MAX = 50;

void t.test('a million messages', async (t) => {
  const { clock } = realPlatform();
  const rows = new Rows().add(MILLION);
  const account = {
    mailbox: () => rows.mailbox,
    settled: () => Promise.resolve(),
    gone: new AbortController().signal,
  } as unknown as Account;
  const session = new PopSession({ account, login: 'user', clock, logger: noLogger });

  /** Octets and lines of the answer; fails when one turn took too long. */
  async function run(command: OwnerCommand): Promise<{ lines: number; last: string }> {
    let [lines, last] = [0, ''];
    const take = (bytes: Buffer): void => {
      const text = bytes.toString('latin1');
      lines += text.split('\r\n').length - 1;
      last = text.slice(-60);
    };
    const output = new Output(
      () => account.settled(),
      async (bytes) => take(bytes),
    );
    const turns = watchTurns();
    await ruleOf(command.name)!.run(
      { session, output, progress: 0, transaction: undefined, working: async () => undefined },
      command,
    );
    take(await output.last());
    const longestMs = turns.end();
    t.ok(longestMs < TURN_MS_MAX, `${command.name}: the longest turn took ${longestMs.toFixed(1)} ms`);
    return { lines, last };
  }

  const heapBefore = process.memoryUsage().arrayBuffers;
  t.match(await run({ name: 'open' }), {
    last: `+OK maildrop has ${MILLION} messages (${MILLION * 100} octets)\r\n`,
  });
  t.ok(process.memoryUsage().arrayBuffers - heapBefore < MILLION, 'opening copies nothing');
  t.match(await run({ name: 'LIST', number: undefined }), {
    lines: MILLION + 2,
    last: /\r\n1000000 100\r\n\.\r\n$/,
  });
  t.match(await run({ name: 'UIDL', number: undefined }), {
    lines: MILLION + 2,
    last: /\r\n1000000 7\.1000000\r\n\.\r\n$/,
  });
  t.match(await run({ name: 'LIST', number: 500_000 }), { last: '+OK 500000 100\r\n' });
  // Every other one is marked, and then every fourth of all goes: what is left is counted in turns too.
  for (let number = 1; number <= MILLION; number += 2) session.mark(number, session.message(number)!);
  rows.expunge(...Array.from({ length: 40_000 }, (_, index) => index * 4 + 1));
  t.match(await run({ name: 'STAT' }), { last: `+OK ${MILLION / 2} ${MILLION * 50}\r\n` });
  t.match(await run({ name: 'LIST', number: undefined }), { lines: MILLION / 2 + 2 });
  t.match(await run({ name: 'RSET' }), { last: /^\+OK maildrop has 960000 messages/ });
  const { lines } = await run({ name: 'UIDL', number: undefined });
  t.equal(lines, 960_000 + 2);
});

/** Looks at the processor time between turns. */
function watchTurns(): { end(): number } {
  let [longestMs, isOver] = [0, false];
  let before = process.threadCpuUsage();
  const look = (): void => {
    const now = process.threadCpuUsage();
    longestMs = Math.max(longestMs, (now.user - before.user + now.system - before.system) / 1000);
    before = now;
    if (!isOver) setImmediate(look);
  };
  setImmediate(look);
  return {
    end() {
      isOver = true;
      look();
      return longestMs;
    },
  };
}
