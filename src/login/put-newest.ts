/**
 * Bounded tables: a Map keeps the order in which its entries were put in, so the first is the one longest unchanged, and
 * the first to be forgotten.
 */
export function putNewest<K, V>(map: Map<K, V>, key: K, value: V, entriesMax: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= entriesMax) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
