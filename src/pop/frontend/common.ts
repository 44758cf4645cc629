/** Commands that mean the same in both states and need no owner: CAPA (RFC 2449 section 5), LANG (RFC 6856 section 3). */

import { passwordsAllowed } from '../../login/exposure.ts';
import type { TlsServerOptions } from '../../platform/platform.ts';
import { mechanisms } from '../../sasl/authenticate.ts';
import { capabilities } from '../capabilities.ts';
import type { State } from '../codec/command.ts';
import { err, ok } from '../codec/response.ts';
import type { Door } from './door.ts';

/** Our responses are in English; `i-default` (RFC 2277 section 4.5) is the same. */
const LANGUAGES: ReadonlyMap<string, string> = new Map([
  ['en', 'English'],
  ['i-default', 'English'],
]);

export function offeredMechanisms({ connection }: Door): readonly string[] {
  return mechanisms({ tls: connection.tls, passwordsAllowed: passwordsAllowed(connection) });
}

export function capa(door: Door, state: State, tls: TlsServerOptions | undefined): Promise<void> {
  const { connection } = door;
  const list = capabilities({
    state,
    stls: tls !== undefined && connection.tls === undefined,
    passwordsAllowed: passwordsAllowed(connection),
    mechanisms: offeredMechanisms(door),
  });
  return door.lines(ok('capabilities follow'), list);
}

export function lang(door: Door, language: string | undefined): Promise<void> {
  if (language === undefined)
    return door.lines(
      ok('languages follow'),
      [...LANGUAGES].map(([tag, name]) => `${tag} ${name}`),
    );
  // RFC 6856 section 3.2: `*` asks for the server's default.
  const tag = language === '*' ? 'i-default' : language.toLowerCase();
  return door.line(LANGUAGES.has(tag) ? ok(`${tag} is spoken`) : err('no such language here'));
}
