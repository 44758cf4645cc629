import * as fc from 'fast-check';
import t from 'tap';
import { COMMANDS } from '../../src/admin/commands.ts';
import {
  array,
  choice,
  flag,
  keyed,
  optionalDictionary,
  optionalWord,
  type Part,
  readArguments,
  usage,
  word,
} from '../../src/admin/grammar.ts';
import { Refusal } from '../../src/admin/types.ts';

const PARTS: readonly Part[] = [
  word('name'),
  choice('type', ['One', 'Two']),
  flag('SHARED'),
  keyed('INTO', 'other'),
  array('list'),
  optionalDictionary('settings'),
];

void t.test('reads every kind of part, in order, with what is optional left out', (t) => {
  const all = readArguments('X', PARTS, ' "a b"  two shared into c-d@e (x,"y z") {k=v;} ');
  t.equal(all.text('name'), 'a b');
  t.equal(all.optionalText('type'), 'Two');
  t.ok(all.has('SHARED'));
  t.equal(all.text('other'), 'c-d@e');
  t.strictSame(all.texts('list'), ['x', 'y z']);
  t.strictSame(all.dictionary('settings'), new Map([['k', 'v']]));
  const least = readArguments('X', PARTS, 'o\'brien/x=y INTO "INTO" ()');
  t.equal(least.text('name'), "o'brien/x=y", 'a bare word goes to the next space');
  t.equal(least.text('other'), 'INTO', 'in quotes it is no keyword');
  t.equal(least.optionalText('type'), undefined);
  t.notOk(least.has('SHARED'));
  t.strictSame(least.dictionary('settings'), new Map());
  t.end();
});

void t.test('mistakes: what was expected, and the usage, never a value', (t) => {
  const cases: readonly (readonly [text: string, why: RegExp])[] = [
    ['', /^name expected; usage: X name \[One\|Two\] \[SHARED\] INTO other \(list, ...\) \[\{settings\}\]$/],
    ['a secretword', /^INTO other expected, not another word;/],
    ['a "INTO" b ()', /^INTO other expected, not a string;/],
    ['a INTO (b) ()', /^INTO other expected/],
    ['a INTO b', /^\(list, ...\) expected; usage/],
    ['a INTO b () {} c', /^unexpected another word; usage/],
    ['a INTO b (c', /, expected or \)/],
    ['a INTO b (c)(d)', /a space expected between arguments/],
    ['#1', /^name expected, not a number/],
    ['"a', /does not end at column 1/],
    ['a '.repeat(40), /more than 32 arguments/],
  ];
  for (const [text, why] of cases) {
    const error = refusal(text);
    t.match(error, { reason: 'syntax', message: why }, text);
    t.notMatch(error?.message, /secretword/);
  }
  t.throws(
    () => readArguments('X', [array('list')], '(a,(b))').texts('list'),
    /list: an array of strings.*array/,
  );
  t.end();
});

void t.test('usage of an optional word', (t) => {
  t.equal(usage('HELP', [optionalWord('command')]), 'HELP [command]');
  t.end();
});

void t.test('fuzz: any text of any command gives arguments or a syntax refusal', (t) => {
  const pieces = [
    'INTO',
    'SHARED',
    'PASSWORD',
    '(a,b)',
    '{k=v;}',
    '"q q"',
    '#1',
    '[YWI=]',
    ' ',
    '\t',
    '"',
    '(',
    '{a=',
    '\\',
    '#',
    'joe@a.b',
  ];
  const text = fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary', maxLength: 5 })), {
    maxLength: 10,
  });
  fc.assert(
    fc.property(fc.constantFrom(...COMMANDS), text, ([name, command], parts) => {
      try {
        readArguments(name, command.parts, parts.join(''));
      } catch (error) {
        if (!(error instanceof Refusal) || error.reason !== 'syntax') throw error;
      }
    }),
    { numRuns: 600 },
  );
  t.end();
});

function refusal(text: string): Refusal | undefined {
  try {
    readArguments('X', PARTS, text);
    return undefined;
  } catch (error) {
    return error as Refusal;
  }
}
