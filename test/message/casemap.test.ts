import t from 'tap';
import { casemap } from '../../src/message/casemap.ts';

void t.test('RFC 5051: decomposed and without case', async (t) => {
  t.equal(casemap('straße Ünïcode'), casemap('STRASSE ünÏcode'));
  t.equal(casemap('e\u0301'), casemap('É'));
  t.not(casemap('a'), casemap('b'));
});

void t.test('marks without end take linear time', async (t) => {
  const marks = 'a' + '\u0301\u0316'.repeat(200_000);
  const before = process.cpuUsage();
  t.ok(casemap(marks).length >= marks.length);
  const { user } = process.cpuUsage(before);
  t.ok(user < 2_000_000, `${user / 1000} ms; normalised in one piece it is minutes`);
});
