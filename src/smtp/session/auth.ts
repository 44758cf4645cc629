/** AUTH: RFC 4954. The mechanisms are src/sasl/'s; here is their framing in SMTP, and what each failure is answered with. */
import { Failure, failureCode } from '../../lib/failure.ts';
import { authenticate } from '../../sasl/authenticate.ts';
import { decodeBase64 } from '../../sasl/base64.ts';
import { SaslCancelled, type SaslExchange } from '../../sasl/types.ts';
import { AUTH_WAIT_MS } from '../limits.ts';
import type { Session } from './session.ts';
import { type Dialogue, type LoginOptions, type Outcome, reply } from './types.ts';

const OK = reply(235, '2.7.0 logged in');
const NOT_BASE64 = reply(501, '5.5.2 not base64');

export function auth(session: Session, argument: string): Outcome | Promise<Outcome> {
  const { login } = session.options;
  const refused = refusal(session);
  if (login === undefined || refused !== undefined) return refused ?? reply(503, '5.5.1 no log-ins here');
  const [mechanism, response, ...more] = argument.split(/ +/);
  if (mechanism === undefined || mechanism === '' || more.length > 0)
    return reply(501, '5.5.4 syntax: AUTH mechanism [initial-response]');
  const offered = session.mechanisms;
  // RFC 4954 section 6: 538 where it is TLS that is missing.
  if (offered.length === 0) return reply(538, '5.7.11 encryption required: send STARTTLS first');
  if (!offered.includes(mechanism.toUpperCase())) return reply(504, '5.5.4 no such mechanism here');
  const initialResponse = response === undefined ? undefined : decodeInitial(response);
  if (response !== undefined && initialResponse === undefined) return NOT_BASE64;
  return run(session, login, mechanism, initialResponse);
}

function refusal({ hello, user, transaction }: Session): Outcome | undefined {
  if (hello?.verb === 'HELO') return reply(503, '5.5.1 send EHLO first');
  if (user !== undefined) return reply(503, '5.5.1 logged in already'); // RFC 4954 section 4
  return transaction === undefined ? undefined : reply(503, '5.5.1 not within a transaction');
}

async function run(
  session: Session,
  { authenticator }: LoginOptions,
  mechanism: string,
  initialResponse: Buffer | undefined,
): Promise<Outcome> {
  const { options, local, remote, tls, dialogue } = session;
  const attempt = {
    service: options.protocol,
    remoteHost: remote.host,
    localHost: local.host,
    timeoutMs: AUTH_WAIT_MS,
  };
  const exchange = framed(dialogue);
  try {
    const who = await authenticate({
      mechanism,
      initialResponse,
      exchange,
      authenticator,
      attempt,
      tls,
      random: options.random,
    });
    session.loggedIn(who);
    return OK;
  } catch (error) {
    const { remoteHost } = attempt;
    const why = failureCode(error) ?? 'cancelled';
    options.logger.info({ remoteHost, mechanism: mechanism.toUpperCase(), why }, 'no log-in');
    if (isFailure(why)) session.authFailures++;
    return answerTo(error);
  }
}

/** Whether it counts against the client: that it cancelled, or that the owner of the account is away, does not. */
function isFailure(why: string): boolean {
  return why === 'refused' || why === 'invalid' || why === 'limit';
}

/** RFC 4954 section 4: challenges are `334 base64`, responses a line of base64 or `*`. */
function framed(dialogue: Dialogue): SaslExchange {
  return {
    async challenge(octets) {
      const line = await dialogue.ask({ code: 334, text: octets.toString('base64') });
      const text = line.toString('latin1');
      if (text === '*') throw new SaslCancelled();
      const response = decodeBase64(text);
      if (response === undefined) throw new NotBase64();
      return response;
    },
  };
}

class NotBase64 extends Failure {
  constructor() {
    super('invalid', 'a response is not base64');
  }
}

/** RFC 4954 section 4 and 6. */
function answerTo(error: unknown): Outcome {
  if (error instanceof SaslCancelled) return reply(501, '5.7.0 cancelled');
  if (error instanceof NotBase64) return NOT_BASE64;
  switch (failureCode(error)) {
    case 'refused':
      return reply(535, '5.7.8 wrong name or password');
    case 'invalid':
      return reply(501, '5.5.2 not a message of this mechanism');
    case 'limit':
      return reply(454, '4.7.0 too many failed log-ins, try again later');
    default:
      return reply(454, '4.7.0 log-ins cannot be checked now, try again later');
  }
}

/** `=` is an empty one (RFC 4954 section 4). */
function decodeInitial(text: string): Buffer | undefined {
  return text === '=' ? Buffer.alloc(0) : decodeBase64(text);
}
