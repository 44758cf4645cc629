/**
 * Where an account's directory is: `<domain>/<name>.macnt`, relative to the root of the shared storage. A directory
 * belongs to one object for ever (docs/architecture.md, section 3 rule 5), so
 * - no name leaves its directory: every octet but `a-z 0-9 . _ -` is written as `%hh`, and so is a leading dot;
 * - a name used before goes to `<name>.<serial>.macnt`, and a name that itself ends like that has its last dot encoded:
 *   two objects never meet in one directory, whatever they are called;
 * - a domain's name used before goes to `<name>.<id>`, with the same care.
 */
import type { DomainId } from '../ids.ts';

const ACCOUNT_SUFFIX = '.macnt';
/** Octets of a file name on the file systems we know (NAME_MAX), less room for `.<id>`. */
const DOMAIN_OCTETS_MAX = 230;

/** `domain` is the domain's directory, as `domainDirectory` made it. */
export function accountPath(domain: string, name: string, serial: string, usedBefore: boolean): string {
  const safe = encodeName(name).replace(/\.([0-9a-f]+-[0-9a-f]+)$/, '%2e$1');
  return `${domain}/${usedBefore ? `${safe}.${serial}` : safe}${ACCOUNT_SUFFIX}`;
}

/** The directory of a domain, named by its name at creation. */
export function domainDirectory(name: string, id: DomainId, usedBefore: boolean): string {
  // `*.sub` are foldering directories, `fast` is the fast storage; neither is ever a domain's.
  const encoded = encodeName(name).replace(/\.([0-9]+|sub)$/, '%2e$1');
  const safe = encoded === 'fast' ? '%66ast' : encoded;
  return usedBefore || safe.length > DOMAIN_OCTETS_MAX ? `${safe.slice(0, DOMAIN_OCTETS_MAX)}.${id}` : safe;
}

/** One path component that stays where it is put, whatever the name. Different names give different components. */
export function encodeName(name: string): string {
  let encoded = '';
  for (const octet of Buffer.from(name)) {
    const plain =
      (octet >= 0x61 && octet <= 0x7a) ||
      (octet >= 0x30 && octet <= 0x39) ||
      octet === 0x5f ||
      octet === 0x2d ||
      (octet === 0x2e && encoded !== '');
    encoded += plain ? String.fromCharCode(octet) : `%${octet.toString(16).padStart(2, '0')}`;
  }
  return encoded;
}

/** The directory of a slot's log, relative to the root of the shared storage. */
export function slotPath(slot: number): string {
  return `${SLOTS_DIRECTORY}/${slotDigits(slot)}`;
}

/** `0042`: a slot's number in names of directories and objects; part of the storage format. */
export function slotDigits(slot: number): string {
  return slot.toString().padStart(4, '0');
}

export const SLOTS_DIRECTORY = '.cluster/slots';
