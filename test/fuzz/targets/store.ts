/** What is read from shared storage: records, first records, whole files, snapshots, records of each kind of object. */
import assert from 'node:assert/strict';
import {
  decodeSettingsRecord,
  encodeSettingsRecord,
  SETTINGS_RECORD_TYPES,
} from '../../../src/directory/cluster-settings-records.ts';
import { Decoder, Encoder } from '../../../src/lib/encoder.ts';
import { newUids } from '../../../src/store/account/copied.ts';
import {
  decodeInitialMailboxes,
  encodeInitialMailboxes,
  USUAL_MAILBOXES,
} from '../../../src/store/account/initial.ts';
import { ACCOUNT_LIMITS, UID_MAX } from '../../../src/store/account/limits.ts';
import {
  countOf,
  decodeRanges,
  encodeRanges,
  rangesOf,
  type UidRanges,
} from '../../../src/store/account/ranges.ts';
import { decode, KNOWN_TYPES } from '../../../src/store/account/records.ts';
import {
  decodeResult,
  encodeResult,
  type Operation,
  type Results,
} from '../../../src/store/account/results.ts';
import { decodeState, encodeState } from '../../../src/store/account/snapshot.ts';
import type { Copied, FlagsStored, Uid } from '../../../src/store/account/types.ts';
import type { DomainId, Epoch, Incarnation } from '../../../src/store/ids.ts';
import {
  decodePayload,
  decodeReplaced,
  encodeFirstRecords,
  encodeReplaced,
  findFirstRecord,
} from '../../../src/store/log/first-record.ts';
import { inspectFile } from '../../../src/store/log/inspect.ts';
import { fileNumber, filePath } from '../../../src/store/log/names.ts';
import {
  encodeRecord,
  Flag,
  OBJECT_TYPE_MIN,
  parseRecord,
  type RawRecord,
} from '../../../src/store/log/record.ts';
import { scan } from '../../../src/store/log/scan.ts';
import { decodeSnapshot, encodeSnapshot, seal } from '../../../src/store/log/snapshot-file.ts';
import { snapshotNames } from '../../../src/store/log/snapshot-name.ts';
import type { Place } from '../../../src/store/log/types.ts';
import { encodeName } from '../../../src/store/slot/path.ts';
import {
  decodeChange,
  encodeChange,
  SLOT_RECORD_TYPES,
  type SlotChange,
} from '../../../src/store/slot/records.ts';
import { accountCorpus } from '../../store/account/account-corpus.ts';
import { MemoryFs } from '../../support/memory-fs.ts';
import {
  accepted,
  anyOf,
  assertSame,
  type FuzzTarget,
  maybe,
  orDecodeError,
  orFailure,
  refused,
  target,
} from '../target.ts';

const MARKER = Buffer.from('0123456789abcdef', 'hex');
const OBJECT = { domainId: 1 as DomainId, name: 'joe', serial: '1-1' };
const PRESENT = { domainId: 1 as DomainId, name: 'joe' };
const INTENT = { slot: 1, epoch: 7, modseq: 9 } as Extract<SlotChange, { kind: 'intent-decided' }>['intent'];
const STEP = { intent: INTENT, epoch: 7 as Epoch, lowestOpen: 2 };
const FIRST = encodeFirstRecords({
  marker: MARKER,
  object: '7/joe/10000000a-3',
  incarnation: 'cafe' as Incarnation,
  epoch: 0x10_0000_0007 as Epoch,
  counts: [
    { file: 3, octets: 1000 },
    { file: 12, octets: 2 ** 40 },
  ],
  tailOctets: 0,
});

function record(offset: number, flags: number, payload: Buffer): Buffer {
  const chunks: Buffer[] = [];
  const header = { type: OBJECT_TYPE_MIN, flags, epoch: 0x10_0000_0007 as Epoch, modseq: 3, durable: offset };
  encodeRecord(chunks, MARKER, offset, header, [payload], payload.length);
  return Buffer.concat(chunks);
}

/** A file as a writer leaves it: both first records, a commit of two records, one of one. */
function logFile(): Buffer {
  let file: Buffer = FIRST;
  for (const [flags, payload] of [
    [Flag.goesOn, 'one'],
    [Flag.goneOn, 'two'],
    [0, 'x'.repeat(300)],
  ] as const)
    file = Buffer.concat([file, record(file.length, flags, Buffer.from(payload))]);
  return file;
}

const LOG_FILE = logFile();
const SNAPSHOT = encodeSnapshot(
  {
    object: '7/joe/10000000a-3',
    epoch: 7 as Epoch,
    file: 3,
    marker: MARKER,
    offset: 99,
    counts: [{ file: 3, octets: 99 }],
  },
  Buffer.from('content'),
);
await seal(SNAPSHOT, () => Promise.resolve());
const ACCOUNT = await accountCorpus();
/** A log of one file in which everything counts. */
const ACCOUNT_LOG = { files: [{ file: 1, octets: 1e9 }], currentPlace: (place: Place) => place };
const OPERATIONS = [
  'createMailbox',
  'append',
  'storeFlags',
  'copy',
  'move',
  'expunge',
  'setProperties',
] as const;
/** In a log the record's header says the type; here the first octet does. */
const TYPES = [...KNOWN_TYPES];
const SLOT_CHANGES: readonly SlotChange[] = [
  {
    kind: 'object-created',
    request: 'r',
    object: {
      id: OBJECT,
      path: 'a/joe.macnt',
      initial: new Map([['k', Buffer.from('v')]]),
      state: 'active',
      present: PRESENT,
      aliases: [],
      requests: [],
    },
  },
  { kind: 'name-put', entry: { ...PRESENT, kind: 'account', object: OBJECT } },
  { kind: 'intent-decided', intent: INTENT },
  { kind: 'reserved', step: STEP, object: OBJECT, add: [PRESENT], drop: [] },
  { kind: 'finished', step: STEP },
  { kind: 'undone', step: STEP, object: OBJECT },
];

/** What is given out is what a mailbox can hold, and what is remembered of it says the same. */
function checkResult<O extends Operation>(operation: O, result: Results[O]): void {
  const { uids, copied } = uidsIn(result);
  for (const ranges of uids) {
    assert.ok(countOf(ranges) <= ACCOUNT_LIMITS.messagesPerMailboxMax);
    for (const [index, [first, last]] of ranges.entries())
      assert.ok(first > (ranges[index - 1]?.[1] ?? 0) && first <= last && last <= UID_MAX);
  }
  if (copied !== undefined) {
    const to = newUids(copied);
    assert.equal(countOf(to), countOf(copied.from));
    assert.ok((to.at(-1)?.[1] ?? 0) <= UID_MAX);
  }
  assertSame(decodeResult(operation, encodeResult(operation, result)), result, operation);
}

function uidsIn(result: unknown): { readonly uids: readonly UidRanges[]; readonly copied?: Copied } {
  if (Array.isArray(result)) return { uids: [result as UidRanges] };
  if (typeof result !== 'object' || result === null) return { uids: [] };
  if ('runs' in result) return { uids: [(result as Copied).from], copied: result as Copied };
  return { uids: 'changed' in result ? Object.values(result as FlagsStored) : [] };
}

export const TARGETS: readonly FuzzTarget[] = [
  target({
    name: 'log-record',
    seeds: [record(0, 0, Buffer.from('payload')), record(0, Flag.goesOn, Buffer.alloc(0))],
    words: [MARKER.toString('latin1')],
    run(input) {
      const step = parseRecord(input, 0, 0, MARKER);
      if (step.kind !== 'value') return refused(step);
      assert.ok(step.next <= input.length);
      return accepted(step);
    },
  }),
  target({
    name: 'log-first-record',
    seeds: [FIRST, LOG_FILE, encodeReplaced([1, 2, 300])],
    words: [MARKER.toString('latin1'), '\xff\xff\xff\xff\x0f'],
    run(input) {
      const found = findFirstRecord(input);
      return anyOf([
        found.kind === 'whole' ? accepted(found) : refused(found),
        maybe(decodePayload(input)),
        maybe(decodeReplaced(input)),
      ]);
    },
  }),
  target({
    name: 'log-file',
    seeds: [LOG_FILE, Buffer.concat([LOG_FILE, Buffer.alloc(200)])],
    words: [MARKER.toString('latin1'), '\0\0\0\0'],
    // Of a broken file every place is tried.
    octetsMax: 4 * 1024,
    async run(input) {
      const fs = new MemoryFs();
      await fs.makeDirectory('/object');
      fs.put(filePath('/object', 1), input);
      const found = await inspectFile(fs, '/object', 1);
      const file = await fs.open(filePath('/object', 1));
      const records: unknown[] = [];
      const from = Math.min(FIRST.length, input.length);
      const commit = (some: readonly RawRecord[]) => void records.push(...some);
      const outcome = await scan({ file, marker: MARKER, from, to: input.length, durable: 0, commit });
      await file.close();
      assert.ok(outcome.end <= input.length && outcome.contentEnd <= outcome.end);
      return found.kind === 'whole' ? accepted([found, records]) : refused(found);
    },
  }),
  target({
    name: 'log-snapshot',
    seeds: [SNAPSHOT],
    words: [],
    run: (input) => maybe(decodeSnapshot(input)),
  }),
  target({
    name: 'log-names',
    seeds: ['000001.log', '1000000.log', 'snapshot.3.1000.a'],
    words: ['.', '/', '..', '.log', 'snapshot.', '0', '%', '\0'],
    octetsMax: 1024,
    run(input) {
      const name = input.toString();
      const number = fileNumber(name);
      // Names can never leave their directory (docs/architecture.md, section 4).
      assert.doesNotMatch(encodeName(name), /[/\0]|^\.\.?$/);
      const [snapshot] = snapshotNames([name]);
      return anyOf([maybe(number), maybe(snapshot)]);
    },
  }),
  target({
    name: 'account-record',
    seeds: ACCOUNT.records.map(({ type, payload }) =>
      Buffer.concat([Buffer.from([TYPES.indexOf(type)]), payload]),
    ),
    words: ['\xff\xff\xff\xff\x0f', '\x80', '\x7f'],
    growth: 256,
    run: (input) => orDecodeError(() => decode(TYPES[(input[0] ?? 0) % TYPES.length]!, input.subarray(1))),
  }),
  target({
    name: 'account-snapshot',
    seeds: [encodeState(ACCOUNT.state, ACCOUNT_LOG)!],
    words: ['\xff\xff\xff\xff', '\0\0\0\0'],
    octetsMax: 16 * 1024,
    growth: 256,
    run: (input) => maybe(decodeState(input)),
  }),
  target({
    name: 'account-ranges',
    seeds: [[1], [1, 2, 3, 9, 4_294_967_295]].map((uids) => {
      const to = new Encoder();
      encodeRanges(to, rangesOf(uids as Uid[]));
      return to.done();
    }),
    words: ['\xff\xff\xff\xff\x0f', '\x80', '\x01'],
    growth: 64,
    run: (input) => orDecodeError(() => decodeRanges(new Decoder(input))),
  }),
  target({
    name: 'account-result',
    seeds: [
      encodeResult('setProperties', undefined),
      encodeResult('expunge', rangesOf([1, 2, 9] as Uid[])),
      encodeResult('storeFlags', { changed: [[1, 70_000]], refused: [[80_000, 80_000]] }),
      encodeResult('move', {
        uidValidity: 7,
        from: [[1, 300]],
        runs: [
          { at: 0, to: 5 },
          { at: 200, to: 900 },
        ],
      }),
    ],
    words: ['\xff\xff\xff\xff\x0f', '\x80', '\x01'],
    growth: 64,
    run: (input) =>
      anyOf(OPERATIONS.map((operation) => orFailure(['invalid'], () => decodeResult(operation, input)))),
    check(_, { value }) {
      // A refusal is told as text, which no result is.
      for (const [index, result] of (value as unknown[]).entries())
        if (typeof result !== 'string') checkResult(OPERATIONS[index]!, result as Results[Operation]);
    },
  }),
  target({
    name: 'account-initial-mailboxes',
    seeds: [encodeInitialMailboxes({ uidValidity: 7, mailboxes: USUAL_MAILBOXES })],
    words: [],
    run: (input) => orDecodeError(() => decodeInitialMailboxes(input)),
  }),
  target({
    name: 'slot-record',
    seeds: SLOT_CHANGES.map((change) => encodeChange(change)),
    words: ['\xff\xff\xff\xff\x0f', '\x80'],
    growth: 256,
    run: (input) =>
      anyOf([...SLOT_RECORD_TYPES].map((type) => orDecodeError(() => decodeChange(type, input)))),
  }),
  target({
    name: 'cluster-settings-record',
    seeds: [
      encodeSettingsRecord({
        kind: 'domain-put',
        domain: { id: 1 as DomainId, name: 'n', directory: 'd', shared: true, settings: Buffer.from('x') },
        request: 'r',
      }),
      encodeSettingsRecord({ kind: 'value-put', key: 'k', value: Buffer.from('v'), request: '' }),
      encodeSettingsRecord({ kind: 'domain-deleted', id: 1 as DomainId, request: '' }),
    ],
    words: ['\xff\xff\xff\xff\x0f', '\x80'],
    growth: 64,
    run: (input) =>
      anyOf([...SETTINGS_RECORD_TYPES].map((type) => orDecodeError(() => decodeSettingsRecord(type, input)))),
  }),
];
