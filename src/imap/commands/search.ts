/** SEARCH and UID SEARCH (RFC 3501 section 6.4.4), with ESEARCH (RFC 4731) and the saved result (RFC 5182). */
import { RangeBuilder, type UidRanges } from '../../store/account/ranges.ts';
import type { Uid } from '../../store/account/types.ts';
import { type Reader, SyntaxProblem } from '../codec/reader.ts';
import { formatNumbers } from '../codec/sequenceSet.ts';
import { search as evaluate, type SearchResult } from '../search/evaluate.ts';
import { searchKeys } from '../search/parse.ts';
import { type SearchKey, usesModseq } from '../search/table.ts';
import type { Session } from '../session/session.ts';
import { NO, OK } from './outcome.ts';
import { type CommandSpec, SELECTED } from './types.ts';

/** RFC 9051 section 6.4.4, result options; SAVE is `$` of section 6.4.4.1. */
export const SEARCH_RETURN_OPTIONS = ['MIN', 'MAX', 'ALL', 'COUNT', 'SAVE'] as const;
export type SearchReturnOption = (typeof SEARCH_RETURN_OPTIONS)[number];

export interface SearchCommand {
  readonly name: 'SEARCH';
  readonly uid: boolean;
  /** Undefined without RETURN: answer with SEARCH, or ESEARCH after ENABLE IMAP4rev2. `RETURN ()` is {ALL}. */
  readonly returns: ReadonlySet<SearchReturnOption> | undefined;
  readonly key: SearchKey;
}

/** RFC 9051 section 6.4.4: US-ASCII and UTF-8 must be known; both are UTF-8 to us. */
const CHARSETS: readonly string[] = ['US-ASCII', 'ASCII', 'UTF-8', 'UTF8'];

/** Runs of neighbours in a saved result, which frontend and owner keep: 300 KiB at most. */
const SAVED_RANGES_MAX = 50_000;

export const search: CommandSpec<SearchCommand> = {
  name: 'SEARCH',
  phases: SELECTED,
  hasUidForm: true,
  capabilities: { afterLogin: ['ESEARCH', 'SEARCHRES'] },
  repeat: 'safe',
  tells: 'no-expunge',

  /** search = "SEARCH" [search-return-opts] SP search-program */
  parse(reader, uid) {
    reader.space();
    let returns: ReadonlySet<SearchReturnOption> | undefined;
    if (reader.acceptKeyword('RETURN')) {
      reader.space();
      returns = returnOptions(reader);
      reader.space();
    }
    if (reader.acceptKeyword('CHARSET')) {
      reader.space();
      // RFC 9051 section 6.4.4: NO, with the charsets that are known.
      if (!CHARSETS.includes(reader.astring().toString('latin1').toUpperCase()))
        throw new SyntaxProblem('charset not supported', 'NO', '[BADCHARSET (US-ASCII UTF-8)] ');
      reader.space();
    }
    return { name: 'SEARCH', uid, returns, key: searchKeys(reader) };
  },

  async run(session, command) {
    const { selected, mailbox } = session.mailbox();
    const { account, clock } = session;
    if (usesModseq(command.key)) session.enableCondstore(); // RFC 7162 section 3.1.5
    const found = await evaluate(command.key, {
      mailbox,
      view: selected.view,
      isRecent: (uid) => selected.recent.has(uid),
      saved: selected.savedSearch,
      nowMs: clock.wallMs(),
      read: (message, from, octets) => account.read(message, from, octets),
      slices: session.slices(),
    });
    if (command.returns === undefined) {
      await tellNumbers(session, command.uid ? found.uids : found.sequences, found.modseq);
      return OK();
    }
    if (command.returns.has('SAVE')) {
      selected.savedSearch = rangesOfAscending(endsOnly(command.returns, found.uids));
      if (selected.savedSearch.length > SAVED_RANGES_MAX) {
        selected.savedSearch = [];
        return NO('too many messages to remember', '[NOTSAVED]'); // RFC 5182 section 2.1
      }
    }
    if (command.returns.size > 1 || !command.returns.has('SAVE'))
      tell(session, command, command.returns, found);
    return OK();
  },
};

/** `RETURN ()` means ALL (RFC 9051 section 6.4.4). */
function returnOptions(reader: Reader): Set<SearchReturnOption> {
  const options = new Set<SearchReturnOption>();
  reader.list(() => {
    const word = reader.keyword('expected a result option');
    const option = SEARCH_RETURN_OPTIONS.find((known) => known === word);
    if (option === undefined) throw new SyntaxProblem('unknown result option');
    options.add(option);
  });
  return options.size === 0 ? new Set(['ALL']) : options;
}

/** RFC 5182 section 2.4, RFC 4731 section 3.2: with MIN or MAX and neither ALL nor COUNT, only these count. */
function endsOnly(returns: ReadonlySet<SearchReturnOption>, uids: readonly Uid[]): readonly Uid[] {
  if (returns.has('ALL') || returns.has('COUNT')) return uids;
  const ends = [
    ...(returns.has('MIN') ? uids.slice(0, 1) : []),
    ...(returns.has('MAX') ? uids.slice(-1) : []),
  ];
  return returns.has('MIN') || returns.has('MAX') ? [...new Set(ends)] : uids;
}

function rangesOfAscending(uids: readonly Uid[]): UidRanges {
  const builder = new RangeBuilder();
  for (const uid of uids) builder.add(uid);
  return builder.ranges;
}

/** Numbers of a SEARCH response between two looks at the clock. */
const NUMBERS_AT_ONCE = 8192;

/** `* SEARCH 1 2 3` with any number of numbers, which is one line; the modseq is RFC 7162 section 3.1.5. */
async function tellNumbers(
  session: Session,
  numbers: readonly number[],
  modseq: number | undefined,
): Promise<void> {
  const { output } = session;
  const slices = session.slices();
  output.bytes(Buffer.from('* SEARCH'));
  for (let from = 0; from < numbers.length; from += NUMBERS_AT_ONCE) {
    if (slices.due) await slices.rest();
    output.bytes(Buffer.from(` ${numbers.slice(from, from + NUMBERS_AT_ONCE).join(' ')}`));
  }
  output.line(modseq === undefined ? '' : ` (MODSEQ ${modseq})`);
}

/** RFC 4731 section 3.1: the tag comes from the command itself, as it correlates an untagged response. */
function tell(
  session: Session,
  command: SearchCommand,
  returns: ReadonlySet<SearchReturnOption>,
  found: SearchResult,
): void {
  const numbers = command.uid ? found.uids : found.sequences;
  const parts = [`* ESEARCH (TAG "${session.tag.replace(/["\\]/g, '\\$&')}")`];
  if (command.uid) parts.push('UID');
  if (numbers.length > 0) {
    if (returns.has('MIN')) parts.push(`MIN ${numbers[0]}`);
    if (returns.has('MAX')) parts.push(`MAX ${numbers.at(-1)}`);
    if (returns.has('ALL')) parts.push(`ALL ${formatNumbers(numbers)}`);
  }
  if (returns.has('COUNT')) parts.push(`COUNT ${numbers.length}`);
  const modseq = modseqOf(session, endsOnly(returns, found.uids), found);
  if (modseq !== undefined) parts.push(`MODSEQ ${modseq}`);
  session.output.line(parts.join(' '));
}

/** The highest modseq of the messages that the answer names. */
function modseqOf(session: Session, named: readonly Uid[], found: SearchResult): number | undefined {
  if (found.modseq === undefined || named.length === found.uids.length) return found.modseq;
  const { mailbox } = session.mailbox();
  const modseqs = named.flatMap((uid) => {
    const index = mailbox.indexOf(uid);
    return index < 0 ? [] : [mailbox.at(index).modseq];
  });
  return modseqs.length === 0 ? undefined : Math.max(...modseqs);
}
