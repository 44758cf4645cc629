/**
 * Extensions that belong to no one command, item or key, but to the whole session: their capability, and what ENABLE (RFC
 * 5161) switches on for those that change what the client is told.
 */
import type { Session } from './session/session.ts';

export interface Feature {
  /** The name of its capability, which is the name for ENABLE too. */
  readonly name: string;
  /** Of use before log-in. */
  readonly isForAll?: boolean;
  readonly enable?: (session: Session) => void;
}

export const FEATURES: readonly Feature[] = [
  { name: 'LITERAL+', isForAll: true }, // RFC 7888; codec/framing.ts
  { name: 'CONDSTORE', enable: (session) => session.enableCondstore() }, // RFC 7162
  { name: 'OBJECTID' }, // RFC 8474: in SELECT, CREATE, STATUS, FETCH and SEARCH
  { name: 'UTF8=ACCEPT', enable: (session) => session.enabled.add('UTF8=ACCEPT') }, // RFC 6855
];
