import t from 'tap';
import type { Bus } from '../../src/cluster/bus/types.ts';
import { Failure } from '../../src/lib/failure.ts';
import { noLogger } from '../../src/lib/logging.ts';
import { serveMail } from '../../src/smtp/owner.ts';
import type { HostedAccount } from '../../src/store/host/types.ts';
import type { DomainId, Incarnation } from '../../src/store/ids.ts';
import { ManualClock } from '../support/manual-clock.ts';

const OBJECT = { domainId: 3 as DomainId, name: 'joe', serial: '1-1' };
const GONE = 'a'.repeat(32) as Incarnation;
const THERE = 'b'.repeat(32) as Incarnation;
const TRANSACTION = { incarnation: THERE, number: 1, lowestOpen: 1 };

/** The service as the bus would call it, on an account that remembers what it is asked. */
function service() {
  const appended: unknown[] = [];
  const forgotten: Incarnation[] = [];
  const account = {
    id: OBJECT,
    mailbox: () => ({ id: 7 }),
    append: async (...all: readonly unknown[]) => {
      appended.push(all);
      return { uidValidity: 1, uid: 2 };
    },
    incarnations: () => [GONE, THERE],
    forgetIncarnation: async (incarnation: Incarnation) => void forgotten.push(incarnation),
  } as unknown as HostedAccount;
  let deliver: (body: unknown) => unknown = () => undefined;
  serveMail({
    bus: { serve: (_: string, run: (body: unknown) => unknown) => (deliver = run) } as unknown as Bus,
    host: { withAccount: (_, work) => work(account) },
    clock: new ManualClock({ wallMs: 5000 }),
    logger: noLogger,
    goneForMs: (incarnation) => (incarnation === GONE ? 15 * 60_000 : 0),
  });
  return { appended, forgotten, deliver: (body: unknown) => deliver(body) };
}

void t.test(
  'the parts of a message are joined and appended once; what a lost frontend did is forgotten',
  async (t) => {
    const { appended, forgotten, deliver } = service();
    const parts = [Buffer.from('a'), Buffer.from(''), Buffer.from('bc')];
    t.strictSame(await deliver({ object: OBJECT, parts, transaction: TRANSACTION }), {
      uidValidity: 1,
      uid: 2,
    });
    t.match(appended, [[7, { content: Buffer.from('abc'), flags: [], internalDateMs: 5000 }, TRANSACTION]]);
    t.strictSame(forgotten, [GONE]);
  },
);

void t.test('what is no message is refused before anything is opened', async (t) => {
  const { appended, deliver } = service();
  for (const body of [
    null,
    {},
    { object: OBJECT, parts: 'x' },
    { object: OBJECT, parts: ['x'] },
    { object: OBJECT, parts: Buffer.from('x') },
  ])
    await t.rejects(
      async () => deliver(body && { transaction: TRANSACTION, ...body }),
      new Failure('invalid', 'mail.deliver: no content'),
    );
  t.equal(appended.length, 0);
});
