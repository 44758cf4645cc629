/** Figures: counted as plain numbers, sent over the bus, and written as Prometheus reads them. */
import * as fc from 'fast-check';
import t from 'tap';
import { expose } from '../../src/http/metrics/exposition.ts';
import { FAMILIES, type Family, SYNC_SECONDS } from '../../src/http/metrics/families.ts';
import { readSamples, samplesBody } from '../../src/http/metrics/wire.ts';
import { Histogram, Measures } from '../../src/lib/measures.ts';
import { bed, get } from './bed.ts';
import { parseExposition } from './exposition.ts';

function measures(): Measures {
  const all = new Measures();
  all.tally('postern_messages_total', { service: 'smtp', outcome: 'accepted' }).count += 5;
  all.tally('postern_messages_total', { service: 'smtp', outcome: 'refused' }).count += 2;
  all.gauge('postern_slots_owned', {}, () => 4096);
  all.gauge('postern_storage_probe_seconds', {}, () => NaN);
  all.gauge('postern_info', { version: 'a"b\\c\nd', role: 'backend' }, () => 1);
  const sync = all.histogram('postern_sync_seconds', SYNC_SECONDS);
  for (const seconds of [0.0001, 0.0005, 0.003, 0.003, 99]) sync.observe(seconds);
  return all;
}

void t.test('the exposition of two workers and a supervisor', async (t) => {
  const samples = measures().samples();
  const supervisor = new Measures();
  supervisor.gauge('postern_controller', {}, () => 1);
  const { text, contentType } = await expose([
    { worker: '0', samples },
    { worker: '1', samples },
    { worker: 'supervisor', samples: supervisor.samples() },
  ]);
  t.match(contentType, /^text\/plain; version=0\.0\.4/);
  const parsed = parseExposition(text);
  const messages = parsed.get('postern_messages_total');
  t.equal(messages?.type, 'counter');
  t.equal(messages?.help, FAMILIES.postern_messages_total.help);
  for (const worker of ['0', '1'])
    t.equal(
      messages?.series.get(`postern_messages_total{outcome="accepted",service="smtp",worker="${worker}"}`),
      5,
    );
  const sync = parsed.get('postern_sync_seconds')?.series;
  t.equal(
    sync?.get('postern_sync_seconds_bucket{le="0.0005",worker="0"}'),
    2,
    'a bound belongs to its bucket',
  );
  t.equal(sync?.get('postern_sync_seconds_bucket{le="0.005",worker="0"}'), 4);
  t.equal(sync?.get('postern_sync_seconds_bucket{le="+Inf",worker="0"}'), 5);
  t.equal(sync?.get('postern_sync_seconds_count{worker="0"}'), 5);
  t.equal(parsed.get('postern_controller')?.series.get('postern_controller{worker="supervisor"}'), 1);
  t.notOk(parsed.has('postern_storage_probe_seconds'), 'no figure, no series');
  t.match(text, 'version="a\\"b\\\\c\\nd"');
});

void t.test('what is of another version is left out, not told wrongly', async (t) => {
  const odd = [
    { name: 'postern_unknown', labels: {}, value: 1 },
    { name: 'postern_slots_owned', labels: { more: 'x' }, value: 1 },
    { name: 'postern_messages_total', labels: { service: 'smtp' }, value: 1 },
  ];
  t.strictSame([...parseExposition((await expose([{ worker: '0', samples: odd }])).text)], []);
});

void t.test('over HTTP', async (t) => {
  const { ask } = await bed(t, { samples: [{ worker: '0', samples: measures().samples() }] });
  const answer = await ask(get('/metrics'));
  t.match(answer, /content-type: text\/plain; version=0\.0\.4/);
  t.ok(parseExposition(answer.slice(answer.indexOf('\r\n\r\n') + 4)).size >= 4);
});

void t.test('samples cross the bus unchanged', (t) => {
  const samples = measures().samples();
  const body: unknown = JSON.parse(JSON.stringify(samplesBody(samples)));
  const plain = (all: typeof samples): unknown => JSON.parse(JSON.stringify(all));
  t.strictSame(plain(readSamples(body)), plain(samples));
  t.end();
});

void t.test('what makes no sense on the bus is refused, whatever it is', (t) => {
  const bad: readonly unknown[] = [
    null,
    {},
    [['postern_slots_owned', []]],
    [['postern_slots_owned', ['odd'], 1]],
    [['postern_slots_owned', [], 'x']],
    [['postern_slots_owned', [], Infinity]],
    [['postern_sync_seconds', [], [[1, 2], [1, 2], 0]]],
    [[7, [], 1]],
    [['postern_slots_owned', ['a', 'b'.repeat(200)], 1]],
    Array.from({ length: 5001 }, () => ['postern_slots_owned', [], 1]),
  ];
  for (const body of bad) t.throws(() => readSamples(body), { code: 'invalid' });
  fc.assert(
    fc.property(fc.anything(), (body) => {
      try {
        readSamples(body);
      } catch (error) {
        if ((error as { code?: string }).code !== 'invalid') throw error;
      }
    }),
    { numRuns: 300 },
  );
  t.end();
});

void t.test('a tally is one number for one name and labels; a histogram counts every value once', (t) => {
  const all = new Measures();
  t.equal(all.tally('a', { x: '1' }), all.tally('a', { x: '1' }));
  t.not(all.tally('a', { x: '1' }), all.tally('a', { x: '2' }));
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { maxLength: 50 }), (values) => {
      const histogram = new Histogram([1, 5, 10]);
      for (const value of values) histogram.observe(value);
      const within = (from: number, to: number): number =>
        values.filter((each) => each > from && each <= to).length;
      t.strictSame(histogram.counts, [within(-1, 1), within(1, 5), within(5, 10), within(10, Infinity)]);
    }),
    { numRuns: 100 },
  );
  t.end();
});

void t.test('names keep to what Prometheus asks', (t) => {
  for (const [name, { type, help, labels }] of Object.entries<Family>(FAMILIES)) {
    t.match(name, /^postern_[a-z_]+$/);
    t.equal(name.endsWith('_total'), type === 'counter', name);
    t.ok(help.length > 10, name);
    for (const label of labels) t.match(label, /^[a-z]+$/);
    t.notOk(labels.includes('worker') || labels.includes('le'), name);
  }
  t.end();
});

void t.test('the reader of the test is strict', (t) => {
  const wrong: readonly string[] = [
    'a 1',
    'a 1\n',
    '# TYPE a gauge\na{b="c} 1\n',
    '# TYPE a gauge\na{b="c"} x\n',
    '# TYPE a gauge\na 1\na 1\n',
    '# TYPE a gauge\nb 1\n',
    '# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
    '# TYPE a histogram\na_bucket{le="1"} 1\na_sum 1\na_count 1\n',
    '# HELP a x\n# HELP a y\n',
  ];
  for (const text of wrong) t.throws(() => parseExposition(text), text);
  t.end();
});
