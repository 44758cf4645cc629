/** LOGIN, AUTHENTICATE, ENABLE (RFC 9051 sections 6.2 and 6.3.1) and ID (RFC 2971). */
import type { Reader } from '../reader.ts';
import { SyntaxProblem } from '../reader.ts';
import type { Command } from '../types.ts';

/** RFC 2971 section 3.3: at most 30 pairs, names of at most 30 octets, values of at most 1024. */
const ID_PAIRS_MAX = 30;
const ID_FIELD_OCTETS_MAX = 30;
const ID_VALUE_OCTETS_MAX = 1024;

/** login = "LOGIN" SP userid SP password */
export function parseLogin(reader: Reader): Command {
  reader.space();
  const user = reader.text(reader.astring());
  reader.space();
  return { name: 'LOGIN', user, password: reader.text(reader.astring()) };
}

/** authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp] */
export function parseAuthenticate(reader: Reader): Command {
  reader.space();
  const mechanism = reader.keyword('expected a SASL mechanism');
  if (!reader.acceptSpaceBeforeMore()) return { name: 'AUTHENTICATE', mechanism, initialResponse: undefined };
  return { name: 'AUTHENTICATE', mechanism, initialResponse: decodeInitialResponse(reader.until(' ')) };
}

/** initial-resp = (base64 / "="): "=" stands for an empty response (RFC 4959 section 3). */
function decodeInitialResponse(text: string): Buffer {
  if (text === '=') return Buffer.alloc(0);
  // RFC 4648 section 3.3: characters outside the alphabet are refused. Linear: the classes have no overlap.
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text))
    throw new SyntaxProblem('initial response is not base64');
  return Buffer.from(text, 'base64');
}

/** enable = "ENABLE" 1*(SP capability) */
export function parseEnable(reader: Reader): Command {
  const capabilities: string[] = [];
  reader.space();
  do capabilities.push(reader.keyword('expected a capability'));
  while (reader.acceptSpaceBeforeMore());
  return { name: 'ENABLE', capabilities };
}

/** id = "ID" SP ("(" [string SP nstring *(SP string SP nstring)] ")" / "NIL") */
export function parseId(reader: Reader): Command {
  reader.space();
  if (reader.acceptKeyword('NIL')) return { name: 'ID', fields: undefined };
  const fields = new Map<string, string | undefined>();
  reader.list(() => {
    const name = reader.text(reader.string());
    reader.space();
    const value = reader.nstring();
    if (name.length > ID_FIELD_OCTETS_MAX || (value?.length ?? 0) > ID_VALUE_OCTETS_MAX)
      throw new SyntaxProblem('ID field too long');
    fields.set(name.toLowerCase(), value === undefined ? undefined : reader.text(value));
    if (fields.size > ID_PAIRS_MAX) throw new SyntaxProblem('too many ID fields');
  });
  return { name: 'ID', fields };
}
