/** Every text that a bug replaces is in our sources, once: where it has gone the bug has to be put elsewhere. */
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { BUGS } from './bugs.ts';
import { changed, fileOf } from './source-changes.ts';

void t.test('what bugs replace is there', async (t) => {
  for (const { name, sources = [] } of BUGS)
    for (const change of sources) {
      const source = await readFile(fileOf(change), 'utf8');
      t.not(changed(source, change), source, `${name}: ${change.text}`);
    }
});

const CASES: readonly (readonly [what: string, source: string, text: string, result: string | undefined])[] =
  [
    ['once', 'if (a) b();', 'b();', 'if (a) X'],
    ['formatted in another way', 'if (\n    a\n  ) b();', 'if ( a ) b();', 'X'],
    ['signs that mean something in patterns', 'a.b(?) + c;', 'a.b(?) +', 'X c;'],
    ['not there', 'if (a) b();', 'c();', undefined],
    ['twice', 'b(); b();', 'b();', undefined],
  ];

void t.test('text is replaced where it is there once, and nowhere else', async (t) => {
  for (const [what, source, text, result] of CASES) {
    const change = { below: 'src', text, by: 'X' };
    if (result === undefined) t.throws(() => changed(source, change), /has to be put elsewhere/, what);
    else t.equal(changed(source, change), result, what);
  }
});

void t.test('text that no file has, or many', async (t) => {
  const change = (text: string) => ({ below: 'src', text, by: '' });
  t.throws(() => fileOf(change('no such text anywhere at all')), /0 files below src/);
  t.throws(() => fileOf(change('import')), /\d+ files below src/);
});
