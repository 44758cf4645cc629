import fc from 'fast-check';
import t from 'tap';
import { Lines } from '../../src/relay/lines.ts';

/** Everything that comes of these pieces. */
function all(pieces: readonly Buffer[], octetsMax: number): readonly string[] {
  const lines = new Lines();
  const read: string[] = [];
  for (const piece of pieces) {
    lines.push(piece);
    for (let line = lines.next(octetsMax); line.kind !== 'more'; line = lines.next(octetsMax))
      read.push(line.kind === 'line' ? line.octets.toString('latin1') : 'TOO LONG');
  }
  return read;
}

const CASES: readonly (readonly [what: string, text: string, lines: readonly string[]])[] = [
  ['CRLF and LF', 'a\r\nb\n\r\n\n', ['a', 'b', '', '']],
  ['a CR inside', 'a\rb\r\r\n', ['a\rb\r']],
  ['ten octets with the end', '12345678\r\nx\n', ['12345678', 'x']],
  ['one more', '123456789\r\nx\n', ['TOO LONG', 'x']],
  ['far more', `${'1'.repeat(1000)}\nx\n`, ['TOO LONG', 'x']],
  ['no end', 'a', []],
];

void t.test('lines, wherever they are cut', async (t) => {
  for (const [what, text, lines] of CASES) {
    const octets = Buffer.from(text, 'latin1');
    for (let cut = 0; cut <= octets.length; cut++)
      t.same(all([octets.subarray(0, cut), octets.subarray(cut)], 10), lines, `${what}, cut at ${cut}`);
    t.same(
      all(
        [...octets].map((octet) => Buffer.of(octet)),
        10,
      ),
      lines,
      `${what}, octet by octet`,
    );
  }
});

void t.test('property: pieces do not matter', async () => {
  const text = fc.array(fc.constantFrom('a', '\r', '\n', '\r\n', 'xxxxxx'), { maxLength: 30 });
  fc.assert(
    fc.property(text, fc.array(fc.nat(40)), (parts, places) => {
      const octets = Buffer.from(parts.join(''));
      const cuts = [
        ...places.map((place) => Math.min(place, octets.length)).sort((a, b) => a - b),
        octets.length,
      ];
      const pieces = cuts.map((cut, index) => octets.subarray(cuts[index - 1] ?? 0, cut));
      return JSON.stringify(all(pieces, 8)) === JSON.stringify(all([octets], 8));
    }),
    { numRuns: 300 },
  );
});

void t.test('of a line without end nothing is kept', async (t) => {
  const lines = new Lines();
  for (let piece = 0; piece < 1000; piece++) {
    lines.push(Buffer.alloc(1000, 'x'));
    t.equal(lines.next(255).kind, 'more');
    if (lines.bufferedOctets > 1000) t.fail(`holds ${lines.bufferedOctets} octets`);
  }
  lines.push(Buffer.from('\nNOOP\n'));
  t.equal(lines.next(255).kind, 'too-long');
  t.match(lines.next(255), { kind: 'line', octets: Buffer.from('NOOP') });
});

void t.test('what is given is a copy; discard forgets all, also that a line was too long', async (t) => {
  const lines = new Lines();
  lines.push(Buffer.from('one\ntwo\n'));
  const first = lines.next(255);
  lines.push(Buffer.from('three\n'));
  t.match(first, { octets: Buffer.from('one') });
  lines.discard();
  t.equal(lines.bufferedOctets, 0);
  lines.push(Buffer.alloc(300, 'x'));
  lines.next(255);
  lines.discard();
  lines.push(Buffer.from('NOOP\n'));
  t.match(lines.next(255), { kind: 'line', octets: Buffer.from('NOOP') });
});
