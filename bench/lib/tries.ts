/** What many tries of each kind of interruption come to: one table, beside the aims. */
import type { Interruption, Kind } from '../../test/faults/interruption.ts';

/** How long accounts may be interrupted, in ms (docs/architecture.md, section 6, invariant 6; issue 4, Times). */
interface Aim {
  readonly ownMs: number;
  /** Of each operation on an account of anybody else. */
  readonly othersMs?: number;
}

const PROCESS_MS = 500;
const CONTROLLER_MS = 1500;
const MACHINE_MS = 3000;

export const AIMS: Readonly<Record<Kind, Aim>> = {
  'worker killed': { ownMs: PROCESS_MS },
  'supervisor killed': { ownMs: PROCESS_MS },
  'controller killed': { ownMs: CONTROLLER_MS, othersMs: 200 },
  'machine lost': { ownMs: MACHINE_MS },
  'controller machine lost': { ownMs: MACHINE_MS, othersMs: 200 },
  paused: { ownMs: MACHINE_MS },
  'storage cut': { ownMs: MACHINE_MS },
  'frontend killed': { ownMs: PROCESS_MS },
};

/** Of sorted values; 0 of none. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

/** `  0.31  0.42  0.44`: median, 95th percentile and largest, in seconds. */
export function spreadCells(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  return [percentile(sorted, 0.5), percentile(sorted, 0.95), sorted.at(-1) ?? 0].map(seconds).join('');
}

const KIND_WIDTH = 25;
const CELL_WIDTH = 7;

/** Kinds in the order of their first try. */
export function table(tries: readonly Interruption[]): string {
  const head = [
    'in seconds'.padEnd(KIND_WIDTH),
    cell('tries'),
    cell('median'),
    cell('95 %'),
    cell('max'),
    cell('aim'),
    '  | slowest answer to others:',
    cell('median'),
    cell('95 %'),
    cell('max'),
    cell('aim'),
    cell('NO', 6),
    cell('closed', 8),
  ].join('');
  const kinds = [...new Set(tries.map(({ kind }) => kind))];
  return [
    head,
    ...kinds.map((kind) =>
      row(
        kind,
        tries.filter((each) => each.kind === kind),
      ),
    ),
  ].join('\n');
}

function row(kind: Kind, tries: readonly Interruption[]): string {
  const { ownMs, othersMs } = AIMS[kind];
  const own = tries.map((each) => each.ownMs).filter((ms) => ms !== null);
  return [
    kind.padEnd(KIND_WIDTH),
    cell(String(tries.length)),
    spreadCells(own),
    seconds(ownMs),
    ' '.repeat('  | slowest answer to others:'.length),
    spreadCells(tries.map((each) => each.othersSlowestMs)),
    othersMs === undefined ? cell('') : seconds(othersMs),
    cell(String(tries.reduce((sum, { refused }) => sum + refused.length, 0)), 6),
    cell(String(tries.reduce((sum, { closed }) => sum + closed, 0)), 8),
  ].join('');
}

function seconds(ms: number): string {
  return cell((ms / 1000).toFixed(2));
}

function cell(text: string, width = CELL_WIDTH): string {
  return text.padStart(width);
}
