/** Columns are typed arrays with more room than they need; this gives them another room. */
export type Column = Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** The elements [from, to) of a column, at the beginning of a new one with room for `capacity`. */
export function resized<T extends Column>(column: T, capacity: number, from: number, to: number): T {
  const other = new (column.constructor as new (length: number) => T)(capacity);
  other.set(column.subarray(from, to));
  return other;
}
