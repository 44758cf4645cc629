/**
 * Octets that leave together: what is small is copied into one buffer, as every buffer costs something on its way; what is
 * large goes from where it lies, as copies of it are memory that the collector of garbage must find again.
 */

/** From here on a copy costs more than a buffer more. */
export const LARGE_OCTETS = 16 * 1024;

/** The same octets in the same order, in few buffers. */
export function joined(parts: readonly Buffer[]): readonly Buffer[] {
  const whole: Buffer[] = [];
  let small: Buffer[] = [];
  const join = (): void => {
    const [only] = small;
    if (only !== undefined) whole.push(small.length === 1 ? only : Buffer.concat(small));
    small = [];
  };
  for (const part of parts) {
    if (part.length < LARGE_OCTETS) {
      small.push(part);
      continue;
    }
    join();
    whole.push(part);
  }
  join();
  return whole;
}
