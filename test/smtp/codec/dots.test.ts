import * as fc from 'fast-check';
import t from 'tap';
import { Dots } from '../../../src/smtp/codec/dots.ts';

/** RFC 5321 section 4.5.2, said by whole lines: the text before the line that is a dot, and where the rest begins. */
function expected(octets: string): { readonly text: string; readonly end: number } | undefined {
  let text = '';
  for (let from = 0; from <= octets.length; ) {
    const end = octets.indexOf('\r\n', from);
    if (end < 0) return undefined;
    const line = octets.slice(from, end);
    if (line === '.') return { text, end: end + 2 };
    text += `${line.startsWith('.') ? line.slice(1) : line}\r\n`;
    from = end + 2;
  }
  return undefined;
}

function decode(
  octets: string,
  cuts: readonly number[],
): { readonly text: string; readonly end: number } | undefined {
  const dots = new Dots();
  let text = '';
  const places = [0, ...cuts.map((cut) => Math.min(cut, octets.length)).sort((a, b) => a - b), octets.length];
  for (let index = 1; index < places.length; index++) {
    const from = places[index - 1]!;
    const segment = dots.feed(Buffer.from(octets.slice(from, places[index]), 'latin1'));
    text += segment.text.map((part) => part.toString('latin1')).join('');
    if (segment.end >= 0) return { text, end: from + segment.end };
  }
  return undefined;
}

void t.test(
  'RFC 5321 section 4.5.2: the text and its end, wherever the octets are cut, with any line ends',
  (t) => {
    const octets = fc
      .array(fc.constantFrom('\r\n', '\r\n', '.', '.', 'a', '\r', '\n', '\r\n.\r\n'), { maxLength: 14 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(octets, fc.array(fc.nat(20), { maxLength: 5 }), (all, cuts) => {
        return JSON.stringify(decode(all, cuts)) === JSON.stringify(expected(all));
      }),
      { numRuns: 1000, seed: 5 },
    );
    t.end();
  },
);

void t.test('a text goes on until its end: what has come is given out at once', (t) => {
  const dots = new Dots();
  t.strictSame(dots.feed(Buffer.from('a\r\n.b\r')), {
    text: [Buffer.from('a\r\n'), Buffer.from('b\r')],
    end: -1,
  });
  t.strictSame(dots.feed(Buffer.from('\n.\r')), { text: [Buffer.from('\n')], end: -1 });
  t.strictSame(dots.feed(Buffer.from('\nQUIT')), { text: [], end: 1 });
  t.end();
});
