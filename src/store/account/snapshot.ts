/**
 * The account's state as columns, for a snapshot of its log (docs/storage-account.md, snapshot): the small parts as
 * fields, messages, blobs and expunges as the arrays that they are in memory, so that a hundred thousand of them are read
 * as fast as they are copied. Derived: what cannot be read is none, and the log is replayed.
 */
import { DecodeError, Decoder, Encoder } from '../../lib/encoder.ts';
import type { Incarnation } from '../ids.ts';
import type { LogMaintenance } from '../log/types.ts';
import type { BlobArrays } from './blobs.ts';
import type { Column } from './grow.ts';
import { ADOPTED_NUMBER_MAX } from './keywords.ts';
import { MailboxState } from './mailbox-state.ts';
import { type AccountState, emptyState, propertyOctets } from './state.ts';

/** Another number for another meaning; a snapshot of any other version is passed over. */
const VERSION = 1;
/** Written as this machine orders octets: arrays of another order are not read. */
const BYTE_ORDER = 0x01020304;
/** Above this many names, properties, transactions and keyword sets there is no snapshot: they are fields, not arrays. */
const ENTRIES_MAX = 20_000;
const FRAME_OCTETS = 12;

/** Undefined when the state has too many small parts, or nothing of it is in the log yet. */
export function encodeState(
  state: AccountState,
  log: Pick<LogMaintenance, 'files' | 'currentPlace'>,
): Buffer | undefined {
  // A copy that somebody began may still be ended by a record that is not here yet.
  if (!state.initialLogged || state.stagings.size > 0 || entriesOf(state) > ENTRIES_MAX) return undefined;
  state.remains.release(state.blobs);
  const blobs = state.blobs.copy();
  moveToCurrent(blobs, log);
  const columns: Column[] = Object.values(blobs);
  const fields = new Encoder()
    .uint(state.modseq)
    .uint(state.nextMailbox)
    .uint(state.lastUidValidity)
    .uint(state.lostMessages)
    .uint(state.blobs.nextId)
    .uint(blobs.id.length)
    .list([...state.mailboxes.values()], (mailbox, e) => {
      const rows = mailbox.rows.copy();
      const expunged = mailbox.expunged.copy();
      columns.push(...Object.values(rows), ...Object.values(expunged));
      writeMailbox(e, mailbox, rows.uid.length, expunged.first.length);
    })
    .list([...state.subscriptions], (name, e) => e.text(name))
    .list([...state.properties], ([key, value], e) => e.text(key).bytes(value))
    .list(state.transactions.entries(), ({ incarnation, lowestOpen, outcomes }, e) =>
      e
        .text(incarnation)
        .uint(lowestOpen)
        .list(outcomes, ([number, outcome]) => {
          e.uint(number).bool(outcome !== 'refused');
          if (outcome !== 'refused') e.bytes(outcome);
        }),
    )
    .done();
  const frame = Buffer.alloc(FRAME_OCTETS);
  frame.writeUInt32LE(VERSION, 0);
  frame.set(new Uint8Array(Uint32Array.of(BYTE_ORDER).buffer), 4);
  frame.writeUInt32LE(fields.length, 8);
  return Buffer.concat([
    frame,
    fields,
    ...columns.map((column) => Buffer.from(column.buffer, column.byteOffset, column.byteLength)),
  ]);
}

/** Undefined for content that this version did not write. */
export function decodeState(content: Buffer): AccountState | undefined {
  if (content.length < FRAME_OCTETS || content.readUInt32LE(0) !== VERSION) return undefined;
  const order = content.subarray(4, 8);
  if (!order.equals(new Uint8Array(Uint32Array.of(BYTE_ORDER).buffer))) return undefined;
  const fieldsEnd = FRAME_OCTETS + content.readUInt32LE(8);
  try {
    const state = emptyState();
    const columns = new ColumnReader(content, fieldsEnd);
    readState(state, new Decoder(content.subarray(FRAME_OCTETS, fieldsEnd)), columns);
    return columns.atEnd ? state : undefined;
  } catch (error) {
    // RangeError: columns or keyword sets that contradict each other.
    if (error instanceof DecodeError || error instanceof RangeError) return undefined;
    throw error;
  }
}

function readState(state: AccountState, decoder: Decoder, columns: ColumnReader): void {
  state.begun = true;
  state.initialLogged = true;
  state.modseq = decoder.uint();
  state.nextMailbox = decoder.uint();
  state.lastUidValidity = decoder.uint();
  state.lostMessages = decoder.uint();
  const nextBlob = decoder.uint();
  const count = decoder.uint();
  const id = columns.float64(count);
  const offset = columns.float64(count);
  const file = columns.uint32(count);
  const recordOctets = columns.uint32(count);
  const octets = columns.uint32(count);
  const references = columns.int32(count);
  state.blobs.adopt({ id, offset, file, recordOctets, octets, references }, nextBlob);
  for (const mailbox of decoder.list((each) => readMailbox(each, columns))) {
    if (state.mailboxes.has(mailbox.id) || state.byName.has(mailbox.name))
      throw new DecodeError('a mailbox is there twice');
    state.mailboxes.set(mailbox.id, mailbox);
    state.byName.set(mailbox.name, mailbox);
  }
  for (const name of decoder.list((each) => each.text())) state.subscriptions.add(name);
  for (const [key, value] of decoder.list((each) => [each.text(), Buffer.from(each.bytes())] as const)) {
    state.properties.set(key, value);
    state.propertyOctets += propertyOctets(key, value);
  }
  decoder.list((each) => {
    const incarnation = each.text() as Incarnation;
    const lowestOpen = each.uint();
    each.list(() => {
      const transaction = { incarnation, number: each.uint(), lowestOpen };
      state.transactions.remember(transaction, each.bool() ? Buffer.from(each.bytes()) : 'refused');
    });
  });
  if (!decoder.atEnd) throw new DecodeError('more than a state');
}

function writeMailbox(encoder: Encoder, mailbox: MailboxState, rows: number, expunged: number): void {
  encoder
    .uint(mailbox.id)
    .text(mailbox.name)
    .uint(mailbox.uidValidity)
    .text(mailbox.specialUse ?? '')
    .bool(mailbox.selectable)
    .uint(mailbox.uidNext)
    .uint(mailbox.highestModseq)
    .uint(mailbox.unseen)
    .uint(mailbox.deleted)
    .uint(mailbox.octets)
    .list(mailbox.keywords.entries(), ([number, names, messages], e) =>
      e
        .uint(number)
        .list(names, (name) => e.text(name))
        .uint(messages),
    )
    .uint(rows)
    .uint(mailbox.expunged.forgotten)
    .uint(expunged);
}

function readMailbox(decoder: Decoder, columns: ColumnReader): MailboxState {
  const id = decoder.uint();
  const name = decoder.text();
  const uidValidity = decoder.uint();
  const specialUse = decoder.text() || undefined;
  const selectable = decoder.bool();
  const uidNext = decoder.uint();
  const mailbox = new MailboxState({ id, name, uidValidity, specialUse, modseq: decoder.uint() });
  mailbox.selectable = selectable;
  mailbox.uidNext = uidNext;
  mailbox.unseen = decoder.uint();
  mailbox.deleted = decoder.uint();
  mailbox.octets = decoder.uint();
  decoder.list((each) =>
    mailbox.keywords.adopt(
      each.uint(),
      each.list(() => each.text()),
      each.uint(),
    ),
  );
  const rows = decoder.uint();
  mailbox.rows.adopt({
    uid: columns.uint32(rows),
    word: columns.uint32(rows),
    modseq: columns.float64(rows),
    blob: columns.float64(rows),
    dateMs: columns.float64(rows),
  });
  const forgotten = decoder.uint();
  const expunged = decoder.uint();
  mailbox.expunged.adopt(
    {
      modseq: columns.float64(expunged),
      wallMs: columns.float64(expunged),
      first: columns.uint32(expunged),
      last: columns.uint32(expunged),
    },
    forgotten,
  );
  return mailbox;
}

/** Reads one array after another; each is a copy of its own, as they will grow. */
class ColumnReader {
  readonly #content: Buffer;
  #at: number;

  constructor(content: Buffer, at: number) {
    this.#content = content;
    this.#at = at;
  }

  get atEnd(): boolean {
    return this.#at === this.#content.length;
  }

  uint32(count: number): Uint32Array<ArrayBuffer> {
    return new Uint32Array(this.#octets(count, 4));
  }

  int32(count: number): Int32Array<ArrayBuffer> {
    return new Int32Array(this.#octets(count, 4));
  }

  float64(count: number): Float64Array<ArrayBuffer> {
    return new Float64Array(this.#octets(count, 8));
  }

  #octets(count: number, each: number): ArrayBuffer {
    const octets = count * each;
    if (octets > this.#content.length - this.#at) throw new DecodeError('columns cut short');
    const copy = new Uint8Array(octets);
    copy.set(this.#content.subarray(this.#at, this.#at + octets));
    this.#at += octets;
    return copy.buffer;
  }
}

/** Places in a tail that was copied at the take, as they are in the copy: the old octets do not count. */
function moveToCurrent(
  { file, offset, recordOctets }: BlobArrays,
  log: Pick<LogMaintenance, 'files' | 'currentPlace'>,
): void {
  const counted = new Map(log.files.map((count) => [count.file, count.octets]));
  for (let index = 0; index < file.length; index++) {
    const place = {
      file: file[index] as number,
      offset: offset[index] as number,
      octets: recordOctets[index] as number,
    };
    if (place.offset + place.octets <= (counted.get(place.file) ?? 0)) continue;
    const current = log.currentPlace(place);
    file[index] = current.file;
    offset[index] = current.offset;
  }
}

function entriesOf(state: AccountState): number {
  let entries =
    state.mailboxes.size + state.subscriptions.size + state.properties.size + state.transactions.count;
  for (const { keywords } of state.mailboxes.values()) {
    const sets = keywords.entries();
    // Numbers ascend.
    if ((sets.at(-1)?.[0] ?? 0) > ADOPTED_NUMBER_MAX) return Number.POSITIVE_INFINITY;
    entries += sets.length + keywords.count;
  }
  return entries;
}
