/**
 * Results of operations as octets: what the account remembers of a transaction and gives to a frontend that lost the
 * answer (`Account.outcome`). Part of the storage format: docs/storage-account.md.
 */
import { DecodeError, Decoder, Encoder } from '../../lib/encoder.ts';
import { Failure } from '../../lib/failure.ts';
import { ACCOUNT_LIMITS } from './limits.ts';
import { decodeRanges, encodeRanges, rangesOf, type UidRanges, uidsOf } from './ranges.ts';
import type { Appended, Copied, FlagsStored, MailboxId, Uid } from './types.ts';

/** What each operation gives. */
export interface Results {
  createMailbox: MailboxId;
  deleteMailbox: void;
  renameMailbox: void;
  setSubscribed: void;
  append: Appended;
  storeFlags: FlagsStored;
  copy: Copied;
  move: Copied;
  expunge: readonly Uid[];
  setProperties: void;
}

export type Operation = keyof Results;

interface ResultCodec<T> {
  /** First octet of the result; never given another meaning. */
  readonly code: number;
  write(encoder: Encoder, result: T): unknown;
  read(decoder: Decoder): T;
}

const CODECS: { readonly [O in Operation]: ResultCodec<Results[O]> } = {
  createMailbox: { code: 1, write: (e, id) => e.uint(id), read: (d) => d.uint() as MailboxId },
  deleteMailbox: nothing(2),
  renameMailbox: nothing(3),
  setSubscribed: nothing(4),
  append: {
    code: 5,
    write: (e, r) => e.uint(r.uidValidity).uint(r.uid),
    read: (d) => ({ uidValidity: d.uint(), uid: d.uint() as Uid }),
  },
  storeFlags: {
    code: 6,
    write: (e, r) => {
      encodeRanges(e, rangesOf(r.changed));
      encodeRanges(e, rangesOf(r.refused));
    },
    read: (d) => ({ changed: readUids(d), refused: readUids(d) }),
  },
  copy: copied(7),
  move: copied(8),
  expunge: {
    code: 9,
    write: (e, uids) => encodeRanges(e, rangesOf(uids)),
    read: readUids,
  },
  setProperties: nothing(10),
};

export function encodeResult<O extends Operation>(operation: O, result: Results[O]): Buffer {
  const codec: ResultCodec<Results[O]> = CODECS[operation];
  const encoder = new Encoder().uint(codec.code);
  codec.write(encoder, result);
  return encoder.done();
}

/** Failure 'invalid' when the octets are the result of another operation: a transaction id was used twice. */
export function decodeResult<O extends Operation>(operation: O, octets: Buffer): Results[O] {
  const codec: ResultCodec<Results[O]> = CODECS[operation];
  try {
    const decoder = new Decoder(octets);
    if (decoder.uint() !== codec.code) throw new Failure('invalid', `transaction was not for ${operation}`);
    return codec.read(decoder);
  } catch (cause) {
    if (cause instanceof DecodeError) throw new Failure('invalid', 'not a result', { cause });
    throw cause;
  }
}

function nothing(code: number): ResultCodec<void> {
  return { code, write: () => undefined, read: () => undefined };
}

/** No operation is on more messages than a mailbox holds, whatever the octets claim. */
function readUids(decoder: Decoder): Uid[] {
  const ranges = decodeRanges(decoder);
  const count = ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  if (count > ACCOUNT_LIMITS.messagesPerMailboxMax) throw new DecodeError('more UIDs than messages');
  return uidsOf(ranges);
}

/** New UIDs that follow each other: of the messages from index `at` on, the first is `to`. */
export interface UidRun {
  readonly at: number;
  readonly to: number;
}

/** As `encodeResult` for what a large copy or move gathered on its way; `runs` has one entry at least. */
export function encodeCopied(
  operation: 'copy' | 'move',
  uidValidity: number,
  from: UidRanges,
  runs: readonly UidRun[],
): Buffer {
  const encoder = new Encoder().uint(CODECS[operation].code).uint(uidValidity);
  writeCopied(encoder, from, runs);
  return encoder.done();
}

function writeCopied(encoder: Encoder, from: UidRanges, runs: readonly UidRun[]): void {
  encodeRanges(encoder.uint(runs[0]?.to ?? 0), from);
  // Only a move that took several commits has more, when something else came into the mailbox in between.
  if (runs.length > 1) encoder.list(runs.slice(1), ({ at, to }) => encoder.uint(at).uint(to));
}

function copied(code: number): ResultCodec<Copied> {
  return {
    code,
    write: (e, r) => {
      const runs: UidRun[] = [];
      for (const [at, [, to]] of r.uids.entries())
        if (at === 0 || to !== (r.uids[at - 1]?.[1] ?? 0) + 1) runs.push({ at, to });
      writeCopied(e.uint(r.uidValidity), rangesOf(r.uids.map(([from]) => from)), runs);
    },
    read: (d) => {
      const uidValidity = d.uint();
      const runs: UidRun[] = [{ at: 0, to: d.uint() }];
      const from = readUids(d);
      if (!d.atEnd) runs.push(...d.list(() => ({ at: d.uint(), to: d.uint() })));
      let run = 0;
      const uids = from.map((uid, index) => {
        while ((runs[run + 1]?.at ?? Number.POSITIVE_INFINITY) <= index) run++;
        const { at, to } = runs[run] as UidRun;
        return [uid, (to + index - at) as Uid] as const;
      });
      return { uidValidity, uids };
    },
  };
}
