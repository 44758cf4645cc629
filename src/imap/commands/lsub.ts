/** LSUB (RFC 3501 section 6.3.9). */
import { compilePattern, parents } from '../session/pattern.ts';
import { mailboxName } from './names.ts';
import { OK } from './outcome.ts';
import { type CommandSpec, LOGGED_IN } from './types.ts';

export interface LsubCommand {
  readonly name: 'LSUB';
  readonly reference: string;
  readonly pattern: string;
}

export const lsub: CommandSpec<LsubCommand> = {
  name: 'LSUB',
  phases: LOGGED_IN,
  repeat: 'safe',
  tells: 'all',

  /** lsub = "LSUB" SP mailbox SP list-mailbox */
  parse(reader) {
    reader.space();
    const reference = reader.mailbox();
    reader.space();
    return { name: 'LSUB', reference, pattern: reader.listMailbox() };
  },

  async run(session, command) {
    const pattern = command.reference + command.pattern;
    const matches = compilePattern(pattern);
    const shown = new Set<string>();
    const slices = session.slices();
    for (const name of session.account.subscriptions()) {
      if (slices.due) await slices.rest();
      if (matches(name)) shown.add(name);
      // RFC 3501 section 6.3.9: with %, a parent of a subscribed name is shown in its place, as \Noselect.
      else if (pattern.includes('%'))
        for (const parent of parents(name)) if (matches(parent)) shown.add(parent);
    }
    for (const name of [...shown].sort()) {
      const attributes = session.account.isSubscribed(name) ? '' : '\\Noselect';
      session.output.line(`* LSUB (${attributes}) "/" ${mailboxName(session, name)}`);
    }
    return OK();
  },
};
