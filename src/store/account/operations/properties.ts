/** Settings, credentials and other small values of the account, by key. */
import { Failure } from '../../../lib/failure.ts';
import { propertyOctets } from '../state.ts';
import type { Plan, Situation } from './plan.ts';

/** Values are copied: what the caller does with its buffers later is its own affair. */
export function planSetProperties(
  { state, limits }: Situation,
  given: ReadonlyMap<string, Buffer | undefined>,
): Plan<'setProperties'> {
  const values: (readonly [string, Buffer | undefined])[] = [];
  let octets = state.propertyOctets;
  let count = state.properties.size;
  for (const [key, value] of given) {
    const old = state.properties.get(key);
    if (value === undefined ? old === undefined : old?.equals(value)) continue;
    if (value !== undefined && Buffer.byteLength(key) > limits.propertyKeyOctetsMax)
      throw new Failure('limit', `property key is longer than ${limits.propertyKeyOctetsMax} octets`);
    if (value !== undefined && value.length > limits.propertyOctetsMax)
      throw new Failure('limit', `property is longer than ${limits.propertyOctetsMax} octets`);
    if (!key.isWellFormed()) throw new Failure('invalid', 'property key is not valid Unicode');
    if (old !== undefined) octets -= propertyOctets(key, old);
    if (value !== undefined) octets += propertyOctets(key, value);
    count += (value === undefined ? 0 : 1) - (old === undefined ? 0 : 1);
    values.push([key, value === undefined ? undefined : Buffer.from(value)]);
  }
  // What only removes or shrinks is allowed at the limit.
  if (octets > limits.propertiesOctetsMax && octets > state.propertyOctets)
    throw new Failure('limit', `more than ${limits.propertiesOctetsMax} octets of properties`);
  if (count > limits.propertiesMax && count > state.properties.size)
    throw new Failure('limit', `more than ${limits.propertiesMax} properties`);
  return { changes: values.length === 0 ? [] : [{ kind: 'properties-changed', values }], result: undefined };
}
