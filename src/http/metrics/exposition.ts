/**
 * Samples of all processes of a member as Prometheus reads them (text exposition format 0.0.4), written by prom-client. The
 * only file that knows that library; it is loaded with the first scrape. A scrape has a registry of its own, so nothing is
 * kept between two and two scrapes at once do not meet.
 */
import type { Histogram as PromHistogram, Registry } from 'prom-client';
import type { Distribution } from '../../lib/measures.ts';
import type { ProcessSamples } from '../types.ts';
import { FAMILIES, type Family } from './families.ts';

export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

interface Point {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | Distribution;
}

/** Samples whose name or labels are not in the table are left out: they are of another version of the program. */
export async function expose(processes: readonly ProcessSamples[]): Promise<Exposition> {
  const { default: prom } = await import('prom-client');
  const registry = new prom.Registry();
  for (const [name, family] of Object.entries<Family>(FAMILIES)) {
    const points = pointsOf(name, family, processes);
    if (points.length === 0) continue;
    const { help, type } = family;
    if (type === 'histogram') {
      addHistogram(registry, name, help, points);
      continue;
    }
    const options = { name, help, labelNames: [...family.labels, 'worker'], registers: [registry] };
    if (type === 'gauge') {
      const gauge = new prom.Gauge(options);
      for (const { labels, value } of points) if (typeof value === 'number') gauge.set(labels, value);
    } else {
      const counter = new prom.Counter(options);
      for (const { labels, value } of points) if (typeof value === 'number') counter.inc(labels, value);
    }
  }
  return { contentType: registry.contentType, text: await registry.metrics() };
}

function pointsOf(name: string, family: Family, processes: readonly ProcessSamples[]): Point[] {
  const wanted = [...family.labels].sort().join(' ');
  return processes.flatMap(({ worker, samples }) =>
    samples
      .filter((each) => each.name === name && Object.keys(each.labels).sort().join(' ') === wanted)
      .map(({ labels, value }) => ({ labels: { ...labels, worker }, value })),
  );
}

/** The library's own histogram counts while it observes; ours has counted already, and is written by its registry. */
function addHistogram(registry: Registry, name: string, help: string, points: readonly Point[]): void {
  const values = points.flatMap(({ labels, value }) =>
    typeof value === 'number' ? [] : histogramLines(name, labels, value),
  );
  const metric = {
    name,
    help,
    type: 'histogram',
    get: () => Promise.resolve({ name, help, type: 'histogram', values }),
  };
  registry.registerMetric(metric as unknown as PromHistogram);
}

function histogramLines(
  name: string,
  labels: Point['labels'],
  { bounds, counts, sum }: Distribution,
): { readonly labels: Point['labels']; readonly metricName: string; readonly value: number }[] {
  let cumulated = 0;
  const buckets = [...bounds, Infinity].map((bound, index) => {
    cumulated += counts[index] ?? 0;
    const le = bound === Infinity ? '+Inf' : String(bound);
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: cumulated };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: cumulated },
  ];
}
