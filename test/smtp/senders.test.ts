import t from 'tap';
import { Failure } from '../../src/lib/failure.ts';
import { noLogger } from '../../src/lib/logging.ts';
import { createSenderCheck } from '../../src/smtp/senders.ts';
import type { DomainId } from '../../src/store/ids.ts';
import { objectOf } from './bed.ts';

const JOE = objectOf('joe');

const senders = createSenderCheck({
  directory: {
    parse: (address) => {
      if (address.endsWith('@unknown.example')) throw new Failure('unavailable', 'test');
      const [name = '', domain] = address.split('@');
      return domain === 'lab.example' ? { domainId: 1 as DomainId, name } : undefined;
    },
    resolve: async (_, name) => {
      if (name === 'away') throw new Failure('unavailable', 'test');
      if (name === 'nobody') return { kind: 'unknown' };
      // A name given again after a delete is another object.
      return { kind: 'account', object: name === 'again' ? { ...JOE, serial: '2-1' } : JOE };
    },
  },
  logger: noLogger,
  waitMs: 1000,
});

void t.test('RFC 6409 section 6.1: whom an account may send as', async (t) => {
  for (const [address, reply] of [
    ['', undefined],
    ['joe@lab.example', undefined],
    ['alias@lab.example', undefined],
    ['again@lab.example', '550 5.7.1'],
    ['nobody@lab.example', '550 5.7.1'],
    ['joe@else.example', '550 5.7.1'],
    ['away@lab.example', '451 4.3.0'],
    ['joe@unknown.example', '451 4.3.0'],
  ] as const) {
    const refused = await senders.refuse(JOE, address);
    t.equal(refused && `${refused.code} ${refused.text.slice(0, 5)}`, reply, address);
  }
  t.match(
    await senders.refuse(undefined, 'joe@lab.example'),
    { code: 550 },
    'an administrator has no address',
  );
});
