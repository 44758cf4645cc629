/**
 * Mailbox names on the wire and as Unicode strings: modified UTF-7 (RFC 3501 section 5.1.3) by default, UTF-8 after
 * ENABLE (RFC 6855 section 3, RFC 9051 section 5.1). A decoded name is in the store's form: NFC, and INBOX in capitals.
 * A name that is not in the one form that the encoder gives is refused: two spellings of a name must not both work.
 */
import { isUtf8 } from 'node:buffer';
import { canonicalName } from '../../store/account/names.ts';

/** The name, or undefined when the octets are no name in this encoding. */
export function decodeMailboxName(octets: Buffer, utf8: boolean): string | undefined {
  const decoded = utf8 ? decodeUtf8(octets) : decodeModifiedUtf7(octets.toString('latin1'));
  if (decoded === undefined) return undefined;
  return canonicalName(decoded);
}

/** The octets to send for a name. */
export function encodeMailboxName(name: string, utf8: boolean): Buffer {
  return Buffer.from(utf8 ? name : encodeModifiedUtf7(name));
}

function encodeModifiedUtf7(name: string): string {
  return name.replace(/&|[^\x20-\x7e]+/g, (run) => (run === '&' ? '&-' : `&${modifiedBase64(run)}-`));
}

/** Undefined for anything that `encodeModifiedUtf7` would not have given. */
function decodeModifiedUtf7(text: string): string | undefined {
  if (/[^\x20-\x7e]/.test(text)) return undefined;
  if (!text.includes('&')) return text;
  let name = '';
  let from = 0;
  for (;;) {
    const shift = text.indexOf('&', from);
    if (shift < 0) break;
    const end = text.indexOf('-', shift);
    if (end < 0) return undefined;
    name += text.slice(from, shift);
    name += end === shift + 1 ? '&' : fromModifiedBase64(text.slice(shift + 1, end));
    from = end + 1;
  }
  name += text.slice(from);
  // RFC 3501 section 5.1.3: no shift for printable ASCII, no superfluous shifts. Whatever is not canonical differs here.
  return name.isWellFormed() && encodeModifiedUtf7(name) === text ? name : undefined;
}

function modifiedBase64(text: string): string {
  return Buffer.from(text, 'utf16le').swap16().toString('base64').replace(/=+$/, '').replaceAll('/', ',');
}

function fromModifiedBase64(text: string): string {
  const octets = Buffer.from(text.replaceAll(',', '/'), 'base64');
  return octets
    .subarray(0, octets.length & ~1)
    .swap16()
    .toString('utf16le');
}

function decodeUtf8(octets: Buffer): string | undefined {
  return isUtf8(octets) ? octets.toString('utf8') : undefined;
}
