/**
 * Results of operations as octets: what the account remembers of a transaction and gives to a frontend that lost the
 * answer (`Account.outcome`). Part of the storage format: docs/storage-account.md.
 */
import { DecodeError, Decoder, Encoder } from '../../lib/encoder.ts';
import { Failure } from '../../lib/failure.ts';
import { checkRuns } from './copied.ts';
import { ACCOUNT_LIMITS } from './limits.ts';
import { countOf, decodeRanges, encodeRanges, type UidRanges } from './ranges.ts';
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
  expunge: UidRanges;
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
      encodeRanges(e, r.changed);
      encodeRanges(e, r.refused);
    },
    read: (d) => ({ changed: readUids(d), refused: readUids(d) }),
  },
  copy: copied(7),
  move: copied(8),
  expunge: {
    code: 9,
    write: encodeRanges,
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
function readUids(decoder: Decoder): UidRanges {
  const ranges = decodeRanges(decoder);
  if (countOf(ranges) > ACCOUNT_LIMITS.messagesPerMailboxMax)
    throw new DecodeError('more UIDs than messages');
  return ranges;
}

function copied(code: number): ResultCodec<Copied> {
  return {
    code,
    write: (e, { uidValidity, from, runs }) => {
      encodeRanges(e.uint(uidValidity).uint(runs[0]?.to ?? 0), from);
      // Only a move that took several commits has more, when something else came into the mailbox in between.
      if (runs.length > 1) e.list(runs.slice(1), ({ at, to }) => e.uint(at).uint(to));
    },
    read: (d) => {
      const uidValidity = d.uint();
      const to = d.uint();
      const from = readUids(d);
      const first = from.length === 0 ? [] : [{ at: 0, to }];
      const runs = d.atEnd ? first : first.concat(d.list(() => ({ at: d.uint(), to: d.uint() })));
      checkRuns(runs, countOf(from));
      return { uidValidity, from, runs };
    },
  };
}
