/** A process's copy of the cluster settings, and who is told of its changes. */
import t from 'tap';
import type { DomainRecord, SettingsDelta } from '../../../src/cluster/types.ts';
import { SettingsCopy } from '../../../src/cluster/view/settings-copy.ts';
import type { DomainId } from '../../../src/store/ids.ts';

function delta(version: number, more: Partial<SettingsDelta> = {}): SettingsDelta {
  return { version, whole: false, domains: [], domainsDeleted: [], values: [], ...more };
}

const domain = (id: number, name: string): DomainRecord => ({ id: id as DomainId, name, shared: true });

void t.test('listeners see the copy as it is after the change, once for each that is taken over', (t) => {
  const copy = new SettingsCopy();
  const seen: unknown[] = [];
  const stop = copy.onChange(({ version, whole }) =>
    seen.push([version, whole, copy.version, copy.domains().map(({ name }) => name)]),
  );
  copy.apply(delta(3, { domains: [domain(1, 'early.example')] }));
  t.strictSame(seen.splice(0), [], 'a delta for a copy that has nothing is left alone');
  copy.apply(delta(3, { whole: true, domains: [domain(1, 'a.example')] }));
  copy.apply(delta(3, { whole: true, domains: [] }));
  copy.apply(delta(2, { domainsDeleted: [1 as DomainId] }));
  copy.apply(delta(4, { domains: [domain(1, 'b.example'), domain(2, 'a.example')] }));
  t.strictSame(seen.splice(0), [
    [3, true, 3, ['a.example']],
    [4, false, 4, ['a.example', 'b.example']],
  ]);
  const settings = Buffer.from('s');
  copy.apply(
    delta(5, { domains: [{ ...domain(2, 'a.example'), settings }], domainsDeleted: [1 as DomainId] }),
  );
  t.equal(copy.domain('a.example')?.settings, settings);
  t.equal(copy.domain('b.example'), undefined);
  stop();
  seen.length = 0;
  copy.apply(delta(6));
  t.strictSame(seen, [], 'who has left is not told');
  t.end();
});
