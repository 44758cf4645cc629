/** Domains made and deleted: marked first, then emptied, then removed; stopped half way it can be gone on with. */
import t from 'tap';
import { type SettingsChange, STALE } from '../../src/directory/cluster-settings.ts';
import { Domains } from '../../src/directory/domains.ts';
import { addressesOf, settingsDigest } from '../../src/directory/domains-by-address.ts';
import type { Directory } from '../../src/directory/types.ts';
import { Failure } from '../../src/lib/failure.ts';
import { encodeDomainSettings } from '../../src/settings/domain-settings.ts';
import { Prng } from '../support/prng.ts';
import { FakeSettings } from './settings.ts';

function build(accounts: string[], deleteAccount: (name: string) => Promise<void> = async () => undefined) {
  const settings = new FakeSettings();
  const log: string[] = [];
  const requests = new Set<string | undefined>();
  const changeSettings = async (change: SettingsChange) => {
    requests.add(change.request);
    log.push(change.kind);
    if (change.kind === 'removeDomain') settings.remove(change.id);
    if (change.kind === 'deleteDomain')
      settings.put({ id: change.id, name: 'one.example', shared: true, deleting: true });
    if (change.kind === 'keepDomain') settings.put({ id: change.id, name: 'one.example', shared: true });
  };
  const directory: Partial<Directory> = {
    listAccounts: async () => [...accounts],
    deleteAccount: async (_, name) => {
      await deleteAccount(name);
      log.push(`delete ${name}`);
      accounts.splice(accounts.indexOf(name), 1);
    },
  };
  const options = { settings, changeSettings, directory: directory as Directory, random: new Prng(1) };
  return { domains: new Domains(options), settings, log, requests };
}

void t.test('an empty domain is deleted', async (t) => {
  const { domains, log, settings, requests } = build([]);
  await domains.delete('One.Example', false);
  t.strictSame(log, ['deleteDomain', 'removeDomain']);
  t.equal(settings.domain('one.example'), undefined);
  t.equal(requests.size, 2, 'each change has a request id of its own');
});

void t.test('one with accounts is kept as it was, or loses them by force', async (t) => {
  const { domains, log, settings } = build(['joe', 'ann']);
  await t.rejects(domains.delete('one.example', false), { code: 'refused' });
  t.strictSame(log.splice(0), ['deleteDomain', 'keepDomain']);
  t.equal(settings.domain('one.example')?.deleting, undefined);
  await domains.delete('one.example', true);
  t.strictSame(log, ['deleteDomain', 'delete joe', 'delete ann', 'removeDomain']);
});

void t.test('stopped half way it stays marked, and can be gone on with', async (t) => {
  let broken = true;
  const { domains, log, settings } = build(['joe', 'ann'], async (name) => {
    if (name === 'ann' && broken) throw new Failure('unavailable', 'later');
  });
  await t.rejects(domains.delete('one.example', true), { code: 'unavailable' });
  t.equal(settings.domain('one.example')?.deleting, true);
  await t.rejects(domains.delete('one.example', false), { code: 'refused' });
  t.equal(settings.domain('one.example')?.deleting, true, 'it has begun to lose its accounts');
  broken = false;
  log.length = 0;
  await domains.delete('one.example', true);
  t.strictSame(log, ['deleteDomain', 'delete ann', 'removeDomain']);
});

void t.test('an error that no second look will mend ends it', async (t) => {
  const { domains } = build(['joe'], async () => {
    throw new Failure('damaged', 'broken');
  });
  await t.rejects(domains.delete('one.example', true), { code: 'damaged' });
});

void t.test('names are checked here', async (t) => {
  const { domains, log } = build([]);
  await t.rejects(domains.create('not a domain', true), { code: 'invalid' });
  await t.rejects(domains.delete('other.example', true), { code: 'not-found' });
  t.strictSame(log, []);
  await domains.create('B\u00fccher.example', true);
  t.strictSame(log, ['createDomain']);
});

void t.test('settings: merged again when somebody else was faster', async (t) => {
  const settings = new FakeSettings();
  const random = new Prng(2);
  const others = [settingsOf('192.0.2.1'), settingsOf('192.0.2.2')];
  const domain = settings.domain('one.example')!;
  const requests = new Set<string | undefined>();
  const changeSettings = async (change: SettingsChange) => {
    if (change.kind !== 'setDomainSettings') throw new Error(change.kind);
    requests.add(change.request);
    const other = others.shift();
    if (other !== undefined) settings.put({ ...domain, settings: other });
    const now = settings.domain('one.example')?.settings;
    if (!settingsDigest(now).equals(change.expected)) return STALE;
    settings.put({ ...domain, settings: change.settings! });
    return change.id;
  };
  const domains = new Domains({ settings, changeSettings, directory: {} as Directory, random });
  const seen: unknown[] = [];
  const merge = (before: Buffer | undefined): Buffer => {
    seen.push(before === undefined ? undefined : addressesOf(before));
    return settingsOf(...addressesOf(before), '192.0.2.9');
  };
  await domains.changeSettings('One.Example', merge);
  t.strictSame(seen, [undefined, ['192.0.2.1'], ['192.0.2.2']]);
  t.strictSame(addressesOf(settings.domain('one.example')?.settings), ['192.0.2.2', '192.0.2.9']);
  t.equal(requests.size, 3, 'each try is a request of its own');
  await t.rejects(domains.changeSettings('other.example', merge), { code: 'not-found' });
  const always = { settings, directory: {} as Directory, random, changeSettings: async () => STALE };
  await t.rejects(new Domains(always).changeSettings('one.example', merge), { code: 'unavailable' });
});

function settingsOf(...addresses: string[]): Buffer {
  return encodeDomainSettings(new Map([['IPAddresses', addresses]]))!;
}
