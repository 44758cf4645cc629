/** parse(encode(command)) is the command, through the framer and in every form of string; and a seeded fuzz. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { Framer } from '../../../src/imap/codec/framing.ts';
import { STAR } from '../../../src/imap/codec/types.ts';
import { LIST_RETURN_OPTIONS } from '../../../src/imap/commands/list.ts';
import { parseCommand } from '../../../src/imap/commands/parse.ts';
import { SEARCH_RETURN_OPTIONS } from '../../../src/imap/commands/search.ts';
import { STATUS_ITEMS, type StatusItem } from '../../../src/imap/commands/status-items.ts';
import type { Command } from '../../../src/imap/commands/table.ts';
import { FETCH_ITEMS, type FetchItem } from '../../../src/imap/fetch/table.ts';
import { AUTHENTICATED_LIMITS } from '../../../src/imap/limits.ts';
import type { SearchKeySpec } from '../../../src/imap/search/key.ts';
import { SEARCH_KEYS, type SearchKey } from '../../../src/imap/search/table.ts';
import { mutate, seeded } from '../../mime/seeded.ts';
import { CommandEncoder } from './encode.ts';

const SEED = 20260904;

/** Kinds of a union with nothing but their kind. */
type Bare<T> = T extends { readonly kind: infer K }
  ? Exclude<keyof T, 'kind'> extends never
    ? K
    : never
  : never;
const SIMPLE_ITEMS = FETCH_ITEMS.map(({ kind }) => kind).filter(
  (kind): kind is Bare<FetchItem> => kind !== 'BODY[]',
);
const BARE_KEYS = SEARCH_KEYS.filter((spec: SearchKeySpec<SearchKey>) => !spec.isWordless && !spec.parse).map(
  ({ kind }) => kind as Bare<SearchKey>,
);
const TEXT_KEYS = ['BCC', 'BODY', 'CC', 'FROM', 'SUBJECT', 'TEXT', 'TO'] as const;
const DATE_KEYS = ['BEFORE', 'ON', 'SINCE', 'SENTBEFORE', 'SENTON', 'SENTSINCE'] as const;

/** Plain objects, as the parser makes them. */
function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true });
}

const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((value) => !value.includes('\0'));
const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .filter((value) => !value.includes('\0'))
  .map((value) => value.normalize('NFC'))
  .map((value) => (value.toUpperCase() === 'INBOX' ? 'INBOX' : value));
const keyword = fc.stringMatching(/^[A-Za-z$_][A-Za-z0-9_.-]{0,9}$/);
const flags = fc
  .uniqueArray(fc.oneof(keyword, fc.constantFrom('\\Seen', '\\Deleted', '\\Draft')), {
    maxLength: 5,
    selector: (flag) => flag.toLowerCase(),
  })
  .map((list) => list as readonly string[]);
const number = fc.integer({ min: 1, max: 2 ** 32 - 1 });
const sequenceSet = fc.oneof(
  fc.constant({ kind: 'saved' as const }),
  fc
    .array(
      fc.tuple(fc.oneof(number, fc.constant(STAR)), fc.oneof(number, fc.constant(STAR))).map(([a, b]) => ({
        from: Math.min(a, b),
        to: Math.max(a, b),
      })),
      { minLength: 1, maxLength: 4 },
    )
    .map((ranges) => ({ kind: 'ranges' as const, ranges })),
);
const day = record({
  year: fc.integer({ min: 0, max: 9999 }),
  month: fc.integer({ min: 1, max: 12 }),
  day: fc.integer({ min: 1, max: 28 }),
});
const section = fc.oneof(
  record({
    part: fc.array(number, { maxLength: 3 }),
    text: fc.constantFrom(undefined, 'HEADER' as const, 'TEXT' as const),
    fields: fc.constant([]),
  }),
  record({
    part: fc.array(number, { minLength: 1, maxLength: 3 }),
    text: fc.constant('MIME' as const),
    fields: fc.constant([]),
  }),
  record({
    part: fc.array(number, { maxLength: 3 }),
    text: fc.constantFrom('HEADER.FIELDS' as const, 'HEADER.FIELDS.NOT' as const),
    fields: fc.array(text, { minLength: 1, maxLength: 3 }),
  }),
);
const item = fc.oneof(
  record({ kind: fc.constantFrom(...SIMPLE_ITEMS) }),
  record({
    kind: fc.constant('BODY[]' as const),
    section,
    partial: fc.option(record({ offset: fc.nat(), octets: number }), { nil: undefined }),
    peek: fc.boolean(),
  }),
);
const key = fc.letrec<{ key: SearchKey }>((tie) => ({
  key: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    record({ kind: fc.constantFrom(...BARE_KEYS) }),
    record({ kind: fc.constantFrom(...TEXT_KEYS), text }),
    record({ kind: fc.constantFrom(...DATE_KEYS), day }),
    record({ kind: fc.constantFrom('KEYWORD' as const, 'UNKEYWORD' as const), flag: keyword }),
    record({ kind: fc.constantFrom('LARGER' as const, 'SMALLER' as const), octets: fc.nat() }),
    record({ kind: fc.constantFrom('OLDER' as const, 'YOUNGER' as const), seconds: number }),
    record({ kind: fc.constant('HEADER' as const), field: text, text }),
    record({ kind: fc.constant('MODSEQ' as const), modseq: fc.nat() }),
    record({ kind: fc.constantFrom('SEQUENCE' as const, 'UID' as const), set: sequenceSet }),
    record({ kind: fc.constant('NOT' as const), key: tie('key') }),
    record({ kind: fc.constant('OR' as const), left: tie('key'), right: tie('key') }),
    record({
      kind: fc.constant('AND' as const),
      keys: fc.array(tie('key'), { minLength: 1, maxLength: 3 }),
    }),
  ),
})).key;

const uid = fc.boolean();
const modseq = fc.option(fc.integer({ min: 1 }), { nil: undefined });
const command: fc.Arbitrary<Command> = fc.oneof(
  record({
    name: fc.constantFrom(
      'CAPABILITY',
      'NOOP',
      'LOGOUT',
      'STARTTLS',
      'NAMESPACE',
      'IDLE',
      'CHECK',
      'CLOSE',
      'UNSELECT',
    ),
  }),
  record({ name: fc.constant('LOGIN' as const), user: text, password: text }),
  record({
    name: fc.constant('AUTHENTICATE' as const),
    mechanism: fc.constantFrom('PLAIN', 'SCRAM-SHA-256'),
    initialResponse: fc.option(
      fc.uint8Array({ maxLength: 9 }).map((octets) => Buffer.from(octets)),
      { nil: undefined },
    ),
  }),
  record({ name: fc.constant('ENABLE' as const), capabilities: fc.constant(['CONDSTORE', 'IMAP4REV2']) }),
  record({
    name: fc.constant('ID' as const),
    fields: fc.constantFrom(
      undefined,
      new Map([
        ['name', 'a "b"'],
        ['version', undefined],
      ]),
    ),
  }),
  record({
    name: fc.constantFrom('SELECT' as const, 'EXAMINE' as const),
    mailbox: name,
    condstore: fc.boolean(),
  }),
  record({
    name: fc.constant('CREATE' as const),
    mailbox: name,
    specialUse: fc.constantFrom([], ['\\Sent'], ['\\Junk', '\\Trash']),
  }),
  record({
    name: fc.constantFrom('DELETE' as const, 'SUBSCRIBE' as const, 'UNSUBSCRIBE' as const),
    mailbox: name,
  }),
  record({ name: fc.constant('RENAME' as const), from: name, to: name }),
  record({
    name: fc.constant('LIST' as const),
    reference: name,
    patterns: fc.array(name, { minLength: 1, maxLength: 3 }),
    selection: fc.constantFrom(new Set(['SUBSCRIBED'] as const), new Set([] as const)),
    returns: fc.subarray([...LIST_RETURN_OPTIONS]).map((list) => new Set(list)),
    status: fc.subarray(Object.keys(STATUS_ITEMS) as StatusItem[]),
    extended: fc.constant(true),
  }),
  record({ name: fc.constant('LSUB' as const), reference: name, pattern: name }),
  record({
    name: fc.constant('STATUS' as const),
    mailbox: name,
    items: fc.subarray(Object.keys(STATUS_ITEMS) as StatusItem[], { minLength: 1 }),
  }),
  record({
    name: fc.constant('APPEND' as const),
    mailbox: name,
    flags,
    internalDateMs: fc.option(
      fc.integer({ min: -1_000_000_000, max: 4_000_000_000 }).map((s) => s * 1000),
      {
        nil: undefined,
      },
    ),
    content: fc.uint8Array({ min: 1, maxLength: 40 }).map((octets) => Buffer.from(octets)),
  }),
  record({ name: fc.constant('EXPUNGE' as const), uids: fc.option(sequenceSet, { nil: undefined }) }),
  record({
    name: fc.constant('SEARCH' as const),
    uid,
    returns: fc.option(
      fc.subarray([...SEARCH_RETURN_OPTIONS], { minLength: 1 }).map((list) => new Set(list)),
      { nil: undefined },
    ),
    key,
  }),
  record({
    name: fc.constant('FETCH' as const),
    uid,
    set: sequenceSet,
    items: fc.uniqueArray(item, { minLength: 1, maxLength: 4, selector: (one) => JSON.stringify(one) }),
    changedSince: modseq,
  }),
  record({
    name: fc.constant('STORE' as const),
    uid,
    set: sequenceSet,
    mode: fc.constantFrom('add' as const, 'remove' as const, 'replace' as const),
    silent: fc.boolean(),
    flags,
    unchangedSince: modseq,
  }),
  record({
    name: fc.constantFrom('COPY' as const, 'MOVE' as const),
    uid,
    set: sequenceSet,
    mailbox: name,
  }),
);

void t.test('what a client encodes is what the server reads', async (t) => {
  const forms = fc.constantFrom('quoted' as const, 'literal' as const, 'non-synchronising' as const);
  fc.assert(
    fc.property(command, forms, fc.boolean(), fc.nat(), (command, form, utf8, cut) => {
      const encoded = Buffer.concat([
        new CommandEncoder(form, utf8).encode('A.1', command),
        Buffer.from('\r\n'),
      ]);
      const at = cut % (encoded.length + 1);
      const framer = new Framer(AUTHENTICATED_LIMITS);
      framer.push(encoded.subarray(0, at));
      framer.push(encoded.subarray(at));
      let framed = framer.next();
      while (framed.kind === 'continue') framed = framer.next();
      assert.equal(framed.kind, 'command');
      if (framed.kind !== 'command') return;
      assert.deepEqual(parseCommand(framed.octets, { utf8 }), { kind: 'command', tag: 'A.1', command });
      assert.equal(framer.next().kind, 'more');
    }),
    { seed: SEED, numRuns: 600 },
  );
  t.pass(`seed ${SEED}`);
});

void t.test('fuzz: anything is a command or a clean refusal, at once', async (t) => {
  const random = seeded(SEED);
  const seeds = fc.sample(command, { seed: SEED, numRuns: 100 }).map((one, index) => {
    const form = (['quoted', 'literal', 'non-synchronising'] as const)[index % 3]!;
    return new CommandEncoder(form, false).encode('a', one);
  });
  const dictionary = [
    'BODY[',
    'HEADER.FIELDS',
    '{3+}\r\n',
    '(',
    ')',
    '"',
    '\\',
    '~{1}\r\n',
    '*',
    ':',
    ' UID ',
    '$',
    'NIL',
  ];
  for (let run = 0; run < 3000; run++) {
    const input = mutate(seeds[random.below(seeds.length)]!, random, dictionary);
    const parsed = parseCommand(input, { utf8: run % 2 === 0 });
    if (parsed.kind === 'bad') {
      // What is written into a response line must not be able to end it.
      const line = `${parsed.tag} ${parsed.code}${parsed.why}`;
      if (/[^\x20-\x7e]/.test(line)) t.fail(`seed ${SEED} run ${run}: ${JSON.stringify(line)}`);
      continue;
    }
    // A command that was read can be written and read again.
    const again = new CommandEncoder('literal', run % 2 === 0).encode('a', parsed.command);
    const second = parseCommand(again, { utf8: run % 2 === 0 });
    assert.equal(second.kind, 'command', `seed ${SEED} run ${run}: ${again.toString()}`);
  }
  t.pass(`seed ${SEED}`);
});
