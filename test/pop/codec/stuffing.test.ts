import fc from 'fast-check';
import t from 'tap';
import { Stuffing } from '../../../src/pop/codec/stuffing.ts';

/** The whole answer, the message being cut at these places. */
function stuff(message: string, lines: number | undefined, cuts: readonly number[] = []): string {
  const stuffing = new Stuffing(lines);
  const out: Buffer[] = [];
  let from = 0;
  for (const cut of [...cuts, message.length]) {
    out.push(Buffer.from(stuffing.push(Buffer.from(message.slice(from, cut), 'latin1'))));
    from = cut;
  }
  return Buffer.concat([...out, stuffing.end()]).toString('latin1');
}

const CASES: readonly (readonly [what: string, message: string, answer: string])[] = [
  ['nothing', '', '.\r\n'],
  ['a dot', '.', '..\r\n.\r\n'],
  ['dots at the beginnings of lines', '.\r\n..\r\na.\r\n', '..\r\n...\r\na.\r\n.\r\n'],
  ['no end of line', 'a', 'a\r\n.\r\n'],
  ['half an end of line', 'a\r', 'a\r\n.\r\n'],
  ['an LF alone, and a dot that some clients would take for the end', 'a\n.\nb\n', 'a\r\n..\r\nb\r\n.\r\n'],
  ['a CR alone is text', 'a\r.\rb\r\n', 'a\r.\rb\r\n.\r\n'],
  ['CR CR LF', 'a\r\r\n.', 'a\r\r\n..\r\n.\r\n'],
  ['octets above 127 and NUL', '\xff\0\r\n', '\xff\0\r\n.\r\n'],
];

void t.test('RETR', async (t) => {
  for (const [what, message, answer] of CASES) {
    t.equal(stuff(message, undefined), answer, what);
    for (let cut = 0; cut <= message.length; cut++)
      t.equal(stuff(message, undefined, [cut]), answer, `${what}, cut at ${cut}`);
  }
});

const HEADED = 'A: b\r\nC: d\r\n\r\n.one\r\ntwo\r\n\r\nfour';
const TOPS: readonly (readonly [lines: number, message: string, answer: string])[] = [
  [0, HEADED, 'A: b\r\nC: d\r\n\r\n.\r\n'],
  [1, HEADED, 'A: b\r\nC: d\r\n\r\n..one\r\n.\r\n'],
  [3, HEADED, 'A: b\r\nC: d\r\n\r\n..one\r\ntwo\r\n\r\n.\r\n'],
  [4, HEADED, 'A: b\r\nC: d\r\n\r\n..one\r\ntwo\r\n\r\nfour\r\n.\r\n'],
  [99, HEADED, 'A: b\r\nC: d\r\n\r\n..one\r\ntwo\r\n\r\nfour\r\n.\r\n'],
  [0, '\r\nbody\r\n', '\r\n.\r\n'],
  [0, 'A: b\r\n', 'A: b\r\n.\r\n'],
  [1, 'A: b\n\nx\ny\n', 'A: b\r\n\r\nx\r\n.\r\n'],
  [1, 'A: b\r\n\r\r\n\r\n1\r\n2\r\n', 'A: b\r\n\r\r\n\r\n1\r\n.\r\n'],
];

void t.test('TOP: the header, the blank line and so many lines', async (t) => {
  for (const [lines, message, answer] of TOPS)
    for (let cut = 0; cut <= message.length; cut++)
      t.equal(stuff(message, lines, [cut]), answer, `${lines} of ${JSON.stringify(message)}, cut at ${cut}`);
});

void t.test('property: a client reads the message, wherever it was cut', async () => {
  const octets = fc.array(fc.constantFrom('\r\n', '\r\n', '.', '\n', '\r', 'x', ' '), { maxLength: 40 });
  fc.assert(
    fc.property(octets, fc.array(fc.nat(60), { maxLength: 5 }), (parts, places) => {
      const message = parts.join('');
      const cuts = places.map((place) => Math.min(place, message.length)).sort((a, b) => a - b);
      const answer = stuff(message, undefined, cuts);
      // RFC 1939 section 3, the client's side.
      const end = answer.startsWith('.\r\n') ? 0 : answer.indexOf('\r\n.\r\n') + 2;
      const read = answer
        .slice(0, end)
        .split('\r\n')
        .map((line) => (line.startsWith('.') ? line.slice(1) : line))
        .join('\r\n');
      const normal = message.replaceAll(/(?<!\r)\n/g, '\r\n');
      const whole = normal === '' || normal.endsWith('\r\n') ? normal : `${normal.replace(/\r$/, '')}\r\n`;
      return end + 3 === answer.length && read === whole && !/(?<!\r)\n/.test(answer);
    }),
    { numRuns: 500 },
  );
});

void t.test('a message of dots alone takes no longer than another', async (t) => {
  const dots = Buffer.from('..\r\n'.repeat(32 * 1024));
  const before = performance.now();
  let octets = 0;
  const stuffing = new Stuffing();
  for (let chunk = 0; chunk < 64; chunk++) octets += stuffing.push(dots).length;
  t.equal(octets, (64 * dots.length * 5) / 4);
  t.ok(performance.now() - before < 2000);
});
