import fc from 'fast-check';
import t from 'tap';
import { dayStartMs, formatDateTime, parseDateTime, parseDay } from '../../../src/imap/codec/dates.ts';
import { formatDay } from '../commands/encode.ts';

const SEED = 20260907;

void t.test('date-time', async (t) => {
  t.equal(parseDateTime('17-Jul-1996 02:44:25 -0700'), Date.UTC(1996, 6, 17, 9, 44, 25));
  t.equal(
    parseDateTime(' 1-jan-0050 00:00:00 +1400'),
    dayStartMs({ year: 50, month: 1, day: 1 }) - 14 * 3_600_000,
  );
  t.equal(formatDateTime(Date.UTC(1996, 6, 7, 9, 44, 25)), '"07-Jul-1996 09:44:25 +0000"');
  for (const text of [
    '1-Jul-1996 02:44:25 -0700',
    '31-Jun-1996 02:44:25 -0700',
    '29-Feb-1900 02:44:25 -0700',
    '00-Jul-1996 02:44:25 -0700',
    '17-Foo-1996 02:44:25 -0700',
    '17-Jul-1996 24:00:00 +0000',
    '17-Jul-1996 00:60:00 +0000',
    '17-Jul-1996 00:00:00 +0060',
    '17-Jul-1996 00:00:00',
    '17-Jul-1996 00:00:00 +0000 ',
  ])
    t.equal(parseDateTime(text), undefined, text);
});

void t.test('whatever is written is read', async (t) => {
  const day = fc.record({
    year: fc.integer({ min: 0, max: 9999 }),
    month: fc.integer({ min: 1, max: 12 }),
    day: fc.integer({ min: 1, max: 28 }),
  });
  fc.assert(
    fc.property(day, fc.integer({ min: 0, max: 86_399 }), (day, second) => {
      const ms = dayStartMs(day) + second * 1000;
      t.strictSame(parseDay(formatDay(day)), { ...day });
      return parseDateTime(formatDateTime(ms).slice(1, -1)) === ms;
    }),
    { seed: SEED, numRuns: 200 },
  );
});

void t.test('a date whose year in UTC has no four digits is none: it could not be told again', async (t) => {
  t.equal(parseDateTime('01-Jan-0000 00:00:00 +2359'), undefined);
  t.equal(parseDateTime('31-Dec-9999 23:59:59 -0001'), undefined);
  t.equal(formatDateTime(parseDateTime('01-Jan-0000 00:00:00 +0000')!), '"01-Jan-0000 00:00:00 +0000"');
  t.equal(formatDateTime(parseDateTime('31-Dec-9999 23:59:59 +0000')!), '"31-Dec-9999 23:59:59 +0000"');
});
