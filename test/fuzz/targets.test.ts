/**
 * Every parser, a moment each: its valid inputs are accepted, and what comes of them by mutation shows no bug. The same
 * for hours: `node test/fuzz/run.ts` (README.md beside it).
 */
import t from 'tap';
import { Finding, fuzz, judged, type Tally } from './engine.ts';
import { inputOf } from './inputs.ts';
import { accepted, refused, target } from './target.ts';
import { TARGETS } from './targets/index.ts';

const SEED = 'tests';
/** Inputs a target, and the time after which no more are begun: there are many targets, and machines are slow. */
const INPUTS = 1000;
const MS_MAX = 100;

for (const each of TARGETS)
  void t.test(`${each.name} (seed ${SEED})`, async (t) => {
    for (const [index, seed] of each.seeds.entries())
      t.equal((await judged(each, seed)).kind, 'accepted', `valid input ${index}`);
    const tally: Tally = { accepted: 0, refused: 0 };
    const endMs = performance.now() + MS_MAX;
    await fuzz(each, SEED, 0, (done) => done < INPUTS && performance.now() < endMs, tally);
    t.ok(tally.accepted > 0, 'some inputs get through to what is behind the first check');
  });

void t.test('names are there once', async (t) => {
  t.equal(new Set(TARGETS.map(({ name }) => name)).size, TARGETS.length);
});

void t.test('an input follows from target, seed and number', async (t) => {
  const [one] = TARGETS;
  t.same(inputOf(one!, 'a', 7), inputOf(one!, 'a', 7));
  const inputs = Array.from({ length: 200 }, (_, number) => inputOf(one!, 'a', number).toString('hex'));
  t.ok(new Set(inputs).size > 100);
  t.ok(inputs.every((input) => input.length <= 2 * one!.octetsMax));
});

/** What the engine is for: bugs of each kind, and the engine finds them. */
const BUGS: Readonly<Record<string, (input: Buffer) => unknown>> = {
  'an error that nobody expects': (input) => {
    if (input.length > 20) throw new TypeError('oops');
  },
  'time that grows with the square': (input) => {
    let sum = 0;
    for (let at = 0; at < input.length; at++)
      for (let back = 0; back < input.length; back++) sum += at ^ back;
    return sum % 2;
  },
  'an outcome that grows out of all proportion': (input) =>
    Array.from({ length: 1000 * input.length }, () => 'x'),
  'a parser that writes into its input': (input) => input.fill(0),
};
for (const [name, run] of Object.entries(BUGS))
  void t.test(`found: ${name}`, async (t) => {
    const buggy = target({
      name: 'buggy',
      seeds: ['hello world'],
      words: ['ab'],
      octetsMax: 16 * 1024,
      run: (input) => accepted(run(input)),
    });
    const finding = await fuzz(buggy, SEED, 0, (done) => done < 2000).catch((error: unknown) => error);
    t.type(finding, Finding);
    if (!(finding instanceof Finding)) return;
    t.same(finding.input, inputOf(buggy, SEED, finding.number), 'and its input can be had again');
    await t.rejects(judged(buggy, inputOf(buggy, SEED, finding.number)));
  });

void t.test('what a bug is not: a refusal', async (t) => {
  const fine = target({ name: 'fine', seeds: [''], run: () => refused('no') });
  t.equal(await fuzz(fine, SEED, 5, (done) => done < 10), 10);
});
