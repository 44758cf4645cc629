/** Keys that look at numbers: sizes, modseqs, ids, and sets of messages (RFC 9051 section 6.4.4). */
import { holdsUid } from '../../store/account/ranges.ts';
import { type Reader, SyntaxProblem } from '../codec/reader.ts';
import { holds, normalRanges } from '../codec/sequenceSet.ts';
import type { SequenceSet } from '../codec/types.ts';
import { quick, type SearchKeySpec, type SearchScope, type Test } from './key.ts';

export const larger = sizeKey('LARGER', (size, octets) => size > octets);
export const smaller = sizeKey('SMALLER', (size, octets) => size < octets);

/** RFC 7162 section 3.1.5; entry name and type are accepted and, as one modseq covers all flags, not kept. */
export const modseq: SearchKeySpec<{ readonly kind: 'MODSEQ'; readonly modseq: number }> = {
  kind: 'MODSEQ',
  enablesCondstore: true,
  parse({ reader }) {
    if (reader.isAt('"')) passEntry(reader);
    return { kind: 'MODSEQ', modseq: reader.number64() };
  },
  test: (key) => quick((message) => message.modseq >= key.modseq),
};

/** RFC 8474 section 6. The server knows no threads, so no message has the id of one (section 5.2). */
export const emailid = idKey('EMAILID', (message, id) => message.emailId === id);
export const threadid = idKey('THREADID', () => false);

export const sequence: SearchKeySpec<{ readonly kind: 'SEQUENCE'; readonly set: SequenceSet }> = {
  kind: 'SEQUENCE',
  isWordless: true,
  test({ set }, scope) {
    if (set.kind === 'saved') return uidTest(set, scope);
    const ranges = normalRanges(set.ranges, scope.view.exists);
    return quick((_, number) => holds(ranges, number));
  },
};

export const uid: SearchKeySpec<{ readonly kind: 'UID'; readonly set: SequenceSet }> = {
  kind: 'UID',
  parse: ({ reader }) => ({ kind: 'UID', set: reader.sequenceSet() }),
  test: ({ set }, scope) => uidTest(set, scope),
};

function sizeKey<const K extends string>(
  kind: K,
  is: (size: number, octets: number) => boolean,
): SearchKeySpec<{ readonly kind: K; readonly octets: number }> {
  return {
    kind,
    parse: ({ reader }) => ({ kind, octets: reader.number64() }),
    test: ({ octets }) => quick(({ size }) => is(size, octets)),
  };
}

function idKey<const K extends string>(
  kind: K,
  is: (message: { readonly emailId: string }, id: string) => boolean,
): SearchKeySpec<{ readonly kind: K; readonly id: string }> {
  return {
    kind,
    parse: ({ reader }) => ({ kind, id: reader.atom('expected an object id') }),
    test: ({ id }) => quick((message) => is(message, id)),
  };
}

/** search-modseq-ext (RFC 7162 section 7): an entry name such as "/flags/\\draft" and a type. */
function passEntry(reader: Reader): void {
  if (!/^\/flags\/./i.test(reader.string().toString('latin1'))) throw new SyntaxProblem('unknown entry name');
  reader.space();
  const type = reader.keyword('expected an entry type');
  if (!['PRIV', 'SHARED', 'ALL'].includes(type)) throw new SyntaxProblem('unknown entry type');
  reader.space();
}

function uidTest(set: SequenceSet, { saved, view }: SearchScope): Test {
  // Ascending, so that each of many such keys costs nothing to make ready.
  if (set.kind === 'saved') return quick((message) => holdsUid(saved, message.uid));
  const ranges = normalRanges(set.ranges, view.exists === 0 ? 0 : view.uidAt(view.exists));
  return quick((message) => holds(ranges, message.uid));
}
