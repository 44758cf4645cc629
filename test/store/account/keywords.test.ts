/** Interned keyword sets (RFC 9051 section 2.3.2: keywords are compared without regard to case). */
import t from 'tap';
import {
  ADOPTED_NUMBER_MAX,
  KeywordSets,
  keyOf,
  NO_KEYWORDS,
  setOctets,
} from '../../../src/store/account/keywords.ts';

void t.test('equal sets have one number, whatever case and order', async (t) => {
  const sets = new KeywordSets();
  const number = sets.retain(['$Forwarded', 'Work']);
  t.equal(sets.retain(['work', '$FORWARDED']), number);
  t.equal(sets.retain([]), NO_KEYWORDS);
  t.same(sets.flags(9, number), ['\\Answered', '\\Seen', '$Forwarded', 'Work']);
  t.equal(sets.flags(9, number), sets.flags(9, number), 'one array for the same flags');
  t.ok(sets.same(9, number, { bits: 9, keywords: ['WORK', '$forwarded'] }));
  t.notOk(sets.same(9, number, { bits: 9, keywords: ['WORK'] }));
  t.notOk(sets.same(9, number, { bits: 8, keywords: ['WORK', '$forwarded'] }));
});

void t.test('a keyword is spelled as it was first, while it is in use', async (t) => {
  const sets = new KeywordSets();
  const one = sets.retain(['Work']);
  const two = sets.retain(['WORK', 'home']);
  t.same(sets.flagSet(0, two).keywords, ['home', 'Work']);
  sets.release(one);
  t.same(sets.inUse, ['home', 'Work']);
  sets.release(two);
  t.same(sets.inUse, []);
  t.equal(sets.count, 0);
  t.same(sets.flagSet(0, sets.retain(['WORK'])).keywords, ['WORK']);
});

void t.test('numbers are used again, so that ever new sets do not grow the table', async (t) => {
  const sets = new KeywordSets();
  let largest = 0;
  for (let index = 0; index < 1000; index++) {
    const number = sets.retain([`k${index}`]);
    largest = Math.max(largest, number);
    sets.release(number);
  }
  t.equal(largest, 1);
});

void t.test('what sets take is counted, whichever way they come and go', async (t) => {
  const sets = new KeywordSets();
  const numbers = [sets.retain(['a']), sets.retainFor(['A', 'bc'], 3), sets.retain(['a'])];
  sets.adopt(9, ['d'], 1);
  t.equal(sets.octets, setOctets('a', 1) + setOctets(keyOf(['a', 'bc']), 2) + setOctets('d', 1));
  t.equal(sets.setCount, 3);
  t.ok(sets.hasSet(keyOf(['BC', 'a'])));
  for (const number of [...numbers, numbers[1]!, numbers[1]!, 9]) sets.release(number);
  t.same([sets.octets, sets.setCount], [0, 0]);
  t.notOk(sets.hasSet('a'));
});

void t.test('a list of flags is never that of a set that had the number before', async (t) => {
  const sets = new KeywordSets();
  const number = sets.retain(['old']);
  t.same(sets.flags(0, number), ['old']);
  sets.release(number);
  t.equal(sets.retain(['new']), number);
  t.same(sets.flags(0, number), ['new']);
  // Lists are kept for so many flags words only.
  const others = Array.from({ length: 200 }, (_, index) => sets.retain([`k${index}`]));
  for (const other of others) for (let bits = 0; bits < 32; bits++) sets.flags(bits, other);
  t.same(sets.flags(0, number), ['new']);
});

void t.test('a number above ADOPTED_NUMBER_MAX is refused', async (t) => {
  const sets = new KeywordSets();
  t.throws(() => sets.adopt(ADOPTED_NUMBER_MAX + 1, ['a'], 1), RangeError);
  sets.adopt(ADOPTED_NUMBER_MAX, ['a'], 1);
  t.same(sets.flags(0, ADOPTED_NUMBER_MAX), ['a']);
});

void t.test('a set that nobody has is an error of ours', async (t) => {
  const sets = new KeywordSets();
  t.throws(() => sets.flags(0, 1), RangeError);
  t.throws(() => sets.release(1), RangeError);
});

void t.test('no two sets share a key', async (t) => {
  t.not(keyOf(['a', 'b']), keyOf(['ab']));
  t.equal(keyOf(['a', 'A']), keyOf(['a']));
});
