/** LOGIN (RFC 3501 section 6.2.3). Passwords cross only where the door says so; else LOGINDISABLED was said. */
import { BEFORE_LOGIN, type CommandSpec } from './types.ts';

export interface LoginCommand {
  readonly name: 'LOGIN';
  readonly user: string;
  readonly password: string;
}

export const login: CommandSpec<LoginCommand> = {
  name: 'LOGIN',
  phases: BEFORE_LOGIN,
  capabilities: { beforeLogin: ({ passwordsAllowed }) => (passwordsAllowed ? [] : ['LOGINDISABLED']) },
  repeat: 'safe',

  /** login = "LOGIN" SP userid SP password */
  parse(reader) {
    reader.space();
    const user = reader.text(reader.astring());
    reader.space();
    return { name: 'LOGIN', user, password: reader.text(reader.astring()) };
  },

  async atDoor(door, tag, { user, password }) {
    if (!door.passwordsAllowed) {
      // RFC 5530: what would help.
      await door.line(`${tag} NO [PRIVACYREQUIRED] LOGIN needs TLS here`);
      return 'refused';
    }
    return door.verified(tag, { user }, () =>
      door.options.authenticator.verifyPassword(user, password, door.attempt()),
    );
  },
};
