/**
 * Rotation of the ring `frontend`: everything of TLS that is sealed under an older key is sealed under the first. Safe to
 * stop and to repeat; what is shown stays the same object everywhere, as only the seal is another.
 */
import { sealedUnder } from '../cluster/security/sealed.ts';
import type { Keyring } from '../cluster/security/types.ts';
import type { ClusterSettings } from '../cluster/types.ts';
import type { SettingsChange } from '../directory/cluster-settings.ts';
import { settingsDigest } from '../directory/domains-by-address.ts';
import type { Value } from '../lib/dictionary/value.ts';
import { DecodeError } from '../lib/encoder.ts';
import { failureCode } from '../lib/failure.ts';
import type { Logger } from '../lib/logging.ts';
import type { Random } from '../platform/platform.ts';
import { DERIVED, decodeDomainSettings, encodeDomainSettings } from '../settings/domain-settings.ts';
import {
  CLUSTER_CERTIFICATE,
  decodeClusterCertificate,
  encodeStored,
  openTicketKey,
  sealTicketKey,
  TICKET_KEY,
} from './cluster-values.ts';
import { resealKey, storedKeySeal } from './stored-key.ts';

/**
 * The changes that are left to do, one at a time: make each before asking for the next, and begin again when one was
 * answered STALE. None means that nothing of TLS is sealed under an older key; but for what does not open. The ring is that
 * of the controller, with every key there is: what it does not open was never sealed, or its key is gone, so nothing is lost
 * when it stays as it is. It is passed over with a line in the log: any frontend may set such a value, and must not hold up
 * the rotation that it is done for.
 */
export function* resealChanges(
  settings: ClusterSettings,
  ring: Keyring,
  random: Random,
  logger: Pick<Logger, 'error'>,
): Generator<SettingsChange> {
  const own = settings.value(CLUSTER_CERTIFICATE);
  const ownAnew =
    own && opened(() => resealCertificate(own, ring, random), logger, { key: CLUSTER_CERTIFICATE });
  if (ownAnew !== undefined) yield { kind: 'setValue', key: CLUSTER_CERTIFICATE, value: ownAnew };
  const ticket = settings.value(TICKET_KEY);
  const ticketAnew = ticket && opened(() => resealTicket(ticket, ring, random), logger, { key: TICKET_KEY });
  if (ticketAnew !== undefined) yield { kind: 'setValue', key: TICKET_KEY, value: ticketAnew };
  for (const { id, name: domain, settings: octets } of settings.domains()) {
    if (octets === undefined) continue;
    const sealed = resealDomain(octets, ring, random, (reseal) => opened(reseal, logger, { domain }));
    if (sealed !== undefined)
      yield { kind: 'setDomainSettings', id, expected: settingsDigest(octets), settings: sealed };
  }
}

/** Undefined, with a line, when what is sealed does not open. */
function opened<T>(
  reseal: () => T,
  logger: Pick<Logger, 'error'>,
  where: Readonly<Record<string, string>>,
): T | undefined {
  try {
    return reseal();
  } catch (err) {
    const code = failureCode(err);
    if (!(err instanceof DecodeError) && code !== 'damaged' && code !== 'unavailable') throw err;
    logger.error(
      { err, ...where },
      'what is sealed here opens under no key and is passed over: install it again',
    );
    return undefined;
  }
}

/** Undefined, as with the others, when it is not sealed under an older key. */
function resealCertificate(value: Buffer, ring: Keyring, random: Random): Buffer | undefined {
  const { certificate, key } = decodeClusterCertificate(value);
  if (!isOld(ring, storedKeySeal(key))) return undefined;
  return encodeStored(certificate.raw, resealKey(ring, key, random));
}

function resealTicket(value: Buffer, ring: Keyring, random: Random): Buffer | undefined {
  return isOld(ring, value) ? sealTicketKey(openTicketKey(value, ring), ring, random) : undefined;
}

/** One key that does not open does not keep the other from being sealed anew. */
function resealDomain(
  octets: Buffer,
  ring: Keyring,
  random: Random,
  open: <T>(reseal: () => T) => T | undefined,
): Buffer | undefined {
  const stored = open(() => new Map<string, Value>(decodeDomainSettings(octets)));
  if (stored === undefined) return undefined;
  let isChanged = false;
  for (const name of ['PrivateSecureKey', DERIVED.nextSecureKey]) {
    const key = stored.get(name);
    if (!Buffer.isBuffer(key) || !isOld(ring, storedKeySeal(key))) continue;
    const anew = open(() => resealKey(ring, key, random));
    if (anew === undefined) continue;
    stored.set(name, anew);
    isChanged = true;
  }
  return isChanged ? encodeDomainSettings(stored) : undefined;
}

function isOld(ring: Keyring, sealed: Buffer): boolean {
  return sealedUnder(sealed) !== ring.keys[0]?.id;
}
