/** EHLO, HELO (RFC 5321 section 4.1.1.1) and LHLO (RFC 2033 section 4.1), with what this server can do. */
import { DOMAIN_OCTETS_MAX, TRANSACTIONS_MAX } from '../limits.ts';
import type { Command } from './commands.ts';
import type { Hello, Session } from './session.ts';
import { reply } from './types.ts';

export function hello(verb: Hello['verb']): Command['run'] {
  return (session, argument) => {
    // Clients call themselves anything, so anything that is one word is taken; it proves nothing and is not looked up.
    if (!/^\S+$/.test(argument) || Buffer.byteLength(argument) > DOMAIN_OCTETS_MAX)
      return reply(501, `syntax: ${verb} name`); // RFC 2034 section 4: no enhanced code here
    session.greeted({ verb, name: argument });
    const { hostName } = session.options;
    return reply(250, verb === 'HELO' ? hostName : [hostName, ...extensions(session)].join('\n'));
  };
}

/** Keywords as they stand now: after STARTTLS and AUTH there are others. */
function extensions(session: Session): readonly string[] {
  const { options, tls, user, mechanisms } = session;
  return [
    'PIPELINING', // RFC 2920
    `SIZE ${options.messageOctetsMax}`, // RFC 1870
    '8BITMIME', // RFC 6152
    'BINARYMIME', // RFC 3030
    'CHUNKING', // RFC 3030
    'SMTPUTF8', // RFC 6531
    'ENHANCEDSTATUSCODES', // RFC 2034
    'DSN', // RFC 3461
    `LIMITS RCPTMAX=${session.recipientsMax} MAILMAX=${TRANSACTIONS_MAX}`, // RFC 9422
    ...(options.hasTls && tls === undefined ? ['STARTTLS'] : []), // RFC 3207
    ...(mechanisms.length > 0 && user === undefined ? [`AUTH ${mechanisms.join(' ')}`] : []), // RFC 4954
    'HELP',
  ];
}
