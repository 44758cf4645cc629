/** CREATE (RFC 3501 section 6.3.3), with USE (RFC 6154 section 3). */
import { knownSpecialUse } from '../../store/account/special-uses.ts';
import { type Reader, SyntaxProblem } from '../codec/reader.ts';
import { NO, OK } from './outcome.ts';
import { type CommandSpec, LOGGED_IN } from './types.ts';

export interface CreateCommand {
  readonly name: 'CREATE';
  readonly mailbox: string;
  /** RFC 6154, spelled as there. */
  readonly specialUse: readonly string[];
}

export const create: CommandSpec<CreateCommand> = {
  name: 'CREATE',
  phases: LOGGED_IN,
  capabilities: { afterLogin: ['CREATE-SPECIAL-USE'] },
  repeat: 'transaction',
  tells: 'all',

  /** create = "CREATE" SP mailbox [create-params] */
  parse(reader) {
    reader.space();
    const mailbox = reader.mailbox();
    const specialUse = new Set<string>();
    if (reader.acceptSpaceBeforeMore())
      reader.list(() => {
        if (reader.keyword('expected a parameter') !== 'USE') throw new SyntaxProblem('unknown parameter');
        reader.space();
        reader.list(() => specialUse.add(readSpecialUse(reader)));
      });
    return { name: 'CREATE', mailbox, specialUse: [...specialUse] };
  },

  async run(session, command) {
    if (command.specialUse.length > 1) return NO('one special use for one mailbox', '[USEATTR]'); // RFC 6154 section 3
    const [specialUse] = command.specialUse;
    // RFC 3501 section 6.3.3: a separator at the end only says that names below it are meant.
    const name = command.mailbox.replace(/\/$/, '');
    const options = {
      ...(specialUse && { specialUse }),
      ...(session.transaction && { transaction: session.transaction }),
    };
    const mailbox = await session.account.createMailbox(name, options);
    return OK('created', `[MAILBOXID (F${mailbox.id})]`); // RFC 8474 section 4.1
  },
};

function readSpecialUse(reader: Reader): string {
  reader.expect('\\');
  const use = knownSpecialUse(`\\${reader.atom('expected a special use')}`);
  // RFC 6154 section 3: an attribute that cannot be set is refused with USEATTR.
  if (use === undefined) throw new SyntaxProblem('no such special use', 'NO', '[USEATTR] ');
  return use;
}
