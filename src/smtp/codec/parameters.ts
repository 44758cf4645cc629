/** Parameters of MAIL and RCPT (RFC 5321 section 4.1.2, Mail-parameters), and xtext (RFC 3461 section 4). */

/** By keyword, upper case; undefined for a keyword without a value. */
export type Parameters = ReadonlyMap<string, string | undefined>;

const KEYWORD = /^[A-Za-z0-9][A-Za-z0-9-]*$/;
/** esmtp-value: no `=`, space or control character (RFC 6531 section 3.3: UTF-8 as well). */
const VALUE = /^[!-<>-~\u{a0}-\u{10ffff}]+$/u;

/** What follows a path. Undefined when it breaks the grammar (no space comes first) or a parameter is there twice. */
export function parseParameters(text: string): Parameters | undefined {
  if (!text.startsWith(' ')) return undefined;
  const found = new Map<string, string | undefined>();
  for (const parameter of text.split(' ')) {
    if (parameter === '') continue;
    const equals = parameter.indexOf('=');
    const keyword = equals < 0 ? parameter : parameter.slice(0, equals);
    const value = equals < 0 ? undefined : parameter.slice(equals + 1);
    const name = keyword.toUpperCase();
    if (!KEYWORD.test(keyword) || (value !== undefined && !VALUE.test(value)) || found.has(name))
      return undefined;
    found.set(name, value);
  }
  return found;
}

/**
 * Decodes xtext: printable ASCII but for `+` and `=`, which are `+` and two upper-case hexadecimal digits. What it stands
 * for must be printable too, as it ends in header fields and reports. Undefined when it is none.
 */
export function decodeXtext(text: string): string | undefined {
  if (!/^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/.test(text)) return undefined;
  const decoded = text.replace(/\+(..)/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return /^[ -~]*$/.test(decoded) ? decoded : undefined;
}
