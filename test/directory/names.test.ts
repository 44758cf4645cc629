import t from 'tap';
import type { ClusterSettings } from '../../src/cluster/types.ts';
import { Names } from '../../src/directory/names.ts';
import type { DomainId } from '../../src/store/ids.ts';
import { ManualClock } from '../support/manual-clock.ts';

function names(version: number, isCurrent: boolean): Names {
  const record = { id: 7 as DomainId, name: 'lab.example', shared: true };
  const settings = {
    version,
    domain: (name: string) => (version >= 0 && name === record.name ? record : undefined),
  } as ClusterSettings;
  const options = { settings, isCurrent: () => isCurrent, clock: new ManualClock() };
  return new Names(options as unknown as ConstructorParameters<typeof Names>[0]);
}

void t.test('an address is not ours only where the domains are known', async (t) => {
  t.same(names(3, true).parse('Joe@LAB.example'), { domainId: 7, name: 'joe' });
  t.equal(names(3, true).parse('joe@else.example'), undefined);
  // From "not ours" follows 550 and "wrong password": a frontend just started, or cut off, must not say so.
  t.throws(() => names(-1, true).parse('joe@lab.example'), { code: 'unavailable' });
  t.throws(() => names(3, false).parse('joe@else.example'), { code: 'unavailable' });
  t.same(names(3, false).parse('joe@lab.example'), { domainId: 7, name: 'joe' }, 'what is known is served');
});
