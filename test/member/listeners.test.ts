/** The table of listeners, and the look at addresses before a member starts. */
import t from 'tap';
import { outsideAddresses } from '../../src/member/addresses.ts';
import { LISTENERS } from '../../src/member/listeners.ts';
import { DUTIES } from '../../src/member/roles.ts';
import { takenPort } from '../../src/member/taken-ports.ts';
import type { Address, Net } from '../../src/platform/platform.ts';
import { defaultSettings, LISTENER_SETTINGS, type Settings } from '../../src/settings/settings.ts';

void t.test('every setting that says where to listen has its service, and names are unique', (t) => {
  t.strictSame(new Set(LISTENERS.map(({ setting }) => setting)), new Set(LISTENER_SETTINGS));
  t.equal(new Set(LISTENERS.map(({ service }) => service)).size, LISTENERS.length);
  const of = (role: keyof typeof DUTIES) =>
    LISTENERS.filter(({ on }) => on(DUTIES[role])).map(({ service }) => service);
  t.strictSame(of('backend'), ['pwd', 'admin'], 'a backend faces no client');
  for (const role of ['frontend', 'symmetric', 'standalone'] as const)
    t.equal(of(role).length, LISTENERS.length);
  t.strictSame(
    LISTENERS.filter(({ isLast }) => isLast).map(({ service }) => service),
    ['admin'],
  );
  t.end();
});

/** Listens nowhere; `taken` rejects. */
function netWith(taken: Readonly<Record<string, string>>): { readonly net: Net; readonly tried: string[] } {
  const tried: string[] = [];
  return {
    tried,
    net: {
      listen: ({ host, port }: Address) => {
        const at = `${host}:${port}`;
        tried.push(at);
        const code = taken[at];
        if (code !== undefined) return Promise.reject(Object.assign(new Error(at), { code }));
        return Promise.resolve({ address: { host, port }, close: () => Promise.resolve() });
      },
      connect: () => Promise.reject(new Error('not here')),
    },
  };
}

const SETTINGS: Settings = {
  ...defaultSettings(),
  SMTPListener: [
    { host: '192.0.2.1', port: 25 },
    { host: '192.0.2.2', port: 25 },
  ],
  IMAPListener: [{ host: '127.0.0.1', port: 0 }],
  PublicAddress: '192.0.2.1',
};

void t.test('every address of every listener is tried, and every address with a purpose', async (t) => {
  const { net, tried } = netWith({});
  t.equal(await takenPort({ net }, 'frontend', SETTINGS), undefined);
  for (const at of [
    '192.0.2.1:25',
    '192.0.2.2:25',
    '127.0.0.1:0',
    '192.0.2.1:0',
    '127.0.0.1:8010',
    '127.0.0.1:2993',
  ])
    t.ok(tried.includes(at), at);
  const backend = netWith({});
  t.equal(await takenPort(backend, 'backend', SETTINGS), undefined);
  t.notOk(backend.tried.includes('192.0.2.1:25'), 'not of listeners that it does not have');
});

void t.test('the first that cannot be had is named', async (t) => {
  const second = netWith({ '192.0.2.2:25': 'EADDRINUSE' });
  t.match(await takenPort(second, 'frontend', SETTINGS), { setting: 'SMTPListener', code: 'EADDRINUSE' });
  const foreign = netWith({ '192.0.2.1:0': 'EADDRNOTAVAIL' });
  t.match(await takenPort(foreign, 'backend', SETTINGS), { setting: 'PublicAddress', code: 'EADDRNOTAVAIL' });
});

void t.test('behind NAT a domain owns either address; our own goes first', (t) => {
  const owners = new Map([
    ['203.0.113.5', 'outside.example'],
    ['10.0.0.6', 'inside.example'],
    ['203.0.113.6', 'other.example'],
  ]);
  const { domainByAddress, ownedAs } = outsideAddresses(
    (host) => owners.get(host),
    new Map([
      ['10.0.0.5', '203.0.113.5'],
      ['10.0.0.6', '203.0.113.6'],
    ]),
  );
  t.equal(domainByAddress('10.0.0.5'), 'outside.example');
  t.equal(domainByAddress('::ffff:10.0.0.5'), 'outside.example');
  t.equal(domainByAddress('10.0.0.6'), 'inside.example');
  t.equal(domainByAddress('10.0.0.7'), undefined);
  t.equal(ownedAs('10.0.0.5'), '203.0.113.5');
  t.equal(ownedAs('10.0.0.7'), '10.0.0.7');
  t.end();
});
