/** CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 sections 6.3.4 to 6.3.8). */
import { canonicalName } from './names.ts';
import { type CommandOf, NO, OK, type Rule } from './outcome.ts';

export const create: Rule<CommandOf<'CREATE'>> = {
  tells: 'all',
  async run(session, command) {
    if (command.specialUse.length > 1) return NO('one special use for one mailbox', '[USEATTR]'); // RFC 6154 section 3
    const [specialUse] = command.specialUse;
    // RFC 9051 section 6.3.4: a separator at the end only says that names below it are meant.
    const name = canonicalName(command.mailbox.replace(/\/$/, ''));
    const options = {
      ...(specialUse && { specialUse }),
      ...(session.transaction && { transaction: session.transaction }),
    };
    const mailbox = await session.account.createMailbox(name, options);
    return OK('created', `[MAILBOXID (F${mailbox.id})]`); // RFC 8474 section 4.1
  },
};

export const remove: Rule<CommandOf<'DELETE'>> = {
  tells: 'all',
  async run(session, command) {
    await session.account.deleteMailbox(command.mailbox, session.transaction);
    return OK('deleted');
  },
};

export const rename: Rule<CommandOf<'RENAME'>> = {
  tells: 'all',
  async run(session, command) {
    await session.account.renameMailbox(
      command.from,
      canonicalName(command.to.replace(/\/$/, '')),
      session.transaction,
    );
    return OK('renamed');
  },
};

export const subscribe: Rule<CommandOf<'SUBSCRIBE' | 'UNSUBSCRIBE'>> = {
  tells: 'all',
  async run(session, command) {
    await session.account.setSubscribed(command.mailbox, command.name === 'SUBSCRIBE', session.transaction);
    return OK();
  },
};
