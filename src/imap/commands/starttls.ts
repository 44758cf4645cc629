/** STARTTLS (RFC 3501 section 6.2.1). What is offered changes with it; the client asks again, as it must. */
import { BEFORE_LOGIN, type CommandSpec } from './types.ts';

export const starttls: CommandSpec<{ readonly name: 'STARTTLS' }> = {
  name: 'STARTTLS',
  phases: BEFORE_LOGIN,
  capabilities: { beforeLogin: ({ startTls }) => (startTls ? ['STARTTLS'] : []) },
  repeat: 'safe',
  parse: () => ({ name: 'STARTTLS' }),

  async atDoor({ wire, options }, tag) {
    const { tls, logger } = options;
    if (tls === undefined || wire.tls !== undefined) {
      await wire.line(`${tag} BAD ${tls === undefined ? 'no TLS here' : 'TLS is in force already'}`);
      return 'bad';
    }
    try {
      await wire.secure(tls, `${tag} OK begin TLS now`);
      return 'go-on';
    } catch (error) {
      logger.info({ remote: wire.connection.remote.host, err: error }, 'imap STARTTLS failed');
      return 'over';
    }
  },
};
