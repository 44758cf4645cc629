/** SEARCH and UID SEARCH (RFC 9051 section 6.4.4), with ESEARCH (RFC 4731) and the saved result (RFC 5182). */
import { formatNumbers } from '../codec/sequenceSet.ts';
import type { SearchCommand, SearchReturnOption } from '../codec/types.ts';
import { search as evaluate } from '../session/search.ts';
import type { Session } from '../session/session.ts';
import { Slices } from '../session/slices.ts';
import { OK, type Rule } from './outcome.ts';

export const search: Rule<SearchCommand> = {
  selected: true,
  tells: 'no-expunge',
  async run(session, command) {
    const { selected, mailbox } = session.mailbox();
    const { account, clock } = session;
    const found = await evaluate(command.key, {
      mailbox,
      view: selected.view,
      saved: selected.savedSearch,
      nowMs: clock.wallMs(),
      read: (message, from, octets) => account.read(message, from, octets),
      slices: new Slices(clock, account.gone),
    });
    if (found.modseq !== undefined) session.enabled.add('CONDSTORE'); // RFC 7162 section 3.1.5
    const numbers = command.uid ? found.uids : found.sequences;
    const modseq = found.modseq === undefined ? '' : ` (MODSEQ ${found.modseq})`;
    if (command.returns === undefined) {
      session.output.line(['* SEARCH', ...numbers].join(' ') + modseq);
      return OK();
    }
    if (command.returns.has('SAVE')) selected.savedSearch = saved(command.returns, found.uids);
    if (command.returns.size > 1 || !command.returns.has('SAVE'))
      tell(session, command, command.returns, numbers, found.modseq);
    return OK();
  },
};

/** RFC 5182 section 2.4: with MIN or MAX and neither ALL nor COUNT, only these are saved. */
function saved<T>(returns: ReadonlySet<SearchReturnOption>, uids: readonly T[]): readonly T[] {
  if (returns.has('ALL') || returns.has('COUNT')) return uids;
  const ends = [
    ...(returns.has('MIN') ? uids.slice(0, 1) : []),
    ...(returns.has('MAX') ? uids.slice(-1) : []),
  ];
  return returns.has('MIN') || returns.has('MAX') ? [...new Set(ends)] : uids;
}

/** RFC 4731 section 3.1: the tag comes from the command itself, as it correlates an untagged response. */
function tell(
  session: Session,
  command: SearchCommand,
  returns: ReadonlySet<SearchReturnOption>,
  numbers: readonly number[],
  modseq: number | undefined,
): void {
  const parts = [`* ESEARCH (TAG "${session.tag.replace(/["\\]/g, '\\$&')}")`];
  if (command.uid) parts.push('UID');
  if (numbers.length > 0) {
    if (returns.has('MIN')) parts.push(`MIN ${numbers[0]}`);
    if (returns.has('MAX')) parts.push(`MAX ${numbers.at(-1)}`);
    if (returns.has('ALL')) parts.push(`ALL ${formatNumbers(numbers)}`);
  }
  if (returns.has('COUNT')) parts.push(`COUNT ${numbers.length}`);
  if (modseq !== undefined) parts.push(`MODSEQ ${modseq}`);
  session.output.line(parts.join(' '));
}
