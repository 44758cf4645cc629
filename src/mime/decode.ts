/**
 * Octets of messages to text, for searching: encoded words (RFC 2047, through libmime, which is imported here only),
 * content transfer encodings (RFC 2045 section 6) and charsets (TextDecoder), piece by piece, so that a large part is
 * neither held in memory nor decoded in one turn. Broken input is decoded as far as it goes, never refused.
 */
import { isUtf8 } from 'node:buffer';
import libmime from 'libmime';
import { ENCODED_WORDS_OCTETS_MAX } from './limits.ts';

/** A header value as text. 8-bit octets are UTF-8 (RFC 6532) or, failing that, Windows-1252. */
export function decodeHeaderValue(value: Buffer): string {
  const text = isUtf8(value) ? value.toString('utf8') : new TextDecoder('windows-1252').decode(value);
  if (value.length > ENCODED_WORDS_OCTETS_MAX || !text.includes('=?')) return text;
  try {
    return libmime.decodeWords(text);
  } catch {
    // A charset or an encoding that libmime trips over: the words stay as they are.
    return text;
  }
}

/** Turns octets into something else, piece by piece. */
export interface Transform<T> {
  push(octets: Buffer): T;
  end(): T;
}

/** Undoes a Content-Transfer-Encoding; what is unknown is passed on as it is (RFC 2045 section 6.4). */
export function transferDecoder(encoding: string): Transform<Buffer> {
  const name = encoding.trim().toLowerCase();
  if (name === 'base64') return new Base64Decoder();
  if (name === 'quoted-printable') return new QuotedPrintableDecoder();
  return { push: (octets) => octets, end: () => NOTHING };
}

/** Octets of a charset to text; an unknown charset is taken for Windows-1252, which every octet is text in. */
export function charsetDecoder(charset: string): Transform<string> {
  const decoder = textDecoder(charset);
  return {
    push: (octets) => decoder.decode(octets, { stream: true }),
    end: () => decoder.decode(),
  };
}

const NOTHING = Buffer.alloc(0);

function textDecoder(charset: string): TextDecoder {
  const name = charset.trim().toLowerCase();
  // Mail without a charset, or said to be ASCII, is often UTF-8; ASCII is a part of it either way.
  if (name === '' || name === 'us-ascii' || name === 'ascii') return new TextDecoder('utf-8');
  try {
    return new TextDecoder(name);
  } catch {
    return new TextDecoder('windows-1252');
  }
}

/** RFC 2045 section 6.8: octets outside the alphabet are ignored; padding in the middle ends one run and begins another. */
class Base64Decoder implements Transform<Buffer> {
  #carry = '';

  push(octets: Buffer): Buffer {
    const text = this.#carry + octets.toString('latin1').replace(/[^A-Za-z0-9+/=]+/g, '');
    const decoded: Buffer[] = [];
    let from = 0;
    for (;;) {
      const padding = text.indexOf('=', from);
      if (padding < 0) break;
      if (padding > from) decoded.push(Buffer.from(text.slice(from, padding), 'base64'));
      from = padding + 1;
    }
    const rest = text.slice(from);
    const whole = rest.length & ~3;
    decoded.push(Buffer.from(rest.slice(0, whole), 'base64'));
    this.#carry = rest.slice(whole);
    return decoded.length === 1 ? decoded[0]! : Buffer.concat(decoded);
  }

  end(): Buffer {
    const last = Buffer.from(this.#carry, 'base64');
    this.#carry = '';
    return last;
  }
}

/** RFC 2045 section 6.7. White space before a line end stays: it does no harm in a search. */
class QuotedPrintableDecoder implements Transform<Buffer> {
  /** An escape that the last piece began: at most "=" and one more octet. */
  #carry: Buffer = NOTHING;

  push(octets: Buffer): Buffer {
    return this.#decode(this.#carry.length === 0 ? octets : Buffer.concat([this.#carry, octets]), false);
  }

  end(): Buffer {
    return this.#decode(this.#carry, true);
  }

  #decode(octets: Buffer, isLast: boolean): Buffer {
    const decoded = Buffer.allocUnsafe(octets.length);
    let to = 0;
    let from = 0;
    this.#carry = NOTHING;
    while (from < octets.length) {
      const octet = octets[from]!;
      if (octet !== EQUALS) {
        decoded[to++] = octet;
        from++;
        continue;
      }
      if (!isLast && from + 2 >= octets.length) {
        this.#carry = Buffer.from(octets.subarray(from));
        break;
      }
      const [first, second] = [octets[from + 1], octets[from + 2]];
      if (first === CR && second === LF) from += 3;
      else if (first === LF) from += 2;
      else {
        const value = hexDigit(first) * 16 + hexDigit(second);
        if (value >= 0) {
          decoded[to++] = value;
          from += 3;
        } else {
          decoded[to++] = octet;
          from++;
        }
      }
    }
    return decoded.subarray(0, to);
  }
}

const EQUALS = 0x3d;
const CR = 0x0d;
const LF = 0x0a;

/** 0 … 15, or a number that makes any sum negative. */
function hexDigit(octet: number | undefined): number {
  if (octet === undefined) return -1000;
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const lower = octet | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1000;
}
