/** STARTTLS: RFC 3207. What comes behind it in the clear is never read (section 4.2); the listener sees to that. */
import type { Session } from './session.ts';
import { type Outcome, reply } from './types.ts';

export function startTls(session: Session, argument: string): Outcome {
  if (argument !== '') return reply(501, '5.5.4 STARTTLS has no argument');
  if (session.tls !== undefined) return reply(503, '5.5.1 TLS is on already');
  session.reset();
  return { kind: 'secure', reply: { code: 220, text: '2.0.0 ready to start TLS' } };
}
