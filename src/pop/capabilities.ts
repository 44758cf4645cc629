/** What CAPA lists (RFC 2449 section 5, RFC 2595 section 4, RFC 5034 section 6, RFC 3206 section 4, RFC 6856 section 3). */
import type { State } from './codec/command.ts';

export interface CapabilityFacts {
  readonly state: State;
  /** STLS would be done here. */
  readonly stls: boolean;
  /** Whether USER and PASS are taken on this connection. */
  readonly passwordsAllowed: boolean;
  /** SASL mechanisms, strongest first. */
  readonly mechanisms: readonly string[];
}

/**
 * Left out: LOGIN-DELAY (there is none), APOP (needs passwords kept in the clear), and UTF8 (RFC 6856 section 2), which
 * obliges a server to rewrite messages for every client that does not ask for it, so that no size would be exact.
 */
export function capabilities({
  state,
  stls,
  passwordsAllowed,
  mechanisms,
}: CapabilityFacts): readonly string[] {
  return [
    'TOP',
    'UIDL',
    'RESP-CODES',
    'AUTH-RESP-CODE',
    'PIPELINING',
    // RFC 2449 section 6.7: nothing is deleted but by the client.
    'EXPIRE NEVER',
    // RFC 2449 sections 6.2 and 6.3: the same in both states.
    ...(passwordsAllowed ? ['USER'] : []),
    ...(mechanisms.length > 0 ? [`SASL ${mechanisms.join(' ')}`] : []),
    // RFC 2595 section 4: announced in the AUTHORIZATION state only.
    ...(stls && state === 'AUTHORIZATION' ? ['STLS'] : []),
    'LANG',
    'IMPLEMENTATION Postern',
  ];
}
