import * as fc from 'fast-check';
import t from 'tap';
import { format } from '../../src/lib/dictionary/format.ts';
import { FILE_LIMITS } from '../../src/lib/dictionary/parse.ts';
import type { Setting } from '../../src/settings/declare.ts';
import {
  listenProblem,
  loadSettings,
  problemLine,
  readSettings,
  type SettingsFs,
} from '../../src/settings/load.ts';
import {
  checkSettings,
  defaultSettings,
  describeSettings,
  isSettingName,
  listenersOf,
  SETTINGS,
  type Settings,
} from '../../src/settings/settings.ts';
import { anyValue } from '../lib/dictionary/values.ts';
import { SETTING_VALUES } from './values.ts';

void t.test('no file means the defaults, and the defaults hold together', async (t) => {
  const loaded = await loadSettings(files({}), '/base');
  t.match(loaded, {
    kind: 'value',
    settings: { Heartbeat: 150, ControlLease: 750, SlotLease: 2000, ClockMargin: 12 },
  });
  t.strictSame(checkSettings(defaultSettings()), []);
});

void t.test('every default is allowed by its own type', (t) => {
  for (const [key, { type, default: fallback }] of Object.entries<Setting<unknown>>(SETTINGS)) {
    const read = type.read(type.write(fallback));
    t.not(read, undefined, key);
    t.strictSame(type.write(read), type.write(fallback), key);
  }
  t.end();
});

void t.test('reads a file', async (t) => {
  const text = '{ // two of them\n  Workers = 2;\n  IMAPListener = off;\n  MaxMessageSize = 10M;\n}\n';
  const loaded = await loadSettings(files({ '/base/Settings/Main.settings': text }), '/base');
  t.match(loaded, {
    kind: 'value',
    settings: { Workers: 2, IMAPListener: [], MaxMessageSize: 10 * 2 ** 20 },
    document: { text },
  });
});

const WRONG: readonly (readonly [text: string, lines: readonly RegExp[]])[] = [
  ['{\n Heartbeat = 1;\n}', [/^F:2: Heartbeat: give a time from 10ms to 5s, such as/]],
  ['{\n heartbeat = 150ms;\n}', [/^F:2: heartbeat: no such setting; Heartbeat is written so$/]],
  [
    '{ Nope = 1; Workers = x; }',
    [/^F:1: Nope: no such setting; known are ClusterName/, /^F:1: Workers: give a whole/],
  ],
  ['{ Workers = 2 }', [/^F:1: column 15: ; expected behind the value of Workers$/]],
  ['(a)', [/^F:1: column 1: a dictionary/]],
  ['{ SlotLease = 1s; }', [/^F:1: SlotLease: give at least 1500ms: twice ControlLease/]],
  [
    '{ ControlLease = 500ms;\n Heartbeat = 200ms; }',
    [/^F:1: ControlLease: give at least 4 times Heartbeat, 800ms$/],
  ],
  ['{\nClockMargin = 50;\nControlLease = 1s;}', [/^F: SlotLease: give at least 2100ms/]],
  [
    '{ SMTPListener = 127.0.0.1:2143; }',
    [/^F: IMAPListener: 127.0.0.1:2143 is the address of SMTPListener already$/],
  ],
  ['{ PWDListener = 127.0.0.1:7600; }', [/^F:1: PWDListener: .*address of ClusterAddress/]],
  [
    '{ BackendAddresses = (10.0.0.1:1, 10.0.0.1:1); }',
    [/^F:1: BackendAddresses: 10.0.0.1:1 is listed twice$/],
  ],
  ['{ IMAPLiteralMax = 1M; }', [/^F:1: IMAPLiteralMax: give at least MaxMessageSize/]],
  [
    '{ MaxReceivingMemory = 16M; }',
    [/^F:1: MaxReceivingMemory: give at least MaxMessageSize and IMAPLiteralMax/],
  ],
  // Networks: what a mistake would open, or nobody could dial.
  [
    '{ ClusterAddress = "0.0.0.0:7600"; }',
    [/^F:1: ClusterAddress: give one address .* 0\.0\.0\.0 is every network/],
  ],
  ['{ ClusterAddress = "[::]:7600"; }', [/^F:1: ClusterAddress: give one address/]],
  ['{ BackendAddresses = ("0.0.0.0:7600"); }', [/^F:1: BackendAddresses: 0\.0\.0\.0:7600 leads to nobody/]],
  [
    '{ PWDListener = "0.0.0.0:106"; }',
    [/^F:1: PWDListener: 0\.0\.0\.0:106 would open administration to a network: .*set ManagementAddress/],
  ],
  ['{ AdminListener = "[::]:8010"; }', [/^F:1: AdminListener: .*would open administration/]],
  [
    '{ ManagementAddress = 10.0.2.1; AdminListener = (127.0.0.1:8010, 10.0.2.2:8010); }',
    [/^F:1: AdminListener: 10\.0\.2\.2:8010 would open .*\(that is 10\.0\.2\.1 now\)$/],
  ],
  ['{ ManagementAddress = "0.0.0.0"; }', [/^F:1: ManagementAddress: give one address of this machine/]],
  ['{ PublicAddress = "::"; }', [/^F:1: PublicAddress: give one address of this machine/]],
  [
    '{ StorageAddress = 10.0.9.1; IMAPListener = "10.0.9.1:143"; }',
    [/^F:1: IMAPListener: 10\.0\.9\.1:143 is StorageAddress/],
  ],
  [
    '{ IMAPListener = (127.0.0.1:0, 127.0.0.2:0); }',
    [/IMAPListener: give a port for 127\.0\.0\.1/, /127\.0\.0\.2/],
  ],
  [
    '{ IMAPListener = (127.0.0.1:3143, 127.0.0.1:3143); }',
    [/^F:1: IMAPListener: 127\.0\.0\.1:3143 is listed twice$/],
  ],
  [
    '{ IMAPListener = "0.0.0.0:2025"; }',
    [
      /^F:1: IMAPListener: 0\.0\.0\.0:2025 is within the address of SMTPListener \(127\.0\.0\.1:2025\) already$/,
    ],
  ],
  [
    '{ SMTPListener = "[::]:7600"; }',
    [/^F:1: SMTPListener: .*ClusterAddress \(127\.0\.0\.1:7600\) already$/],
  ],
  [
    '{ SMTPListener = "[::1]:25"; IMAPListener = "[0:0::1]:25"; }',
    [/^F:1: IMAPListener: .* is the address of SMTPListener already$/],
  ],
  ['{ HostName = "mail_x.example"; }', [/^F:1: HostName: give a name of a host/]],
  ['{ HostName = "-a.example"; }', [/^F:1: HostName/]],
  ['{ MinTLS = TLSv1; }', [/^F:1: MinTLS: give one of TLSv1\.2, TLSv1\.3$/]],
  ['{ PostmasterAddress = postmaster; }', [/^F:1: PostmasterAddress/]],
];

void t.test('what is wrong is named with file, line, key and what is allowed', (t) => {
  for (const [text, expected] of WRONG) {
    const loaded = readSettings(Buffer.from(text), 'F');
    const lines = loaded.kind === 'bad' ? loaded.problems.map(problemLine) : [];
    t.match(lines, expected, text);
    t.equal(lines.length, expected.length, lines.join('\n'));
  }
  t.end();
});

const RIGHT: readonly string[] = [
  '{ ManagementAddress = 10.0.2.1; PWDListener = (127.0.0.1:106, 10.0.2.1:106); AdminListener = "10.0.2.1:8010"; }',
  '{ PWDListener = "[::1]:106"; AdminListener = off; }',
  '{ SMTPListener = "0.0.0.0:25"; IMAPListener = "[::1]:25"; }',
  '{ SMTPListener = (192.0.2.1:25, 192.0.2.2:25, "[2001:db8::1]:25"); HostName = "mail.example.com"; }',
  '{ StorageAddress = 127.0.0.1; PublicAddress = 192.0.2.1; WANAddresses = { "10.0.0.5" = "203.0.113.5"; }; }',
  '{ BalancerNetworks = ("10.0.3.0/29", 10.0.4.1); MinTLS = "tlsv1.3"; }',
];

void t.test('what a site writes', (t) => {
  for (const text of RIGHT) {
    const loaded = readSettings(Buffer.from(text), 'F');
    t.equal(loaded.kind, 'value', loaded.kind === 'bad' ? loaded.problems.map(problemLine).join() : text);
  }
  t.end();
});

void t.test('our own mistakes are not taken for a file that cannot be read', async (t) => {
  const broken = {
    ...files({}),
    open: () => Promise.resolve({ read: () => Promise.resolve(7), close: () => Promise.resolve() }),
  };
  await t.rejects(loadSettings(broken as unknown as SettingsFs, '/base'), { name: 'TypeError' });
});

void t.test('a backend lists itself; ports 0 do not collide', (t) => {
  t.match(readSettings(undefined, 'F', true), {
    problems: [{ key: 'BackendAddresses', why: /127.0.0.1:7600 too/ }],
  });
  t.match(readSettings(Buffer.from('{BackendAddresses=(127.0.0.1:7600);}'), 'F', true), { kind: 'value' });
  const any = '{SMTPListener="0.0.0.0:0";IMAPListener="0.0.0.0:0";}';
  t.match(readSettings(Buffer.from(any), 'F'), { kind: 'value' });
  t.end();
});

void t.test('a base folder or file that cannot be read says what to do', async (t) => {
  const absent = await loadSettings({ ...files({}), list: () => Promise.reject(failed('ENOENT')) }, '/base');
  t.match(absent, { problems: [{ file: '/base', why: /cannot be read \(ENOENT\): create it/ }] });
  const closed = await loadSettings({ ...files({}), open: () => Promise.reject(failed('EACCES')) }, '/base');
  t.match(closed, {
    problems: [{ file: '/base/Settings/Main.settings', why: /\(EACCES\): make it readable/ }],
  });
  const huge = ' '.repeat(FILE_LIMITS.octetsMax + 100);
  const large = await loadSettings(files({ '/base/Settings/Main.settings': huge }), '/base');
  t.match(large, { problems: [{ why: /octets are more than the/ }] });
});

void t.test('listeners that are on; keys of Object are no settings', (t) => {
  const settings: Settings = { ...defaultSettings(), SMTPListener: [] };
  const names = listenersOf(settings).map(([key]) => key);
  t.notOk(names.includes('SMTPListener'));
  t.notOk((names as readonly string[]).includes('ClusterAddress'));
  t.ok(names.includes('IMAPListener'));
  t.notOk(isSettingName('toString'));
  t.match(readSettings(Buffer.from('{constructor=1;}'), 'F'), { problems: [{ key: 'constructor' }] });
  t.end();
});

void t.test('a port that cannot be had is named by its setting', (t) => {
  const loaded = readSettings(Buffer.from('{\n SMTPListener = 10.0.0.1:25;\n}'), 'F');
  if (loaded.kind === 'bad') throw new Error('unexpected');
  const line = (key: 'SMTPListener' | 'IMAPListener', code: string): string =>
    problemLine(listenProblem('/base', loaded.document, key, failed(code)));
  t.match(
    line('SMTPListener', 'EADDRINUSE'),
    /^\/base\/Settings\/Main.settings:2: SMTPListener: the port is taken/,
  );
  t.match(line('IMAPListener', 'EACCES'), /^\/base\/Settings\/Main.settings: IMAPListener: .*above 1023/);
  t.match(line('IMAPListener', 'EPERM'), /cannot be listened on \(EPERM\)/);
  t.end();
});

void t.test('fuzz: any dictionary gives settings that hold together, or problems with a place', (t) => {
  const written = fc.oneof(fc.constantFrom(...SETTING_VALUES), anyValue.map(format));
  const entry = fc.tuple(fc.constantFrom(...Object.keys(SETTINGS), 'Nope', '__proto__'), written);
  fc.assert(
    fc.property(fc.uniqueArray(entry, { maxLength: 6, selector: ([key]) => key }), (entries) => {
      const text = `{\n${entries.map(([key, value]) => `"${key}"=${value};\n`).join('')}}`;
      const loaded = readSettings(Buffer.from(text), 'F');
      if (loaded.kind === 'value') return checkSettings(loaded.settings).length === 0;
      return (
        loaded.problems.length > 0 && loaded.problems.every(({ key, why }) => key !== undefined && why !== '')
      );
    }),
    { numRuns: 300 },
  );
  t.end();
});

void t.test('the manual names every setting with its range and default', (t) => {
  const manual = describeSettings();
  for (const key of Object.keys(SETTINGS)) t.ok(manual.includes(`### ${key}\n`), key);
  t.match(manual, /a time from 10ms to 5s, .* Default: `150ms`/);
  t.end();
});

function failed(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** A file system that holds these files. */
function files(held: Readonly<Record<string, string>>): SettingsFs {
  return {
    list: () => Promise.resolve([]),
    open: (path) => {
      const text = held[path];
      if (text === undefined) return Promise.reject(failed('ENOENT'));
      const octets = Buffer.from(text);
      return Promise.resolve({
        size: () => Promise.resolve(octets.length),
        read: (position, count) => Promise.resolve(octets.subarray(position, position + count)),
        close: () => Promise.resolve(),
      });
    },
  };
}
