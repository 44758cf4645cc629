/** APPEND (RFC 9051 section 6.3.12) with APPENDUID (RFC 4315). */
import { type CommandOf, NO_TARGET, OK, type Rule } from './outcome.ts';

export const append: Rule<CommandOf<'APPEND'>> = {
  tells: 'all',
  async run(session, command) {
    const mailbox = session.account.mailbox(command.mailbox);
    if (mailbox === undefined || !mailbox.selectable) return NO_TARGET;
    const internalDateMs = command.internalDateMs ?? session.clock.wallMs();
    const message = { content: command.content, flags: command.flags, internalDateMs };
    const { uidValidity, uid } = await session.account.append(mailbox.id, message, session.transaction);
    return OK('appended', `[APPENDUID ${uidValidity} ${uid}]`);
  },
};
