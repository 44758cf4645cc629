/** Whose an address is, in step with the settings. */
import t from 'tap';
import { addressesOf, watchAddresses } from '../../src/directory/domains-by-address.ts';
import { encodeDomainSettings } from '../../src/settings/domain-settings.ts';
import type { DomainId } from '../../src/store/ids.ts';
import { FakeSettings } from './settings.ts';

void t.test('follows every change, and knows every way of writing an address', (t) => {
  const settings = new FakeSettings();
  const put = (id: number, name: string, ...addresses: string[]): void => {
    const encoded = encodeDomainSettings(new Map([['IPAddresses', addresses]]))!;
    settings.put({ id: id as DomainId, name, shared: true, settings: encoded });
  };
  put(1, 'one.example', '192.0.2.1', '2001:db8::1');
  const watched = watchAddresses(settings);
  const of = (...hosts: string[]): unknown => hosts.map((host) => watched.domainByAddress(host));
  t.strictSame(of('192.0.2.1', '::ffff:192.0.2.1', '2001:DB8:0::1', '192.0.2.2', '', 'one.example'), [
    'one.example',
    'one.example',
    'one.example',
    undefined,
    undefined,
    undefined,
  ]);
  // One delta, in which an address is seen at its new domain before the old one is seen without it.
  put(2, 'two.example', '192.0.2.1');
  put(1, 'one.example', '192.0.2.3');
  t.strictSame(of('192.0.2.1', '192.0.2.3', '2001:db8::1'), ['two.example', 'one.example', undefined]);
  settings.put({
    id: 2 as DomainId,
    name: 'renamed.example',
    shared: true,
    settings: settings.domain('two.example')!.settings!,
  });
  t.strictSame(of('192.0.2.1'), ['renamed.example']);
  settings.tellWhole();
  t.strictSame(of('192.0.2.1', '192.0.2.3'), ['renamed.example', 'one.example']);
  settings.remove(2 as DomainId);
  t.strictSame(of('192.0.2.1'), [undefined]);
  watched.stop();
  put(3, 'three.example', '192.0.2.7');
  t.strictSame(of('192.0.2.7'), [undefined]);
  t.strictSame(addressesOf(Buffer.from('broken')), []);
  t.strictSame(addressesOf(undefined), []);
  t.end();
});
