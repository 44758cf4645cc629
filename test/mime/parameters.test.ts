import fc from 'fast-check';
import t from 'tap';
import { PARAMETERS_MAX } from '../../src/mime/limits.ts';
import { parameter, parseContentType, parseDisposition, parseWords } from '../../src/mime/parameters.ts';

const SEED = 20260913;

function shown(value: string): string | undefined {
  const content = parseContentType(value);
  return (
    content &&
    `${content.type}/${content.subtype} ${content.parameters.map(([name, text]) => `${name}[${text}]`).join(' ')}`
  );
}

const TABLE: readonly (readonly [value: string, content: string | undefined])[] = [
  ['text/plain', 'text/plain '],
  ['TEXT/Plain; Charset=US-ASCII', 'TEXT/Plain Charset[US-ASCII]'],
  // RFC 2045 section 5.1: comments and quotes are not part of the value.
  ['text/plain (a (b)) ; charset = "us-ascii" (c)', 'text/plain charset[us-ascii]'],
  ['text/plain; a="\\"q\\\\"; b=";"', 'text/plain a["q\\] b[;]'],
  ['text / plain;', 'text/plain '],
  ['multipart/mixed; boundary=a=b?c', 'multipart/mixed boundary[a=b?c]'],
  ['multipart/mixed; boundary="open', 'multipart/mixed boundary[open]'],
  ["a/b; title*=utf-8'en'x%20y; title*0=z", "a/b title*[utf-8'en'x%20y] title*0[z]"],
  ['a/b; =x; y; z=', 'a/b z[]'],
  ['a/b; n=\xfc', 'a/b n[\xfc]'],
  ['text', undefined],
  ['text/', undefined],
  ['/plain', undefined],
  ['', undefined],
  ['(text/plain)', undefined],
];

void t.test('Content-Type', async (t) => {
  for (const [value, content] of TABLE) t.equal(shown(value), content, value);
});

void t.test('Content-Disposition and Content-Language', async (t) => {
  t.strictSame(parseDisposition('attachment; filename=x'), {
    disposition: 'attachment',
    parameters: [['filename', 'x']],
  });
  t.equal(parseDisposition('; filename=x'), undefined);
  t.strictSame(parseWords('de, en (English),, fr'), ['de', 'en', 'fr']);
  t.equal(parameter([['Charset', 'x']], 'charset'), 'x');
});

void t.test('the number of parameters is limited', async (t) => {
  t.equal(parseContentType(`a/b${';a=b'.repeat(PARAMETERS_MAX + 5)}`)?.parameters.length, PARAMETERS_MAX);
});

void t.test('whatever is quoted is read back', async (t) => {
  fc.assert(
    fc.property(fc.string({ maxLength: 20 }), (text) => {
      const content = parseContentType(`a/b; n="${text.replace(/["\\]/g, '\\$&')}"; m=1`);
      return content?.parameters[0]?.[1] === text && content.parameters[1]?.[1] === '1';
    }),
    { seed: SEED, numRuns: 300 },
  );
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('"', '(', ')', ';', '=', '/', 'a', '\\', ' ') }),
      (text) => {
        parseContentType(text);
        parseWords(text);
        return true;
      },
    ),
    { seed: SEED, numRuns: 500 },
  );
  t.pass(`seed ${SEED}`);
});
