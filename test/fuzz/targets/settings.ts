/** Settings of a member and of a domain: files that people write, values that commands set, octets that are stored. */
import assert from 'node:assert/strict';
import { parse } from '../../../src/lib/dictionary/parse.ts';
import { isDictionary } from '../../../src/lib/dictionary/value.ts';
import {
  decodeDomainSettings,
  domainSetting,
  effectiveSettings,
  encodeDomainSettings,
  peekDomainSetting,
  shownSettings,
} from '../../../src/settings/domain-settings.ts';
import { readSettings } from '../../../src/settings/load.ts';
import { checkSettings, SETTINGS } from '../../../src/settings/settings.ts';
import { SETTING_VALUES } from '../../settings/values.ts';
import { accepted, type FuzzTarget, orDecodeError, refused, target } from '../target.ts';

export const TARGETS: readonly FuzzTarget[] = [
  target({
    name: 'settings',
    seeds: [
      '{ }',
      '{MemberName=be1;ClusterName=lab;Workers=2;BackendAddresses=("127.0.0.1:7600");}',
      '{Heartbeat=150ms;SlotLease=2s;MaxMessageSize=32M;SMTPListener="127.0.0.1:2525";}',
    ],
    words: [
      ...Object.keys(SETTINGS).map((name) => `${name}=`),
      ...SETTING_VALUES,
      ';',
      '{',
      '}',
      '(',
      '"',
      '__proto__=',
    ],
    // Every setting has a value, and every problem says what is allowed.
    growth: 512,
    run(input) {
      const isBackend = input.length % 7 === 0;
      const loaded = readSettings(input, 'F', isBackend);
      if (loaded.kind === 'bad') {
        assert.ok(loaded.problems.length > 0 && loaded.problems.every(({ why }) => why !== ''));
        return refused(loaded.problems);
      }
      assert.equal(checkSettings(loaded.settings, isBackend).length, 0);
      return accepted(Object.keys(loaded.settings).length);
    },
  }),
  target({
    name: 'domain-settings-stored',
    seeds: [
      encodeDomainSettings(new Map([['IPAddresses', ['192.0.2.1']]]))!,
      encodeDomainSettings(
        new Map<string, Buffer | readonly string[]>([
          ['CertificateNames', ['a.example']],
          ['SecureCertificate', Buffer.from('leaf')],
        ]),
      )!,
    ],
    words: ['IPAddresses', '[YQ==]', '("', '")', '\x80', '\xff\xff\xff\x7f'],
    growth: 64,
    run: (input) =>
      orDecodeError(() => {
        peekDomainSetting(input, 'IPAddresses');
        const stored = decodeDomainSettings(input);
        domainSetting(stored, 'IPAddresses');
        shownSettings(stored);
        effectiveSettings(stored);
        return stored;
      }),
  }),
  target({
    name: 'domain-settings-written',
    seeds: ['{IPAddresses=(192.0.2.1, "2001:db8::1");}', '{SecureCertificate=[YWJj];}', '{}'],
    words: ['IPAddresses=', 'SecureCertificate=', 'PrivateSecureKey=', 'CAChain=', ...SETTING_VALUES],
    growth: 128,
    run(input) {
      const parsed = parse(input);
      if (parsed.kind !== 'value' || !isDictionary(parsed.value)) return refused();
      const octets = encodeDomainSettings(parsed.value);
      if (octets !== undefined)
        assert.deepEqual(decodeDomainSettings(octets), parsed.value, 'it is read as written');
      return accepted(effectiveSettings(parsed.value));
    },
  }),
];
