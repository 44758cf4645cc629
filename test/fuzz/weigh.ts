/** How much an outcome holds: octets of text and buffers, and so many for every value, as memory goes. */

/** Of a number, an entry of a list, a field of an object. */
const VALUE_OCTETS = 8;

/** Stops counting above `most`. Views count with their own length; an object that is met twice counts once. */
export function weigh(value: unknown, most: number): number {
  const seen = new Set<object>();
  const waiting: unknown[] = [value];
  let octets = 0;
  while (waiting.length > 0 && octets <= most) {
    const each = waiting.pop();
    octets += VALUE_OCTETS;
    if (typeof each === 'string') octets += each.length;
    if (typeof each !== 'object' || each === null || seen.has(each)) continue;
    seen.add(each);
    if (ArrayBuffer.isView(each)) octets += each.byteLength;
    else if (each instanceof Map) for (const entry of each) waiting.push(...entry);
    else if (Array.isArray(each) || each instanceof Set) for (const item of each) waiting.push(item);
    else for (const field of Object.values(each)) waiting.push(field);
  }
  return octets;
}
