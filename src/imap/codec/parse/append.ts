/** APPEND (RFC 9051 section 6.3.12), with literal8 (RFC 3516) and the UTF8 form (RFC 6855 section 4). */
import type { Reader } from '../reader.ts';
import { SyntaxProblem } from '../reader.ts';
import type { Command, Flag } from '../types.ts';

/** append = "APPEND" SP mailbox SP [flag-list SP] [date-time SP] literal */
export function parseAppend(reader: Reader): Command {
  reader.space();
  const mailbox = reader.mailbox();
  reader.space();
  let flags: readonly Flag[] = [];
  if (reader.isAt('(')) {
    flags = reader.flagList();
    reader.space();
  }
  let internalDateMs: number | undefined;
  if (reader.isAt('"')) {
    internalDateMs = reader.dateTime();
    reader.space();
  }
  return { name: 'APPEND', mailbox, flags, internalDateMs, content: message(reader) };
}

function message(reader: Reader): Buffer {
  if (reader.isAt('{')) return reader.literal();
  if (reader.isAt('~')) return withoutNul(reader.literal8());
  if (!reader.acceptKeyword('UTF8')) throw new SyntaxProblem('expected a literal');
  // RFC 6855 section 4: the UTF8 form only after ENABLE UTF8=ACCEPT.
  if (!reader.context.utf8) throw new SyntaxProblem('UTF8 needs ENABLE UTF8=ACCEPT');
  reader.space();
  reader.expect('(');
  const octets = reader.literal8();
  reader.expect(')');
  return withoutNul(octets);
}

/** RFC 3516 section 4.4: a server that cannot store binary content refuses with UNKNOWN-CTE. FETCH has no NUL either. */
function withoutNul(octets: Buffer): Buffer {
  if (octets.includes(0)) throw new SyntaxProblem('messages with NUL are not kept', 'NO', '[UNKNOWN-CTE] ');
  return octets;
}
