/** SUBSCRIBE and UNSUBSCRIBE (RFC 3501 sections 6.3.6 and 6.3.7). */
import { OK } from './outcome.ts';
import { type CommandSpec, LOGGED_IN } from './types.ts';

export interface SubscribeCommand {
  readonly name: 'SUBSCRIBE' | 'UNSUBSCRIBE';
  readonly mailbox: string;
}

export const subscribe = subscribing('SUBSCRIBE');
export const unsubscribe = subscribing('UNSUBSCRIBE');

function subscribing(name: SubscribeCommand['name']): CommandSpec<SubscribeCommand> {
  return {
    name,
    phases: LOGGED_IN,
    repeat: 'transaction',
    tells: 'all',

    /** "SUBSCRIBE" SP mailbox; UNSUBSCRIBE alike */
    parse(reader) {
      reader.space();
      return { name, mailbox: reader.mailbox() };
    },

    async run(session, { mailbox }) {
      await session.account.setSubscribed(mailbox, name === 'SUBSCRIBE', session.transaction);
      return OK();
    },
  };
}
