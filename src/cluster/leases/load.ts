/**
 * What a worker tells of its load: its weight, how much of its processor it used in the last second, and which of its slots
 * had the most operations lately (docs/cluster.md, "Placement"). It travels at the end of renewals, for the controller that
 * places slots, and with the facts, for people; a worker of an earlier version tells none, so whoever reads does without.
 */
import { absent, bad, type Fields, fields, list, slot as readSlot, uint } from '../messages.ts';
import type { SlotRate, WorkerLoad } from '../types.ts';

/** Slots that a worker names, the busiest of them. */
export const HOTTEST_MAX = 16;
/** A worker has as many slots as others of its weight; where nothing is said all weigh alike. */
export const WEIGHT_DEFAULT = 100;
export const WEIGHT_MAX = 1000;
/** The processor travels in thousandths of one. */
const PROCESSOR_UNITS = 1000;

export function loadBody({ weight, processor, operations, hottest }: WorkerLoad): Fields {
  return {
    weight,
    processor: Math.round(processor * PROCESSOR_UNITS),
    operations: Math.round(operations),
    hottest: hottest.flatMap((each) => [each.slot, Math.round(each.operations)]),
  };
}

/** Undefined where nothing was told; Failure 'invalid' for nonsense. */
export function readLoad(value: unknown): WorkerLoad | undefined {
  if (absent(value)) return undefined;
  const it = fields(value, 'load');
  return {
    weight: Math.min(Math.max(uint(it.weight, 'weight'), 1), WEIGHT_MAX),
    processor: uint(it.processor, 'processor') / PROCESSOR_UNITS,
    operations: uint(it.operations, 'operations'),
    hottest: readRates(it.hottest),
  };
}

function readRates(value: unknown): SlotRate[] {
  const flat = list(value, 2 * HOTTEST_MAX, 'hottest slots', (each) => uint(each, 'hottest slots'));
  if (flat.length % 2 === 1) bad('hottest slots');
  const rates: SlotRate[] = [];
  for (let i = 0; i < flat.length; i += 2) rates.push({ slot: readSlot(flat[i]), operations: flat[i + 1]! });
  return rates;
}
