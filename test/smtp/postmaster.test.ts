import t from 'tap';
import type { DomainRecord } from '../../src/cluster/types.ts';
import { isPostmaster, POSTMASTER_DOMAINS_MAX, postmasters } from '../../src/smtp/postmaster.ts';
import type { DomainId } from '../../src/store/ids.ts';

const domain = (id: number, more: Partial<DomainRecord> = {}): DomainRecord => ({
  id: id as DomainId,
  name: `d${id}.example`,
  shared: true,
  ...more,
});

void t.test('RFC 5321 section 4.5.1: who is asked to take mail for postmaster', (t) => {
  const some = { domains: () => [domain(9), domain(3), domain(5, { deleting: true })] };
  t.strictSame(postmasters('', some), ['postmaster@d3.example', 'postmaster@d9.example'], 'oldest first');
  t.equal(postmasters('ann@d9.example', some)[0], 'ann@d9.example', 'what is set comes before all');
  const many = { domains: () => Array.from({ length: 100 }, (_, n) => domain(n + 1)) };
  t.equal(postmasters('', many).length, POSTMASTER_DOMAINS_MAX);
  t.strictSame(postmasters('', { domains: () => [] }), []);
  t.strictSame(['postmaster', 'POSTMASTER', 'postmaster2', ''].map(isPostmaster), [true, true, false, false]);
  t.end();
});
