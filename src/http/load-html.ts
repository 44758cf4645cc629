/** What the status page shows of loads, of busy slots and of slots that move. */
import { type Html, html } from './html.ts';
import type { MemberReport, StatusReport, WorkerReport } from './report.ts';

/** Slots that are shown, the busiest of the cluster. */
const HOTTEST_SHOWN = 5;

/** Operations a second of all, and the processor of the busiest: a sum of processors says nothing. */
export function loadCells(workers: readonly WorkerReport[]): Html {
  const loads = workers.flatMap(({ load }) => (load === null ? [] : [load]));
  if (loads.length === 0) return html`<td></td><td></td>`;
  const operations = loads.reduce((sum, { operationsPerSecond }) => sum + operationsPerSecond, 0);
  const processor = Math.max(...loads.map((load) => load.processor));
  return html`<td class="n">${operations}/s</td><td class="n">${Math.round(100 * processor)} %</td>`;
}

export function movesLine({ moves }: StatusReport): Html | undefined {
  if (moves === null) return undefined;
  const { underWay, balance, drain, hot, operator } = moves;
  return html`<p>Slots on the move: ${underWay}. Moved so far: ${balance} as workers came or went, ${drain} away from members that drain, ${hot} away from busy workers, ${operator} by operators.</p>`;
}

export function busiestSlots(members: readonly MemberReport[]): Html | undefined {
  const all = members.flatMap(({ name, workers }) =>
    workers.flatMap(({ pid, load }) =>
      (load?.hottest ?? []).map((each) => ({
        ...each,
        where: `${name}, worker ${pid}`,
        total: load?.operationsPerSecond ?? 0,
        isWhole: load?.wholeLoad === each.slot,
      })),
    ),
  );
  if (all.length === 0) return undefined;
  const busiest = all.toSorted((a, b) => b.operationsPerSecond - a.operationsPerSecond);
  const rows = busiest.slice(0, HOTTEST_SHOWN).map(({ slot, where, operationsPerSecond, total, isWhole }) => {
    const share = total === 0 ? 0 : Math.min(100, Math.round((100 * operationsPerSecond) / total));
    const note = isWhole
      ? html`<span class="warn">the whole load of its worker: moving it would only move the trouble</span>`
      : undefined;
    return html`<tr><td><b>${slot}</b></td><td>${where}</td><td class="n">${operationsPerSecond}/s</td><td class="n">${share} %</td><td>${note}</td></tr>`;
  });
  return html`<h2>Busiest slots</h2>
<table><thead><tr><th>Slot</th><th>At</th><th class="n">Operations</th><th class="n">Of its worker's</th><th></th></tr></thead><tbody>${rows}</tbody></table>`;
}
