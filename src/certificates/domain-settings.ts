/**
 * A change of a domain's settings: what a command gives is merged into what is stored and brought into stored form. Without
 * effects, so it is done again when somebody else has changed the settings meanwhile. What is wrong is Failure 'invalid' or
 * 'limit', with a line for whoever gave it.
 */
import type { Dictionary, Value } from '../lib/dictionary/value.ts';
import { Failure } from '../lib/failure.ts';
import type { Setting } from '../settings/declare.ts';
import {
  DOMAIN_SETTINGS,
  type DomainSettingName,
  domainSettingNames,
  isDomainSettingName,
} from '../settings/domain-settings.ts';
import { CERTIFICATE_SETTINGS, type CertificateOptions, changeCertificate } from './certificate-change.ts';

export interface ChangeOptions extends CertificateOptions {
  /** True: what is not given is removed (SETDOMAINSETTINGS); false: it stays (UPDATEDOMAINSETTINGS). */
  readonly replace: boolean;
}

/** As a value in a command: the setting goes back to its default. */
const DEFAULT = 'default';

/** What is to be stored after the change. */
export function changeDomainSettings(
  stored: Dictionary,
  given: Dictionary,
  options: ChangeOptions,
): Dictionary {
  const asked = readGiven(given, options.replace);
  const changed = new Map(stored);
  for (const [key, value] of asked) {
    if (CERTIFICATE_SETTINGS.has(key)) continue;
    if (value === null) changed.delete(key);
    else changed.set(key, value);
  }
  const certificate = new Map([...asked].filter(([key]) => CERTIFICATE_SETTINGS.has(key)));
  // GETDOMAINSETTINGS does not give the key: whoever sets all that it gave, but for the key, does not mean to lose it.
  if (options.replace && !given.has('PrivateSecureKey') && isGiven(certificate.get('SecureCertificate')))
    certificate.delete('PrivateSecureKey');
  return certificate.size === 0 ? changed : changeCertificate(changed, certificate, options);
}

/** Values in stored form; null for those that go. */
function readGiven(given: Dictionary, replace: boolean): ReadonlyMap<DomainSettingName, Value> {
  const asked = new Map<DomainSettingName, Value>();
  if (replace) for (const key of Object.keys(DOMAIN_SETTINGS)) asked.set(key as DomainSettingName, null);
  for (const [key, value] of given) {
    if (!isDomainSettingName(key))
      throw new Failure('invalid', `a domain has no setting ${key}; it has ${domainSettingNames()}`);
    const { type }: Setting<unknown> = DOMAIN_SETTINGS[key];
    const read = value === DEFAULT ? null : type.read(value);
    if (read === undefined) throw new Failure('invalid', `${key}: give ${type.allowed}; or default`);
    asked.set(key, read === null ? null : type.write(read));
  }
  return asked;
}

function isGiven(value: Value | undefined): boolean {
  return value !== undefined && value !== null;
}
