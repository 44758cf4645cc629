/** LIST in the forms of RFC 9051 section 6.3.9 (RFC 5258, RFC 5819, RFC 6154), and LSUB of RFC 3501 section 6.3.9. */
import type { Reader } from '../reader.ts';
import { SyntaxProblem } from '../reader.ts';
import type { Command, ListReturnOption, ListSelectionOption, StatusItem } from '../types.ts';
import { LIST_RETURN_OPTIONS, LIST_SELECTION_OPTIONS } from '../types.ts';
import { statusItems } from './mailbox.ts';

/** Patterns of one LIST; each costs a walk over all mailboxes. */
const PATTERNS_MAX = 64;

/** list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts] */
export function parseList(reader: Reader): Command {
  reader.space();
  const selection = new Set<ListSelectionOption>();
  const extendedSelection = reader.isAt('(');
  if (extendedSelection) {
    reader.list(() => selection.add(option(reader, LIST_SELECTION_OPTIONS)));
    requireBaseOption(selection);
    reader.space();
  }
  const reference = reader.mailbox();
  reader.space();
  const extendedPatterns = reader.isAt('(');
  const patterns = extendedPatterns ? patternList(reader) : [reader.listMailbox()];
  const returns = new Set<ListReturnOption>();
  let status: readonly StatusItem[] = [];
  const extendedReturn = reader.acceptSpaceBeforeMore();
  if (extendedReturn) {
    if (reader.keyword('expected RETURN') !== 'RETURN') throw new SyntaxProblem('expected RETURN');
    reader.space();
    reader.list(() => {
      if (reader.acceptKeyword('STATUS')) {
        reader.space();
        status = statusItems(reader);
      } else returns.add(option(reader, LIST_RETURN_OPTIONS));
    });
  }
  const extended = extendedSelection || extendedPatterns || extendedReturn;
  return { name: 'LIST', reference, patterns, selection, returns, status, extended };
}

/** lsub = "LSUB" SP mailbox SP list-mailbox */
export function parseLsub(reader: Reader): Command {
  reader.space();
  const reference = reader.mailbox();
  reader.space();
  return { name: 'LSUB', reference, pattern: reader.listMailbox() };
}

function patternList(reader: Reader): readonly string[] {
  const patterns: string[] = [];
  reader.list(() => patterns.push(reader.listMailbox()));
  if (patterns.length === 0) throw new SyntaxProblem('expected a mailbox pattern');
  if (patterns.length > PATTERNS_MAX) throw new SyntaxProblem('too many patterns', 'NO', '[LIMIT] ');
  return patterns;
}

/** RFC 9051 section 6.3.9.1: RECURSIVEMATCH alone, or with nothing but REMOTE, is an error (list-select-base-opt). */
function requireBaseOption(selection: ReadonlySet<ListSelectionOption>): void {
  if (!selection.has('RECURSIVEMATCH')) return;
  if (selection.has('SUBSCRIBED') || selection.has('SPECIAL-USE')) return;
  throw new SyntaxProblem('RECURSIVEMATCH needs an option that selects');
}

function option<T extends string>(reader: Reader, known: readonly T[]): T {
  const word = reader.keyword('expected an option');
  const found = known.find((name) => name === word);
  // RFC 9051 section 6.3.9: an unknown option gets BAD.
  if (found === undefined) throw new SyntaxProblem('unknown option');
  return found;
}
