/**
 * Every setting of a domain, declared once: commands read and show it by this table, their errors name what is allowed
 * from it, and the manual page is printed from it. What must hold between settings is checked where they are changed
 * (src/certificates/domain-settings.ts).
 *
 * Stored are the explicit settings only, in the record of the domain in the cluster settings, as a version and a list of
 * names and values (docs/storage-slot.md). Beside them stands what is derived from them when they are set, so that nobody
 * has to read a certificate to know its names: the index over 100,000 domains is built from that.
 */
import { format } from '../lib/dictionary/format.ts';
import { FILE_LIMITS, parse } from '../lib/dictionary/parse.ts';
import type { Dictionary, Value } from '../lib/dictionary/value.ts';
import { DecodeError, Decoder, Encoder } from '../lib/encoder.ts';
import { describeEach, domainAddresses, octetsOrText, oneOf, type Setting, setting } from './declare.ts';

/** Octets of a certificate, or of a chain, as it is given. */
export const CERTIFICATE_OCTETS_MAX = 64 * 1024;
/** Octets of a private key as it is given. */
export const PRIVATE_KEY_OCTETS_MAX = 16 * 1024;
/** Octets of all settings of one domain as stored. */
export const DOMAIN_SETTINGS_OCTETS_MAX = 128 * 1024;

export const DOMAIN_SETTINGS = {
  IPAddresses: setting(
    domainAddresses,
    [],
    'Addresses of this server that only this domain has: whoever calls one without naming a domain means this one, in log-ins and TLS.',
  ),
  CertificateType: setting(
    oneOf(['YES', 'Test']),
    'YES',
    'YES: its own certificate is shown when it has one. Test: the self-signed one of the cluster is shown all the same.',
  ),
  SecureCertificate: setting<Buffer | string | undefined>(
    octetsOrText(CERTIFICATE_OCTETS_MAX, 'a certificate, as DER in a datablock or as PEM text'),
    undefined,
    'The certificate that is shown in TLS. It names the domain or hosts below it. PEM text may hold the chain too.',
  ),
  CAChain: setting<Buffer | string | undefined>(
    octetsOrText(
      CERTIFICATE_OCTETS_MAX,
      'certificates, as DER one after the other in a datablock or as PEM text',
    ),
    undefined,
    'Certificates of the authorities between its own and one that clients know, in any order.',
  ),
  PrivateSecureKey: setting<Buffer | string | undefined>(
    octetsOrText(
      PRIVATE_KEY_OCTETS_MAX,
      'a private key without a password, as DER in a datablock or as PEM text',
    ),
    undefined,
    'The private key of SecureCertificate. Stored sealed and never shown: "hidden" says that there is one, and when set leaves it.',
  ),
} as const satisfies Record<string, Setting<unknown>>;

export type DomainSettingName = keyof typeof DOMAIN_SETTINGS;
type TypeOf<K extends DomainSettingName> = (typeof DOMAIN_SETTINGS)[K] extends Setting<infer T> ? T : never;

/** What is shown in place of a secret, and leaves it when it is set. */
export const HIDDEN = 'hidden';
const SECRETS: ReadonlySet<string> = new Set<DomainSettingName>(['PrivateSecureKey']);

/** Derived when settings are set; stored beside them under these names. */
export const DERIVED = {
  /** A private key that waits for its certificate: tools set one after the other. */
  nextSecureKey: 'NextSecureKey',
  /** What SecureCertificate names: an array of DNS names and IP addresses. */
  certificateNames: 'CertificateNames',
  /** When the first of SecureCertificate and CAChain ends: a date. */
  certificateEnds: 'CertificateEnds',
} as const;

export function isDomainSettingName(key: string): key is DomainSettingName {
  return Object.hasOwn(DOMAIN_SETTINGS, key);
}

/** The names, for messages. */
export function domainSettingNames(): string {
  return Object.keys(DOMAIN_SETTINGS).join(', ');
}

/** The value of a setting as stored, or its default. */
export function domainSetting<K extends DomainSettingName>(stored: Dictionary, key: K): TypeOf<K> {
  const value = stored.get(key);
  const declared: Setting<unknown> = DOMAIN_SETTINGS[key];
  const read = value === undefined ? undefined : declared.type.read(value);
  return (read ?? declared.default) as TypeOf<K>;
}

/** Explicit settings as people see them. */
export function shownSettings(stored: Dictionary): Dictionary {
  const shown = new Map<string, Value>();
  for (const key of Object.keys(DOMAIN_SETTINGS)) {
    const value = stored.get(key);
    if (value !== undefined) shown.set(key, SECRETS.has(key) ? HIDDEN : value);
  }
  if (stored.has(DERIVED.nextSecureKey)) shown.set('PrivateSecureKey', HIDDEN);
  return shown;
}

/** Explicit settings and, for the others, the defaults. */
export function effectiveSettings(stored: Dictionary): Dictionary {
  const shown = new Map<string, Value>();
  for (const [key, { type, default: fallback }] of Object.entries(
    DOMAIN_SETTINGS as Record<string, Setting<unknown>>,
  ))
    if (fallback !== undefined) shown.set(key, type.write(fallback));
  for (const [key, value] of shownSettings(stored)) shown.set(key, value);
  return shown;
}

const VERSION = 1;

/** As stored: uint version, list of (text name, bool datablock, bytes value). Nothing when there are none. */
export function encodeDomainSettings(stored: Dictionary): Buffer | undefined {
  if (stored.size === 0) return undefined;
  const sorted = [...stored].sort(([a], [b]) => (a < b ? -1 : 1));
  return new Encoder()
    .uint(VERSION)
    .list(sorted, ([name, value], to) => {
      to.text(name).bool(Buffer.isBuffer(value));
      if (Buffer.isBuffer(value)) to.bytes(value);
      else to.text(format(value));
    })
    .done();
}

/** Names that this program does not know are kept. Datablocks are views into the octets. Throws DecodeError. */
export function decodeDomainSettings(octets: Uint8Array | undefined): Dictionary {
  const stored = new Map<string, Value>();
  if (octets === undefined) return stored;
  const from = decoderOf(octets);
  for (const [name, value] of from.list(readEntry)) stored.set(name, value);
  if (!from.atEnd) throw new DecodeError('domain settings: more octets than settings');
  return stored;
}

function readEntry(from: Decoder): readonly [name: string, value: Value] {
  const name = from.text();
  return [name, readStored(name, from.bool(), from.bytes())];
}

function readStored(name: string, isDatablock: boolean, content: Buffer): Value {
  if (isDatablock) return content;
  const parsed = parse(content, FILE_LIMITS, 'one-line');
  if (parsed.kind === 'bad') throw new DecodeError(`domain settings: ${name}: ${parsed.why}`);
  return parsed.value;
}

function decoderOf(octets: Uint8Array): Decoder {
  const from = new Decoder(Buffer.from(octets.buffer, octets.byteOffset, octets.length));
  if (from.uint() !== VERSION) throw new DecodeError('domain settings of an unknown version');
  return from;
}

/** One value without reading the others: what is asked of 100,000 domains at a start. Throws DecodeError. */
export function peekDomainSetting(octets: Uint8Array, wanted: string): Value | undefined {
  let found: Value | undefined;
  decoderOf(octets).list((from) => {
    const name = from.text();
    const [isDatablock, content] = [from.bool(), from.bytes()];
    if (name === wanted) found = readStored(name, isDatablock, content);
  });
  return found;
}

/** The manual page of a domain's settings, in Markdown. */
export function describeDomainSettings(): string {
  return [
    '## Settings of a domain',
    '',
    'Shown and changed by GETDOMAINSETTINGS, UPDATEDOMAINSETTINGS, SETDOMAINSETTINGS; a value `default` removes one.',
    '',
    ...describeEach(DOMAIN_SETTINGS),
  ].join('\n');
}
