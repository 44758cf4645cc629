import assert from 'node:assert/strict';
import t from 'tap';
import { headerFields, unfold } from '../../src/mime/header.ts';
import { crlf } from './corpus.ts';
import { mutate, seeded } from './seeded.ts';

const HEADER = crlf('From x\nTo: a\n b\nSubject :c\n: d\njunk\n more junk\n\xfc: e\nX:\n\nbody: f\n');

function shown(header: Buffer): string[] {
  return headerFields(header).map(
    ({ name, valueFrom, to }) => `${name}=${unfold(header.subarray(valueFrom, to)).toString('latin1')}`,
  );
}

void t.test('fields, folded and obsolete ones, up to the blank line', async (t) => {
  // RFC 5322 section 2.2: a name is printable ASCII without colon; section 4.5: white space before the colon.
  t.strictSame(shown(HEADER), ['to=a b', 'subject=c', 'x=']);
  t.strictSame(
    shown(Buffer.from(HEADER.toString('latin1').replaceAll('\r\n', '\n'), 'latin1')),
    shown(HEADER),
  );
  t.strictSame(shown(crlf('A: b')), ['a=b'], 'without line end');
  t.strictSame(shown(crlf(' folded first\nA: b\n')), ['a=b']);
  t.strictSame(shown(crlf('\nA: b\n')), []);
});

void t.test('RFC 5322 section 2.2.3: unfolding removes line ends and nothing else inside', async (t) => {
  t.equal(unfold(crlf(' a\n\t b  c \n')).toString(), 'a\t b  c');
  t.equal(unfold(Buffer.from('a\0b')).toString(), 'ab', 'no IMAP string can hold NUL');
  t.equal(unfold(Buffer.from(' \r\n ')).length, 0);
});

void t.test('fuzz: fields lie one behind the other', async (t) => {
  const seed = 20260912;
  const random = seeded(seed);
  for (let run = 0; run < 1000; run++) {
    const header = mutate(HEADER, random, ['\r\n', ':', ' ', '\r', '\n\n', 'A: ']);
    let last = 0;
    for (const { from, to, valueFrom } of headerFields(header)) {
      assert.ok(
        last <= from && from < valueFrom && valueFrom <= to && to <= header.length,
        `seed ${seed} run ${run}`,
      );
      last = to;
    }
  }
  t.pass(`seed ${seed}`);
});
