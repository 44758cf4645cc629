import t from 'tap';
import type { SlotRouter } from '../../src/cluster/types.ts';
import { TransactionNumbers } from '../../src/directory/transactions.ts';
import type { Directory } from '../../src/directory/types.ts';
import { Failure, type FailureCode } from '../../src/lib/failure.ts';
import { noLogger } from '../../src/lib/logging.ts';
import { createIntake } from '../../src/smtp/intake.ts';
import type { DomainId, Incarnation } from '../../src/store/ids.ts';

const OBJECT = { domainId: 3 as DomainId, name: 'joe', serial: '1-1' };

function intake(
  outcome: (body: Record<string, unknown>) => unknown,
  postmasters: () => readonly string[] = () => [],
) {
  const router: SlotRouter = { call: async (_slot, _service, body) => outcome(body) };
  const directory = {
    parse: (address: string) =>
      address.endsWith('@lab.example')
        ? { domainId: OBJECT.domainId, name: address.split('@')[0]! }
        : undefined,
    resolve: async (_: DomainId, name: string) => {
      if (name === 'away') throw new Failure('unavailable', 'test');
      return name === 'joe' ? { kind: 'account', object: OBJECT } : { kind: 'unknown' };
    },
  } as unknown as Directory;
  const transactions = new TransactionNumbers('b'.repeat(32) as Incarnation);
  return createIntake({
    directory,
    router,
    transactions,
    logger: noLogger,
    waitMs: 1000,
    postmasters,
  });
}

void t.test('recipients: ours and known, unknown, not ours, nobody to ask', async (t) => {
  const mail = intake(() => undefined);
  t.match(await mail.resolve('joe@lab.example'), { object: OBJECT });
  t.match(await mail.resolve('ann@lab.example'), { code: 550, text: /^5\.1\.1 / });
  t.match(await mail.resolve('joe@else.example'), { code: 550, text: /^5\.7\.1 / });
  t.match(await mail.resolve('away@lab.example'), { code: 451, text: /^4\.3\.0 / });
});

void t.test(
  'RFC 5321 section 4.5.1: a postmaster without an account is the first of the others who has one, as of then',
  async (t) => {
    let others: readonly string[] = [];
    const mail = intake(
      () => undefined,
      () => others,
    );
    for (const address of ['Postmaster', 'PostMaster@lab.example']) {
      for (others of [
        ['joe@lab.example'],
        ['postmaster@else.example', 'ann@lab.example', 'joe@lab.example', 'away@lab.example'],
      ])
        t.strictSame(await mail.resolve(address), { forwardPath: address, object: OBJECT });
      for (others of [[], ['ann@lab.example'], ['away@lab.example', 'joe@lab.example']])
        t.match(await mail.resolve(address), { code: 451, text: /^4\.3\.0 / });
    }
    others = ['joe@lab.example'];
    t.match(await mail.resolve('postmaster@else.example'), { code: 550, text: /^5\.7\.1 / });
    t.match(await mail.resolve('postmaster2@lab.example'), { code: 550, text: /^5\.1\.1 / });
  },
);

void t.test(
  'a delivery is accepted only when the commit was answered; each failure has its reply',
  async (t) => {
    const replies: readonly (readonly [FailureCode, string])[] = [
      ['unavailable', '451 4.3.0'],
      ['unknown', '451 4.3.0'],
      ['damaged', '451 4.3.0'],
      ['no-space', '452 4.3.1'],
      ['limit', '452 4.2.2'],
      ['not-found', '550 5.1.1'],
    ];
    for (const [code, reply] of replies) {
      const mail = intake(() => {
        throw new Failure(code, 'test');
      });
      const answer = await mail.deliver({ forwardPath: 'joe@lab.example', object: OBJECT }, [
        Buffer.from('x'),
      ]);
      t.equal(`${answer?.code} ${answer?.text.slice(0, 5)}`, reply, code);
    }
    const seen: unknown[] = [];
    const mail = intake((body) => void seen.push({ ...body }));
    t.equal(
      await mail.deliver({ forwardPath: 'joe@lab.example', object: OBJECT }, [
        Buffer.from('a'),
        Buffer.from('b'),
      ]),
      undefined,
    );
    t.match(seen, [
      {
        object: OBJECT,
        parts: [Buffer.from('a'), Buffer.from('b')],
        transaction: { number: 1, lowestOpen: 1 },
      },
    ]);
  },
);
