/** POP3 and PWD: the commands of each, and the readers of lines that they, and what other text protocols, stand on. */
import assert from 'node:assert/strict';
import { COMMANDS } from '../../../src/admin/commands.ts';
import { readArguments } from '../../../src/admin/grammar.ts';
import { Refusal } from '../../../src/admin/types.ts';
import { answer, LINE_OCTETS_MAX, LOGIN_LINE_OCTETS_MAX } from '../../../src/cli/codec.ts';
import { commandLine } from '../../../src/cli/lines.ts';
import { COMMAND_OCTETS_MAX, parseCommand, type State } from '../../../src/pop/codec/command.ts';
import { UidList } from '../../../src/pop/uid-list.ts';
import { Lines } from '../../../src/relay/lines.ts';
import {
  accepted,
  anyOf,
  assertSame,
  type FuzzTarget,
  halves,
  type Outcome,
  refused,
  target,
} from '../target.ts';

const POP = [
  'CAPA',
  'STLS',
  'USER joe@a.example',
  'PASS a b  c',
  'AUTH PLAIN AGpvZQBzZWNyZXQ=',
  'AUTH SCRAM-SHA-256',
  'STAT',
  'LIST',
  'LIST 1',
  'UIDL 2',
  'RETR 3',
  'TOP 1 10',
  'DELE 4294967295',
  'NOOP',
  'RSET',
  'QUIT',
];
const PWD = [
  ' joe@a.example',
  ' joe@a.example {Password=secret;}',
  ' a.example SHARED',
  ' a.example {IPAddresses=(192.0.2.1);}',
  ' joe (a,"b c")',
  ' joe INTO jim',
  ' "joe" PASSWORD "x y"',
];
const LINE_WORDS = ['\n', '\r\n', '\r', '\0', '\xc3\xa9', '\xff', ' '];

function pop(octets: Buffer, state: State): Outcome {
  const step = parseCommand(octets, state);
  if (step.kind === 'command') return accepted(step.command);
  assert.match(step.why, /^[\x20-\x7e]{1,200}$/);
  return refused(step.why);
}

/** All lines, as text: `next` of one is a place in a buffer and depends on the pieces. */
function linesOf(pieces: readonly Buffer[]): readonly string[] {
  const lines = new Lines();
  const found: string[] = [];
  for (const piece of pieces) {
    lines.push(piece);
    for (
      let line = lines.next(COMMAND_OCTETS_MAX);
      line.kind !== 'more';
      line = lines.next(COMMAND_OCTETS_MAX)
    )
      found.push(line.kind === 'line' ? line.octets.toString('latin1') : '\n');
  }
  return found;
}

/** As `linesOf`; a bad line is the last. */
function pwdLinesOf(pieces: readonly Buffer[]): readonly string[] {
  const lines = new Lines();
  const found: string[] = [];
  for (const piece of pieces) {
    lines.push(piece);
    for (
      let line = lines.next(LOGIN_LINE_OCTETS_MAX);
      line.kind !== 'more';
      line = lines.next(LOGIN_LINE_OCTETS_MAX)
    ) {
      const read = commandLine(line);
      found.push(read.kind === 'line' ? read.text : '\n');
      if (read.kind === 'bad-line') return found;
    }
  }
  return found;
}

export const TARGETS: readonly FuzzTarget[] = [
  target({
    name: 'pop-command',
    seeds: POP,
    words: ['TOP ', 'RETR ', 'AUTH ', 'LANG ', ' ', '0', '-1', '99999999999999999999', ...LINE_WORDS],
    octetsMax: COMMAND_OCTETS_MAX,
    run: (input) => anyOf([pop(input, 'AUTHORIZATION'), pop(input, 'TRANSACTION')]),
  }),
  target({
    name: 'pop-uid-list',
    seeds: [Buffer.alloc(0), Buffer.from([1, 0, 0, 0]), Buffer.from([1, 0, 0, 0, 255, 255, 255, 255])],
    run(input) {
      const list = new UidList();
      list.pushPiece(input);
      assert.equal(list.count, Math.floor(input.length / 4));
      assert.ok(Buffer.concat([...list.pieces(3)]).equals(input.subarray(0, 4 * list.count)));
      return accepted([...list.pieces(1000)]);
    },
  }),
  target({
    name: 'relay-lines',
    seeds: ['a\r\nb\n\r\n', 'long '.repeat(60)],
    words: LINE_WORDS,
    run: (input) => accepted(linesOf([input])),
    check: (input, { value }) => assertSame(linesOf(halves(input)), value, 'the cut changes the lines'),
  }),
  target({
    name: 'pwd-lines',
    seeds: ['USER joe\nPASS x y\r\n', 'LISTDOMAINS\n'],
    words: LINE_WORDS,
    run(input) {
      const lines = pwdLinesOf([input]);
      return lines.at(-1) === '\n' ? refused(lines) : accepted(lines);
    },
    check: (input, { value }) => assertSame(pwdLinesOf(halves(input)), value, 'the cut changes the lines'),
  }),
  target({
    name: 'pwd-arguments',
    seeds: PWD,
    words: [
      'INTO ',
      'SHARED',
      '{a=',
      ';}',
      '(',
      ',',
      '"',
      '\\',
      '#',
      '#T',
      '#I[',
      '[YWI=]',
      '{',
      '}',
      '\t',
      '__proto__',
    ],
    octetsMax: LINE_OCTETS_MAX,
    // Each of the commands keeps its own values.
    growth: 32 * COMMANDS.size,
    run(input) {
      const text = input.toString();
      const outcomes = [...COMMANDS].map(([name, { parts }]): Outcome => {
        try {
          return accepted(readArguments(name, parts, text));
        } catch (error) {
          if (!(error instanceof Refusal) || error.reason !== 'syntax') throw error;
          const line = answer(500, error.message);
          assert.match(line, /^500 [^\r\n]*\r\n$/);
          return refused();
        }
      });
      return anyOf(outcomes);
    },
  }),
];
