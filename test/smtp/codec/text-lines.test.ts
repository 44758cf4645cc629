import * as fc from 'fast-check';
import t from 'tap';
import { TextLines } from '../../../src/smtp/codec/text-lines.ts';

/** What the class must find, said without state: where the first octet stands that proves a bare CR or LF. */
function expected(text: string): number {
  for (let at = 0; at < text.length; at++) {
    const afterCr = text[at - 1] === '\r';
    if (afterCr !== (text[at] === '\n')) return at;
  }
  return -1;
}

void t.test(
  'RFC 5321 section 2.3.8: found wherever the octets are cut; lines measured, NUL seen',
  async (t) => {
    const text = fc
      .array(fc.constantFrom('\r\n', '\r\n', 'a', 'b', '\0', '\r', '\n'), { maxLength: 12 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, fc.array(fc.nat(12), { maxLength: 4 }), (whole, cuts) => {
        const lines = new TextLines();
        const places = [
          0,
          ...cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b),
          whole.length,
        ];
        for (let index = 1; index < places.length; index++) {
          const from = places[index - 1]!;
          const found = lines.feed(Buffer.from(whole.slice(from, places[index])));
          if (found >= 0) return from + found === expected(whole);
        }
        const longest = Math.max(
          ...whole.split('\n').map((line, n, all) => line.length + (n < all.length - 1 ? 1 : 0)),
        );
        return (
          expected(whole) === -1 &&
          lines.endsInCr === whole.endsWith('\r') &&
          lines.hasNul === whole.includes('\0') &&
          lines.longestOctets === longest
        );
      }),
      { numRuns: 1000, seed: 1 },
    );
    t.pass('1000 texts and cuts');
  },
);
