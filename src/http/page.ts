/**
 * The status page: one HTML document without scripts, which asks for itself again. Everything that is shown is escaped
 * (html.ts), and the policy allows nothing but its own style sheet.
 */
import { createHash } from 'node:crypto';
import { Html, html } from './html.ts';
import { busiestSlots, loadCells, movesLine } from './load-html.ts';
import type { CertificateReport, MemberReport, StatusReport, WorkerReport } from './report.ts';

const REFRESH_SECONDS = 5;

const STYLE = `
:root{color-scheme:light dark;--ok:#1a7f37;--warn:#b35900;--bad:#c1121f;--dim:#6b7280;--line:#d0d7de;--bar:#4078c0}
@media(prefers-color-scheme:dark){:root{--ok:#4ac26b;--warn:#e3a04f;--bad:#ff6b6b;--dim:#9ca3af;--line:#30363d;--bar:#6ea8fe}}
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .5rem}
p{margin:.3rem 0}.dim{color:var(--dim)}.ok{color:var(--ok)}.warn{color:var(--warn)}.bad{color:var(--bad)}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .8rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;color:var(--dim);font-size:.85rem}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
tr.worker td{border-bottom-style:dotted;font-size:.9rem}tr.worker td:first-child{padding-left:1.5rem}
svg{width:8rem;height:.7rem;vertical-align:middle;background:var(--line)}svg rect{fill:var(--bar)}
code{font-size:.85rem}
`;

const STYLE_HTML = new Html(STYLE);

/** Only this style sheet, named by its hash, and nothing else from anywhere. */
export const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;

const STANDINGS: Readonly<Record<StatusReport['standing'], readonly [tone: string, text: string]>> = {
  ready: ['ok', 'ready'],
  degraded: ['warn', 'degraded: the controller or the storage is gone for everybody; clients stay here'],
  'not-ready': ['bad', 'not ready: balancers are told to send nobody'],
};

const TONES: Readonly<Record<MemberReport['state'], string>> = {
  ready: 'ok',
  joining: 'warn',
  'not-ready': 'bad',
  gone: 'bad',
};

export function statusPage(report: StatusReport): string {
  const [tone, standing] = STANDINGS[report.standing];
  return html`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="${REFRESH_SECONDS}"><title>${report.cluster}: ${report.standing}</title>
<style>${STYLE_HTML}</style></head><body>
<h1>${report.cluster}</h1>
<p>Seen by <b>${report.member}</b>, Postern ${report.version}, at ${report.at}: <span class="${tone}">${standing}</span></p>
${controllerLine(report)}
<p>Slots with an owner: ${report.slots.owned} of ${report.slots.total}${report.slots.owned < report.slots.total ? html` <span class="warn">(accounts of the others wait)</span>` : undefined}</p>
${movesLine(report)}
${refusals(report)}
<h2>Members</h2>
${levels(report)}
<table><thead><tr><th>Member</th><th>Role</th><th>State</th><th class="n">Slots</th><th></th><th class="n">Connections</th><th class="n">Operations</th><th class="n">Processor</th><th class="n">Storage</th><th>Version</th><th>Up</th><th>Address</th></tr></thead>
<tbody>${report.members.map((member) => memberRows(member, report.slots.total))}</tbody></table>
${busiestSlots(report.members)}
${certificates(report.certificates)}
<p class="dim">This page asks for itself again every ${REFRESH_SECONDS} seconds. The same as data: <code>/status.json</code>, <code>/metrics</code>, <code>/health</code>.</p>
</body></html>
`.text;
}

/** Of no interest while all programs know the same. */
function levels({ level, members }: StatusReport): Html | undefined {
  if (level === 0 && members.every((each) => each.level === 0)) return undefined;
  const known = members.map((each) => `${each.name} ${each.level}`).join(', ');
  return html`<p>Feature level of the cluster: ${level}; members know levels up to: ${known}</p>`;
}

function controllerLine({ controller, current }: StatusReport): Html {
  if (controller === null)
    return html`<p class="bad">No controller is heard: nothing is granted or moved. See whether the backends run and reach their storage.</p>`;
  const { member, controlEpoch } = controller;
  const old = current
    ? undefined
    : html` <span class="warn">(it did not answer just now: figures are older)</span>`;
  return html`<p>Controller: <b>${member}</b>, control epoch ${controlEpoch}${old}</p>`;
}

function refusals({ members }: StatusReport): Html | undefined {
  const all = members.flatMap(({ name, refusal, workers }) => [
    ...(refusal === null ? [] : [{ name, refusal }]),
    ...workers
      .filter((worker) => worker.refusal !== null && worker.refusal !== refusal)
      .map((worker) => ({ name: `${name}, worker ${worker.pid}`, refusal: worker.refusal ?? '' })),
  ]);
  if (all.length === 0) return undefined;
  const lines = all.map(({ name, refusal }) => html`<li><b>${name}</b>: ${refusal}. ${remedy(refusal)}</li>`);
  return html`<h2 class="bad">Stand for nothing</h2><ul>${lines}</ul>`;
}

/** What is to be done, by what the refusal speaks of. */
function remedy(refusal: string): string {
  if (/not mounted/.test(refusal)) return 'Mount the shared storage on that member; it goes on by itself.';
  if (/another cluster/.test(refusal))
    return "Mount this cluster's storage there, or take the member out of BackendAddresses.";
  if (/not answer/.test(refusal)) return 'See to the mount and the storage server; it goes on by itself.';
  return 'See its log.';
}

function memberRows(member: MemberReport, total: number): Html {
  const { name, role, state, slots, connections, version, uptimeSeconds, address, isController, workers } =
    member;
  const latencies = workers.flatMap(({ storageMs }) => (storageMs === null ? [] : [storageMs]));
  const worst = latencies.length === 0 ? null : Math.max(...latencies);
  return html`<tr><td><b>${name}</b>${isController ? ' (controller)' : ''}</td><td>${role}</td><td class="${TONES[state]}">${state}${doing(member)}</td><td class="n">${slots}</td><td>${bar(slots, total)}</td><td class="n">${connections ?? undefined}</td>${loadCells(workers)}<td class="n">${milliseconds(worst)}</td><td>${version}</td><td>${duration(uptimeSeconds)}</td><td><code>${address}</code></td></tr>
${workers.map((worker) => workerRow(worker, total))}`;
}

function doing({ draining, notReady, slots, connections }: MemberReport): Html | undefined {
  if (notReady === null) return draining ? html` <span class="warn">draining</span>` : undefined;
  const left = connections === null ? `${slots} slots` : `${slots} slots and ${connections} connections`;
  return html`<br><span class="warn">made not ready by ${notReady.by} at ${notReady.since}: ${left} left</span>`;
}

function workerRow(worker: WorkerReport, total: number): Html {
  const { pid, ready, slots, storageMs, connections, address } = worker;
  return html`<tr class="worker"><td>worker ${pid}</td><td></td><td class="${ready ? 'ok' : 'warn'}">${ready ? 'ready' : 'not ready'}</td><td class="n">${slots}</td><td>${bar(slots, total)}</td><td class="n">${connections ?? undefined}</td>${loadCells([worker])}<td class="n">${milliseconds(storageMs)}</td><td></td><td></td><td><code>${address}</code></td></tr>
`;
}

/** Without a style attribute, which the policy forbids. */
function bar(value: number, total: number): Html {
  const width = total === 0 ? 0 : Math.round((1000 * value) / total) / 10;
  return html`<svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="${value} of ${total}"><rect width="${width}" height="10"/></svg>`;
}

function certificates(all: readonly CertificateReport[]): Html | undefined {
  if (all.length === 0) return undefined;
  const rows = all.map(
    ({ owner, names, endsAt, days }) =>
      html`<tr><td><b>${owner}</b></td><td>${names.join(', ')}</td><td>${endsAt}</td><td class="${days < 3 ? 'bad' : 'warn'}">${days < 0 ? 'has ended' : `${days} days left`}</td></tr>`,
  );
  return html`<h2 class="warn">Certificates that end soon</h2>
<table><thead><tr><th>Of</th><th>Names</th><th>Ends</th><th></th></tr></thead><tbody>${rows}</tbody></table>
<p>Install another one: <code>bin/postern certificate DOMAIN cert.pem key.pem</code></p>`;
}

function milliseconds(ms: number | null): string {
  return ms === null ? '' : `${ms} ms`;
}

function duration(seconds: number): string {
  const [days, hours, minutes] = [86_400, 3600, 60];
  if (seconds >= days) return `${Math.floor(seconds / days)} d ${Math.floor((seconds % days) / hours)} h`;
  if (seconds >= hours)
    return `${Math.floor(seconds / hours)} h ${Math.floor((seconds % hours) / minutes)} min`;
  return seconds >= minutes ? `${Math.floor(seconds / minutes)} min` : `${seconds} s`;
}
