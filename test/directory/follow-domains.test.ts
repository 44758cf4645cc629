/** An index of domains is put together from the copy as it is, and follows every kind of change. */
import t from 'tap';
import type { DomainRecord, SettingsDelta } from '../../src/cluster/types.ts';
import { followDomains } from '../../src/directory/follow-domains.ts';
import type { DomainId } from '../../src/store/ids.ts';
import { FakeSettings } from './settings.ts';

/** A copy that misses what is done before `tellWhole`. */
class DeafSettings extends FakeSettings {
  isDeaf = false;

  override onChange(listener: (delta: SettingsDelta) => void): () => void {
    return super.onChange((delta) => {
      if (!this.isDeaf) listener(delta);
    });
  }
}

void t.test('from the first state on, changes, and the whole after some were missed', async (t) => {
  const settings = new DeafSettings();
  const names = new Map<DomainId, string>();
  const stop = followDomains(settings, {
    ids: () => names.keys(),
    put: ({ id, name }: DomainRecord) => void names.set(id, name),
    remove: (id) => void names.delete(id),
  });
  const put = (id: number, name: string): void => settings.put({ id: id as DomainId, name, shared: true });
  const shown = (): readonly string[] => [...names.values()].sort();
  t.strictSame(shown(), ['one.example', 'two.example']);
  put(3, 'three.example');
  put(1, 'first.example');
  settings.remove(2 as DomainId);
  t.strictSame(shown(), ['first.example', 'three.example']);
  settings.isDeaf = true;
  settings.remove(3 as DomainId);
  put(4, 'four.example');
  settings.isDeaf = false;
  settings.tellWhole();
  t.strictSame(shown(), ['first.example', 'four.example'], 'what was removed unheard is gone');
  stop();
  put(5, 'five.example');
  t.strictSame(shown(), ['first.example', 'four.example']);
});
