import fc from 'fast-check';
import t from 'tap';
import { type Command, parseCommand, type State } from '../../../src/pop/codec/command.ts';

const READ: readonly (readonly [line: string, state: State, command: Command])[] = [
  ['user a b ', 'AUTHORIZATION', { name: 'USER', user: 'a b' }],
  ['USER grün@lab.example', 'AUTHORIZATION', { name: 'USER', user: 'grün@lab.example' }],
  ['PASS  two spaces ', 'AUTHORIZATION', { name: 'PASS', password: ' two spaces ' }],
  ['AUTH PLAIN', 'AUTHORIZATION', { name: 'AUTH', mechanism: 'PLAIN', initialResponse: undefined }],
  ['AUTH x-y =', 'AUTHORIZATION', { name: 'AUTH', mechanism: 'x-y', initialResponse: '=' }],
  ['stls', 'AUTHORIZATION', { name: 'STLS' }],
  ['CAPA', 'AUTHORIZATION', { name: 'CAPA' }],
  ['CAPA', 'TRANSACTION', { name: 'CAPA' }],
  ['LANG *', 'TRANSACTION', { name: 'LANG', language: '*' }],
  ['LIST', 'TRANSACTION', { name: 'LIST', number: undefined }],
  ['UIDL 007', 'TRANSACTION', { name: 'UIDL', number: 7 }],
  ['Top 3 0', 'TRANSACTION', { name: 'TOP', number: 3, lines: 0 }],
  ['RETR 999999999999999', 'TRANSACTION', { name: 'RETR', number: 999_999_999_999_999 }],
];

void t.test('lines as commands', async (t) => {
  for (const [line, state, command] of READ)
    t.same(parseCommand(Buffer.from(line), state), { kind: 'command', command }, line);
});

const BAD: readonly (readonly [line: string, state: State])[] = [
  ['', 'AUTHORIZATION'],
  [' STAT', 'TRANSACTION'],
  ['STAT\t', 'TRANSACTION'],
  ['constructor', 'TRANSACTION'],
  ['__proto__', 'AUTHORIZATION'],
  ['PASS', 'AUTHORIZATION'],
  ['PASS ', 'AUTHORIZATION'],
  ['USER ', 'AUTHORIZATION'],
  ['AUTH', 'AUTHORIZATION'],
  ['AUTH PLAIN a b', 'AUTHORIZATION'],
  ['AUTH PL.AIN', 'AUTHORIZATION'],
  ['RETR 1e3', 'TRANSACTION'],
  ['RETR 0x1', 'TRANSACTION'],
  ['RETR ١', 'TRANSACTION'],
  ['RETR 1 ', 'AUTHORIZATION'],
  ['LIST\u00a01', 'TRANSACTION'],
  ['TOP 1  2', 'TRANSACTION'],
  ['STLS', 'TRANSACTION'],
  ['USER a', 'TRANSACTION'],
];

void t.test('lines that are no commands', async (t) => {
  for (const [line, state] of BAD)
    t.match(parseCommand(Buffer.from(line), state), { kind: 'bad' }, JSON.stringify(line));
  t.match(parseCommand(Buffer.from([0x55, 0xff]), 'AUTHORIZATION'), { kind: 'bad' }, 'no UTF-8');
});

void t.test('fuzz: any octets give a command or a reason that repeats none of them', async () => {
  const seeds = [...READ, ...BAD].map(([line]) => line);
  const text = fc.tuple(fc.constantFrom(...seeds), fc.string({ maxLength: 20 }), fc.nat(30));
  const mutated = text.map(([seed, noise, at]) => Buffer.from(seed.slice(0, at) + noise + seed.slice(at)));
  const octets = fc.uint8Array({ maxLength: 255 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(
      fc.oneof(mutated, octets),
      fc.constantFrom<State>('AUTHORIZATION', 'TRANSACTION'),
      (line, state) => {
        const parsed = parseCommand(line, state);
        return parsed.kind === 'command' || /^[\x20-\x7e]{1,200}$/.test(parsed.why);
      },
    ),
    { numRuns: 500 },
  );
});
