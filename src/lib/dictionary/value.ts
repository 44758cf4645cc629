/**
 * The values of the object text syntax: what settings files hold and the CLI speaks (shared facts: communigate.md,
 * section 2.6). Plain JavaScript values wherever there is one that fits; a date and an address are tagged objects.
 */

/** `{key=value; …}`; keys are unique and keep their order. */
export type Dictionary = ReadonlyMap<string, Value>;

/** `#T22-10-2009_15:24:45`, or `#T22-10-2009` for a day; GMT. */
export interface DateValue {
  readonly kind: 'date';
  /** Milliseconds since 1970, a whole number of seconds. */
  readonly ms: number;
  /** Written without a time of day; `ms` is midnight then. */
  readonly dayOnly: boolean;
}

/** `#I[10.0.44.55]:25`. */
export interface AddressValue {
  readonly kind: 'address';
  /** IPv4 or IPv6, as it was written. */
  readonly host: string;
  readonly port: number | undefined;
}

/**
 * A string (atom or quoted), `[base64]` (octets), `#12` (a safe integer), `#NULL#` (null), a date, an address,
 * `(a,b)` or `{key=value;}`.
 */
export type Value =
  | string
  | Buffer
  | number
  | null
  | DateValue
  | AddressValue
  | readonly Value[]
  | Dictionary;

/** What kind a value is, as messages name it. */
export function kindOf(value: Value): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return 'string';
  if (typeof value === 'number') return 'number';
  if (Buffer.isBuffer(value)) return 'datablock';
  if (isDictionary(value)) return 'dictionary';
  return isArray(value) ? 'array' : value.kind;
}

export function isDictionary(value: Value | undefined): value is Dictionary {
  return value instanceof Map;
}

export function isArray(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}
