/**
 * Evaluates SEARCH keys over the messages that the client knows (RFC 9051 section 6.4.4). Rests between slices, so a
 * search over any number of messages does not hold the event loop.
 */
import { MessageContent } from '../../message/content.ts';
import { MessageText } from '../../message/text.ts';
import type { Uid } from '../../store/account/types.ts';
import type { SearchScope, Test } from './key.ts';
import { keysWithin, type SearchKey, searchKeySpec, usesModseq } from './table.ts';

export interface SearchResult {
  /** Ascending, same length as `uids`. */
  readonly sequences: readonly number[];
  readonly uids: readonly Uid[];
  /** The highest modseq among the found when a MODSEQ key was used (RFC 7162 section 3.1.5). */
  readonly modseq: number | undefined;
}

/** Messages between two looks at the clock. */
const STRIDE = 64;

/** Runs a search. Rejects with what `read` rejects with; a message that went away meanwhile is passed over. */
export async function search(key: SearchKey, scope: SearchScope): Promise<SearchResult> {
  const { mailbox, view, slices } = scope;
  const test = compile(key, scope);
  const needles = [...needlesOf(key)];
  const sequences: number[] = [];
  const uids: Uid[] = [];
  let highest = 0;
  for (let sequence = 1; sequence <= view.exists; sequence++) {
    if (sequence % STRIDE === 0 && slices.due) await slices.rest();
    const uid = view.uidAt(sequence);
    const index = mailbox.indexOf(uid);
    if (index < 0) continue;
    const message = mailbox.at(index);
    const { modseq, size } = message;
    const verdict =
      test.quick(message, sequence) ?? (await inContent(test, uid, size, sequence, needles, scope));
    if (!verdict) continue;
    sequences.push(sequence);
    uids.push(uid);
    highest = Math.max(highest, modseq);
  }
  const modseq = uids.length > 0 && usesModseq(key) ? highest : undefined;
  return { sequences, uids, modseq };
}

async function inContent(
  test: Test,
  uid: Uid,
  size: number,
  sequence: number,
  needles: readonly string[],
  scope: SearchScope,
): Promise<boolean> {
  if (scope.slices.due) await scope.slices.rest();
  const { mailbox } = scope;
  let isGone = false;
  const row = () => {
    const index = mailbox.indexOf(uid);
    if (index < 0) isGone = true;
    return index < 0 ? undefined : mailbox.at(index);
  };
  const read = async (from: number, octets: number) => {
    const message = row();
    // Nothing more to read: what is left of the look goes on with nothing, and is not counted.
    return message === undefined ? Buffer.alloc(0) : await scope.read(message, from, octets);
  };
  const text = new MessageText(new MessageContent(size, read, scope.slices), needles, scope.slices);
  const verdict = await test.full({ text, sequence, row });
  return verdict && !isGone;
}

function compile(key: SearchKey, scope: SearchScope): Test {
  return searchKeySpec(key).test(key, scope, (inner) => compile(inner, scope));
}

/** Every text that is looked for in bodies, by casemap. */
function needlesOf(key: SearchKey): ReadonlySet<string> {
  const needles = keysWithin(key).map((one) => searchKeySpec(one).needle?.(one) ?? '');
  return new Set(needles.filter((needle) => needle !== ''));
}
