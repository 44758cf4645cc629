/** LIST (RFC 3501 section 6.3.8) in the forms of RFC 5258, with RFC 3348, RFC 6154 and RFC 5819. */

import type { Slices } from '../../platform/slices.ts';
import type { Mailbox } from '../../store/account/types.ts';
import { type Reader, SyntaxProblem } from '../codec/reader.ts';
import { compilePattern, parents } from '../session/pattern.ts';
import type { Session } from '../session/session.ts';
import { mailboxName } from './names.ts';
import { OK } from './outcome.ts';
import { type StatusItem, statusItems, statusLine } from './status-items.ts';
import { type CommandSpec, LOGGED_IN } from './types.ts';

/** RFC 9051 section 6.3.9.1, selection options; SPECIAL-USE of RFC 6154. */
export const LIST_SELECTION_OPTIONS = ['SUBSCRIBED', 'REMOTE', 'RECURSIVEMATCH', 'SPECIAL-USE'] as const;
export type ListSelectionOption = (typeof LIST_SELECTION_OPTIONS)[number];

/** RFC 9051 section 6.3.9.2, return options without arguments; SPECIAL-USE of RFC 6154. STATUS has items of its own. */
export const LIST_RETURN_OPTIONS = ['SUBSCRIBED', 'CHILDREN', 'SPECIAL-USE'] as const;
export type ListReturnOption = (typeof LIST_RETURN_OPTIONS)[number];

export interface ListCommand {
  readonly name: 'LIST';
  readonly reference: string;
  /** One or more; `*` and `%` are wildcards. */
  readonly patterns: readonly string[];
  readonly selection: ReadonlySet<ListSelectionOption>;
  readonly returns: ReadonlySet<ListReturnOption>;
  /** Items of `RETURN (STATUS (…))`, RFC 5819; empty without it. */
  readonly status: readonly StatusItem[];
  /** Any part of the extended syntax was used: an empty pattern then no longer asks for the separator alone. */
  readonly extended: boolean;
}

/** Patterns of one LIST; each costs a walk over all mailboxes. */
const PATTERNS_MAX = 64;

export const list: CommandSpec<ListCommand> = {
  name: 'LIST',
  phases: LOGGED_IN,
  capabilities: { afterLogin: ['CHILDREN', 'LIST-EXTENDED', 'LIST-STATUS', 'SPECIAL-USE'] },
  repeat: 'safe',
  tells: 'all',

  /** list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts] */
  parse(reader) {
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
  },

  async run(session, command) {
    // RFC 3501 section 6.3.8: an empty name asks for the separator and the root of the reference.
    if (!command.extended && command.patterns[0] === '') {
      session.output.line('* LIST (\\Noselect) "/" ""');
      return OK();
    }
    const patterns = command.patterns.map((pattern) => compilePattern(command.reference + pattern));
    const slices = session.slices();
    for (const entry of entries(session, command.selection.has('RECURSIVEMATCH'))) {
      if (slices.due) await slices.rest();
      if (!(await matchesSome(patterns, entry.name, slices))) continue;
      const answer = select(session, command, entry);
      if (answer === undefined) continue;
      session.output.line(
        `* LIST (${answer.attributes.join(' ')}) "/" ${mailboxName(session, entry.name)}${answer.extended}`,
      );
      if (command.status.length > 0 && entry.mailbox?.selectable)
        statusLine(session, entry.mailbox, command.status);
    }
    return OK();
  },
};

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

async function matchesSome(
  patterns: readonly ((name: string) => boolean)[],
  name: string,
  slices: Slices,
): Promise<boolean> {
  for (const matches of patterns) {
    if (slices.due) await slices.rest();
    if (matches(name)) return true;
  }
  return false;
}

/** A name that LIST may show: a mailbox, or a subscription to none (RFC 5258 section 3.4). */
interface Entry {
  readonly name: string;
  readonly mailbox: Mailbox | undefined;
  readonly subscribed: boolean;
  readonly hasChildren: boolean;
  readonly hasSubscribedChildren: boolean;
}

/** `withParents`: of subscribed names too, which RECURSIVEMATCH may show in their place (RFC 5258 section 3.5). */
function entries(session: Session, withParents: boolean): Entry[] {
  const { account } = session;
  const mailboxes = new Map(account.mailboxes().map((mailbox) => [mailbox.name, mailbox]));
  const subscribed = new Set(account.subscriptions());
  const withChildren = new Set([...mailboxes.keys()].flatMap(parents));
  const withSubscribedChildren = new Set([...subscribed].flatMap(parents));
  const more = withParents ? withSubscribedChildren : [];
  const names = [...new Set([...mailboxes.keys(), ...subscribed, ...more])].sort();
  return names.map((name) => ({
    name,
    mailbox: mailboxes.get(name),
    subscribed: subscribed.has(name),
    hasChildren: withChildren.has(name),
    hasSubscribedChildren: withSubscribedChildren.has(name),
  }));
}

function select(
  session: Session,
  command: ListCommand,
  entry: Entry,
): { attributes: string[]; extended: string } | undefined {
  const { selection } = command;
  const { mailbox } = entry;
  const returns = (option: ListReturnOption): boolean =>
    command.returns.has(option) || (!command.extended && option !== 'SUBSCRIBED');
  const bySubscription = selection.has('SUBSCRIBED');
  const childInfo = bySubscription && selection.has('RECURSIVEMATCH') && entry.hasSubscribedChildren;
  if (bySubscription ? !entry.subscribed && !childInfo : mailbox === undefined) return undefined;
  if (selection.has('SPECIAL-USE') && mailbox?.specialUse === undefined) return undefined;
  const attributes: string[] = [];
  if (mailbox === undefined) attributes.push('\\NonExistent');
  else if (!mailbox.selectable) attributes.push('\\Noselect');
  if (entry.subscribed && (bySubscription || returns('SUBSCRIBED'))) attributes.push('\\Subscribed');
  if (mailbox !== undefined && (returns('CHILDREN') || !command.extended))
    attributes.push(entry.hasChildren ? '\\HasChildren' : '\\HasNoChildren');
  if (mailbox?.specialUse !== undefined && (returns('SPECIAL-USE') || selection.has('SPECIAL-USE')))
    attributes.push(mailbox.specialUse);
  return { attributes, extended: childInfo ? ' ("CHILDINFO" ("SUBSCRIBED"))' : '' };
}
