import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import {
  type Document,
  newDocument,
  type Path,
  parseDocument,
} from '../../../src/lib/dictionary/document.ts';
import { isArray, isDictionary, type Value } from '../../../src/lib/dictionary/value.ts';
import { anyDictionary, anyText, anyValue } from './values.ts';

const FILE = `// Settings of the member. Comments stay.
{
  ClusterName = "lab";   // shown in greetings
  Heartbeat = 150ms;
	Backends = ("127.0.0.1:1",  "127.0.0.1:2"); /* two
	of them */
  Nested = {
    Deep = { A = 1; };
    /* nothing below */
  };
  Empty = {};
}
// the end
`;

void t.test('a file is given back exactly', (t) => {
  const document = read(FILE);
  t.equal(document.text, FILE);
  t.equal(document.get(['ClusterName']), 'lab');
  t.equal(document.get(['Nested', 'Deep', 'A']), '1');
  t.equal(document.get(['Nested', 'Absent', 'A']), undefined);
  t.strictSame(document.position(['Nested', 'Deep']), { line: 8, column: 5 });
  t.equal(document.position(['Absent']), undefined);
  t.end();
});

void t.test('replacing a value changes its octets only', (t) => {
  t.equal(read(FILE).set(['Heartbeat'], '200ms').text, FILE.replace('150ms', '200ms'));
  t.equal(read(FILE).set(['Nested', 'Deep', 'A'], 'x y').text, FILE.replace('A = 1', 'A = "x y"'));
  t.equal(
    read(FILE).set(['Backends'], []).text,
    FILE.replace('("127.0.0.1:1",  "127.0.0.1:2")', '()'),
    'the spacing inside a replaced value is the value',
  );
  t.equal(
    read(FILE).set(['Heartbeat'], new Map([['a', 'b']])).text,
    FILE.replace('150ms', '{\n    a = b;\n  }'),
    'laid out with the margin of its line',
  );
  t.end();
});

void t.test('a new entry goes behind the last one, in its way of indenting', (t) => {
  t.equal(read(FILE).set(['New'], 'v').text, FILE.replace('Empty = {};\n', 'Empty = {};\n  New = v;\n'));
  t.equal(
    read(FILE).set(['Nested', 'New'], 'v').text,
    FILE.replace('Deep = { A = 1; };\n', 'Deep = { A = 1; };\n    New = v;\n'),
  );
  t.equal(read(FILE).set(['Nested', 'Deep', 'B'], 'v').text, FILE.replace('A = 1;', 'A = 1; B = v;'));
  t.equal(
    read(FILE).set(['Empty', 'New'], 'v').text,
    FILE.replace('Empty = {}', 'Empty = {\n    New = v;\n  }'),
  );
  t.equal(read('{\r\n\ta = 1; // why\r\n}').set(['b'], '2').text, '{\r\n\ta = 1; // why\r\n\tb = 2;\r\n}');
  t.equal(read('{ /* why */ }').set(['b'], '2').text, '{\n  b = 2; /* why */ }');
  t.equal(read('{ // why\n}').set(['b'], '2').text, '{\n  b = 2; // why\n}');
  t.end();
});

void t.test('an empty file, or one of comments, takes entries', (t) => {
  t.equal(read('').value.size, 0);
  t.equal(read('').set(['a'], 'b').text, '{\n  a = b;\n}\n');
  t.equal(read('// note').set(['a'], 'b').text, '// note\n{\n  a = b;\n}\n');
  t.throws(() => read('').set(['a', 'b'], 'c'), RangeError);
  t.throws(() => read(FILE).set(['Absent', 'b'], 'c'), RangeError);
  t.throws(() => read(FILE).set(['Heartbeat', 'b'], 'c'), RangeError);
  t.end();
});

void t.test('deleting takes the line when the entry has it alone, and leaves comments', (t) => {
  t.equal(read(FILE).delete(['Heartbeat']).text, FILE.replace('  Heartbeat = 150ms;\n', ''));
  t.equal(read(FILE).delete(['ClusterName']).text, FILE.replace('ClusterName = "lab";', ''));
  t.equal(read('{a=1;b=2;}').delete(['a']).text, '{b=2;}');
  t.equal(read(FILE).delete(['Absent']).text, FILE);
  t.end();
});

void t.test('what is no dictionary is refused', (t) => {
  t.match(parseDocument(' (a)'), { kind: 'bad', why: /dictionary/, line: 1, column: 2 });
  t.match(parseDocument('{a=1;'), { kind: 'bad', line: 1, column: 6 });
  t.match(parseDocument('/* no end'), { kind: 'bad', why: /comment/ });
  t.match(parseDocument(Buffer.from([0xff])), { kind: 'bad', why: /UTF-8/ });
  t.match(parseDocument('// long', { depthMax: 1, octetsMax: 3 }), { kind: 'bad', why: /octets/ });
  t.end();
});

/** White space and comments where the syntax lets them be, so that documents look like people's. */
const gap = fc.constantFrom(
  '',
  ' ',
  '\n',
  '\r\n',
  '\t',
  ' // note } ; {\n',
  '/* note " */',
  ' /* a */ // b\n',
);

void t.test(
  'property: any file round-trips, and an edit changes one entry of the value and keeps every comment',
  (t) => {
    fc.assert(
      fc.property(
        anyDictionary,
        fc.array(gap, { minLength: 8, maxLength: 8 }),
        anyText,
        anyValue,
        fc.nat(),
        (dictionary, gaps, newKey, value, pick) => {
          const text = spread(newDocument(dictionary).text, gaps);
          const document = read(text);
          assert.equal(document.text, text);
          assert.deepStrictEqual(document.value, dictionary);
          const keys = [...dictionary.keys()];
          const path: Path = [
            keys.length === 0 || pick % 3 === 0 ? newKey : (keys[pick % keys.length] as string),
          ];
          const edited = document.set(path, value);
          const replaced = dictionary.get(path[0]);
          assert.deepStrictEqual(edited.value, new Map([...dictionary, [path[0], value]]));
          // Comments inside a replaced array or dictionary belong to what is replaced.
          if (isArray(replaced) || isDictionary(replaced)) return;
          assert.equal(comments(edited.text), comments(text));
          const without = edited.delete(path);
          assert.equal(without.value.has(path[0]), false);
          assert.equal(comments(without.text), comments(text));
        },
      ),
      { numRuns: 150 },
    );
    t.end();
  },
);

void t.test('property: edits at any depth leave every other entry alone', (t) => {
  fc.assert(
    fc.property(anyDictionary, fc.nat(), anyValue, (dictionary, pick, value) => {
      const paths = pathsOf(dictionary);
      const path = paths[pick % Math.max(paths.length, 1)];
      if (path === undefined) return;
      const before = newDocument(dictionary);
      const after = before.set(path, value);
      for (const other of paths)
        if (!isPrefix(path, other) && !isPrefix(other, path))
          assert.deepStrictEqual(after.get(other), before.get(other), other.join('/'));
      assert.deepStrictEqual(after.get(path), value);
      assert.deepStrictEqual(after.delete(path).get(path), undefined);
    }),
    { numRuns: 100 },
  );
  t.end();
});

function read(text: string): Document {
  const document = parseDocument(text);
  if ('kind' in document) throw new Error(`${document.why}: ${text}`);
  return document;
}

/** Puts gaps in front of and behind the file and at the ends of its lines. */
function spread(text: string, gaps: readonly string[]): string {
  let count = 0;
  const next = (): string => gaps[count++ % gaps.length] as string;
  return next() + text.replaceAll('\n', () => `${next()}\n`) + next();
}

/** All comments of a text made by `spread`, where strings hold none of the notes. */
function comments(text: string): string {
  return (text.match(/\/\/ (?:note|b)|\/\* (?:note|a)/g) ?? []).sort().join();
}

function pathsOf(value: Value, prefix: readonly string[] = []): Path[] {
  if (!isDictionary(value)) return [];
  return [...value].flatMap(([key, each]) => [
    [...prefix, key] as unknown as Path,
    ...pathsOf(each, [...prefix, key]),
  ]);
}

function isPrefix(a: Path, b: Path): boolean {
  return a.every((key, index) => b[index] === key);
}
