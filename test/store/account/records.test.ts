/** The account's records (docs/storage-account.md): exact octets, round trip, and what broken payloads do. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { DecodeError } from '../../../src/lib/encoder.ts';
import type { Change } from '../../../src/store/account/changes.ts';
import { DATE_MS_MAX, UID_MAX } from '../../../src/store/account/limits.ts';
import { rangesOf } from '../../../src/store/account/ranges.ts';
import { decode, encode, KNOWN_TYPES } from '../../../src/store/account/records.ts';
import type { Uid } from '../../../src/store/account/types.ts';
import type { Incarnation } from '../../../src/store/ids.ts';

/** A record whose values are ordinary objects, as those of `decode` are. */
function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const octets = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes));
const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const text = fc.string({ maxLength: 8 });
const mailbox = fc.nat(1000);
const flagSet = record({ bits: fc.nat(31), keywords: fc.uniqueArray(text, { maxLength: 3 }) });
const uid = fc.integer({ min: 1, max: UID_MAX });
const uids = fc.array(fc.oneof(uid, fc.integer({ min: 1, max: 20 }))).map((all) => rangesOf(all as Uid[]));
const transaction = record({
  incarnation: text.map((name) => name as Incarnation),
  number,
  lowestOpen: number,
});
const dateMs = fc.integer({ min: -DATE_MS_MAX, max: DATE_MS_MAX });

const change: fc.Arbitrary<Change> = fc.oneof(
  record({
    kind: fc.constant('initial' as const),
    entries: fc.array(fc.tuple(text, octets), { maxLength: 4 }).map((entries) => new Map(entries)),
  }),
  record({
    kind: fc.constant('blob' as const),
    blob: number,
    meta: fc.array(fc.tuple(fc.nat(300), octets), { maxLength: 3 }),
    content: octets,
  }),
  record({
    kind: fc.constant('mailbox-created' as const),
    mailbox,
    name: text,
    uidValidity: uid,
    specialUse: fc.constantFrom('\\Sent', undefined),
  }),
  record({
    kind: fc.constant('mailboxes-renamed' as const),
    names: fc.array(fc.tuple(mailbox, text), { maxLength: 3 }),
  }),
  record({ kind: fc.constant('mailbox-deleted' as const), mailbox, keepsName: fc.boolean() }),
  record({ kind: fc.constant('subscribed' as const), name: text, subscribed: fc.boolean() }),
  fc
    .tuple(mailbox, fc.array(flagSet, { minLength: 1, maxLength: 3 }), fc.uniqueArray(uid, { maxLength: 5 }))
    .chain(([id, flagSets, some]) =>
      fc
        .tuple(
          ...some
            .sort((a, b) => a - b)
            .map((one) =>
              record({
                uid: fc.constant(one),
                blob: number,
                dateMs,
                flags: fc.nat(flagSets.length - 1),
              }),
            ),
        )
        .map((messages) => ({ kind: 'messages-added' as const, mailbox: id, flagSets, messages })),
    ),
  record({
    kind: fc.constant('flags-changed' as const),
    mailbox,
    groups: fc.array(record({ flagSet, uids }), { maxLength: 3 }),
  }),
  record({ kind: fc.constant('expunged' as const), mailbox, wallMs: number, uids }),
  record({
    kind: fc.constant('properties-changed' as const),
    values: fc.array(fc.tuple(text, fc.option(octets, { nil: undefined })), { maxLength: 4 }),
  }),
  record({ kind: fc.constant('transaction-done' as const), transaction, result: octets }),
  record({ kind: fc.constant('transaction-refused' as const), transaction }),
  record({
    kind: fc.constant('incarnation-forgotten' as const),
    incarnation: text.map((name) => name as Incarnation),
  }),
  record({
    kind: fc.constant('mailbox-stated' as const),
    mailbox,
    name: text,
    uidValidity: uid,
    specialUse: fc.constantFrom('\\Sent', undefined),
    selectable: fc.boolean(),
    uidNext: uid,
    highestModseq: number,
  }),
  fc
    .tuple(
      mailbox,
      uid,
      fc.array(flagSet, { minLength: 1, maxLength: 3 }),
      fc.uniqueArray(uid, { minLength: 1, maxLength: 5 }),
      record({ blob: number, dateMs, modseq: number }),
    )
    .map(([id, last, flagSets, some, rest]) => {
      const stated = [...some, last].sort((a, b) => a - b);
      return {
        kind: 'messages-stated' as const,
        mailbox: id,
        first: stated[0] as number,
        last: stated.at(-1) as number,
        flagSets,
        messages: [...new Set(some)].map((one) => ({ uid: one, ...rest, flags: one % flagSets.length })),
      };
    })
    .map((change) => ({ ...change, messages: change.messages.sort((a, b) => a.uid - b.uid) })),
  record({
    kind: fc.constant('expunges-stated' as const),
    mailbox,
    uidNext: uid,
    highestModseq: number,
    forgotten: number,
    ranges: fc.array(fc.tuple(fc.nat(1e9), number, uid, uid), { maxLength: 4 }).map((all) =>
      all
        .sort((a, b) => a[0] - b[0])
        .map(([modseq, wallMs, one, other]) => ({
          modseq,
          wallMs,
          first: Math.min(one, other),
          last: Math.max(one, other),
        })),
    ),
  }),
  record({
    kind: fc.constant('account-stated' as const),
    modseq: number,
    nextMailbox: number,
    lastUidValidity: number,
    nextBlob: number,
    lostMessages: number,
  }),
  record({
    kind: fc.constant('messages-staged' as const),
    staging: number,
    position: fc.nat(1000),
    flagSets: fc.array(flagSet, { minLength: 2, maxLength: 3 }),
    messages: fc.array(record({ blob: number, dateMs, flags: fc.nat(1) }), { maxLength: 4 }),
  }),
  record({
    kind: fc.constant('staged-added' as const),
    staging: number,
    mailbox,
    first: fc.integer({ min: 1, max: 1000 }),
    count: fc.nat(UID_MAX - 1000),
  }),
  record({ kind: fc.constant('staging-dropped' as const), staging: number }),
);

void t.test('what was written is read, also with fields of a later version behind it', async (t) => {
  const kinds = new Set<string>();
  fc.assert(
    fc.property(change, octets, (written, later) => {
      const { type, payload } = encode(written);
      kinds.add(written.kind);
      const whole = Buffer.concat(payload);
      if (!KNOWN_TYPES.has(type)) throw new Error(`type ${type} is not known`);
      assert.deepEqual(decode(type, whole), written);
      // The content of a blob is the rest of its record, so nothing can follow it.
      if (written.kind !== 'blob') assert.deepEqual(decode(type, Buffer.concat([whole, later])), written);
    }),
    { numRuns: 400 },
  );
  t.equal(kinds.size, KNOWN_TYPES.size, 'every kind came up');
});

void t.test('a payload cut short is refused', async () => {
  fc.assert(
    fc.property(change, (written) => {
      if (written.kind === 'blob') return;
      const { type, payload } = encode(written);
      const whole = Buffer.concat(payload);
      for (let cut = 0; cut < whole.length; cut++)
        assert.throws(
          () => decode(type, whole.subarray(0, cut)),
          DecodeError,
          `${written.kind} cut at ${cut}`,
        );
    }),
    { numRuns: 100 },
  );
});

void t.test('any octets give a change or a DecodeError', async () => {
  fc.assert(
    fc.property(fc.constantFrom(...KNOWN_TYPES), fc.uint8Array({ maxLength: 60 }), (type, bytes) => {
      try {
        decode(type, Buffer.from(bytes));
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});

const hex = (change: Change): string =>
  `${encode(change).type} ${Buffer.concat(encode(change).payload).toString('hex')}`;

void t.test('octets as docs/storage-account.md has them', async (t) => {
  const table: readonly (readonly [Change, string])[] = [
    [{ kind: 'initial', entries: new Map([['k', Buffer.from('v')]]) }, '16 01016b0176'],
    [
      { kind: 'blob', blob: 300, meta: [[2, Buffer.from('x')]], content: Buffer.from('hi') },
      '17 ac02010201786869',
    ],
    [
      { kind: 'mailbox-created', mailbox: 7, name: 'A', uidValidity: 128, specialUse: '\\Junk' },
      '18 0701418001055c4a756e6b',
    ],
    [{ kind: 'mailboxes-renamed', names: [[7, 'B']] }, '19 01070142'],
    [{ kind: 'mailbox-deleted', mailbox: 7, keepsName: true }, '20 0701'],
    [{ kind: 'subscribed', name: 'A', subscribed: false }, '21 014100'],
    [
      {
        kind: 'messages-added',
        mailbox: 1,
        flagSets: [{ bits: 8, keywords: ['x'] }],
        messages: [
          { uid: 5, blob: 9, dateMs: -1, flags: 0 },
          { uid: 7, blob: 10, dateMs: 1, flags: 0 },
        ],
      },
      '22 0101080101780205090100020a0200',
    ],
    [
      {
        kind: 'flags-changed',
        mailbox: 1,
        groups: [
          {
            flagSet: { bits: 4, keywords: [] },
            uids: [
              [1, 3],
              [5, 5],
            ],
          },
        ],
      },
      '23 010104000201020200',
    ],
    [{ kind: 'expunged', mailbox: 1, wallMs: 129, uids: [[2, 2]] }, '24 018101010200'],
    [
      {
        kind: 'properties-changed',
        values: [
          ['a', Buffer.from('b')],
          ['c', undefined],
        ],
      },
      '25 020161010162016300',
    ],
    [
      {
        kind: 'transaction-done',
        transaction: { incarnation: 'i' as Incarnation, number: 3, lowestOpen: 2 },
        result: Buffer.from([5]),
      },
      '26 016903020105',
    ],
    [
      {
        kind: 'transaction-refused',
        transaction: { incarnation: 'i' as Incarnation, number: 3, lowestOpen: 2 },
      },
      '27 01690302',
    ],
    [{ kind: 'incarnation-forgotten', incarnation: 'i' as Incarnation }, '28 0169'],
    [
      {
        kind: 'mailbox-stated',
        mailbox: 2,
        name: 'a',
        uidValidity: 5,
        specialUse: undefined,
        selectable: true,
        uidNext: 9,
        highestModseq: 3,
      },
      '29 0201610500010903',
    ],
    [
      {
        kind: 'messages-stated',
        mailbox: 2,
        first: 3,
        last: 9,
        flagSets: [{ bits: 8, keywords: [] }],
        messages: [
          { uid: 3, blob: 7, dateMs: 1, flags: 0, modseq: 4 },
          { uid: 8, blob: 8, dateMs: -1, flags: 0, modseq: 5 },
        ],
      },
      '30 0203060108000201070200040508010005',
    ],
    [
      {
        kind: 'expunges-stated',
        mailbox: 2,
        uidNext: 9,
        highestModseq: 6,
        forgotten: 1,
        ranges: [
          { modseq: 4, wallMs: 100, first: 5, last: 7 },
          { modseq: 6, wallMs: 101, first: 1, last: 1 },
        ],
      },
      '31 02090601020464050202650100',
    ],
    [
      {
        kind: 'account-stated',
        modseq: 9,
        nextMailbox: 3,
        lastUidValidity: 5,
        nextBlob: 8,
        lostMessages: 0,
      },
      '32 0903050800',
    ],
    [
      {
        kind: 'messages-staged',
        staging: 9,
        position: 2,
        flagSets: [{ bits: 0, keywords: ['k'] }],
        messages: [{ blob: 7, dateMs: 1, flags: 0 }],
      },
      '33 0902010001016b01070200',
    ],
    [{ kind: 'staged-added', staging: 9, mailbox: 2, first: 4, count: 3 }, '34 09020403'],
    [{ kind: 'staging-dropped', staging: 9 }, '35 09'],
  ];
  t.equal(table.length, KNOWN_TYPES.size);
  for (const [change, expected] of table) t.equal(hex(change), expected, change.kind);
});

void t.test('the content is the end of its record, and is not copied', async (t) => {
  const content = Buffer.from('Subject: x\r\n\r\n');
  const { payload } = encode({ kind: 'blob', blob: 1, meta: [], content });
  t.equal(payload[1], content);
  const whole = Buffer.concat(payload);
  t.same(whole.subarray(whole.length - content.length), content);
});

void t.test('a record that claims every UID costs nothing to read', async (t) => {
  const all: Change = { kind: 'expunged', mailbox: 1, wallMs: 0, uids: [[1, UID_MAX]] };
  t.strictSame(decode(24, Buffer.concat(encode(all).payload)), all);
  const beyond: Change = { kind: 'expunged', mailbox: 1, wallMs: 0, uids: [[1, UID_MAX + 1]] };
  assert.throws(() => decode(24, Buffer.concat(encode(beyond).payload)), DecodeError);
});
