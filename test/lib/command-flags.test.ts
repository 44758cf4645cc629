/** Flags by a table: what was given, what the table gives instead, and one line for each mistake. */
import t from 'tap';
import { type CommandFlags, readFlags } from '../../src/lib/command-flags.ts';

const COMMAND: CommandFlags = {
  command: 'try',
  usage: 'try',
  help: 'for this test',
  flags: [
    { name: 'Base', value: 'DIR', default: '/base', help: 'a text' },
    { name: 'count', value: 'N', range: [1, 9], default: '3', help: 'a number' },
    { name: 'quiet', help: 'a switch' },
  ],
};

void t.test('names in any case, words between them, defaults beside what was given', async (t) => {
  const read = readFlags(COMMAND, ['a', '--base=-x', 'b', '--QUIET', '--quiet']);
  if (read.kind === 'bad') return t.fail(read.why);
  t.same(read.words, ['a', 'b']);
  t.same(
    [...read.given],
    [
      ['Base', '-x'],
      ['quiet', ''],
    ],
  );
  t.equal(read.values.get('Base'), '-x');
  t.equal(read.values.get('count'), '3');
});

void t.test('mistakes', async (t) => {
  for (const [args, why] of [
    [['--what'], /unknown flag --what/],
    [['--Base'], /--Base needs a value: --Base DIR/],
    [['--Base', '--quiet'], /--Base needs a value/],
    [['--count', '1', '--count', '2'], /--count is given twice/],
    [['--count', '0'], /--count 0: give a whole number from 1 to 9/],
    [['--count', '1e0'], /give a whole number/],
    [['--quiet=yes'], /--quiet takes no value/],
  ] as const)
    t.match(readFlags(COMMAND, args), { kind: 'bad', why }, args.join(' '));
});
