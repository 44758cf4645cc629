import fc from 'fast-check';
import t from 'tap';
import { type Response, ResponseReader } from './responses.ts';

const SENT = '* OK ready\r\n* 1 FETCH (BODY[1] {5}\r\na\r\nb{ BODY[2] {0}\r\n)\r\n* 2 EXISTS\r\n';
const READ = [
  { text: '* OK ready', literals: [] },
  { text: '* 1 FETCH (BODY[1] {5} BODY[2] {0})', literals: ['a\r\nb{', ''] },
  { text: '* 2 EXISTS', literals: [] },
];

function read(responses: readonly Response[]): unknown {
  return responses.map(({ text, literals }) => ({ text, literals: literals.map(String) }));
}

void t.test('however the octets are cut', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(SENT.length), { maxLength: 8 }), (cuts) => {
      const reader = new ResponseReader();
      const places = [0, ...cuts.toSorted((a, b) => a - b), SENT.length];
      const responses = places
        .slice(1)
        .flatMap((to, index) => reader.push(Buffer.from(SENT.slice(places[index], to))));
      t.strictSame(read(responses), READ);
      t.notOk(reader.isWithin);
    }),
    { numRuns: 200 },
  );
});

void t.test('a response that is not whole', async (t) => {
  for (const cut of ['* 2 EX', '* 1 FETCH (BODY[] {5}\r\nab', '* 1 FETCH (BODY[] {2}\r\nab']) {
    const reader = new ResponseReader();
    t.same(reader.push(Buffer.from(cut)), []);
    t.ok(reader.isWithin, cut);
  }
});
