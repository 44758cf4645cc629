/**
 * Samples as they cross the bus: whichever worker of a member is asked answers for all processes of the member. What comes
 * is checked, as from any peer.
 */
import { Failure } from '../../lib/failure.ts';
import type { Distribution, Sample } from '../../lib/measures.ts';
import { FAMILIES } from './families.ts';

/** Call to another process of the same member: its samples. */
export const SAMPLES_SERVICE = 'member.samples';

/** Far above what one process has. */
const SAMPLES_MAX = 5000;
const BOUNDS_MAX = 64;
const LABELS_MAX = 8;
const LABEL_LENGTH_MAX = 128;

export function samplesBody(samples: readonly Sample[]): readonly unknown[] {
  return samples.map(({ name, labels, value }) => [
    name,
    Object.entries(labels).flat(),
    typeof value === 'number' ? value : [[...value.bounds], [...value.counts], value.sum],
  ]);
}

/** Samples of metrics that are not known here are passed over. Failure 'invalid' for nonsense. */
export function readSamples(body: unknown): readonly Sample[] {
  return listOf(body, SAMPLES_MAX).flatMap((each) => {
    const [name, labels, value] = listOf(each, 3);
    if (typeof name !== 'string') bad();
    return Object.hasOwn(FAMILIES, name)
      ? [{ name, labels: readLabels(labels), value: readValue(value) }]
      : [];
  });
}

function readLabels(value: unknown): Sample['labels'] {
  const flat = listOf(value, 2 * LABELS_MAX).map((each) => {
    if (typeof each !== 'string' || each.length > LABEL_LENGTH_MAX) bad();
    return each;
  });
  if (flat.length % 2 === 1) bad();
  const pairs = flat.flatMap((key, index) =>
    index % 2 === 0 ? [[key, flat[index + 1] ?? ''] as const] : [],
  );
  return Object.fromEntries(pairs);
}

function readValue(value: unknown): number | Distribution {
  if (!Array.isArray(value)) return number(value);
  const [bounds, counts, sum] = listOf(value, 3);
  const read = {
    bounds: listOf(bounds, BOUNDS_MAX).map(number),
    counts: listOf(counts, BOUNDS_MAX + 1).map(number),
    sum: number(sum),
  };
  return read.counts.length === read.bounds.length + 1 ? read : bad();
}

function number(value: unknown): number {
  if (typeof value === 'bigint') return Number(value);
  return typeof value === 'number' && Number.isFinite(value) ? value : bad();
}

function listOf(value: unknown, max: number): readonly unknown[] {
  return Array.isArray(value) && value.length <= max ? value : bad();
}

function bad(): never {
  throw new Failure('invalid', 'samples that make no sense');
}
