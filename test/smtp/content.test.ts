import * as fc from 'fast-check';
import t from 'tap';
import { createBudget } from '../../src/lib/budget.ts';
import { Content } from '../../src/smtp/content.ts';
import { type BodyType, isReply } from '../../src/smtp/types.ts';
import { ManualClock } from '../support/manual-clock.ts';

function content(
  options: { readonly octetsMax?: number; readonly body?: BodyType; readonly budget?: number } = {},
) {
  const budget = createBudget(options.budget ?? 10_000_000);
  const clock = new ManualClock();
  const { octetsMax: messageOctetsMax = 1_000_000, body = '7BIT' } = options;
  return { budget, content: new Content({ messageOctetsMax, budget, clock }, body), clock };
}

void t.test(
  'octets come out as they went in, however they were cut, and the pieces may be used again',
  (t) => {
    const sizes = fc.array(fc.integer({ min: 0, max: 30_000 }), { maxLength: 8 });
    fc.assert(
      fc.property(sizes, (all) => {
        const { content: into, budget } = content({ body: 'BINARYMIME' });
        const pieces = all.map((octets, n) => Buffer.alloc(octets, n));
        const whole = Buffer.concat(pieces);
        for (const piece of pieces) {
          into.add(piece);
          piece.fill(0xff); // what a socket's buffer may become
        }
        const message = into.end();
        const isSame = !isReply(message) && Buffer.concat(message.parts).equals(whole);
        into[Symbol.dispose]();
        return isSame && budget.takenOctets === 0;
      }),
      { numRuns: 100, seed: 8 },
    );
    t.end();
  },
);

void t.test('the first thing that is wrong refuses it; nothing is kept from then on', (t) => {
  for (const [text, options, reply] of [
    ['a\nb', {}, '550 5.5.2'],
    ['a\r', {}, '550 5.5.2'],
    ['a\0b', {}, '554 5.6.0'],
    ['x'.repeat(101), { octetsMax: 100 }, '552 5.3.4'],
    ['x'.repeat(101), { octetsMax: 100, body: 'BINARYMIME' }, '552 5.3.4'],
    ['x'.repeat(65_537), {}, '554 5.6.0'],
    [`X: ${'y'.repeat(1000)}\r\n`.repeat(300), {}, '552 5.3.4'],
    ['x'.repeat(20_000), { budget: 20_000 }, '452 4.3.1'],
    ['Received: x\r\n'.repeat(51), {}, '554 5.4.6'],
  ] as const) {
    const { content: into, budget } = content(options);
    into.add(Buffer.from(text));
    const message = into.end();
    t.equal(
      isReply(message) && `${message.code} ${message.text.slice(0, 5)}`,
      reply,
      JSON.stringify(text.slice(0, 20)),
    );
    into.add(Buffer.from('more'));
    into[Symbol.dispose]();
    into[Symbol.dispose]();
    t.equal(budget.takenOctets, 0, 'given back once');
  }
  t.end();
});

void t.test('BINARYMIME content is free of all that (RFC 3030 section 3)', (t) => {
  const { content: into } = content({ body: 'BINARYMIME' });
  into.add(Buffer.from(`a\nb\rc\0${'x'.repeat(70_000)}\r`));
  t.match(into.end(), { isText: false });
  for (const [text, isText] of [
    ['a\r\n', true],
    ['a\r', false],
    ['\0', false],
    ['\n', false],
  ] as const) {
    const { content: short } = content({ body: 'BINARYMIME' });
    short.add(Buffer.from(text));
    t.match(short.end(), { isText }, JSON.stringify(text));
  }
  t.end();
});

void t.test('a header is the same wherever the blocks of its message end', (t) => {
  for (let octets = 8 * 1024 - 4; octets <= 8 * 1024 + 1; octets++) {
    const { content: into } = content();
    into.add(Buffer.from('X: \r\n'.padStart(octets, 'y')));
    into.add(Buffer.from(`\r\nDate: of the body\r\n${'z'.repeat(10_000)}`));
    t.match(into.end(), { hasDate: false }, `blank line at ${octets}`);
    const { content: later } = content();
    later.add(Buffer.from('X: \r\n'.padStart(octets, 'y')));
    later.add(Buffer.from(`Date: x\r\n${'Received: y\r\n'.repeat(50)}\r\nbody`));
    t.match(later.end(), { hasDate: true, hasMessageId: false }, `fields at ${octets}`);
    const { content: looping } = content();
    looping.add(Buffer.from(`X: ${'y'.repeat(octets - 300)}\r\n${'Received: y\r\n'.repeat(51)}`));
    t.match(looping.end(), { code: 554 }, `51 Received fields around ${octets}`);
  }
  t.end();
});

void t.test('it has ten minutes, and as much more as its octets take at 32 KiB/s', async (t) => {
  const { content: slow, clock } = content();
  await clock.advance(10 * 60_000 - 1);
  t.notOk(slow.isLate);
  await clock.advance(1);
  t.ok(slow.isLate);
  slow.add(Buffer.alloc(64 * 1024, 'x\r\n'));
  t.notOk(slow.isLate);
  await clock.advance(1999);
  t.notOk(slow.isLate);
  await clock.advance(1);
  t.ok(slow.isLate);
});
