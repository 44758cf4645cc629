/**
 * The account's records: changes to octets and back. docs/storage-account.md is the specification. A payload may grow at
 * its end: readers pass over octets behind the fields they know. Only the blob's content is a field without a length, so
 * that it is a sub-range of the record to read by itself; its meta fields are tagged instead.
 */
import { DecodeError, Decoder, Encoder } from '../../lib/encoder.ts';
import type { Incarnation, TransactionId } from '../ids.ts';
import type { AddedMessage, Change, ExpungedRange, StatedMessage } from './changes.ts';
import { type FlagSet, SYSTEM_BITS } from './flags.ts';
import { DATE_MS_MAX, UID_MAX } from './limits.ts';
import { decodeRanges, encodeRanges } from './ranges.ts';

type Kind = Change['kind'];

interface Codec<C extends Change> {
  /** The record's type in the log; part of the storage format, never given another meaning. */
  readonly type: number;
  write(encoder: Encoder, change: C): void;
  read(decoder: Decoder, payload: Buffer): Omit<C, 'kind'>;
}

const CODECS: { readonly [K in Kind]: Codec<Extract<Change, { kind: K }>> } = {
  initial: {
    type: 16,
    write: (e, c) => e.list([...c.entries], ([key, value]) => e.text(key).bytes(value)),
    read: (d) => ({ entries: new Map(d.list(() => [d.text(), copyOf(d.bytes())] as const)) }),
  },
  blob: {
    type: 17,
    // The content follows without a copy: see `encode`.
    write: (e, c) => e.uint(c.blob).list(c.meta, ([tag, value]) => e.uint(tag).bytes(value)),
    read: (d, payload) => ({
      blob: d.uint(),
      meta: d.list(() => [d.uint(), copyOf(d.bytes())] as const),
      content: payload.subarray(d.offset),
    }),
  },
  'mailbox-created': {
    type: 18,
    write: (e, c) =>
      e
        .uint(c.mailbox)
        .text(c.name)
        .uint(c.uidValidity)
        .text(c.specialUse ?? ''),
    read: (d) => ({
      mailbox: d.uint(),
      name: d.text(),
      uidValidity: uid(d),
      specialUse: d.text() || undefined,
    }),
  },
  'mailboxes-renamed': {
    type: 19,
    write: (e, c) => e.list(c.names, ([mailbox, name]) => e.uint(mailbox).text(name)),
    read: (d) => ({ names: d.list(() => [d.uint(), d.text()] as const) }),
  },
  'mailbox-deleted': {
    type: 20,
    write: (e, c) => e.uint(c.mailbox).bool(c.keepsName),
    read: (d) => ({ mailbox: d.uint(), keepsName: d.bool() }),
  },
  subscribed: {
    type: 21,
    write: (e, c) => e.text(c.name).bool(c.subscribed),
    read: (d) => ({ name: d.text(), subscribed: d.bool() }),
  },
  'messages-added': {
    type: 22,
    write: (e, c) => {
      e.uint(c.mailbox).list(c.flagSets, writeFlagSet);
      let previous = 0;
      e.list(c.messages, (message) => {
        writeMessage(e, message, previous);
        previous = message.uid;
      });
    },
    read: (d) => {
      const mailbox = d.uint();
      const flagSets = d.list(readFlagSet);
      let previous = 0;
      const messages = d.list(() => {
        const message = readMessage(d, previous, UID_MAX, flagSets);
        previous = message.uid;
        return message;
      });
      return { mailbox, flagSets, messages };
    },
  },
  'flags-changed': {
    type: 23,
    write: (e, c) => {
      e.uint(c.mailbox).list(c.groups, (group) => {
        writeFlagSet(group.flagSet, e);
        encodeRanges(e, group.uids);
      });
    },
    read: (d) => ({
      mailbox: d.uint(),
      groups: d.list(() => ({ flagSet: readFlagSet(d), uids: decodeRanges(d) })),
    }),
  },
  expunged: {
    type: 24,
    write: (e, c) => encodeRanges(e.uint(c.mailbox).uint(c.wallMs), c.uids),
    read: (d) => ({ mailbox: d.uint(), wallMs: d.uint(), uids: decodeRanges(d) }),
  },
  'properties-changed': {
    type: 25,
    write: (e, c) =>
      e.list(c.values, ([key, value]) => {
        e.text(key).bool(value !== undefined);
        if (value !== undefined) e.bytes(value);
      }),
    read: (d) => ({
      values: d.list(() => [d.text(), d.bool() ? copyOf(d.bytes()) : undefined] as const),
    }),
  },
  'transaction-done': {
    type: 26,
    write: (e, c) => writeTransaction(e, c.transaction).bytes(c.result),
    read: (d) => ({ transaction: readTransaction(d), result: copyOf(d.bytes()) }),
  },
  'transaction-refused': {
    type: 27,
    write: (e, c) => writeTransaction(e, c.transaction),
    read: (d) => ({ transaction: readTransaction(d) }),
  },
  'incarnation-forgotten': {
    type: 28,
    write: (e, c) => e.text(c.incarnation),
    read: (d) => ({ incarnation: d.text() as Incarnation }),
  },
  'mailbox-stated': {
    type: 29,
    write: (e, c) =>
      e
        .uint(c.mailbox)
        .text(c.name)
        .uint(c.uidValidity)
        .text(c.specialUse ?? '')
        .bool(c.selectable)
        .uint(c.uidNext)
        .uint(c.highestModseq),
    read: (d) => ({
      mailbox: d.uint(),
      name: d.text(),
      uidValidity: uid(d),
      specialUse: d.text() || undefined,
      selectable: d.bool(),
      uidNext: uidNext(d),
      highestModseq: d.uint(),
    }),
  },
  'messages-stated': {
    type: 30,
    write: (e, c) => {
      e.uint(c.mailbox)
        .uint(c.first)
        .uint(c.last - c.first)
        .list(c.flagSets, writeFlagSet);
      let previous = c.first - 1;
      e.list(c.messages, (message) => {
        writeMessage(e, message, previous).uint(message.modseq);
        previous = message.uid;
      });
    },
    read: (d) => {
      const mailbox = d.uint();
      const first = uid(d);
      const last = first + d.uint();
      const flagSets = d.list(readFlagSet);
      let previous = first - 1;
      const messages = d.list((): StatedMessage => {
        const message = readMessage(d, previous, last, flagSets);
        previous = message.uid;
        return { ...message, modseq: d.uint() };
      });
      if (last > UID_MAX) throw new DecodeError('not a range of UIDs');
      return { mailbox, first, last, flagSets, messages };
    },
  },
  'expunges-stated': {
    type: 31,
    write: (e, c) => {
      e.uint(c.mailbox).uint(c.uidNext).uint(c.highestModseq).uint(c.forgotten);
      let previous = 0;
      e.list(c.ranges, (range) => {
        e.uint(range.modseq - previous)
          .uint(range.wallMs)
          .uint(range.first)
          .uint(range.last - range.first);
        previous = range.modseq;
      });
    },
    read: (d) => {
      const counters = {
        mailbox: d.uint(),
        uidNext: uidNext(d),
        highestModseq: d.uint(),
        forgotten: d.uint(),
      };
      let modseq = 0;
      const ranges = d.list((): ExpungedRange => {
        modseq += d.uint();
        const wallMs = d.uint();
        const first = uid(d);
        const last = first + d.uint();
        if (last > UID_MAX) throw new DecodeError('not a range of UIDs');
        return { modseq, wallMs, first, last };
      });
      return { ...counters, ranges };
    },
  },
  'account-stated': {
    type: 32,
    write: (e, c) =>
      e.uint(c.modseq).uint(c.nextMailbox).uint(c.lastUidValidity).uint(c.nextBlob).uint(c.lostMessages),
    read: (d) => ({
      modseq: d.uint(),
      nextMailbox: d.uint(),
      lastUidValidity: d.uint(),
      nextBlob: d.uint(),
      lostMessages: d.uint(),
    }),
  },
  'messages-staged': {
    type: 33,
    write: (e, c) =>
      e
        .uint(c.staging)
        .uint(c.position)
        .list(c.flagSets, writeFlagSet)
        .list(c.messages, ({ blob, dateMs, flags }) => e.uint(blob).uint(zigzag(dateMs)).uint(flags)),
    read: (d) => {
      const staging = d.uint();
      const position = d.uint();
      const flagSets = d.list(readFlagSet);
      const messages = d.list(() => {
        const message = { blob: d.uint(), dateMs: unzigzag(d.uint()), flags: d.uint() };
        if (message.flags >= flagSets.length) throw new DecodeError('not a message');
        return message;
      });
      if (position + messages.length > UID_MAX) throw new DecodeError('more messages than UIDs');
      return { staging, position, flagSets, messages };
    },
  },
  'staged-added': {
    type: 34,
    write: (e, c) => e.uint(c.staging).uint(c.mailbox).uint(c.first).uint(c.count),
    read: (d) => {
      const change = { staging: d.uint(), mailbox: d.uint(), first: uid(d), count: d.uint() };
      if (change.first + change.count - 1 > UID_MAX) throw new DecodeError('more messages than UIDs');
      return change;
    },
  },
  'staging-dropped': {
    type: 35,
    write: (e, c) => e.uint(c.staging),
    read: (d) => ({ staging: d.uint() }),
  },
};

const KINDS: ReadonlyMap<number, Kind> = new Map(
  (Object.keys(CODECS) as Kind[]).map((kind) => [CODECS[kind].type, kind]),
);

/** All that `decode` knows; given to the log, which refuses an object with others that are not skippable. */
export const KNOWN_TYPES: ReadonlySet<number> = new Set(KINDS.keys());

/** The type of a content's record, for copying one as it is. */
export const BLOB_TYPE = CODECS.blob.type;

export function encode(change: Change): { readonly type: number; readonly payload: readonly Buffer[] } {
  const encoder = new Encoder();
  const codec = CODECS[change.kind] as Codec<Change>;
  codec.write(encoder, change);
  const fields = encoder.done();
  return { type: codec.type, payload: change.kind === 'blob' ? [fields, change.content] : [fields] };
}

/**
 * Throws DecodeError when the payload does not hold what its type says. What is kept of the payload is copied, but for
 * the content of a blob, which is a view.
 */
export function decode(type: number, payload: Buffer): Change {
  const kind = KINDS.get(type);
  if (kind === undefined) throw new DecodeError(`no account record of type ${type}`);
  const codec = CODECS[kind] as Codec<Change>;
  return { kind, ...codec.read(new Decoder(payload), payload) } as Change;
}

/** One of a list in which UIDs ascend. */
function writeMessage(encoder: Encoder, message: AddedMessage, uidBefore: number): Encoder {
  const { uid, blob, dateMs, flags } = message;
  return encoder
    .uint(uid - uidBefore)
    .uint(blob)
    .uint(zigzag(dateMs))
    .uint(flags);
}

function readMessage(
  decoder: Decoder,
  uidBefore: number,
  uidMax: number,
  flagSets: readonly FlagSet[],
): AddedMessage {
  const gap = decoder.uint();
  const message = {
    uid: uidBefore + gap,
    blob: decoder.uint(),
    dateMs: unzigzag(decoder.uint()),
    flags: decoder.uint(),
  };
  if (gap === 0 || message.uid > uidMax || message.flags >= flagSets.length)
    throw new DecodeError('not a message');
  return message;
}

function writeFlagSet(flagSet: FlagSet, encoder: Encoder): void {
  encoder.uint(flagSet.bits).list(flagSet.keywords, (keyword) => encoder.text(keyword));
}

function readFlagSet(decoder: Decoder): FlagSet {
  // Bits that a later version gives a meaning are not ours to show.
  const bits = decoder.uint() % (SYSTEM_BITS + 1);
  return { bits, keywords: decoder.list(() => decoder.text()) };
}

function writeTransaction(encoder: Encoder, transaction: TransactionId): Encoder {
  return encoder.text(transaction.incarnation).uint(transaction.number).uint(transaction.lowestOpen);
}

function readTransaction(decoder: Decoder): TransactionId {
  return {
    incarnation: decoder.text() as Incarnation,
    number: decoder.uint(),
    lowestOpen: decoder.uint(),
  };
}

function uid(decoder: Decoder): number {
  const value = decoder.uint();
  if (value < 1 || value > UID_MAX) throw new DecodeError('not a non-zero 32-bit number');
  return value;
}

/** One above the largest UID there can be, when all are used. */
function uidNext(decoder: Decoder): number {
  const value = decoder.uint();
  if (value < 1 || value > UID_MAX + 1) throw new DecodeError('not the next UID');
  return value;
}

/** Dates before 1970 are negative: sign into the lowest bit. Without bit operators, which end at 32 bits. */
function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function unzigzag(value: number): number {
  const date = value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  if (Math.abs(date) > DATE_MS_MAX) throw new DecodeError('date out of range');
  return date;
}

/** A payload's buffer is the reader's and large; what stays in the state must not hold it. */
function copyOf(view: Buffer): Buffer {
  return Buffer.from(view);
}
