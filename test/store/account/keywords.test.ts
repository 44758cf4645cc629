/** Interned keyword sets (RFC 9051 section 2.3.2: keywords are compared without regard to case). */
import t from 'tap';
import { KeywordSets, keyOf, NO_KEYWORDS } from '../../../src/store/account/keywords.ts';

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

void t.test('a set that nobody has is an error of ours', async (t) => {
  const sets = new KeywordSets();
  t.throws(() => sets.flags(0, 1), RangeError);
  t.throws(() => sets.release(1), RangeError);
});

void t.test('no two sets share a key', async (t) => {
  t.not(keyOf(['a', 'b']), keyOf(['ab']));
  t.equal(keyOf(['a', 'A']), keyOf(['a']));
});
