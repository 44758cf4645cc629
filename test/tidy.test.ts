/** Our own sources keep to the rules of test/tidy/rules.ts; and each rule finds what it is there for. */
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import {
  codeOf,
  deadFiles,
  EXCUSES,
  importDirections,
  LINES_MAX,
  leftovers,
  MARKERS,
  moduleState,
  type Source,
  syncCalls,
  tooLong,
  worldTouched,
} from './tidy/rules.ts';

const PROJECT = join(import.meta.dirname, '..');

/** Files above LINES_MAX, with the lines they had when the rule came. Only ever shorter. */
const LARGER: ReadonlyMap<string, number> = new Map([]);

/** What a file outside the worldly folders may touch, each with its reason. */
const ALLOWED: ReadonlyMap<string, RegExp> = new Map([
  // A process of its own, started by the member's workers, whose only way to end is this.
  ['src/login/hasher-process.ts', /process\.exit/],
  // The log is written by a library with files and timers of its own; this is one of them, done right.
  ['src/lib/logging.ts', /setInterval/],
]);

void t.test('our sources', async (t) => {
  const sources = await read('src/**/*.ts');
  const tests = await read('{test,bench}/**/*.ts');
  t.ok(sources.length > 50, `${sources.length} files`);
  t.strictSame(importDirections(sources), [], 'imports go downward');
  t.strictSame(deadFiles(sources, 'src/main.ts'), [], 'every file is used');
  t.strictSame(leftovers([...sources, ...tests]), [], 'nothing is left for later');
  t.strictSame(worldTouched(sources, ALLOWED), [], 'the world is a parameter');
  t.strictSame(syncCalls(sources), [], 'nothing blocks');
  t.strictSame(moduleState(sources, 'src/main.ts'), [], 'no state in modules');
  t.strictSame(tooLong(sources, LARGER), [], 'files are small');
});

void t.test('each rule finds what it is there for', (t) => {
  const at = (path: string, text: string): Source[] => [{ path, text }];
  t.match(importDirections(at('src/lib/a.ts', "import type { X } from '../store/ids.ts';")), [
    'src/lib/a.ts:1: src/lib imports src/store/ids.ts',
  ]);
  t.match(importDirections(at('src/smtp/a.ts', "import {\n  x,\n} from '../imap/b.ts';")), [
    'src/smtp/a.ts:3: src/smtp',
  ]);
  t.match(importDirections(at('src/lib/a.ts', "export * from '../cluster/b.ts';")), ['src/lib/a.ts:1: ']);
  t.match(importDirections(at('src/lib/a.ts', "  const { x } = await import('../cluster/b.ts');")), [
    'src/lib/a.ts:1: ',
  ]);
  t.match(importDirections(at('src/store/a.ts', "import { x } from '../platform/real/fs.ts';")), [
    /real platform/,
  ]);
  t.match(importDirections(at('src/new/a.ts', '')), [/does not know/]);
  t.strictSame(
    importDirections(at('src/cli/a.ts', "import t from 'tap';\nimport { x } from '../admin/b.ts';")),
    [],
  );
  t.strictSame(importDirections(at('src/member/a.ts', "import { x } from '../platform/real/fs.ts';")), []);

  const used = [
    { path: 'src/main.ts', text: "await import('./a/b.ts'); fork(new URL('c.ts', import.meta.url))" },
    { path: 'src/a/b.ts', text: '' },
    { path: 'src/c.ts', text: '' },
    { path: 'src/d.ts', text: "// src/d.ts\nconst self = './d.ts';" },
  ];
  t.strictSame(deadFiles(used, 'src/main.ts'), ['src/d.ts:1: nothing in src uses this file']);

  for (const word of [...MARKERS, ...EXCUSES, EXCUSES[0]?.toUpperCase() ?? ''])
    t.match(
      leftovers(
        at(
          'src/a.ts',
          `a
// ${word}: later`,
        ),
      ),
      [`src/a.ts:2: ${word}`],
    );
  t.strictSame(leftovers(at('src/a.ts', `const x${MARKERS[0]}x = 1; // todo`)), [], 'not inside of words');

  for (const line of [
    'Date.now()',
    'new Date()',
    'Math.random()',
    'performance.now()',
    'process.env.X',
    'setTimeout(f, 1)',
    'randomBytes(8)',
    "import { readFile } from 'node:fs/promises';",
    "import net from 'node:net';",
  ]) {
    t.equal(worldTouched(at('src/store/a.ts', line)).length, 1, line);
    t.strictSame(worldTouched(at('src/platform/real/a.ts', line)), [], line);
  }
  t.strictSame(worldTouched(at('src/store/a.ts', '// not Date.now()\nnew Date(0);')), []);
  t.strictSame(worldTouched(at('src/smtp/a.ts', "import type { Socket } from 'node:net';")), []);
  const exits = at('src/directory/a.ts', 'process.exit(0)');
  t.equal(worldTouched(exits).length, 1);
  t.strictSame(worldTouched(exits, new Map([['src/directory/a.ts', /process\.exit/]])), []);

  t.equal(syncCalls(at('src/store/a.ts', 'fs.readFileSync(path)')).length, 1);
  t.equal(syncCalls(at('src/member/a.ts', 'scryptSync(a)')).length, 1);
  t.strictSame(syncCalls(at('src/store/a.ts', "'readFileSync('; afterSync();")).length, 1);
  t.equal(moduleState(at('src/a.ts', 'let x = 1;'), 'src/main.ts').length, 1);
  t.strictSame(moduleState(at('src/a.ts', '  let x = 1;'), 'src/main.ts'), []);
  t.strictSame(moduleState(at('src/main.ts', 'let x = 1;'), 'src/main.ts'), []);
  const starts = { path: 'src/b.ts', text: "fork(new URL('a.ts', import.meta.url))" };
  t.strictSame(moduleState([...at('src/a.ts', 'let x = 1;'), starts], 'src/main.ts'), []);

  const long = at('src/a.ts', '\n'.repeat(LINES_MAX + 1));
  t.equal(tooLong(long, new Map()).length, 1);
  t.strictSame(tooLong(long, new Map([['src/a.ts', LINES_MAX + 1]])), []);
  t.match(tooLong(long, new Map([['src/a.ts', LINES_MAX + 2]])), [/lower its number/]);
  t.end();
});

void t.test('code without comments and strings', (t) => {
  const text = `const a = 'it\\'s // no'; // "x\nconst b = /['"]/; /* y\n*/ call("z")`;
  t.equal(codeOf(text).split('\n').length, 3);
  t.notMatch(codeOf(text), /it|no|x|y|z|\[/);
  t.match(codeOf(text), /const a =.*\nconst b =.*\n {2} call\( {3}\)/);
  t.end();
});

async function read(pattern: string): Promise<Source[]> {
  const sources: Source[] = [];
  for await (const path of glob(pattern, { cwd: PROJECT }))
    sources.push({ path: path.replaceAll('\\', '/'), text: await readFile(join(PROJECT, path), 'utf8') });
  return sources.sort((a, b) => (a.path < b.path ? -1 : 1));
}
