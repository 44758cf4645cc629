/** Commands that need no file: RFC 5321 sections 4.1.1.5 (RSET), 4.1.1.6 (VRFY), 4.1.1.7 (EXPN), 4.1.1.9, 4.1.1.10. */
import type { Session } from './session.ts';
import { type Outcome, reply } from './types.ts';

const NO_ARGUMENT = reply(501, '5.5.4 this command has no argument');

export function rset(session: Session, argument: string): Outcome {
  if (argument !== '') return NO_ARGUMENT;
  session.reset();
  return reply(250, '2.0.0 reset');
}

/** Whether an address exists is told at RCPT, not to whoever asks (RFC 5321 section 7.3). */
export function vrfy(_: Session, argument: string): Outcome {
  return argument === ''
    ? reply(501, '5.5.4 syntax: VRFY address')
    : reply(252, '2.0.0 not verified, but a message for it would be looked at');
}

export function expn(): Outcome {
  return reply(502, '5.5.1 lists are not expanded here');
}

/** An argument is read over. */
export function noop(): Outcome {
  return reply(250, '2.0.0 OK');
}

export function quit(session: Session, argument: string): Outcome {
  if (argument !== '') return NO_ARGUMENT;
  session.reset();
  return { kind: 'close', replies: [{ code: 221, text: '2.0.0 bye' }] };
}
