import t from 'tap';
import { type CommandLine, commandLine } from '../../src/cli/lines.ts';

void t.test('a line is text, without CR and NUL inside', (t) => {
  const bad = { kind: 'bad-line', why: 'not a line of text' } as const;
  const cases: readonly (readonly [octets: Buffer, line: CommandLine])[] = [
    [Buffer.from('NOOP'), { kind: 'line', text: 'NOOP' }],
    [Buffer.alloc(0), { kind: 'line', text: '' }],
    [Buffer.from('é'), { kind: 'line', text: 'é' }],
    [Buffer.from('a\rb'), bad],
    [Buffer.from('a\0b'), bad],
    [Buffer.from([0xff]), bad],
  ];
  for (const [octets, line] of cases)
    t.strictSame(commandLine({ kind: 'line', octets }), line, octets.toString('latin1'));
  t.strictSame(commandLine({ kind: 'too-long' }), { kind: 'bad-line', why: 'line too long' });
  t.end();
});
