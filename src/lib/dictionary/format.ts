/**
 * Writes values in the object text syntax: on one line for the CLI, or laid out for files. What is written is read back
 * as the same value (property-tested). Only Latin letters and digits stand without quotes, the one form that every
 * reader of this syntax takes; `\e`, not `\n`, is the end of a line, as existing files have it.
 */
import { type AddressValue, type DateValue, isArray, isDictionary, type Value } from './value.ts';

/** An array stands on one line of a file up to this many characters. */
const LINE_MAX = 100;
const INDENT = '  ';

/** On one line, without spaces: `{a=1;b=(x,"y z");}`. */
export function format(value: Value): string {
  if (isDictionary(value))
    return `{${[...value].map(([key, each]) => `${formatString(key)}=${format(each)};`).join('')}}`;
  if (isArray(value)) return `(${value.map(format).join(',')})`;
  return formatSimple(value);
}

/** For files: an entry a line, indented; `margin` is the indentation of the line the value begins on. */
export function formatLines(value: Value, margin = ''): string {
  const inner = margin + INDENT;
  if (isDictionary(value)) {
    if (value.size === 0) return '{}';
    const lines = [...value].map(
      ([key, each]) => `${inner}${formatString(key)} = ${formatLines(each, inner)};\n`,
    );
    return `{\n${lines.join('')}${margin}}`;
  }
  if (!isArray(value)) return formatSimple(value);
  const line = `(${value.map(format).join(', ')})`;
  if (margin.length + line.length <= LINE_MAX && !value.some(isDictionary)) return line;
  return `(\n${value.map((each) => inner + formatLines(each, inner)).join(',\n')}\n${margin})`;
}

/** A string as an atom when every reader takes it for one, else in quotes. Lone surrogates become U+FFFD. */
export function formatString(text: string): string {
  if (/^[A-Za-z0-9]+$/.test(text)) return text;
  // oxlint-disable-next-line no-control-regex -- control characters are what has to be escaped
  const escaped = text.toWellFormed().replaceAll(/["\\\u0000-\u001f\u007f]/g, escapeOf);
  return `"${escaped}"`;
}

function escapeOf(c: string): string {
  return ESCAPES.get(c) ?? `\\${String(c.charCodeAt(0)).padStart(3, '0')}`;
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\n', '\\e'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

function formatSimple(value: string | Buffer | number | null | DateValue | AddressValue): string {
  if (value === null) return '#NULL#';
  if (typeof value === 'string') return formatString(value);
  if (typeof value === 'number') return formatNumber(value);
  if (Buffer.isBuffer(value)) return `[${value.toString('base64')}]`;
  return value.kind === 'date' ? formatDate(value) : formatAddress(value);
}

function formatNumber(value: number): string {
  if (!Number.isSafeInteger(value)) throw new RangeError(`not a safe integer: ${value}`);
  return `#${value === 0 ? 0 : value}`;
}

function formatDate(value: DateValue): string {
  const [day = '', time = ''] = new Date(value.ms).toISOString().split(/[T.]/);
  // Years outside 0 to 9999 have another ISO form, and none in this syntax.
  const found = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day);
  if (found === null) throw new RangeError(`no such date in this syntax: ${value.ms}`);
  return `#T${found[3]}-${found[2]}-${found[1]}${value.dayOnly ? '' : `_${time}`}`;
}

function formatAddress(value: AddressValue): string {
  return `#I[${value.host}]${value.port === undefined ? '' : `:${value.port}`}`;
}
