/**
 * Random sessions, in which owners are lost and others expunge and deliver at any point, against a model of a few lines:
 * what RFC 1939 section 5 says of numbers, marks and sizes.
 */
import fc from 'fast-check';
import t from 'tap';
import { PopBed } from './bed.ts';

const SIZES = [20, 31, 47, 64, 5, 18] as const;

type Step =
  | { readonly kind: 'STAT' | 'LIST' | 'UIDL' | 'RSET' | 'move' | 'deliver' }
  | { readonly kind: 'DELE' | 'RETR' | 'TOP' | 'LIST one' | 'expunge'; readonly number: number }
  /** The next answer is lost on its way. */
  | { readonly kind: 'lose' };

const number = fc.integer({ min: 0, max: SIZES.length + 2 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.constantFrom('STAT', 'LIST', 'UIDL', 'RSET', 'move', 'deliver', 'lose').map((kind) => ({ kind })),
  fc.record({ kind: fc.constantFrom('DELE', 'DELE', 'RETR', 'TOP', 'LIST one', 'expunge'), number }),
);

/** What the client must see. Of each message its number is its UID, as the mailbox is fresh. */
class Model {
  readonly marked = new Set<number>();
  readonly gone = new Set<number>();

  shown(number: number): boolean {
    return number >= 1 && number <= SIZES.length && !this.gone.has(number) && !this.marked.has(number);
  }

  get list(): readonly number[] {
    return SIZES.map((_, index) => index + 1).filter((each) => this.shown(each));
  }

  get octets(): number {
    return this.list.reduce((sum, each) => sum + (SIZES[each - 1] ?? 0), 0);
  }
}

function content(size: number): string {
  return `A: ${'x'.repeat(size - 5)}\r\n`;
}

void t.test('property: a session is what the model says, whatever becomes of its owners', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.boolean(), async (steps, quits) => {
      const teardowns: (() => unknown)[] = [];
      const bed = await PopBed.start({ teardown: (run) => void teardowns.push(run) });
      try {
        await bed.append(...SIZES.map(content));
        const client = await bed.client();
        const model = new Model();
        const same = (seen: unknown, expected: unknown, what: Step): void => {
          if (JSON.stringify(seen) !== JSON.stringify(expected))
            throw new Error(
              `${JSON.stringify(what)}: ${JSON.stringify(seen)}, not ${JSON.stringify(expected)}`,
            );
        };
        for (const each of steps)
          switch (each.kind) {
            case 'STAT':
              same(await client.say('STAT'), `+OK ${model.list.length} ${model.octets}`, each);
              break;
            case 'LIST':
              same(
                (await client.all('LIST')).slice(1),
                model.list.map((n) => `${n} ${SIZES[n - 1]}`),
                each,
              );
              break;
            case 'UIDL':
              same(
                (await client.all('UIDL')).slice(1),
                model.list.map((n) => `${n} ${bed.uidValidity}.${n}`),
                each,
              );
              break;
            case 'LIST one': {
              const answer = await client.say(`LIST ${each.number}`);
              if (model.shown(each.number))
                same(answer, `+OK ${each.number} ${SIZES[each.number - 1]}`, each);
              else same(answer, '-ERR no such message', each);
              break;
            }
            case 'RETR':
            case 'TOP': {
              const lines = await client.all(
                each.kind === 'TOP' ? `TOP ${each.number} 3` : `RETR ${each.number}`,
              );
              if (model.shown(each.number)) same(`${lines[1]}\r\n`, content(SIZES[each.number - 1]!), each);
              else same(lines, ['-ERR no such message'], each);
              break;
            }
            case 'DELE':
              same(
                (await client.say(`DELE ${each.number}`)).slice(0, 3),
                model.shown(each.number) ? '+OK' : '-ER',
                each,
              );
              if (model.shown(each.number)) model.marked.add(each.number);
              break;
            case 'RSET':
              model.marked.clear();
              same(
                await client.say('RSET'),
                `+OK maildrop has ${model.list.length} messages (${model.octets} octets)`,
                each,
              );
              break;
            case 'expunge':
              if (each.number < 1) break;
              await bed.expunge(each.number);
              model.gone.add(each.number);
              break;
            case 'deliver':
              await bed.append('new\r\n');
              break;
            case 'move':
              await bed.moveOwner();
              break;
            case 'lose':
              bed.loseAt = { kind: 'end', left: 1 };
              break;
          }
        const here = new Set(bed.inbox.map((line) => Number(line.split(' ')[0])));
        if (quits) same(await client.say('QUIT'), '+OK bye', { kind: 'STAT' });
        else client.close();
        await client.end();
        for (const uid of model.marked) if (quits) here.delete(uid);
        same(
          bed.inbox.map((line) => Number(line.split(' ')[0])),
          [...here],
          { kind: 'UIDL' },
        );
        return true;
      } finally {
        for (const run of teardowns) await run();
      }
    }),
    { numRuns: 80 },
  );
  t.pass('80 sessions');
});
