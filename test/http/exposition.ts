/**
 * A strict reader of the text exposition format 0.0.4 (prometheus.io, "Exposition formats"): lines end with LF; HELP and TYPE
 * once a family, before its samples; the samples of a family together; no series twice; a histogram has cumulated
 * buckets up to +Inf, a sum and a count. Throws at whatever breaks a rule.
 */

export interface Metric {
  readonly type: string;
  readonly help: string;
  /** By name with labels in the order of their names: `x_bucket{le="1",worker="0"}`. */
  readonly series: Map<string, number>;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"/;
const VALUE = /^(?:[+-]?Inf|NaN|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$/;
const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];

export function parseExposition(text: string): ReadonlyMap<string, Metric> {
  if (!text.endsWith('\n')) throw new Error('the last line must end with LF');
  const metrics = new Map<string, Metric>();
  const helps = new Map<string, string>();
  let current: string | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    const help = /^# HELP (\S+) (.*)$/.exec(line);
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (help !== null) {
      const [, name = '', words = ''] = help;
      if (helps.has(name)) throw new Error(`HELP twice: ${line}`);
      helps.set(name, words);
    } else if (type !== null) {
      const [, name = '', kind = ''] = type;
      if (NAME.exec(name)?.[0] !== name || !TYPES.includes(kind) || metrics.has(name))
        throw new Error(`bad TYPE: ${line}`);
      metrics.set(name, { type: kind, help: helps.get(name) ?? '', series: new Map() });
      current = name;
    } else if (line.startsWith('#')) throw new Error(`a comment that nobody wrote: ${line}`);
    else addSample(line, current, metrics);
  }
  for (const [name, metric] of metrics) if (metric.type === 'histogram') checkHistogram(name, metric);
  return metrics;
}

function addSample(line: string, current: string | undefined, metrics: ReadonlyMap<string, Metric>): void {
  const name = NAME.exec(line)?.[0] ?? '';
  const metric = current === undefined ? undefined : metrics.get(current);
  const suffixes = metric?.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
  if (metric === undefined || !suffixes.some((suffix) => `${current}${suffix}` === name))
    throw new Error(`a sample outside of its family: ${line}`);
  let rest = line.slice(name.length);
  const labels: string[] = [];
  if (rest.startsWith('{')) {
    rest = rest.slice(1);
    while (!rest.startsWith('}')) {
      const found = LABEL.exec(rest);
      if (found === null) throw new Error(`bad label: ${line}`);
      const [whole, label = ''] = found;
      if (labels.some((each) => each.startsWith(`${label}=`))) throw new Error(`label twice: ${line}`);
      labels.push(whole);
      rest = rest.slice(whole.length);
      if (rest.startsWith(',')) rest = rest.slice(1);
      else if (!rest.startsWith('}')) throw new Error(`bad labels: ${line}`);
    }
    rest = rest.slice(1);
  }
  const [space, value = '', ...more] = rest.split(' ');
  if (space !== '' || more.length > 0 || !VALUE.test(value)) throw new Error(`bad value: ${line}`);
  const key = `${name}{${labels.sort().join(',')}}`;
  if (metric.series.has(key)) throw new Error(`series twice: ${line}`);
  metric.series.set(key, Number(value.replace('Inf', 'Infinity')));
}

function checkHistogram(name: string, { series }: Metric): void {
  const groups = new Map<string, (readonly [le: number, count: number])[]>();
  for (const [key, value] of series) {
    const le = /le="([^"]+)"/.exec(key)?.[1];
    if (le === undefined) continue;
    const group = key.replace(/le="[^"]+",?/, '').replace(/,}$/, '}');
    groups.set(group, [...(groups.get(group) ?? []), [Number(le.replace('+Inf', 'Infinity')), value]]);
  }
  if (groups.size === 0) throw new Error(`${name} has no buckets`);
  for (const [group, buckets] of groups) {
    const sorted = buckets.toSorted(([a], [b]) => a - b);
    const falls = sorted.some(([, count], index) => index > 0 && count < (sorted[index - 1]?.[1] ?? 0));
    if (falls || sorted.at(-1)?.[0] !== Infinity)
      throw new Error(`${group}: buckets are not cumulated to +Inf`);
    if (series.get(group.replace('_bucket', '_count')) !== sorted.at(-1)?.[1])
      throw new Error(`${group}: the count is not that of +Inf`);
    if (!series.has(group.replace('_bucket', '_sum'))) throw new Error(`${group}: no sum`);
  }
}
