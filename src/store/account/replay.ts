/** One record of the log as a change of the state. */
import { Failure } from '../../lib/failure.ts';
import type { LogRecord } from '../log/types.ts';
import type { Change } from './changes.ts';
import { decode } from './records.ts';
import { type AccountState, apply } from './state.ts';

/** Failure 'damaged' when it is whole and makes no sense all the same. */
export function replay(state: AccountState, record: LogRecord): Change {
  try {
    const change = decode(record.type, record.payload);
    apply(state, change, record);
    // Nobody waits for a turn here but the reader, which rests between two pieces.
    state.remains.release(state.blobs);
    return change;
  } catch (cause) {
    const { file, offset } = record.place;
    throw new Failure('damaged', `account record in file ${file} at ${offset} makes no sense`, { cause });
  }
}
