/** The cluster settings object on the real log engine: changes, ids and directories, copies, repeats, take-over. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import {
  openClusterSettings,
  SETTINGS_OBJECT,
  SETTINGS_PATH,
  type SettingsChange,
  STALE,
} from '../../src/directory/cluster-settings.ts';
import {
  decodeSettingsRecord,
  encodeSettingsRecord,
  SETTINGS_RECORD_TYPES,
} from '../../src/directory/cluster-settings-records.ts';
import { settingsDigest } from '../../src/directory/domains-by-address.ts';
import { DecodeError } from '../../src/lib/encoder.ts';
import { noLogger } from '../../src/lib/logging.ts';
import { encodeDomainSettings } from '../../src/settings/domain-settings.ts';
import { type DomainId, epochOf, type Incarnation } from '../../src/store/ids.ts';
import { openLog } from '../../src/store/log/log.ts';
import { memoryPlatform } from '../support/memory-platform.ts';

function world() {
  const platform = memoryPlatform();
  let control = 0;
  const open = async () => {
    const epoch = epochOf(++control, 0);
    const incarnation = control.toString(16).padStart(32, '0') as Incarnation;
    const held = () => epoch === epochOf(control, 0);
    const lease = {
      incarnation,
      epoch,
      held,
      confirm: async () => held(),
      reportLargerEpoch: () => undefined,
    };
    return openClusterSettings({
      lease,
      openLog: (replay, knownTypes) =>
        openLog({
          ...platform,
          directory: `/shared/${SETTINGS_PATH}`,
          object: SETTINGS_OBJECT,
          lease,
          knownTypes,
          replay,
          logger: noLogger,
          fence: false,
          makeDirectory: true,
        }),
    });
  };
  return { platform, open };
}

const create = (name: string): SettingsChange => ({ kind: 'createDomain', name, shared: true });

const NO_SETTINGS = settingsDigest(undefined);

/** Settings as stored, with these addresses. */
function addressed(...addresses: string[]): Buffer {
  return encodeDomainSettings(new Map([['IPAddresses', addresses]]))!;
}

/** Replaces the settings of a domain that has `before`. */
function set(id: number, before: Buffer | undefined, settings: Buffer | null): SettingsChange {
  return { kind: 'setDomainSettings', id: id as DomainId, expected: settingsDigest(before), settings };
}

void t.test('ids and directories are never used again, over all controllers', async (t) => {
  const { open } = world();
  let settings = await open();
  t.strictSame(await settings.change(create('One.Example')), { version: 1, result: 1 });
  t.strictSame(await settings.change(create('two.example')), { version: 2, result: 2 });
  t.match(settings.state.domain('one.example'), { id: 1, directory: 'one.example', shared: true });
  const id = 1 as DomainId;
  await t.rejects(settings.change({ kind: 'removeDomain', id }), { code: 'refused' }, 'not marked');
  t.match(await settings.change({ kind: 'deleteDomain', id }), { result: 1 });
  t.match(
    await settings.change({ kind: 'deleteDomain', id }),
    { result: null, version: 3 },
    'marked already',
  );
  t.equal(settings.state.domainById(id)?.deleting, true);
  await settings.change({ kind: 'keepDomain', id });
  t.equal(settings.state.domainById(id)?.deleting, undefined);
  await settings.change({ kind: 'deleteDomain', id });
  await settings.change({ kind: 'removeDomain', id });
  t.equal(settings.state.domain('one.example'), undefined);

  settings = await open();
  t.equal(settings.state.domainById(id), undefined, 'the next controller sees the same');
  t.match(await settings.change(create('one.example')), { result: 3 });
  t.equal(settings.state.domain('one.example')?.directory, 'one.example.3');
});

void t.test('refusals', async (t) => {
  const { open } = world();
  const settings = await open();
  await settings.change(create('one.example'));
  const cases: readonly (readonly [unknown, string])[] = [
    [create('one.example'), 'exists'],
    [create('ONE.example'), 'exists'],
    [create('not a domain'), 'invalid'],
    [{ kind: 'deleteDomain', id: 9 }, 'not-found'],
    [{ kind: 'deleteDomain', id: 'one' }, 'invalid'],
    [{ kind: 'setValue', key: '', value: null }, 'invalid'],
    [{ kind: 'setValue', key: 'k', value: 'text' }, 'invalid'],
    [{ kind: 'setValue', key: 'k', value: Buffer.alloc(1024 * 1024 + 1) }, 'limit'],
    [{ kind: 'other' }, 'invalid'],
    [null, 'invalid'],
    [{ ...create('x.example'), request: 'r'.repeat(65) }, 'invalid'],
    [{ ...create('x.example'), settings: 'text' }, 'invalid'],
    [{ ...create('x.example'), settings: Buffer.from('no settings') }, 'invalid'],
    [{ kind: 'setDomainSettings', id: 1, expected: null, settings: null }, 'invalid'],
    [{ kind: 'setDomainSettings', id: 9, expected: NO_SETTINGS, settings: null }, 'not-found'],
    [{ kind: 'setDomainSettings', id: 1, expected: NO_SETTINGS, settings: Buffer.from([1]) }, 'invalid'],
    [
      { kind: 'setDomainSettings', id: 1, expected: NO_SETTINGS, settings: Buffer.alloc(128 * 1024 + 1) },
      'limit',
    ],
  ];
  for (const [change, code] of cases)
    await t.rejects(settings.change(change), { code }, JSON.stringify(change)?.slice(0, 60));
  t.equal(settings.version, 1);
});

void t.test(
  'settings of domains: replaced as a whole, kept by other changes and other controllers',
  async (t) => {
    const { open } = world();
    let settings = await open();
    const one = addressed('192.0.2.1');
    const two = addressed('192.0.2.2', '2001:db8::2');
    await settings.change({ ...create('one.example'), settings: one });
    await settings.change(create('two.example'));
    t.strictSame(settings.state.domain('one.example')?.settings, one);
    t.match(await settings.change(set(2, undefined, two)), { version: 3, result: 2 });
    t.match(await settings.change(set(2, two, two)), { version: 3, result: null }, 'nothing to do');
    await settings.change({ kind: 'deleteDomain', id: 2 as DomainId });
    await settings.change({ kind: 'keepDomain', id: 2 as DomainId });
    t.strictSame(settings.state.domain('two.example')?.settings, two, 'the mark comes and goes');
    settings = await open();
    t.strictSame(settings.state.domain('one.example')?.settings, one);
    t.strictSame(settings.changesSince(2)?.domains, [settings.state.domain('two.example')]);
    await settings.change(set(1, one, null));
    t.equal(settings.state.domain('one.example')?.settings, undefined);
  },
);

void t.test('what was decided on settings that are no longer so changes nothing, and says so', async (t) => {
  const { open } = world();
  const settings = await open();
  await settings.change(create('one.example'));
  const [a, b] = [addressed('192.0.2.1'), addressed('192.0.2.2')];
  const both = await Promise.all([
    settings.change(set(1, undefined, a)),
    settings.change(set(1, undefined, b)),
  ]);
  t.strictSame(both, [
    { version: 2, result: 1 },
    { version: 2, result: STALE },
  ]);
  t.strictSame(settings.state.domain('one.example')?.settings, a);
  const repeated = { ...set(1, a, b), request: 'r1' };
  t.match(await settings.change(repeated), { result: 1 });
  t.match(await settings.change(repeated), { result: 1 }, 'a repeated one was done, not stale');
});

void t.test('an address belongs to one domain', async (t) => {
  const { open } = world();
  let settings = await open();
  await settings.change({
    ...create('one.example'),
    settings: addressed('192.0.2.1', '192.0.2.2'),
  });
  await settings.change(create('two.example'));
  const taken = { code: 'exists', message: /192.0.2.2 belongs to the domain one.example already/ };
  const wanted = addressed('192.0.2.2', '192.0.2.3');
  await t.rejects(settings.change(set(2, undefined, wanted)), taken);
  await t.rejects(settings.change({ ...create('three.example'), settings: wanted }), taken);
  settings = await open();
  await t.rejects(settings.change(set(2, undefined, wanted)), taken, 'known to the next controller');
  t.equal(settings.state.domainByAddress('192.0.2.2')?.name, 'one.example');
  await settings.change(set(1, addressed('192.0.2.1', '192.0.2.2'), addressed('192.0.2.1')));
  await settings.change(set(2, undefined, wanted));
  t.equal(settings.state.domainByAddress('192.0.2.2')?.name, 'two.example', 'given up, then taken');
  await settings.change({ kind: 'deleteDomain', id: 2 as DomainId });
  await settings.change({ kind: 'removeDomain', id: 2 as DomainId });
  await settings.change({ ...create('three.example'), settings: wanted });
  t.equal(settings.state.domainByAddress('192.0.2.3')?.name, 'three.example', 'free when the domain is gone');
});

void t.test('values that were deleted do not count against the limit', async (t) => {
  const { open } = world();
  const settings = await open();
  const value = Buffer.from('v');
  const put = (key: string, octets: Buffer | null) =>
    settings.change({ kind: 'setValue', key, value: octets });
  for (const [key, octets, count] of [
    ['k', value, 1],
    ['k', Buffer.from('w'), 1],
    ['l', value, 2],
    ['k', null, 1],
    ['k', null, 1],
    ['k', value, 2],
    ['l', null, 1],
    ['k', null, 0],
  ] as const) {
    await put(key, octets);
    t.equal(settings.state.valueCount, count, `${key} ${octets?.toString()}`);
  }
});

void t.test('records from before domains had settings are read, and the form of new ones is pinned', (t) => {
  const old = Buffer.concat([Buffer.from('\x00\x07\x09a.example\x03dir\x01', 'latin1')]);
  const domain = { id: 7 as DomainId, name: 'a.example', directory: 'dir', shared: true };
  t.strictSame(decodeSettingsRecord(16, old), { kind: 'domain-put', request: '', domain });
  t.strictSame(encodeSettingsRecord({ kind: 'domain-put', request: '', domain }), old);
  const settings = addressed('192.0.2.1');
  const record = {
    kind: 'domain-put',
    request: '',
    domain: { ...domain, deleting: true, settings },
  } as const;
  const encoded = encodeSettingsRecord(record);
  t.strictSame(encoded, Buffer.concat([old.subarray(0, -1), Buffer.from([7, settings.length]), settings]));
  t.strictSame(decodeSettingsRecord(16, encoded), record);
  t.end();
});

void t.test('a repeated request is answered and not done again, also by the next controller', async (t) => {
  const { open } = world();
  let settings = await open();
  const change = { ...create('one.example'), request: 'r1' };
  t.match(await settings.change(change), { result: 1 });
  t.match(await settings.change(change), { result: 1, version: 1 });
  settings = await open();
  t.match(await settings.change(change), { result: 1, version: 1 });
});

void t.test('a deposed controller changes nothing and shows nothing', async (t) => {
  const { open } = world();
  const old = await open();
  await old.change(create('one.example'));
  const settings = await open();
  await t.rejects(old.change(create('two.example')), { code: 'unavailable' });
  await t.rejects(old.settled(), { code: 'unavailable' });
  t.equal(settings.version, 1);
});

void t.test(
  'after a failed write the object is opened again, and what was not acknowledged is not there',
  async (t) => {
    const { open, platform } = world();
    const settings = await open();
    await settings.change(create('one.example'));
    platform.fs.before = (call) => {
      if (call === 'writeDurably') throw Object.assign(new Error('EIO'), { code: 'EIO' });
    };
    await t.rejects(settings.change(create('two.example')), { code: 'unknown' });
    t.match(await settings.failed, { code: 'unknown' });
    platform.fs.before = undefined;
    const again = await open();
    t.equal(again.state.domain('two.example'), undefined);
    t.match(await again.change(create('two.example')), { result: 2 });
  },
);

const SEED = 60;
void t.test(`a copy of any age is brought up to date by what changed since (seed ${SEED})`, async () => {
  const name = fc.constantFrom('a.example', 'b.example', 'c.example');
  const id = fc.integer({ min: 1, max: 4 }).map((id) => id as DomainId);
  const change: fc.Arbitrary<SettingsChange> = fc.oneof(
    name.map(create),
    fc
      .tuple(fc.constantFrom('deleteDomain' as const, 'keepDomain' as const, 'removeDomain' as const), id)
      .map(([kind, id]): SettingsChange => ({ kind, id })),
    fc.tuple(id, fc.nat(2)).map(([id, host]) => set(id, undefined, addressed(`192.0.2.${host}`))),
    fc.tuple(fc.constantFrom('k', 'l'), fc.option(fc.uint8Array())).map(
      ([key, value]): SettingsChange => ({
        kind: 'setValue',
        key,
        value: value === null ? null : Buffer.from(value),
      }),
    ),
  );
  const property = fc.asyncProperty(
    fc.array(change, { maxLength: 15 }),
    fc.nat(15),
    async (changes, copyAt) => {
      const { open } = world();
      let settings = await open();
      let copy = copyOf(settings.snapshot());
      for (const [index, change] of changes.entries()) {
        await settings.change(change).catch(() => undefined);
        if (index === copyAt) copy = copyOf(settings.snapshot());
        if (index === copyAt + 2) settings = await open();
      }
      const delta = settings.changesSince(copy.version)!;
      for (const record of delta.domains) copy.domains.set(record.id, record);
      for (const id of delta.domainsDeleted) copy.domains.delete(id);
      for (const [key, value] of delta.values)
        if (value === null) copy.values.delete(key);
        else copy.values.set(key, value);
      copy.version = delta.version;
      const whole = copyOf(settings.snapshot());
      return isDeepStrictEqual(copy, whole) && settings.changesSince(settings.version + 1) === undefined;
    },
  );
  await fc.assert(property, { numRuns: 100, seed: SEED });
});

function copyOf(
  delta: Awaited<ReturnType<typeof openClusterSettings>>['snapshot'] extends () => infer D ? D : never,
) {
  return {
    version: delta.version,
    domains: new Map(delta.domains.map((record) => [record.id, record])),
    values: new Map<string, Buffer | null>(delta.values),
  };
}

void t.test(`fuzz (seed ${SEED}): payloads give a record or a DecodeError`, async (t) => {
  const domain = { id: 1 as DomainId, name: 'n', directory: 'd', shared: true, deleting: true } as const;
  const seeds = [
    encodeSettingsRecord({ kind: 'domain-put', domain, request: 'r' }),
    encodeSettingsRecord({
      kind: 'domain-put',
      domain: { ...domain, settings: addressed('192.0.2.1') },
      request: '',
    }),
    encodeSettingsRecord({ kind: 'value-put', key: 'k', value: Buffer.from('v'), request: '' }),
    encodeSettingsRecord({ kind: 'domain-deleted', id: 1 as DomainId, request: '' }),
  ];
  t.strictSame(decodeSettingsRecord(16, seeds[0]!), { kind: 'domain-put', domain, request: 'r' });
  const property = fc.property(fc.constantFrom(...seeds), fc.nat(20), fc.nat(255), (seed, at, octet) => {
    const broken = Buffer.from(seed);
    broken[at % broken.length] = octet;
    for (const type of SETTINGS_RECORD_TYPES)
      for (const input of [broken, seed.subarray(0, at)]) {
        try {
          decodeSettingsRecord(type, input);
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error;
        }
      }
  });
  fc.assert(property, { numRuns: 300, seed: SEED });
  t.throws(() => decodeSettingsRecord(200, seeds[0]!), { message: /unknown record type/ });
});
