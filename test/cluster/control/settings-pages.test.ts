/** Settings of any size reach a copy in pages of bounded size (settings-pages.ts, settings-copy.ts). */
import t from 'tap';
import { SettingsPages } from '../../../src/cluster/control/settings-pages.ts';
import {
  readSettings,
  SETTINGS_PAGE_ENTRIES_MAX,
  type SettingsCursor,
  type SettingsPage,
  settingsBody,
} from '../../../src/cluster/news.ts';
import type { DomainRecord, SettingsDelta } from '../../../src/cluster/types.ts';
import { SettingsCopy } from '../../../src/cluster/view/settings-copy.ts';
import type { DomainId } from '../../../src/store/ids.ts';

const MIB = 1024 * 1024;

/** Settings whose every change is known for ever. */
class Source {
  version = 0;
  snapshots = 0;
  asked = 0;
  readonly domains: DomainRecord[] = [];
  readonly values: (readonly [string, Buffer])[] = [];
  readonly deleted: DomainId[] = [];

  add(domains: number, settingsOctets = 0): void {
    const settings = Buffer.alloc(settingsOctets);
    for (let i = 0; i < domains; i++) {
      const id = ++this.version as DomainId;
      this.domains.push({ id, name: `d${id}.example`, shared: true, settings });
    }
  }

  snapshot(): SettingsDelta {
    this.snapshots++;
    const { version, domains, values } = this;
    return { version, whole: true, domains: [...domains], domainsDeleted: [], values: [...values] };
  }

  changesSince(since: number): SettingsDelta {
    this.asked++;
    const domains = this.domains.filter(({ id }) => id > since);
    return { version: this.version, whole: false, domains, domainsDeleted: this.deleted, values: [] };
  }
}

/** As a member does it; `between` runs before every page but the first. */
function fetch(copy: SettingsCopy, pages: SettingsPages, source: Source, between?: () => void): number {
  let cursor: SettingsCursor | undefined;
  let count = 0;
  const since = copy.version;
  do {
    if (count++ > 0) between?.();
    const page: SettingsPage = readSettings(settingsBody(pages.page(count, source, { since, cursor })));
    copy.page(page, cursor === undefined);
    cursor = page.next;
  } while (cursor !== undefined);
  return count;
}

void t.test('everything, in pages of so many entries', async (t) => {
  const source = new Source();
  source.add(2 * SETTINGS_PAGE_ENTRIES_MAX + 1);
  for (let i = 0; i < SETTINGS_PAGE_ENTRIES_MAX; i++) source.values.push([`k${i}`, Buffer.from([i])]);
  const copy = new SettingsCopy();
  const told: unknown[] = [];
  copy.onChange(({ whole, domains, values }) => told.push([whole, domains.length, values.length]));
  t.equal(
    fetch(copy, new SettingsPages(), source, () => t.equal(copy.version, -1, 'nobody sees half')),
    4,
  );
  t.equal(copy.version, source.version);
  t.equal(copy.domains().length, source.domains.length);
  t.strictSame(told, [[true, source.domains.length, SETTINGS_PAGE_ENTRIES_MAX]], 'told once, of all');
});

void t.test('and of so many octets: with certificates a record has 5 KB, and a value 1 MiB', async (t) => {
  const source = new Source();
  source.add(1000, 5000);
  for (let i = 0; i < 6; i++) source.values.push([`k${i}`, Buffer.alloc(MIB)]);
  const copy = new SettingsCopy();
  t.equal(fetch(copy, new SettingsPages(), source), 3);
  t.equal(copy.value('k5')?.length, MIB);
  t.equal(copy.domains().length, 1000);
});

void t.test('a snapshot stays as it is while it is fetched, and serves all who ask meanwhile', async (t) => {
  const source = new Source();
  source.add(3 * SETTINGS_PAGE_ENTRIES_MAX);
  const pages = new SettingsPages();
  const [one, two] = [new SettingsCopy(), new SettingsCopy()];
  const before = source.version;
  fetch(one, pages, source, () => source.add(1));
  t.equal(one.version, before);
  t.equal(fetch(one, pages, source), 1, 'what changed meanwhile is asked for then');
  t.equal(one.domains().length, source.domains.length);
  fetch(two, pages, source);
  t.equal(two.version, before);
  t.equal(source.snapshots, 1);
  pages.tick(10);
  fetch(new SettingsCopy(), pages, source);
  t.equal(source.snapshots, 1, 'kept');
  pages.tick(10 + 60_000);
  fetch(new SettingsCopy(), pages, source);
  t.equal(source.snapshots, 2, 'not for ever');
});

void t.test(
  'changes that fill more than a page are everything anew, of a version that the asker lacks',
  async (t) => {
    const source = new Source();
    source.add(SETTINGS_PAGE_ENTRIES_MAX);
    const pages = new SettingsPages();
    const copy = new SettingsCopy();
    t.equal(fetch(copy, pages, source), 1);
    source.add(SETTINGS_PAGE_ENTRIES_MAX + 1);
    t.equal(fetch(copy, pages, source), 3);
    t.equal(copy.version, source.version);
    t.equal(source.snapshots, 2);
    for (let id = 1; id <= SETTINGS_PAGE_ENTRIES_MAX + 1; id++) source.deleted.push(id as DomainId);
    source.add(1);
    t.equal(pages.page(0, source, { since: copy.version, cursor: undefined }).whole, true, 'deletions too');
  },
);

void t.test('what changed is computed once for all that ask from the same version', async (t) => {
  const source = new Source();
  source.add(3);
  const pages = new SettingsPages();
  for (let i = 0; i < 5; i++)
    t.equal(pages.page(0, source, { since: 1, cursor: undefined }).domains.length, 2);
  t.equal(source.asked, 1);
  source.add(1);
  t.equal(pages.page(0, source, { since: 1, cursor: undefined }).domains.length, 3);
});

void t.test('a snapshot that is gone: begin anew', async (t) => {
  const source = new Source();
  source.add(SETTINGS_PAGE_ENTRIES_MAX + 1);
  const pages = new SettingsPages();
  const { next } = pages.page(0, source, { since: -1, cursor: undefined });
  pages.clear();
  t.throws(() => pages.page(0, source, { since: -1, cursor: next }), { code: 'not-found' });
  const copy = new SettingsCopy();
  copy.page(readSettings(settingsBody(pages.page(0, source, { since: -1, cursor: undefined }))), true);
  t.equal(copy.version, -1, 'one page is not a copy');
  fetch(copy, pages, source);
  t.equal(copy.domains().length, source.domains.length, 'a new first page drops what was built');
});

void t.test('a page that is larger than any peer sends is refused', async (t) => {
  const source = new Source();
  source.add(SETTINGS_PAGE_ENTRIES_MAX + 1);
  t.throws(() => readSettings({ ...source.snapshot(), next: null }), { code: 'invalid' });
  const cursors = [{ version: 1 }, { version: -1, from: 0 }, 7, { version: 1, from: 0.5 }];
  for (const next of cursors)
    t.throws(() => readSettings({ ...new Source().snapshot(), next }), { code: 'invalid' });
});
